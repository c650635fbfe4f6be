"""Speed and memory, beside other ways to the same numbers: `python -m benchmarks all --out DIR`."""
