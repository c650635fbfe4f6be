"""The least supervised contrastive loss that classes of given shares allow, and the cosines of the class means there.

Every instance at its class's unit vector u_y, G the matrix of <u_y, u_c>, C classes of shares pi, dimension >= C:

    F(G) = sum_y pi_y log(1 + Q e^(rho_y - 1/tau)),
    rho_y = log E_c[e^((1 + beta) G_yc/tau)] - log E_c[e^(beta G_yc/tau)]

with E_c over the other classes, weights pi_c / (1 - pi_y). For SCL (beta = 0) F is convex in G, and G runs over the
positive semidefinite matrices with unit diagonal: a convex program. By Jensen no encoder into the unit ball has a
smaller loss. (Jensen: softplus of a log-sum-exp is convex in the cosines, whose means over two classes are those of
the class means.) For beta > 0 F is not convex: what is found is the best of several starts, and SCL's optimum is a
lower bound of it. Derived here; arXiv 2605.11291 has the program for a larger family of losses.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import brentq, minimize

from boundcheck.lab.objectives import OBJECTIVES

STARTS = 5  # for beta > 0
Gram = Float[np.ndarray, "c c"]


def value_and_gradient(
    gram: Gram, shares: Float[np.ndarray, "b c"], beta: float, q: float, temperature: float
) -> tuple[float, Gram]:
    """The mean of F over b sets of shares, none of one class alone, and its symmetric gradient with respect to G."""
    weights = shares[:, None] * (1 - np.eye(len(gram))) / (1 - shares)[:, :, None]
    upper = weights * np.exp((1 + beta) * gram / temperature)
    lower = weights * np.exp(beta * gram / temperature)
    sums, norms = upper.sum(axis=2), lower.sum(axis=2)  # (b, c)
    odds = q * sums / norms * np.exp(-1 / temperature)
    pull = (shares * odds / (1 + odds))[:, :, None] / temperature
    slope = (pull * ((1 + beta) * upper / sums[:, :, None] - beta * lower / norms[:, :, None])).mean(axis=0)
    return float((shares * np.log1p(odds)).sum(axis=1).mean()), (slope + slope.T) / 2


def least(value: Callable[[Gram], tuple[float, Gram]], classes: int, starts: int = 1) -> tuple[float, Gram, float]:
    """The least value over Gram matrices of unit vectors, by L-BFGS over the vectors from random starts.

    Returns:
        The value; G; and by how much a convex function may still be lower: with S = dF/dG + diag(s), s such that
        S G has a zero diagonal, F(G') >= F(G) + C min(0, least eigenvalue of S) for all admissible G'.
    """

    def of_rows(flat: np.ndarray) -> tuple[float, np.ndarray]:
        rows = flat.reshape(classes, -1)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        unit = rows / norms
        found, slope = value(unit @ unit.T)
        step = 2 * slope @ unit
        return found, ((step - (step * unit).sum(axis=1, keepdims=True) * unit) / norms).ravel()

    tries = [
        minimize(
            of_rows,
            np.random.default_rng(start).normal(size=classes * (classes + 1)),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 5000, "ftol": 1e-16, "gtol": 1e-10},
        )
        for start in range(starts)
    ]
    rows = min(tries, key=lambda found: found.fun).x.reshape(classes, -1)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    gram = unit @ unit.T
    found, slope = value(gram)
    dual = slope - np.diag((slope * gram).sum(axis=1))
    return found, gram, classes * -min(0.0, float(np.linalg.eigvalsh(dual)[0]))


def optimum(shares: np.ndarray, beta: float, q: float, temperature: float) -> tuple[float, Gram, float]:
    """Loss and cosines at the optimum in the limit, and the certificate of `least`, which holds for beta = 0.

    Args:
        shares: (c,) of the classes; or (b, c), for the optimum of the mean over b sets of shares.
    """
    many = np.atleast_2d(shares)

    def value(gram: Gram) -> tuple[float, Gram]:
        return value_and_gradient(gram, many, beta, q, temperature)

    return least(value, many.shape[1], STARTS if beta else 1)


def collapse_ratio(small: int, q: float, temperature: float) -> float:
    """From which ratio of sizes on SCL's optimum has all small classes at one point, with one large class.

    The program is convex and does not tell the m small classes apart, so its optimum has two cosines: a between the
    large class and a small one, b between small ones, as small as a allows, (m a^2 - 1) / (m - 1). Both are at the
    collapse, a = -1 and b = 1, once F no longer falls with a growing from there.
    """

    def slope(ratio: float) -> float:
        large = ratio / (ratio + small)  # its share, and among what is not of a given small class:
        among = ratio / (ratio + small - 1)
        apart, near = q * np.exp(-2 / temperature), q  # Q e^((G - 1)/tau) at G = -1 and 1
        own = among * apart + (1 - among) * near
        change = among * apart - (1 - among) * near * 2 * small / (small - 1)
        return float(large * apart / (1 + apart) + (1 - large) * change / (1 + own))

    return float(brentq(slope, 1.0, 1e6))


def shares_of_batches(sizes: np.ndarray, batch: int, batches: int = 100) -> Float[np.ndarray, "b c"]:
    """Shares of the classes in random batches of a set with `sizes` instances of each."""
    return np.random.default_rng(0).multivariate_hypergeometric(sizes, batch, size=batches) / batch


def free_embeddings(sizes: np.ndarray, beta: float, q: float, temperature: float) -> tuple[float, Gram, float]:
    """The batch loss of training, least over embeddings that are free: no encoder, one batch, two views, 16 dimensions.

    Adam from a random start. Holds the program against the code of the loss, and collapse of classes against spread.

    Returns:
        The loss reached, the cosines of the class means, and the least norm of a class mean.
    """
    labels = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes))
    z = torch.randn(len(labels), 2, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z.requires_grad_()
    options = {"beta": beta, "weight_gradient": True} if beta else {}
    loss = OBJECTIVES["hscl" if beta else "scl"]
    steps = 500
    optimizer = torch.optim.Adam([z], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        found = loss(torch.nn.functional.normalize(z, dim=2), labels, temperature=temperature, q=q, **options)
        found.backward()
        optimizer.step()
        schedule.step()
    unit = torch.nn.functional.normalize(z.detach(), dim=2).flatten(0, 1).numpy()
    means = np.stack([unit[np.repeat(labels.numpy(), 2) == label].mean(axis=0) for label in range(len(sizes))])
    norms = np.linalg.norm(means, axis=1)
    return found.item(), means @ means.T / np.outer(norms, norms), float(norms.min())
