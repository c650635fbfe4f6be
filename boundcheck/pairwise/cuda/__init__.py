"""A fused Triton kernel for the first pass on CUDA: when to trust it, how it is fed, the kernel."""
