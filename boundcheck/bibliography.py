"""The papers that claims cite, as BibTeX. A claim's source names a paper by its arXiv number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")


@dataclass(frozen=True)
class Paper:
    """A paper on arXiv.

    Attributes:
        arxiv: its number.
        key: for \\cite.
        title: as printed.
        authors: family and given names, in order.
        year: of the first version.
    """

    arxiv: str
    key: str
    title: str
    authors: tuple[str, ...]
    year: int

    def bibtex(self) -> str:
        """The entry."""
        fields = {
            "title": f"{{{self.title}}}",
            "author": " and ".join(self.authors),
            "year": str(self.year),
            "eprint": self.arxiv,
            "archivePrefix": "arXiv",
            "url": f"https://arxiv.org/abs/{self.arxiv}",
        }
        return _entry("misc", self.key, fields)


PAPERS = {
    paper.arxiv: paper
    for paper in (
        Paper(
            "2209.00078", "jiang2022supervised", "Supervised Contrastive Learning with Hard Negative Samples",
            ("Jiang, Ruijie", "Nguyen, Thuan", "Ishwar, Prakash", "Aeron, Shuchin"), 2022,
        ),
        Paper(
            "2311.05139", "jiang2023hard",
            "Hard-Negative Sampling for Contrastive Learning: Optimal Representation Geometry and Neural- vs "
            "Dimensional-Collapse",
            ("Jiang, Ruijie", "Nguyen, Thuan", "Aeron, Shuchin", "Ishwar, Prakash"), 2023,
        ),
        Paper(
            "1902.09229", "arora2019theoretical",
            "A Theoretical Analysis of Contrastive Unsupervised Representation Learning",
            ("Arora, Sanjeev", "Khandeparkar, Hrishikesh", "Khodak, Mikhail", "Plevrakis, Orestis", "Saunshi, Nikunj"),
            2019,
        ),
        Paper(
            "2110.02501", "bao2021surrogate",
            "On the Surrogate Gap between Contrastive and Supervised Losses",
            ("Bao, Han", "Nagano, Yoshihiro", "Nozawa, Kento"), 2021,
        ),
        Paper(
            "2102.06866", "nozawa2021understanding",
            "Understanding Negative Samples in Instance Discriminative Self-supervised Representation Learning",
            ("Nozawa, Kento", "Sato, Issei"), 2021,
        ),
        Paper(
            "2106.09943", "ash2021investigating",
            "Investigating the Role of Negatives in Contrastive Representation Learning",
            ("Ash, Jordan T.", "Goel, Surbhi", "Krishnamurthy, Akshay", "Misra, Dipendra"), 2021,
        ),
        Paper(
            "2007.00224", "chuang2020debiased", "Debiased Contrastive Learning",
            ("Chuang, Ching-Yao", "Robinson, Joshua", "Lin, Yen-Chen", "Torralba, Antonio", "Jegelka, Stefanie"), 2020,
        ),
        Paper(
            "2005.10242", "wang2020understanding",
            "Understanding Contrastive Representation Learning through Alignment and Uniformity on the Hypersphere",
            ("Wang, Tongzhou", "Isola, Phillip"), 2020,
        ),
        Paper(
            "1807.03748", "oord2018representation", "Representation Learning with Contrastive Predictive Coding",
            ("van den Oord, Aaron", "Li, Yazhe", "Vinyals, Oriol"), 2018,
        ),
        Paper(
            "1905.06922", "poole2019variational", "On Variational Bounds of Mutual Information",
            ("Poole, Ben", "Ozair, Sherjil", "van den Oord, Aaron", "Alemi, Alexander A.", "Tucker, George"), 2019,
        ),
        Paper(
            "2010.04592", "robinson2020contrastive", "Contrastive Learning with Hard Negative Samples",
            ("Robinson, Joshua", "Chuang, Ching-Yao", "Sra, Suvrit", "Jegelka, Stefanie"), 2020,
        ),
        Paper(
            "2102.08817", "graf2021dissecting", "Dissecting Supervised Contrastive Learning",
            ("Graf, Florian", "Hofer, Christoph D.", "Niethammer, Marc", "Kwitt, Roland"), 2021,
        ),
        Paper(
            "2203.13457", "wang2022chaos",
            "Chaos is a Ladder: A New Theoretical Understanding of Contrastive Learning via Augmentation Overlap",
            ("Wang, Yifei", "Zhang, Qi", "Wang, Yisen", "Yang, Jiansheng", "Lin, Zhouchen"), 2022,
        ),
        Paper(
            "2506.04411", "luthra2025self",
            "Self-Supervised Contrastive Learning is Approximately Supervised Contrastive Learning",
            ("Luthra, Achleshwar", "Yang, Tianbao", "Galanti, Tomer"), 2025,
        ),
        Paper(
            "2510.08852", "luthra2025alignment",
            "On the Alignment Between Supervised and Self-Supervised Contrastive Learning",
            ("Luthra, Achleshwar", "Mishra, Priyadarsi", "Galanti, Tomer"), 2025,
        ),
        Paper(
            "2506.09781", "lee2025similarities", "On the Similarities of Embeddings in Contrastive Learning",
            ("Lee, Chungpa", "Lim, Sehee", "Lee, Kibok", "Sohn, Jy-yong"), 2025,
        ),
        Paper(
            "2605.11291", "nguyen2026optimal",
            "Optimal Representations for Generalized Contrastive Learning with Imbalanced Datasets",
            ("Nguyen, Thuan", "Aeron, Shuchin", "Brown, III, D. Richard", "Ishwar, Prakash"), 2026,
        ),
        Paper(
            "2603.03530", "luthra2026directional",
            "Directional Neural Collapse Explains Few-Shot Transfer in Self-Supervised Learning",
            ("Luthra, Achleshwar", "Salunkhe, Yash", "Galanti, Tomer"), 2026,
        ),
        Paper(
            "2412.03486", "vanelst2024tight", "Tight PAC-Bayesian Risk Certificates for Contrastive Learning",
            ("van Elst, Anna", "Ghoshdastidar, Debarghya"), 2024,
        ),
        Paper(
            "2405.18045", "koromilas2024bridging",
            "Bridging Mini-Batch and Asymptotic Analysis in Contrastive Learning: From InfoNCE to Kernel-Based Losses",
            (
                "Koromilas, Panagiotis", "Bouritsas, Giorgos", "Giannakopoulos, Theodoros", "Nicolaou, Mihalis",
                "Panagakis, Yannis",
            ),
            2024,
        ),
        Paper(
            "2605.02116", "consistency2026contrastive",
            "Statistical Consistency and Generalization of Contrastive Representation Learning", (), 2026,
        ),
        Paper(
            "2106.04156", "haochen2021provable",
            "Provable Guarantees for Self-Supervised Deep Learning with Spectral Contrastive Loss",
            ("HaoChen, Jeff Z.", "Wei, Colin", "Gaidon, Adrien", "Ma, Tengyu"), 2021,
        ),
        Paper(
            "2205.01789", "awasthi2022negative", "Do More Negative Samples Necessarily Hurt in Contrastive Learning?",
            ("Awasthi, Pranjal", "Dikkala, Nishanth", "Kamath, Pritish"), 2022,
        ),
        Paper(
            "2306.07960", "kini2023symmetric",
            "Symmetric Neural-Collapse Representations with Supervised Contrastive Loss: The Impact of ReLU and "
            "Batching",
            ("Kini, Ganesh Ramachandra", "Vakilian, Vala", "Behnia, Tina", "Gill, Jaidev", "Thrampoulidis, Christos"),
            2023,
        ),
        Paper(
            "2309.14277", "feeney2023sincere",
            "SINCERE: Supervised Information Noise-Contrastive Estimation REvisited",
            ("Feeney, Patrick", "Hughes, Michael C."), 2023,
        ),
    )
}  # fmt: skip
"""By arXiv number."""


def cited(source: str) -> tuple[str, ...]:
    """Keys of the papers that a claim's source names, in order."""
    numbers = dict.fromkeys(_ARXIV.findall(source))
    return tuple(PAPERS[n].key if n in PAPERS else _key(n) for n in numbers)


def bibtex(sources: Iterable[str], version: str = "") -> str:
    """Entries of the papers that these sources name, each once, by key; last, boundcheck itself.

    A paper that is not in `PAPERS` gets an entry with its number alone; a source without an arXiv number gets none.

    Args:
        sources: of claims.
        version: of boundcheck.
    """
    numbers = {number for source in sources for number in _ARXIV.findall(source)}
    entries = [PAPERS[n].bibtex() if n in PAPERS else _unknown(n) for n in sorted(numbers)]
    note = {"note": f"Version {version}"} if version else {}
    own = {"title": "{boundcheck}", "author": "{The boundcheck developers}", **note}
    return "\n\n".join([*sorted(entries), _entry("misc", "boundcheck", own)]) + "\n"


def _unknown(number: str) -> str:
    fields = {"title": f"{{arXiv {number}}}", "eprint": number, "archivePrefix": "arXiv"}
    return _entry("misc", _key(number), fields | {"url": f"https://arxiv.org/abs/{number}"})


def _key(number: str) -> str:
    return f"arxiv{number}"


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = "".join(f"  {name} = {{{text}}},\n" for name, text in fields.items())
    return f"@{kind}{{{key},\n{lines}}}"
