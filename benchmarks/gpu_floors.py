"""A kernel of exponentials alone; importing it needs Triton."""

import triton
import triton.language as tl

BLOCK = 1024


@triton.jit
def exp2_many(out, rounds):
    """Exponentials of `rounds` blocks of numbers that exist in registers only, each fed from the one before."""
    x = -tl.arange(0, 1024).to(tl.float32) / 1024
    for _ in range(rounds):
        x = -tl.exp2(x)
    tl.store(out + tl.program_id(0), tl.sum(x, 0))
