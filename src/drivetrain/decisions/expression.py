"""Arithmetic over columns, levers and predictions, written as text: parsed into a tree of known nodes, never run.

    cost = 300
    accept * (price - claims - cost)

Lines that name something come first, the last one is the value, which it may name (``profit = accept * price``). Names
stand for a lever, a prediction, a column: the first that is there, in this order; ``rows.price`` (or ``today.price``),
``levers.price`` and ``predict.price`` say which. A name that is no plain word stands in backticks. Conditions use
comparisons, ``in``, ``and``, ``or``, ``not``.
"""

from __future__ import annotations

import ast
import hashlib
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from drivetrain.decisions.evaluating import FUNCTIONS, Values, Words, numbers_of, value_of
from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.settings import shown

MOST_LETTERS = 10_000
MOST_LEVELS = 150
"""Of operations inside each other: fewer than Python's own limit, many more than anybody reads."""
SPACES = ("rows", "today", "levers", "predict")
OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.BitAnd, ast.BitOr, ast.UAdd, ast.USub,
    ast.Not, ast.Invert, ast.And, ast.Or, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn,
)  # fmt: skip
NODES = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call, ast.IfExp, ast.Constant, ast.Name,
    ast.Attribute, ast.Tuple, ast.List, ast.Load, *OPERATORS,
)  # fmt: skip
CAN = "+ - * / // % **, comparisons, and, or, not, in, `a if condition else b`, and the functions " + ", ".join(
    sorted(FUNCTIONS)
)
_PIECE = re.compile(r"`([^`\n]*)`|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|#[^\n]*|[^`'\"#]+|.", re.DOTALL)


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Example:
        >>> import numpy as np
        >>> import pandas as pd
        >>> profit = Expression.parse("cost = 300; accept * (price - claims - cost)")
        >>> sorted(profit.names), dict(profit.numbers)
        (['accept', 'claims', 'price'], {'cost': 300.0})
        >>> rows = pd.DataFrame({"claims": [100.0, 500.0]})
        >>> profit.value(rows, {"price": np.array([600.0, 600.0])}, {"accept": np.array([0.5, 0.5])})
        array([ 100., -100.])
    """

    text: str
    """As it was written, without what surrounds it."""
    steps: tuple[tuple[str, ast.expr], ...]
    """(name, its tree), the last one without a name."""
    quoted: Mapping[str, str]
    """Word that stands for a name in backticks → that name."""
    names: frozenset[str]
    """Of levers, predictions and columns that it reads, without the space before them."""
    numbers: Mapping[str, float]
    """What it assumes: name → value. 0, 1 and exponents are no assumptions, unless a line names them."""
    where: Mapping[int, str] = field(repr=False, default_factory=dict[int, str])
    """Node of a number → its name."""
    title: str = ""
    """Name of the value, where the last line gives it one."""

    @property
    def sha256(self) -> str:
        """Of its tree, so that spaces and comments do not count."""
        tree = "\n".join(f"{name} = {self._said(node)}" for name, node in self.steps)
        return hashlib.sha256(tree.encode("utf-8", "surrogatepass")).hexdigest()

    @classmethod
    def parse(cls, text: str, setting: str = "objective") -> Expression:
        """Read an expression.

        Args:
            text: Of it.
            setting: What messages call it.

        Raises:
            SettingError: It is none; or holds something else than arithmetic.
        """
        if len(text) > MOST_LETTERS:
            _refuse(setting, text, f"at most {MOST_LETTERS:,} letters; these are {len(text):,}")
        plain, quoted = _without_backticks(text, setting)
        try:
            tree = ast.parse(plain, mode="exec")
        except SyntaxError as error:
            _refuse(setting, text, f"arithmetic: {_reason(error, plain)}")
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            _refuse(setting, text, f"arithmetic that can be read ({type(error).__name__})")
        steps, title = _steps(tree, text, setting)
        own: set[str] = set()
        names: set[str] = set()
        for name, node in steps:
            _check(node, text, setting, own)
            names |= {quoted.get(read, read) for read in _read(node, own)}
            own.add(name)
        where, numbers = _numbers(steps, quoted)
        if not names:
            _refuse(setting, text, "at least one name of a column, lever or prediction")
        return cls(text.strip(), steps, quoted, frozenset(names), numbers, where, quoted.get(title, title))

    def value(
        self,
        rows: Any,
        levers: Mapping[str, Any],
        predict: Mapping[str, Any],
        numbers: Mapping[str, float] | None = None,
        setting: str = "objective",
    ) -> Any:
        """(n,) values; one number where no name in it has n.

        Args:
            rows: A DataFrame of n rows.
            levers: Name → (n,) values.
            predict: Name → (n,) predictions.
            numbers: Others than those written, by the names in `numbers`.
            setting: What messages call the expression.

        Raises:
            SettingError: A name is not there, or holds what cannot be computed with.
        """
        own: dict[str, Values] = {}
        words = Words(rows, levers, predict, own, self.quoted, self.where, numbers or {}, setting)
        for name, node in self.steps[:-1]:
            given = numbers.get(name) if numbers and name in self.numbers else None
            own[name] = value_of(node, words) if given is None else np.asarray(float(given))
        return numbers_of(self.steps[-1][1], words)

    def unknown(self, known: Mapping[str, str]) -> str:
        """What is wrong with its names, as a message; empty where all are known.

        Args:
            known: Name → what it is: "column", "lever", "prediction".
        """
        normal = {unicodedata.normalize("NFKC", name) for name in known} | set(known)
        missing = sorted(self.names - normal)
        if not missing:
            return ""
        near = did_you_mean(missing[0], known)
        return f"{first_few(map(shown, missing))} is no lever, prediction or column.{near}"

    def _said(self, node: ast.expr) -> str:
        return _restored(ast.unparse(node), self.quoted)


def _without_backticks(text: str, setting: str) -> tuple[str, dict[str, str]]:
    """The text with a plain word for each name in backticks, and what the words stand for."""
    stem = "quoted"
    while stem in text:
        stem += "_"
    quoted: dict[str, str] = {}
    pieces: list[str] = []
    for found in _PIECE.finditer(text.strip()):
        piece, name = found.group(), found.group(1)
        if name is not None and name.strip():
            word = next((word for word, known in quoted.items() if known == name), f"{stem}{len(quoted)}")
            quoted[word] = name
            pieces.append(word)
        elif piece[0] == "`":
            _refuse(setting, text, "a name between two backticks")
        elif piece[0] != "#":
            pieces.append(piece)
    return "".join(pieces), quoted


def _steps(tree: ast.Module, text: str, setting: str) -> tuple[tuple[tuple[str, ast.expr], ...], str]:
    """Names with their trees, at last the value without one; and what the value is called, where it is."""
    steps: list[tuple[str, ast.expr]] = []
    title = ""
    for i, line in enumerate(tree.body):
        is_last = i == len(tree.body) - 1
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in [known for known, _ in steps]:
                steps.append(("" if is_last else name, value))
                title = name if is_last else ""
            case ast.Expr(value=value) if is_last:
                steps.append(("", value))
            case ast.Assign(targets=[ast.Name(id=name)]):
                _refuse(setting, text, f"one value for each name; {name} has two")
            case _:
                _refuse(setting, text, "lines such as `cost = 300`, and at last a value, such as price - cost")
    if not steps:
        _refuse(setting, text, "an expression, such as accept * (price - claims)")
    return tuple(steps), title


def _check(tree: ast.expr, text: str, setting: str, own: set[str]) -> None:
    """Whether a tree holds nothing but what is known."""
    waiting: list[tuple[ast.AST, int]] = [(tree, 1)]
    while waiting:
        node, level = waiting.pop()
        if level > MOST_LEVELS:
            _refuse(setting, text, f"at most {MOST_LEVELS} operations inside each other")
        wrong = _wrong(node, own)
        if wrong:
            _refuse(setting, text, f"arithmetic alone, not {wrong}; it can hold {CAN}")
        inner = ast.iter_child_nodes(node)
        if isinstance(node, ast.Call):  # the name of the function is no value
            inner = iter(node.args)
        elif isinstance(node, ast.Attribute):
            inner = iter(())
        waiting += [(each, level + 1) for each in inner]


def _wrong(node: ast.AST, own: set[str]) -> str:
    """What about a node is not allowed, in words; empty where it is."""
    if not isinstance(node, NODES):
        return f"{type(node).__name__.lower()}"
    if isinstance(node, ast.Call):
        return _call_wrong(node)
    if isinstance(node, ast.Attribute):
        space = node.value
        fine = isinstance(space, ast.Name) and space.id in SPACES and space.id not in own
        return "" if fine else f"a dot: {shown(ast.unparse(node))} (a name with a dot stands in backticks)"
    return _constant_wrong(node.value) if isinstance(node, ast.Constant) else ""


def _call_wrong(node: ast.Call) -> str:
    called = ast.unparse(node.func)
    if called not in FUNCTIONS or node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
        return f"a call of {called}{did_you_mean(called, FUNCTIONS) if called not in FUNCTIONS else ' with names or *'}"
    least, most = FUNCTIONS[called].least, FUNCTIONS[called].most
    if least <= len(node.args) <= most:
        return ""
    return f"{called}() of {len(node.args)}: it takes {least if least == most else f'at least {least}'}"


def _constant_wrong(value: object) -> str:
    try:
        fine = value is None or isinstance(value, str | bool)
        fine = fine or (isinstance(value, int | float) and math.isfinite(float(value)))
    except OverflowError:
        fine = False
    return "" if fine else f"the constant {shown(value)}"


def _read(tree: ast.expr, own: set[str]) -> Iterator[str]:
    """Names in a tree that it does not give itself."""
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    spaces = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name) and id(node) not in functions | spaces and node.id not in own:
            yield node.id


def _numbers(
    steps: tuple[tuple[str, ast.expr], ...], quoted: Mapping[str, str]
) -> tuple[dict[int, str], dict[str, float]]:
    """Which nodes are assumptions, and what they are called: by their line, or by the operation they stand in."""
    where: dict[int, str] = {}
    numbers: dict[str, float] = {}
    for name, tree in steps:
        alone = _constant(tree)
        if name and alone is not None:
            numbers[quoted.get(name, name)] = alone
            continue
        for parent in ast.walk(tree):
            for key, child in _operands(parent):
                if _assumed(parent, key, child):
                    said = f"{child.value:g} in {_restored(ast.unparse(parent), quoted)}"
                    while said in numbers:
                        said += " (again)"
                    where[id(child)] = said
                    numbers[said] = float(child.value)
        if isinstance(tree, ast.Constant) and not name:
            numbers[f"{tree.value}"] = float(tree.value)  # pyright: ignore[reportArgumentType] - refused: no names
    return where, numbers


def _operands(parent: ast.AST) -> Iterator[tuple[str, Any]]:
    for key, child in ast.iter_fields(parent):
        for each in child if isinstance(child, list) else [child]:
            if isinstance(each, ast.Constant):
                yield key, each


def _assumed(parent: ast.AST, key: str, child: ast.Constant) -> bool:
    exponent = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and key == "right"
    is_number = isinstance(child.value, int | float) and not isinstance(child.value, bool)
    return is_number and child.value not in (0, 1) and not exponent


def _constant(tree: ast.expr) -> float | None:
    """The number that a tree is, with its sign."""
    match tree:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -float(value)
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case _:
            return None


def _restored(said: str, quoted: Mapping[str, str]) -> str:
    """A text with names in backticks again."""
    for word, name in quoted.items():
        said = re.sub(rf"\b{word}\b", lambda _, name=name: f"`{name}`", said)
    return said


def _reason(error: SyntaxError, plain: str) -> str:
    line = plain.splitlines()[min(error.lineno or 1, len(plain.splitlines()) or 1) - 1] if plain.strip() else ""
    at = f" near {shown(line[max((error.offset or 1) - 12, 0) :])}" if line else ""
    return f"{(error.msg or 'invalid syntax').rstrip('.')}{at}"


def _refuse(setting: str, text: str, expected: str) -> NoReturn:
    raise SettingError(
        f"{setting}={shown(text)} cannot be used: expected {expected}. To fix: write it with names of columns, levers "
        "and predictions, such as accept * (price - claims); other names in backticks; or pass a Python function."
    )
