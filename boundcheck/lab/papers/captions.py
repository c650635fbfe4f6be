"""What each table and figure shows and how to read it: (title, caption)."""

from __future__ import annotations

_SEEDS = "In brackets the 95 % t interval of the mean over seeds"
_BANDS = "Lines are means over seeds, bands their range; with one seed, the 95 % interval over held-out images."

TABLES = {
    "accuracy": (
        "Accuracy on backbone features",
        "Top-1 on the test images, and top-5 of the linear probe: multinomial logistic regression (C chosen on a "
        "validation split of the training images), nearest neighbours (k = 200, temperature 0.5) and class means. "
        f"{_SEEDS}; where there is one seed, the interval over test images.",
    ),
    "accuracy_embedding": (
        "Accuracy on embeddings",
        f"The same on the outputs of the projection head. {_SEEDS}; where there is one seed, over test images.",
    ),
    "comparisons": (
        "Differences between objectives, paired by seed",
        "Top-1 on backbone features, percentage points, with 95 % t intervals over seeds; a positive difference is in "
        "favour of the loss in the second column. Holm-adjusted over the comparisons of one data set and probe. "
        "The fewer the seeds, the larger a difference must be to be told from none.",
    ),
    "path": (
        "Theorem 1 along the training path",
        "The least gap H-UCL − H-SCL (nats) on held-out images over all measured epochs and seeds, at each hardness of "
        "the losses; in brackets, at how many of these measurements the 95 % interval lies at or above zero. Rows are "
        "the objectives trained with.",
    ),
    "assumption": (
        "Assumption 1 at the end of training",
        "Share of held-out anchors that satisfy it, by the hardness β of the losses; rows are the objectives trained "
        f"with. {_SEEDS}; where there is one seed, over held-out images.",
    ),
    "margin": (
        "Margin of Assumption 1 at the end of training",
        f"Median over held-out anchors, nats, by the hardness β of the losses. {_SEEDS}.",
    ),
    "crossing": (
        "The hardness at which H-SCL meets UCL",
        "Beyond it UCL bounds H-SCL from below, on held-out images at the end of training. A dash: in some seed the "
        f"losses never meet. {_SEEDS}.",
    ),
    "collapse": (
        "Distances from neural collapse at the end of training",
        "Of the class means of the embeddings, in units of the sphere's or ball's radius; the distances are zero where "
        "the classes are the points of an equiangular tight frame (equal cosine is the authors' form of equal inner "
        "product: of means scaled to norm 1). Dimensions: how many directions the class means vary in, C − 1 for a "
        f"frame. {_SEEDS}.",
    ),
    "comparisons_embedding": (
        "Differences between objectives on embeddings, paired by seed",
        "Top-1 on embeddings, percentage points, with 95 % t intervals over seeds; a positive difference is in favour "
        "of the loss in the second column. Holm-adjusted over the comparisons of one data set and probe. The mean "
        "classifier is the authors' nearest class mean.",
    ),
}

FIGURES = {
    "accuracy_by_objective": (
        "Accuracy by objective",
        "Top-1 on backbone features: every seed (ticks), their mean and its 95 % t interval.",
    ),
    "accuracy_over_epochs": (
        "Accuracy over epochs",
        "Weighted 200-NN on backbone features of the held-out images, as in the authors' code: means over seeds and "
        "their range.",
    ),
    "accuracy_by_beta": (
        "Accuracy against the hardness in training",
        "Linear probe on backbone features; β = 0 is the objective without its tilt. Bars are 95 % t intervals over "
        "seeds.",
    ),
    "assumption": (
        "Assumption 1 by training objective and hardness of the losses",
        "Left, the share of held-out anchors that satisfy it; right, its margin: the median and, dotted, the 5 % "
        f"quantile, which lies below zero where more than one anchor in twenty fails. {_BANDS}",
    ),
    "batch_losses": (
        "The four losses while training with H-UCL",
        "Left, what the authors' figures show: means over the batches of an epoch, in training mode, while the weights "
        "move. Right, the losses in the limit of infinitely many negatives, with the same Q, on held-out images in "
        f"evaluation mode. {_BANDS}",
    ),
    "mean_over_epochs": (
        "Nearest class mean over epochs",
        "The mean classifier on embeddings of the held-out images, as in the authors' code: means over seeds and their "
        "range.",
    ),
    "losses_over_epochs": (
        "The four losses over epochs",
        "In the limit of infinitely many negatives, on held-out images in evaluation mode: not averages over training "
        "batches. Under Assumption 1 Theorem 1 says that H-SCL (solid blue) stays at or below H-UCL (solid orange). "
        f"{_BANDS}",
    ),
    "crossing": (
        "H-SCL against UCL",
        "Their averaged gap at the end of training, against the hardness of H-SCL (SCL at 0). Above zero UCL bounds "
        f"H-SCL from below. {_BANDS}",
    ),
    "collapse": (
        "Distances from neural collapse over epochs",
        "On the training images, not augmented; zero on an equiangular tight frame. Inner products are those of class "
        "means scaled to norm 1, as in the authors' notebook. "
        "Lines are means over seeds, bands their range.",
    ),
    "spectrum": (
        "Spectrum of the class means over epochs",
        "Eigenvalues of the covariance of the class means, sorted and divided by the largest (the authors' spectrum). "
        "An equiangular tight frame of C classes has C − 1 ones; few large values mean dimensional collapse. Lines "
        "are means over seeds, bands their range.",
    ),
}
