"""Sampled negatives without bias: randomised multilevel Monte Carlo with antithetic halves.

An anchor's limit loss h is a smooth function g of its pools' means of eta e^t and eta. Means over N draws make g(mean)
biased by O(1/N), as the log is outside. With g_l the value from N 2^l draws, the antithetic difference

    D_l = g(all N 2^l draws) - [g(first half) + g(second half)] / 2,    E D_l = E g_l - E g_{l-1}

has variance O(4^-l), so that one level l >= 1 drawn with probability p_l proportional to 2^{-1.5 l} gives

    Y = g_0 + D_l / p_l,    E Y = h,

with finite variance and finite expected cost (Rhee and Glynn, Oper. Res. 63, 2015; Giles and Szpruch, Ann. Appl.
Probab. 24, 2014, for antithetic halves). Draws are uniform, same-class and other-class candidates apart; tilts weigh
them. The pool is finite, so the last level is the pool itself: Y is unbiased for the data set's own limit whatever the
tilt. A heavy tilt rests on few candidates, though, that short draws seldom hold: the standard error says so. On
Fashion-MNIST it is 1.5 times that of as many anchors against all candidates up to beta = 2, and 3.7 and 10 times for
H-SCL at beta = 5 and 10 (results/validation/sampling.csv). A drawn pair also takes far longer than one in a tile: this
is for data sets whose candidates are too many for a single pass.

The target is the data set (the plug-in value of the exact estimator), not the population behind it: intervals cover the
sampling of anchors, positives and negatives alone.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.records import Cost, LossTable
from boundcheck.hardening import LogTerm, Threshold, denominator, numerator
from boundcheck.losses import AnchorLosses, LossSpec, instance_weights, normalise_weights
from boundcheck.pairwise.cumulants import CumulantTable, terms_for
from boundcheck.pairwise.tiles import Progress

DRAWS = 64  # of the lowest level, from same-class and other-class candidates each
POSITIVES_PER_ANCHOR = 4
ANCHORS = 2000
BLOCK = 128  # anchors that share a random stream, whatever the batch size: same seed, same numbers
_DECAY = 1.5  # of the levels' probabilities: between the variance's 2 and the cost's 1


def multilevel(
    emb: EmbeddingSet,
    spec: LossSpec,
    *,
    anchors: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> LossTable:
    """Unbiased estimates of a data set's limit losses from sampled anchors and sampled negatives.

    Args:
        emb: embeddings and labels.
        spec: the variant.
        anchors: how many to sample without replacement; None means min(all, 2000).
        seed: of everything drawn.
        progress: called as anchors are finished.

    Returns:
        The losses with their standard errors about the data set's own values; finite-population corrected for the
        anchors (not for the draws, which repeat). Averages alone are estimated: per-anchor values are noisy, and there
        are no log-sums, margins or shares. Under class_prior="balanced" the mean is a ratio, biased by O(1/anchors).

    Raises:
        InputError: more anchors than there are, or fewer than two; a hardening that vanishes.
    """
    for h in spec.hardenings:
        if isinstance(h, Threshold):  # a mean of eta that may be zero has no smooth logarithm
            raise InputError(f"hardening: multilevel needs eta > 0 everywhere, received {h.family}; use montecarlo")
    candidates = _Candidates.of(emb, spec)
    total = candidates.rows
    m = min(total, ANCHORS) if anchors is None else anchors
    if not 2 <= m <= total:
        raise InputError(f"anchors: must be between 2 and the {total} there are, received {m}")
    start = time.perf_counter()
    chosen = np.sort(np.random.default_rng([seed, 0]).choice(total, m, replace=False))
    twice = np.full((m, 2, len(spec.keys)), np.nan)
    pairs = 0
    for block, begin in enumerate(range(0, m, BLOCK)):
        rng = np.random.default_rng([seed, 4, block])
        for row in range(begin, min(begin + BLOCK, m)):
            at = int(candidates.position[chosen[row]])
            for k in range(2):  # independent in their positives too, so that the difference is all their noise
                positives = candidates.positive_logits(at, rng)
                if len(positives):
                    twice[row, k], cost = candidates.draw(at, positives, rng)
                    pairs += cost
        if progress is not None:
            progress(min(begin + BLOCK, m), m, "anchors")
    values, noise = torch.from_numpy(twice.mean(1)), torch.from_numpy(twice[:, 0] - twice[:, 1]) / 2
    index = torch.from_numpy(chosen)
    weight = instance_weights(torch.from_numpy(emb.y), spec.class_prior)[index // emb.v]
    weight = normalise_weights(weight, torch.isfinite(values), float(total))
    none = torch.zeros_like(values)
    losses = AnchorLosses(spec.keys, values, none, none, weight, none)
    nothing = CumulantTable((), torch.zeros(m, 2, 0, dtype=torch.float64), torch.full((m, 2), torch.nan), index)
    return LossTable(
        emb,
        spec,
        "multilevel",
        None,
        nothing,
        losses,
        torch.zeros(len(spec.keys), dtype=torch.float64),
        _influence(losses, noise, m / total),
        {},
        Cost(pairs, time.perf_counter() - start),
    )


def _influence(losses: AnchorLosses, noise: Tensor, sampled: float) -> Tensor:
    """Rows whose mean square is the squared standard error: (1 - f) of the anchors' scatter, f of the draws' own."""
    m = len(noise)
    scale = losses.weight / (losses.weight.sum(0) / m)
    own = torch.where(losses.weight > 0, losses.value - losses.mean, 0.0) * scale
    drawn = torch.where(losses.weight > 0, noise, 0.0) * scale
    rows = torch.cat([math.sqrt(1 - sampled) * own, math.sqrt(sampled) * drawn])
    return rows * math.sqrt(2 * (2 * m - 1) / (m - 1))


@dataclass(frozen=True)
class _Candidates:
    """The views in label order, so that a class is a range, and what a draw needs of them."""

    spec: LossSpec
    z: np.ndarray  # (rows, d), by label, an instance's views together
    v: int
    log_weight: np.ndarray  # (rows,)
    position: np.ndarray  # (rows,) of an original anchor index in this order
    first: tuple[int, ...]  # (c + 1,) where each class begins
    label: np.ndarray  # (rows,)
    terms: tuple[LogTerm, ...]
    columns: tuple[tuple[str, int, int], ...]  # of each loss: its pool, and the terms of its rho
    log_q: np.ndarray  # (f,)
    probability: np.ndarray  # of levels 1, 2, ..., the last of them the pool itself

    @classmethod
    def of(cls, emb: EmbeddingSet, spec: LossSpec) -> _Candidates:
        terms = terms_for(spec.all_hardenings)
        order = np.argsort(emb.y, kind="stable")
        views = (order[:, None] * emb.v + np.arange(emb.v)).ravel()
        label = np.repeat(emb.y[order], emb.v)
        weight = instance_weights(torch.from_numpy(emb.y), spec.class_prior).log().numpy()
        position = np.empty(len(views), dtype=np.int64)
        position[views] = np.arange(len(views))
        levels = max(1, math.ceil(math.log2(len(views) / DRAWS))) if len(views) > DRAWS else 1
        odds = 2.0 ** (-_DECAY * np.arange(1, levels + 1))
        return cls(
            spec,
            emb.z.reshape(-1, emb.d)[views],
            emb.v,
            weight[views // emb.v],
            position,
            tuple(np.searchsorted(label, np.arange(emb.c + 1)).tolist()),
            label,
            terms,
            tuple(
                (key.tilt.pool, terms.index(numerator(key.hardening)), terms.index(denominator(key.hardening)))
                for key in spec.keys
            ),
            np.log([key.q for key in spec.keys]),
            odds / odds.sum(),
        )

    @property
    def rows(self) -> int:
        """Views in all."""
        return len(self.label)

    def positive_logits(self, at: int, rng: np.random.Generator) -> np.ndarray:
        """Logits of the anchor's positives, (p,): all its other views, or four of its class; none for a loner."""
        if self.spec.positives == "augmentation":
            begin = at - at % self.v
            rows = np.setdiff1d(np.arange(begin, begin + self.v), [at])
        else:
            low, high = self.first[self.label[at]], self.first[self.label[at] + 1]
            include = self.spec.self_pairs == "include"
            if high - low < (1 if include else 2):
                return np.empty(0)
            rows = rng.integers(low, high - (0 if include else 1), POSITIVES_PER_ANCHOR)
            rows = rows if include else rows + (rows >= at)
        return self._logits(at, rows)

    def draw(self, at: int, positives: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """Y for every loss, (f,), and the pairs looked at."""
        level = int(rng.choice(len(self.probability), p=self.probability)) + 1
        last = level == len(self.probability)
        blocks = 2 ** (level - 1 if last else level)
        drawn = [self._logs(at, rows.reshape(blocks, DRAWS)) + math.log(count / DRAWS)
                 for rows, count in self._pools(at, blocks * DRAWS, rng)]  # fmt: skip
        single = self._losses(drawn, positives)  # (blocks, f)
        if last:
            whole = self._losses([self._logs(at, rows[None]) for rows in self._members(at)], positives)[0]
            difference = whole - self._merged(drawn, 0, blocks, positives)
        else:
            halves = [self._merged(drawn, k * blocks // 2, (k + 1) * blocks // 2, positives) for k in range(2)]
            difference = self._merged(drawn, 0, blocks, positives) - (halves[0] + halves[1]) / 2
        cost = len(drawn) * blocks * DRAWS + (self.rows if last else 0)
        return single.mean(0) + difference / self.probability[level - 1], cost

    def _logits(self, at: int, rows: np.ndarray) -> np.ndarray:
        """t in float64, the shape of rows."""
        return np.asarray(self.z[rows].astype(np.float64) @ self.z[at].astype(np.float64) / self.spec.temperature)

    def _own(self, at: int) -> tuple[int, int]:
        """The range of the anchor's own instance, empty where it counts as a candidate."""
        begin = at - at % self.v
        return (begin, begin + self.v) if self.spec.self_pairs == "exclude" else (begin, begin)

    def _members(self, at: int) -> list[np.ndarray]:
        """All rows of the pools same and diff; an empty pool is left out only where it is `same`."""
        low, high = self.first[self.label[at]], self.first[self.label[at] + 1]
        begin, end = self._own(at)
        same = np.concatenate([np.arange(low, begin), np.arange(end, high)])
        diff = np.concatenate([np.arange(low), np.arange(high, self.rows)])
        return [rows for rows in (diff, same) if len(rows)]

    def _pools(self, at: int, n: int, rng: np.random.Generator) -> list[tuple[np.ndarray, int]]:
        """n uniform draws from diff and from same, each with the pool's size."""
        low, high = self.first[self.label[at]], self.first[self.label[at] + 1]
        begin, end = self._own(at)
        counts = (self.rows - (high - low), (high - low) - (end - begin))
        diff = rng.integers(0, counts[0], n)
        pools = [(diff + (diff >= low) * (high - low), counts[0])]
        if counts[1]:
            same = low + rng.integers(0, counts[1], n)
            pools.append((same + (same >= begin) * (end - begin), counts[1]))
        return pools

    def _logs(self, at: int, rows: np.ndarray) -> np.ndarray:
        """Log-sums over each row of candidates, (blocks, terms)."""
        t = torch.from_numpy(self._logits(at, rows))
        w = torch.from_numpy(self.log_weight[rows])
        logs = [torch.logsumexp(term.log(t, self.spec.temperature) + w, 1) for term in self.terms]
        return np.asarray(torch.stack(logs, 1).numpy())

    def _merged(self, drawn: list[np.ndarray], begin: int, end: int, positives: np.ndarray) -> np.ndarray:
        """The losses (f,) from the draws of several blocks together."""
        merged = [np.logaddexp.reduce(logs[begin:end], axis=0)[None] - math.log(end - begin) for logs in drawn]
        losses: np.ndarray = self._losses(merged, positives)[0]
        return losses

    def _losses(self, logs: list[np.ndarray], positives: np.ndarray) -> np.ndarray:
        """g: the losses (blocks, f) that log-sums over diff and same (blocks, terms) and the positives give."""
        both = {"diff": logs[0], "all": np.logaddexp.reduce(logs) if len(logs) > 1 else logs[0]}
        rho = np.stack([both[pool][:, up] - both[pool][:, down] for pool, up, down in self.columns], 1)
        x = rho[:, :, None] - positives  # (blocks, f, p)
        infinite = np.isinf(self.log_q)
        loss = np.logaddexp(0.0, x + np.where(infinite, 0.0, self.log_q)[:, None])
        return np.asarray(np.where(infinite[:, None], x, loss).mean(2))
