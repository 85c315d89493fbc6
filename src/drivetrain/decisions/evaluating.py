"""The tree of an expression, computed with arrays: numbers with numbers, text only compared.

Legend: n rows.
"""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.settings import shown


class Value(NamedTuple):
    """An array or a single value, and what it is called in messages."""

    array: NDArray[Any]
    """float64 or bool; object where it is text."""
    called: str | Callable[[], str]
    """In messages; put into words when there is one."""

    @property
    def said(self) -> str:
        """In words."""
        return self.called if isinstance(self.called, str) else self.called()

    @classmethod
    def number(cls, value: float) -> Value:
        """A single number."""
        return cls(np.asarray(value, dtype=np.float64), f"{value:g}")

    @property
    def is_text(self) -> bool:
        """Whether it can be compared alone."""
        return self.array.dtype == object

    def as_numbers(self, setting: str) -> NDArray[np.float64]:
        """Numbers; true is 1.

        Raises:
            SettingError: It is text.
        """
        if self.is_text:
            first = next((each for each in self.array.ravel().tolist() if each is not None), None)
            raise SettingError(
                f"{setting}: {self.said} holds {shown(first)}, which cannot be computed with; expected numbers. To "
                f"fix: compare it, such as where({self.said} == {shown(first)}, 1, 0), or turn the column into numbers."
            )
        return self.array.astype(np.float64, copy=False)

    def as_truth(self, setting: str) -> NDArray[np.bool_]:
        """Yes or no for each.

        Raises:
            SettingError: It is something else than a condition, or 0 and 1.
        """
        if self.array.dtype == bool:
            return self.array
        numbers = self.as_numbers(setting)
        if not np.isin(numbers, (0.0, 1.0)).all():
            raise SettingError(
                f"{setting}: {self.said} is no condition, it holds {_example(numbers)}; expected yes and no. To fix: "
                f"compare it, such as {self.said} > 0."
            )
        return numbers == 1


@dataclass(frozen=True)
class Words:
    """What names stand for."""

    rows: pd.DataFrame
    levers: Mapping[str, Any]
    predict: Mapping[str, Any]
    own: Mapping[str, Value]
    """Named by a line of the expression."""
    quoted: Mapping[str, str]
    where: Mapping[int, str]
    numbers: Mapping[str, float]
    setting: str

    def find(self, word: str, space: str = "") -> Value:
        """What a name stands for.

        Raises:
            SettingError: There is nothing of that name.
        """
        name = self.quoted.get(word, word)
        if not space and word in self.own:
            return self.own[word]
        spaces: list[Any] = {
            "": [self.levers, self.predict, self.rows],
            "levers": [self.levers],
            "predict": [self.predict],
        }.get(space, [self.rows])
        said = f"`{name}`" if word in self.quoted else name
        for each in spaces:
            if name in list(each):  # `in` alone asks some mappings for the value
                return Value(_as_array(each[name], said, self.setting), said)
        for each in spaces:  # Python writes "ﬁ" of a plain name as "fi"
            for known in map(str, each):
                if known in each and unicodedata.normalize("NFKC", known) == name:
                    return Value(_as_array(each[known], said, self.setting), said)
        known = [str(key) for each in spaces for key in each]
        what = {"levers": "lever", "predict": "prediction", "": "lever, prediction or column"}.get(space, "column")
        raise SettingError(
            f"{self.setting} names {shown(name)}, and there is no such {what}.{did_you_mean(name, known)} Expected one "
            f"of {first_few(dict.fromkeys(known), 12)}. To fix: write one of these names, in backticks where it is no "
            "plain word."
        )


class Function(NamedTuple):
    """One that an expression may call."""

    of: Callable[..., Any]
    least: int
    most: int


FUNCTIONS: dict[str, Function] = {
    "abs": Function(np.abs, 1, 1),
    "clip": Function(lambda x, low, high: np.minimum(np.maximum(x, low), high), 3, 3),
    "exp": Function(np.exp, 1, 1),
    "log": Function(np.log, 1, 1),
    "max": Function(lambda *each: reduce(np.maximum, each), 2, 50),
    "min": Function(lambda *each: reduce(np.minimum, each), 2, 50),
    "sqrt": Function(np.sqrt, 1, 1),
    "where": Function(np.where, 3, 3),
}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}


def value_of(node: ast.expr, words: Words) -> Value:
    """A tree that `Expression.parse` has let through, computed.

    Raises:
        SettingError: A name is not there, or holds what cannot be computed with.
    """
    with np.errstate(all="ignore"):  # what is not finite at the end is told by who asked
        return _value(node, words)


def _value(node: ast.expr, words: Words) -> Value:
    known = _OF.get(type(node))
    if known is None:
        _refuse(words.setting, f"a list of values stands after `in` alone, not as {_said(node, words)}")
    found = known(node, words)
    return found if isinstance(found, Value) else Value(found, partial(_said, node, words))


def _name(node: Any, words: Words) -> Value:
    return words.find(node.id) if isinstance(node, ast.Name) else words.find(node.attr, node.value.id)


def _constant(node: Any, words: Words) -> Value:
    value, instead = node.value, words.numbers.get(words.where.get(id(node), ""))
    if value is None or isinstance(value, str):
        array = np.empty((), dtype=object)
        array[()] = value
        return Value(array, repr(value))
    if isinstance(value, bool):
        return Value(np.asarray(value), str(value))
    return Value.number(float(value) if instead is None else instead)


