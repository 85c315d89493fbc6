"""A plan file read: what may stand in it, and a word about what may not."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from drivetrain.decisions.constraints import Constraint, at_least, at_most, budget, equal_share
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.objective import Objective, as_objective
from drivetrain.errors import DrivetrainError, SettingError, did_you_mean
from drivetrain.settings import choice, flag, number, refuse, several, shown, text, whole
from drivetrain.text import readable, short_reason

MAKES = ("trees", "linear")
"""Models that are fitted here: boosted trees, or a regression that is linear (of yes and no, logistic)."""
TOP = (
    "table", "logged", "text", "group", "objective", "levers", "models", "limits", "risk", "baseline", "extrapolate",
    "seed",
)  # fmt: skip
OF_OBJECTIVE = ("name", "value")
OF_MODEL = ("path", "outcome", "features", "make", "n", "weights")
OF_LEVER = tuple(field.name for field in fields(Lever) if field.name != "name")
LIMITS = {
    "at_most": ("limit", "per", "over", "by", "name"),
    "at_least": ("limit", "per", "over", "by", "name"),
    "budget": ("limit", "name"),
    "equal_share": ("by", "within", "name"),
}
"""Kind of a limit → what else it takes."""
MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class WrittenModel:
    """One model: saved, or to be fitted on the logged rows."""

    name: str
    path: Path | None = None
    outcome: str | None = None
    features: tuple[str, ...] | None = None
    make: str = MAKES[0]
    n: int = 20
    weights: str | None = None


@dataclass(frozen=True)
class Written:
    """All that a plan file says, checked as far as that goes without its tables."""

    table: Path
    logged: Path | None
    text: tuple[str, ...]
    """Columns that stay text, though all their cells look like numbers."""
    group: str | None
    objective: Objective
    levers: tuple[Lever, ...]
    models: tuple[WrittenModel, ...]
    limits: tuple[Constraint, ...]
    risk: str
    baseline: dict[str, Any] | None
    extrapolate: bool
    seed: int


def read_file(path: Path) -> Written:
    """A plan file.

    Raises:
        SettingError: It is none, or something in it cannot be used.
    """
    try:
        content = path.read_bytes()
        if len(content) > MOST_BYTES:
            raise ValueError(f"it has {len(content):,} bytes, more than {MOST_BYTES:,}")
        found = tomllib.loads(content.decode("utf-8-sig"))
    except (OSError, ValueError) as error:  # tomllib's and UTF-8's errors are ValueErrors
        raise SettingError(
            f"{readable(path)} cannot be read as a plan: {short_reason(error)}; expected a TOML file with table, "
            "objective, levers and models. To fix: write it as docs/decide.md shows."
        ) from error
    try:
        return _read(found, path.parent)
    except DrivetrainError as error:
        raise type(error)(f"{readable(path)}: {error}") from error


def in_file(message: str) -> str:
    """A message about arguments, as who writes a plan file can follow it.

    Example:
        >>> in_file("To fix: pass extrapolate=True, or add it to models=.")
        'To fix: pass extrapolate = true, or add it to models in the file.'
    """
    keys = "|".join(sorted({*TOP, *OF_LEVER, *OF_MODEL}))

    def written(found: re.Match[str]) -> str:
        key, value = found.groups()
        return f"{key} = {value.lower()}" if value else f"{key} in the file"

    return re.sub(rf"(?<![\w.'\"])({keys})=(True|False)?(?![\w'\"\[(])", written, message)


def _read(found: Mapping[str, Any], folder: Path) -> Written:
    _known(found, "the file", TOP)
    for name in ("table", "objective", "levers", "models"):
        if name not in found:
            refuse(name, None, f"{name} in the file", fix=f"To fix: add {name}, as docs/decide.md shows.")
    return Written(
        table=_path("table", found["table"], folder),
        logged=_path("logged", found["logged"], folder) if "logged" in found else None,
        text=_names("text", found.get("text", [])),
        group=text("group", found["group"], what="the name of a column") if "group" in found else None,
        objective=_objective(found["objective"]),
        levers=tuple(_lever(name, each) for name, each in _tables("levers", found["levers"]).items()),
        models=tuple(_model(name, each, folder) for name, each in _tables("models", found["models"]).items()),
        limits=tuple(_limit(i, each) for i, each in enumerate(_several("limits", found.get("limits", [])))),
        risk=text("risk", found.get("risk", "mean"), what="a way to weigh members, such as mean or worst"),
        baseline=_table("baseline", found["baseline"]) if "baseline" in found else None,
        extrapolate=flag("extrapolate", found.get("extrapolate", False)),
        seed=whole("seed", found.get("seed", 0), least=0),
    )


def _objective(found: Any) -> Objective:
    if isinstance(found, str):
        return as_objective(found)
    _known(_table("objective", found), "objective", OF_OBJECTIVE)
    said = text("objective.value", found.get("value"), what="an expression, such as accept * (price - claims)")
    return as_objective(said, name=text("objective.name", found["name"], what="a name") if "name" in found else None)


def _lever(name: str, found: Mapping[str, Any]) -> Lever:
    where = f"levers.{readable(name)}"
    _known(found, where, OF_LEVER)
    plain = dict(found)
    if "options" in plain:
        plain["options"] = tuple(several(f"{where}.options", plain["options"], "a list of options"))
    return _at(where, Lever, name, **plain)


def _model(name: str, found: Mapping[str, Any], folder: Path) -> WrittenModel:
    where = f"models.{readable(name)}"
    _known(found, where, OF_MODEL)
    if ("path" in found) == ("outcome" in found):
        expected = "either path, of a saved model, or outcome, a column that it is fitted to"
        refuse(where, dict(found), expected, fix="To fix: write one of the two.")
    if "path" in found:
        rest = [key for key in found if key != "path"]
        if rest:
            refuse(f"{where}.{rest[0]}", found[rest[0]], "path alone: a saved model is fitted already")
        return WrittenModel(name, _path(f"{where}.path", found["path"], folder))
    column = "the name of a column"
    return WrittenModel(
        name,
        outcome=text(f"{where}.outcome", found["outcome"], what=column),
        features=_names(f"{where}.features", found["features"]) if "features" in found else None,
        make=choice(f"{where}.make", found.get("make", MAKES[0]), MAKES),
        n=whole(f"{where}.n", found.get("n", 20), least=2),
        weights=text(f"{where}.weights", found["weights"], what=column) if "weights" in found else None,
    )


def _limit(i: int, given: Any) -> Constraint:
    where = f"limits[{i}]"
    found = _table(where, given)
    kinds = [kind for kind in LIMITS if kind in found]
    if len(kinds) != 1:
        refuse(where, dict(found), f"one of {', '.join(LIMITS)}", fix="To fix: write one of them in each [[limits]].")
    kind = kinds[0]
    _known(found, where, (kind, *LIMITS[kind]))
    what, rest = found[kind], {key: each for key, each in found.items() if key != kind}
    if kind == "equal_share":
        return _at(where, equal_share, what, **rest)
    if "limit" not in rest:
        refuse(f"{where}.limit", None, "a number", fix="To fix: add limit = 1000, say.")
    most = number(f"{where}.limit", rest.pop("limit"))
    if kind == "budget":
        return _at(where, budget, most, what, **rest)
    return _at(where, {"at_most": at_most, "at_least": at_least}[kind], what, most, **rest)


def _at(where: str, call: Any, *args: Any, **kwargs: Any) -> Any:
    """What a call gives; its errors say where in the file they come from."""
    try:
        return call(*args, **kwargs)
    except DrivetrainError as error:
        raise type(error)(f"{where}: {error}") from error


def _known(found: Mapping[str, Any], where: str, names: Collection[str]) -> None:
    for key in found:
        if key not in names:
            raise SettingError(
                f"{where} has {shown(key)}, which is not known; expected {', '.join(names)}.{did_you_mean(key, names)} "
                "To fix: write one of these, or leave it out."
            )


def _tables(name: str, found: Any) -> Mapping[str, Mapping[str, Any]]:
    tables = _table(name, found)
    if not tables:
        refuse(name, tables, f"at least one, such as [{name}.price]", fix=f"To fix: write [{name}.NAME].")
    return {key: _table(f"{name}.{readable(key)}", each) for key, each in tables.items()}


def _table(name: str, found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        refuse(name, found, f"a table of TOML, as [{name}] begins one", fix=f"To fix: write [{name}].")
    return dict(found)


def _several(name: str, found: Any) -> list[Any]:
    if not isinstance(found, list):
        refuse(name, found, f"tables that begin with [[{name}]]", fix=f"To fix: write [[{name}]] before each.")
    return list(found)


def _names(name: str, found: Any) -> tuple[str, ...]:
    each = several(name, found, "names of columns", single=str)
    return tuple(text(name, one, what="the name of a column") for one in each)


def _path(name: str, found: Any, folder: Path) -> Path:
    return folder / text(name, found, what="a path")
