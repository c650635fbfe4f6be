"""Graphs that come with GraKeL, by the features of the Weisfeiler-Lehman subtree kernel."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial

import numpy as np

from boundcheck.atlas.entry import Entry, Making, rows_of
from boundcheck.atlas.packages import GRAKEL, data_file
from boundcheck.embeddings import EmbeddingSet

GRAPHS = ("MUTAG", "Cuneiform")
ROUNDS = {"node labels": 0, "Weisfeiler-Lehman": 3}


@dataclass(frozen=True)
class Graph:
    """Labels of the nodes, and of each node the label of the edge and the neighbour at its other end."""

    labels: tuple[str, ...]
    neighbours: tuple[tuple[tuple[str, int], ...], ...]


def read(data: str) -> tuple[list[Graph], list[str]]:
    """Graphs and their classes."""
    node_of, node_labels, edges, edge_labels, classes = (
        _lines(data, name) for name in ("graph_indicator", "node_labels", "A", "edge_labels", "graph_labels")
    )
    graph_of = np.array([int(line) - 1 for line in node_of])
    first = np.searchsorted(graph_of, np.arange(len(classes)))
    neighbours: list[list[tuple[str, int]]] = [[] for _ in node_labels]
    for line, label in zip(edges, edge_labels, strict=True):
        source, target = (int(node) - 1 for node in line.split(","))
        neighbours[source].append((label, target - int(first[graph_of[source]])))
    graphs = []
    for begin, end in zip(first, [*first[1:], len(node_labels)], strict=True):
        graphs.append(Graph(tuple(node_labels[begin:end]), tuple(map(tuple, neighbours[begin:end]))))
    return graphs, classes


def _lines(data: str, name: str) -> list[str]:
    text = data_file(GRAKEL, f"grakel/tests/data/{data}/{data}_{name}.txt").read_text(encoding="utf-8")
    return [line.replace(" ", "") for line in text.splitlines() if line.strip()]


def subtree_features(graphs: list[Graph], rounds: int) -> np.ndarray:
    """(graphs, colours): how often each colour of Weisfeiler-Lehman refinement is in each graph, all rounds together.

    Inner products of rows are the subtree kernel of Shervashidze et al. 2011, with labels of edges; of unit rows the
    normalised one.
    """
    colours = [list(graph.labels) for graph in graphs]
    counts = [Counter((0, colour) for colour in of_graph) for of_graph in colours]
    for step in range(1, rounds + 1):
        colours = [
            [
                f"{own}({';'.join(sorted(f'{edge}:{of_graph[other]}' for edge, other in around))})"
                for own, around in zip(of_graph, graph.neighbours, strict=True)
            ]
            for graph, of_graph in zip(graphs, colours, strict=True)
        ]
        # short names again, or they grow with every round
        short = {colour: str(i) for i, colour in enumerate(sorted({c for of_graph in colours for c in of_graph}))}
        colours = [[short[colour] for colour in of_graph] for of_graph in colours]
        for count, of_graph in zip(counts, colours, strict=True):
            count.update((step, colour) for colour in of_graph)
    column = {key: i for i, key in enumerate(sorted({key for count in counts for key in count}))}
    table = np.zeros((len(graphs), len(column)))
    for row, count in zip(table, counts, strict=True):
        for key, times in count.items():
            row[column[key]] = times
    return table


def kernel(data: str, rounds: int, making: Making) -> EmbeddingSet:
    """Features of the graphs that are drawn."""
    graphs, classes = read(data)
    chosen = making.drawn(len(graphs))
    z = subtree_features([graphs[i] for i in chosen], rounds)
    return rows_of(z, [classes[i] for i in chosen], f"{data}, all graphs")


ENTRIES = tuple(
    Entry(data, "graphs", encoder, (GRAKEL,), partial(kernel, data, rounds))
    for data in GRAPHS
    for encoder, rounds in ROUNDS.items()
)
