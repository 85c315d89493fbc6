"""The tree of an expression, computed with arrays: numbers with numbers, text only compared.

Legend: n rows.
"""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drivetrain.errors import SettingError, did_you_mean, first_few
from drivetrain.settings import shown

Values = NDArray[Any]
"""float64 or bool; object where it is text, which is compared alone."""


@dataclass(frozen=True)
class Words:
    """What names stand for."""

    rows: pd.DataFrame
    levers: Mapping[str, Any]
    predict: Mapping[str, Any]
    own: Mapping[str, Values]
    """Named by a line of the expression."""
    quoted: Mapping[str, str]
    where: Mapping[int, str]
    numbers: Mapping[str, float]
    setting: str

    def find(self, word: str, space: str = "") -> Values:
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
                return _as_array(each[name], said, self.setting)
        for each in spaces:  # Python writes "ﬁ" of a plain name as "fi"
            for known in map(str, each):
                if known in each and unicodedata.normalize("NFKC", known) == name:
                    return _as_array(each[known], said, self.setting)
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


def value_of(node: ast.expr, words: Words) -> Values:
    """A tree that `Expression.parse` has let through, computed: numbers, yes and no, or text.

    Raises:
        SettingError: A name is not there, or holds what cannot be computed with.
    """
    with np.errstate(all="ignore"):  # what is not finite at the end is told by who asked
        return _value(node, words)


def numbers_of(node: ast.expr, words: Words) -> NDArray[np.float64]:
    """The same as numbers; true is 1.

    Raises:
        SettingError: Likewise; or it is text.
    """
    with np.errstate(all="ignore"):
        return _numbers(node, words)


def _value(node: ast.expr, words: Words) -> Values:
    known = _OF.get(type(node))
    if known is None:
        _refuse(words.setting, f"a list of values stands after `in` alone, not as {_said(node, words)}")
    return np.asarray(known(node, words))


def _numbers(node: ast.expr, words: Words) -> NDArray[np.float64]:
    found = _value(node, words)
    if found.dtype == object:
        first, said = next((each for each in found.ravel().tolist() if each is not None), None), _said(node, words)
        raise SettingError(
            f"{words.setting}: {said} holds {shown(first)}, which cannot be computed with; expected numbers. To "
            f"fix: compare it, such as where({said} == {shown(first)}, 1, 0), or turn the column into numbers."
        )
    return found.astype(np.float64, copy=False)


def _truth(node: ast.expr, words: Words) -> NDArray[np.bool_]:
    """Yes or no for each; 0 and 1 are taken, too."""
    found = _value(node, words)
    if found.dtype == bool:
        return found
    numbers = _numbers(node, words)
    odd = numbers[~np.isin(numbers, (0.0, 1.0))]
    if odd.size:
        said = _said(node, words)
        raise SettingError(
            f"{words.setting}: {said} is no condition, it holds {odd.ravel()[0]:g}; expected yes and no. To fix: "
            f"compare it, such as {said} > 0."
        )
    return numbers == 1


def _name(node: Any, words: Words) -> Values:
    return words.find(node.id) if isinstance(node, ast.Name) else words.find(node.attr, node.value.id)


def _constant(node: Any, words: Words) -> Values:
    value, instead = node.value, words.numbers.get(words.where.get(id(node), ""))
    if value is None or isinstance(value, str):
        return np.array(value, dtype=object)
    return np.asarray(value if isinstance(value, bool) else float(value) if instead is None else instead)


def _binary(node: Any, words: Words) -> Values:
    if isinstance(node.op, ast.BitAnd | ast.BitOr):
        join = np.logical_and if isinstance(node.op, ast.BitAnd) else np.logical_or
        return join(_truth(node.left, words), _truth(node.right, words))
    return _BINARY[type(node.op)](_numbers(node.left, words), _numbers(node.right, words))


def _unary(node: Any, words: Words) -> Values:
    if isinstance(node.op, ast.Not | ast.Invert):
        return ~_truth(node.operand, words)
    numbers = _numbers(node.operand, words)
    return -numbers if isinstance(node.op, ast.USub) else numbers


def _bool(node: Any, words: Words) -> Values:
    join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
    return reduce(join, [_truth(inner, words) for inner in node.values])


def _call(node: Any, words: Words) -> Values:
    if node.func.id == "where":
        test, body, other = node.args
        return _where(test, body, other, words)
    return FUNCTIONS[node.func.id].of(*(_numbers(inner, words) for inner in node.args))


def _where(test: ast.expr, body: ast.expr, other: ast.expr, words: Words) -> Values:
    return np.where(_truth(test, words), _numbers(body, words), _numbers(other, words))


def _compared(node: Any, words: Words) -> Values:
    """A < b < c, as Python has it."""
    found: list[Values] = []
    first: ast.expr = node.left
    for op, other in zip(node.ops, node.comparators, strict=True):
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(other, ast.Tuple | ast.List) or not other.elts:
                said = f"after `in` a list is expected, such as ('a', 'b'), not {_said(other, words)}"
                _refuse(words.setting, said)
            inside = reduce(np.logical_or, [_pair(first, ast.Eq(), one, words) for one in other.elts])
            found.append(inside if isinstance(op, ast.In) else ~inside)
        else:
            found.append(_pair(first, op, other, words))
        first = other
    return reduce(np.logical_and, found)


def _pair(left: ast.expr, op: ast.cmpop, right: ast.expr, words: Words) -> NDArray[np.bool_]:
    sides = _value(left, words), _value(right, words)
    is_none = [each.ndim == 0 and each.item() is None for each in sides]
    if any(is_none) and isinstance(op, ast.Eq | ast.NotEq):
        missing = np.asarray(pd.isna(sides[0] if is_none[1] else sides[1]))
        return missing if isinstance(op, ast.Eq) else ~missing
    is_text = [each.dtype == object for each in sides]
    if is_text[0] != is_text[1]:
        text, number = (left, right) if is_text[0] else (right, left)
        said = f"{_said(text, words)} is text and {_said(number, words)} is a number: they are never equal"
        _refuse(words.setting, said)
    if is_text[0] and not isinstance(op, ast.Eq | ast.NotEq):
        _refuse(words.setting, f"{_said(left, words)} is text, which is compared with == and != alone")
    return np.asarray(_COMPARED[type(op)](*sides), dtype=bool)


_OF: dict[type[ast.expr], Callable[[Any, Words], Values]] = {
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
    return said if isinstance(node, ast.Name | ast.Attribute | ast.Constant) else f"({said})"


def _refuse(setting: str, said: str) -> NoReturn:
    raise SettingError(f"{setting} cannot be computed: {said}. To fix: change the expression, or pass a function.")
