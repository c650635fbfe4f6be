"""A fused Triton kernel for the first visit on CUDA: when to trust it, how it is fed, the kernel."""
