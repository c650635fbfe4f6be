"""Compile the fused kernel for a GPU that need not be there: `python -m tests.pairwise.cuda.compile_kernel 90`."""

from __future__ import annotations

import sys

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from boundcheck.hardening import LogTerm
from boundcheck.pairwise.cuda.choice import RECIPES
from boundcheck.pairwise.cuda.kernel import add_chunk
from boundcheck.pairwise.cuda.sums import Recipe, kernel_steps

TYPES = {torch.float16: "fp16", torch.float32: "fp32", torch.float64: "fp64"}


def compile_kernel(recipe: Recipe, dtype: torch.dtype, gammas: tuple[float, ...], d: int, capability: int) -> object:
    """Triton's compiled kernel, with its assembly in `asm` and its needs in `metadata`."""
    steps, place = kernel_steps(tuple(LogTerm(gamma) for gamma in gammas))
    depth = recipe.depth(d)
    z, held = "*" + TYPES[torch.float16 if recipe.split else dtype], -(-d // depth) * depth == depth
    vectors = {name: "*i32" for name in ("class_a", "instance_a", "first", "owner", "end", "met")}
    signature = {
        "za": z,
        **vectors,
        "zb": z,
        "class_b": "*i32",
        "instance_b": "*i32",
        "weight_b": "*fp32",
        "tops": "*" + TYPES[dtype],
        "sums": "*fp64",
        "columns": "i32",
        "rows": "i32",
        "d": "i32",
        "scale": "fp32",
    }
    aligned = {
        (i,): [["tt.divisibility", 16]]
        for i, (name, kind) in enumerate(signature.items())
        if name == "d" or (kind.startswith("*") and name != "met")
    }
    constants = {
        "STEPS": steps,
        "TERMS": len(place),
        "EXCLUDE": True,
        "WEIGHTED": False,
        "SPLIT": recipe.split,
        "PRECISION": recipe.product,
        "HELD": held,
        "BLOCK_A": recipe.block_a,
        "BLOCK_B": recipe.block_b,
        "BLOCK_D": depth,
    }
    source = ASTSource(add_chunk, signature | dict.fromkeys(constants, "constexpr"), constants, aligned)
    options = {"num_warps": recipe.warps, "num_stages": recipe.stages}
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)


def main() -> None:
    capability = int(sys.argv[1])
    for dtype, recipes in RECIPES.items():
        for recipe in recipes:
            if 10 * recipe.capability <= capability:
                compiled = compile_kernel(recipe, dtype, (0.0, 1.0, 5.0, 6.0), 128, capability)
                assembly = compiled.asm["ptx"]  # type: ignore[attr-defined]
                matrix = next(name for name in ("wgmma", "mma.sync", "fma.rn.f32") if name in assembly)
                shared = compiled.metadata.shared  # type: ignore[attr-defined]
                print(recipe.product, str(dtype), recipe.block_a, matrix, shared)


if __name__ == "__main__":
    main()
