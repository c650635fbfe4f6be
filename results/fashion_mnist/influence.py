"""How much of the variance of the averaged H-SCL the most influential test images carry: influence.csv.

python results/fashion_mnist/influence.py
"""

from pathlib import Path

import pandas as pd

import boundcheck as bc
from boundcheck.hardening import Exponential
from boundcheck.losses import HSCL, LossKey

HERE = Path(__file__).parent


def main() -> None:
    """Measure all four encoders and write influence.csv."""
    images = bc.load_dataset("fashion_mnist")
    rows = []
    for encoder in ("ucl", "hucl", "scl", "hscl"):
        checkpoint = bc.load_encoder(f"runs/fashion_mnist/{encoder}/encoder.pt")
        emb = bc.extract(checkpoint, images, views=2, seed=0)
        losses = bc.estimate(emb, betas=[1, 2, 5, 10])
        for beta in (1.0, 2.0, 5.0, 10.0):
            key = LossKey(HSCL, Exponential(beta), 1.0)
            squares = losses.influence[:, losses.keys.index(key)].square()
            share = squares.sort(descending=True).values / squares.sum()
            values = losses.per_anchor(key)
            rows.append(
                {
                    "trained_with": encoder,
                    "beta": beta,
                    "se": losses.loss(key).se,
                    "se_if_anchors_were_independent": float(values.std()) / len(values) ** 0.5,
                    "variance_share_top_1": float(share[0]),
                    "variance_share_top_20": float(share[:20].sum()),
                    "most_influential": images.ids[int(squares.argmax())],
                }
            )
    pd.DataFrame(rows).round(5).to_csv(HERE / "influence.csv", index=False)


if __name__ == "__main__":
    main()