def _binary(node: Any, words: Words) -> NDArray[Any]:
    sides = [_value(side, words) for side in (node.left, node.right)]
    if isinstance(node.op, ast.BitAnd | ast.BitOr):
        join = np.logical_and if isinstance(node.op, ast.BitAnd) else np.logical_or
        return np.asarray(join(*(side.as_truth(words.setting) for side in sides)))
    return np.asarray(_BINARY[type(node.op)](*(side.as_numbers(words.setting) for side in sides)))


def _unary(node: Any, words: Words) -> NDArray[Any]:
    inner = _value(node.operand, words)
    if isinstance(node.op, ast.Not | ast.Invert):
        return np.asarray(~inner.as_truth(words.setting))
    numbers = inner.as_numbers(words.setting)
    return np.asarray(-numbers if isinstance(node.op, ast.USub) else numbers)


def _bool(node: Any, words: Words) -> NDArray[Any]:
    join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
    return np.asarray(reduce(join, [_value(inner, words).as_truth(words.setting) for inner in node.values]))


def _call(node: Any, words: Words) -> NDArray[Any]:
    if node.func.id == "where":
        test, body, other = node.args
        return _where(test, body, other, words)
    numbers = [_value(inner, words).as_numbers(words.setting) for inner in node.args]
    return np.asarray(FUNCTIONS[node.func.id].of(*numbers), dtype=np.float64)


def _where(test: ast.expr, body: ast.expr, other: ast.expr, words: Words) -> NDArray[Any]:
    truth = _value(test, words).as_truth(words.setting)
    return np.where(truth, *(_value(side, words).as_numbers(words.setting) for side in (body, other)))


def _compared(node: Any, words: Words) -> NDArray[Any]:
    """A < b < c, as Python has it."""
    found: list[NDArray[Any]] = []
    first: ast.expr = node.left
    for op, other in zip(node.ops, node.comparators, strict=True):
        if isinstance(op, ast.In | ast.NotIn):
            found.append(_among(first, other, words, isinstance(op, ast.In)))
        else:
            found.append(_pair(_value(first, words), op, _value(other, words), words.setting))
        first = other
    return reduce(np.logical_and, found)


def _among(first: ast.expr, others: ast.expr, words: Words, inside: bool) -> NDArray[Any]:
    if not isinstance(others, ast.Tuple | ast.List) or not others.elts:
        _refuse(words.setting, f"after `in` a list is expected, such as ('a', 'b'), not {_said(others, words)}")
    value = _value(first, words)
    each = [_pair(value, ast.Eq(), _value(one, words), words.setting) for one in others.elts]
    found = reduce(np.logical_or, each)
    return found if inside else ~found


def _pair(left: Value, op: ast.cmpop, right: Value, setting: str) -> NDArray[Any]:
    none = [side for side in (left, right) if side.array.ndim == 0 and side.array.item() is None]
    if none and isinstance(op, ast.Eq | ast.NotEq):
        missing = np.asarray(pd.isna((right if none[0] is left else left).array))
        return missing if isinstance(op, ast.Eq) else ~missing
    if left.is_text != right.is_text:
        words, numbers = (left, right) if left.is_text else (right, left)
        _refuse(setting, f"{words.said} is text and {numbers.said} is a number: they are never equal")
    if left.is_text and not isinstance(op, ast.Eq | ast.NotEq):
        _refuse(setting, f"{left.said} is text, which is compared with == and != alone")
    return np.asarray(_COMPARED[type(op)](left.array, right.array), dtype=bool)


_OF: dict[type[ast.expr], Callable[[Any, Words], Value | NDArray[Any]]] = {
    ast.Attribute: _name,
    ast.BinOp: _binary,
    ast.BoolOp: _bool,
    ast.Call: _call,
    ast.Compare: _compared,
    ast.Constant: _constant,
    ast.IfExp: lambda node, words: _where(node.test, node.body, node.orelse, words),
    ast.Name: _name,
    ast.UnaryOp: _unary,
}
"""Kind of node → how it is computed."""


def _as_array(values: Any, said: str, setting: str) -> NDArray[Any]:
    """(n,) float64, bool, or objects that are text."""
    if isinstance(values, pd.DataFrame):
        _refuse(setting, f"{said} is the name of {values.shape[1]} columns; each name is expected once")
    if isinstance(values, np.ndarray) and values.dtype == np.float64:
        return values
    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values).ravel())
    if pd.api.types.is_bool_dtype(series.dtype) and not series.isna().any():
        return series.to_numpy(dtype=bool)
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_complex_dtype(series.dtype):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if series.dtype.kind in "mMc":
        _refuse(setting, f"{said} holds {series.dtype}, which cannot be computed with: make a column of numbers of it")
    objects = series.astype(object)
    if pd.api.types.infer_dtype(objects, skipna=True) in ("string", "empty"):
        return objects.where(objects.notna(), None).to_numpy(dtype=object)
    try:
        return pd.to_numeric(objects).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        return objects.map(lambda one: None if one is None else str(one)).to_numpy(dtype=object)


def _said(node: ast.expr, words: Words) -> str:
    said = ast.unparse(node)
    for word, name in words.quoted.items():
        said = said.replace(word, f"`{name}`")
    return f"({said})"


def _example(numbers: NDArray[np.float64]) -> str:
    odd = numbers[~np.isin(numbers, (0.0, 1.0))]
    return f"{odd.ravel()[0]:g}"


def _refuse(setting: str, said: str) -> NoReturn:
    raise SettingError(f"{setting} cannot be computed: {said}. To fix: change the expression, or pass a function.")
