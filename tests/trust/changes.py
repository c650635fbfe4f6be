"""The places of a source file where one small mistake can be put in, and a file that holds many, each behind a switch.

Places are those inside functions: what runs when a module is imported cannot be switched afterwards.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from dataclasses import dataclass

_ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
_CONVERSE = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
_AT_EQUALITY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_SWITCH = "from tests.trust.switch import on as _on"


@dataclass(frozen=True)
class Change:
    """One mistake.

    Attributes:
        kind: arithmetic, comparison, boundary, sign, constant or dropped statement.
        line: of what is changed.
        was, becomes: the expression or statement before and after, in one line.
    """

    kind: str
    line: int
    was: str
    becomes: str


def count_places(source: str) -> int:
    """How many changes a file admits."""
    return len(_places(ast.parse(source)))


def changes(source: str) -> dict[int, Change]:
    """Number of each place -> what it changes."""
    return switched(source, {number: number for number in range(count_places(source))})[1]


def switched(source: str, numbers: Mapping[int, int]) -> tuple[str, dict[int, Change]]:
    """The file with some of its changes, each made where `on(its switch)`, and what they are.

    Args:
        source: the file.
        numbers: switch -> number of the place, from 0.
    """
    tree = ast.parse(source)
    places = _places(tree)
    chosen = {switch: places[number] for switch, number in numbers.items()}
    becomes = {switch: _changed(node, kind) for switch, (node, kind) in chosen.items()}
    made = {
        switch: Change(kind, node.lineno, _line(node), _line(becomes[switch]))
        for switch, (node, kind) in chosen.items()
    }
    at: dict[int, list[int]] = {}
    for switch, (node, _) in chosen.items():
        at.setdefault(id(node), []).append(switch)
    tree = _Switches(at, becomes).visit(tree)
    first = next((i for i, node in enumerate(tree.body) if not _comes_first(node)), len(tree.body))
    tree.body.insert(first, ast.parse(_SWITCH).body[0])
    return ast.unparse(ast.fix_missing_locations(tree)), made


def _comes_first(node: ast.stmt) -> bool:
    """A docstring, or what is imported from the future."""
    told = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return told or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


def _line(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _places(tree: ast.AST) -> list[tuple[ast.expr | ast.stmt, str]]:
    """Every node and kind in the order of the file; numbers of annotations are no computation."""
    out: list[tuple[ast.expr | ast.stmt, str]] = []
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, inside = pending.pop()
        if inside and isinstance(node, (ast.expr, ast.stmt)):
            out += [(node, kind) for kind in _kinds(node)]
        function = isinstance(node, (ast.FunctionDef, ast.Lambda))
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "args") and not isinstance(node, ast.Call):
                continue
            children = value if isinstance(value, list) else [value]
            within = inside or (function and field == "body")
            pending += [(child, within) for child in children if isinstance(child, ast.AST)]
    return sorted(out, key=lambda place: (place[0].lineno, place[0].col_offset, place[1]))


def _kinds(node: ast.expr | ast.stmt) -> list[str]:
    if isinstance(node, ast.BinOp):
        return ["arithmetic"] if type(node.op) in _ARITHMETIC else []
    if isinstance(node, ast.BoolOp):
        return ["comparison"]
    if isinstance(node, ast.Compare):
        kinds = (("comparison", _CONVERSE), ("boundary", _AT_EQUALITY))
        return [kind for kind, table in kinds if type(node.ops[0]) in table]
    if isinstance(node, ast.UnaryOp):
        return ["sign"] if isinstance(node.op, ast.USub) else []
    if isinstance(node, ast.Constant):
        return ["constant"] if type(node.value) in (int, float) else []
    # Without an assignment to a name what follows would fail at once; these leave something that runs.
    told = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    placed = isinstance(node, ast.Assign) and not isinstance(node.targets[0], (ast.Name, ast.Tuple))
    return ["dropped statement"] if told or placed or isinstance(node, (ast.AugAssign, ast.Raise)) else []


def _changed(node: ast.expr | ast.stmt, kind: str) -> ast.expr | ast.stmt:
    node = copy.deepcopy(node)
    if isinstance(node, ast.BinOp):
        node.op = _ARITHMETIC[type(node.op)]()
    elif isinstance(node, ast.BoolOp):
        node.op = _CONVERSE[type(node.op)]()
    elif isinstance(node, ast.Compare):
        node.ops[0] = (_AT_EQUALITY if kind == "boundary" else _CONVERSE)[type(node.ops[0])]()
    elif isinstance(node, ast.UnaryOp):
        return node.operand
    elif isinstance(node, ast.Constant):
        node.value = node.value + 1 if isinstance(node.value, int) else node.value * 2 or 1.0
    else:
        return ast.Pass()
    return node


class _Switches(ast.NodeTransformer):
    """Puts each change beside what it changes: `(changed if _on(7) else as it was)`."""

    def __init__(self, at: Mapping[int, list[int]], becomes: Mapping[int, ast.expr | ast.stmt]) -> None:
        self.at, self.becomes = at, becomes

    def visit(self, node: ast.AST) -> ast.AST:
        key = id(node)
        out = self.generic_visit(node)
        for switch in self.at.get(key, ()):
            test = ast.Call(ast.Name("_on", ast.Load()), [ast.Constant(switch)], [])
            changed = self.becomes[switch]
            if isinstance(out, ast.stmt):
                out = ast.If(test, [changed], [out])
            else:
                out = ast.IfExp(test, changed, out)
        return out
