#!/usr/bin/env bash
# Verify a small convnet trained on Fashion-MNIST with each objective on the 10,000 test images x 2 views, and put the
# four side by side. Run from the repository root, after
#     boundcheck reproduce jiang2022 --preset cpu
# whose encoders of seed 0 these are, in the folder given ($1). About half a minute for each on a core.
set -euo pipefail
trials=${1:-runs/trials/fashion_mnist-00b44bc9}
for pair in ucl:ucl-seed0 hucl:hucl-beta1-seed0 scl:scl-seed0 hscl:hscl-beta1-seed0; do
    boundcheck verify --checkpoint "$trials/${pair#*:}/train/encoder.pt" --dataset fashion_mnist \
        --out "results/fashion_mnist/${pair%%:*}" --overwrite --fail-on never
done
python results/fashion_mnist/summarise.py
