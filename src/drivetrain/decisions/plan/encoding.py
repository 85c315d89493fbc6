"""Dataclasses of a plan as plain JSON, and back: by their own annotations, with a word about what does not fit."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import BaseModel

from drivetrain.settings import shown

Made = TypeVar("Made")
PLAIN = (bool, int, float, str)


class WrongShapeError(ValueError):
    """What was read is not what was written."""


def encoded(value: Any) -> Any:
    """A value as JSON holds it; NaN stays for `finite` to turn into null.

    Raises:
        WrongShapeError: JSON has no form for it.

    Example:
        >>> from drivetrain.decisions.worth import Worth
        >>> encoded({"a": (Worth(1.0, n=np.int64(3)),)})["a"][0]["n"]
        3
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, PLAIN):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encoded(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encoded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [encoded(each) for each in value]
    if isinstance(value, BaseModel):
        return value.model_dump()
    raise WrongShapeError(f"{shown(value)} ({type(value).__name__}) has no form in JSON")


def decoded(kind: type[Made], value: Any, where: str = "plan") -> Made:
    """The dataclass that a JSON value says, with arrays and tuples where it has them.

    Raises:
        WrongShapeError: Something is missing, of another type, or not known.
    """
    return _decoded(kind, value, where)


def _decoded(kind: Any, value: Any, where: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where)
    if origin is None and kind is not np.ndarray:
        return _plain(kind, value, where)
    if origin in (Union, types.UnionType):
        return None if value is None and type(None) in inner else _decoded(_other(inner), value, where)
    return _many(origin or kind, inner, value, where)


def _many(origin: Any, inner: tuple[Any, ...], value: Any, where: str) -> Any:
    if origin is Literal:
        return value if value in inner else _wrong(where, value, f"one of {inner}")
    if origin is tuple:
        return _sequence(inner, value, where)
    if origin is np.ndarray:
        return np.asarray([np.nan if each is None else each for each in _list(value, where)], dtype=np.float64)
    if not isinstance(value, dict):
        _wrong(where, value, "an object")
    return {key: _decoded(inner[1], each, f"{where}.{key}") for key, each in value.items()}


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        _wrong(where, value, "an object")
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = set(value) - set(fields)
    if unknown:
        _wrong(where, sorted(unknown)[0], f"keys of {kind.__name__}")
    missing = [
        name
        for name, field in fields.items()
        if name not in value and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise WrongShapeError(f"{where}.{missing[0]} is missing")
    return kind(**{name: _decoded(hints[name], each, f"{where}.{name}") for name, each in value.items()})


def _sequence(inner: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    items = _list(value, where)
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(_decoded(inner[0], each, f"{where}[{i}]") for i, each in enumerate(items))
    if len(items) != len(inner):
        _wrong(where, value, f"{len(inner)} values")
    return tuple(_decoded(one, each, where) for one, each in zip(inner, items, strict=True))


def _plain(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return tuple(value) if isinstance(value, list) else value
    if kind is float:
        if value is None:
            return float("nan")
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif kind in PLAIN and type(value) is kind:
        return value
    return _wrong(where, value, getattr(kind, "__name__", str(kind)))


def _list(value: Any, where: str) -> list[Any]:
    return value if isinstance(value, list) else _wrong(where, value, "a list")


def _other(inner: tuple[Any, ...]) -> Any:
    return next(each for each in inner if each is not type(None))


def _wrong(where: str, value: Any, expected: str) -> Any:
    raise WrongShapeError(f"{where} is {shown(value)}, expected {expected}")
