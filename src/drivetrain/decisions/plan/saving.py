"""A plan kept in a folder, and opened again: JSON and Parquet, no code."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import drivetrain
from drivetrain.calls import named
from drivetrain.decisions.levers import Lever
from drivetrain.decisions.models.adapting import as_ensemble
from drivetrain.decisions.objective import Objective, as_objective
from drivetrain.decisions.plan.encoding import WrongShapeError, decoded, encoded
from drivetrain.decisions.plan.facts import Facts
from drivetrain.decisions.plan.parts import Parts, Promise, Support
from drivetrain.decisions.plan.sources import Source
from drivetrain.decisions.plan.table import EXPECTED, EXPECTED_NOW, HIGH, LOW, SUPPORT
from drivetrain.decisions.simulator import Simulator
from drivetrain.errors import ArtefactError, SettingError
from drivetrain.files import locked_place
from drivetrain.runtime.artefact import write_durably
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.places import why_not_writable
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.files.replacing import fresh_folder, recover, replace_folder
from drivetrain.runtime.files.strict_json import finite
from drivetrain.settings import instance, place, refuse
from drivetrain.text import counted, readable, short_reason

if TYPE_CHECKING:
    from drivetrain.decisions.plan.plan import Plan

PLAN, TABLE = "plan.json", "table.parquet"
FORMAT = 1
MOST_BYTES = 64_000_000
_IN_TABLE = {"expected": EXPECTED, "low": LOW, "high": HIGH, "expected_today": EXPECTED_NOW}
"""Arrays of the promise → the column of the table that has them."""


def described(plan: Plan) -> dict[str, Any]:
    """Every number of a plan but those of single rows, as plain JSON.

    Raises:
        ArtefactError: It holds what JSON has no form for.
    """
    objective = plan.objective
    try:
        parts = encoded(plan.parts)
        for name in _IN_TABLE:
            del parts["promise"][name]
        del parts["support"]["where"]
        return finite(
            {
                "format": FORMAT,
                "drivetrain": drivetrain.__version__,
                "n": len(plan),
                "objective": {
                    "name": objective.name,
                    "said": objective.said,
                    "sha256": objective.sha256,
                    "numbers": dict(objective.numbers),
                    "is_expression": objective.expression is not None,
                },
                "levers": [_lever(lever) for lever in plan.levers],
                "parts": parts,
                "facts": encoded(plan.facts),
                "sources": encoded(plan.sources),
            }
        )
    except WrongShapeError as error:
        raise ArtefactError(
            f"the plan cannot be written: {error}; expected text, numbers, yes and no. To fix: use such "
            "options in levers."
        ) from error


def save_plan(plan: Plan, folder: str | os.PathLike[str]) -> Path:
    """Write a plan; see `Plan.save`."""
    target = Path(place("folder", folder))
    _check_place(target)
    content = described(plan)
    table = _parquet(plan.table)
    content["table"] = {
        "sha256": hashlib.sha256(table).hexdigest(),
        "index": [None if name is None else str(name) for name in plan.table.index.names],
    }
    text = json.dumps(content, allow_nan=False, indent=1).encode("ascii")
    try:
        with locked_place(target), fresh_folder(target) as fresh:
            write_durably(fresh / TABLE, table)
            write_durably(fresh / PLAN, text)
            replace_folder(fresh, target)
    except OSError as error:
        raise ArtefactError(
            f"cannot save the plan to {readable(target)}: {short_reason(error)}. To fix: give another place, or "
            "make room."
        ) from error
    return target


@named
def load_plan(
    folder: str | os.PathLike[str],
    *,
    rows: Any = None,
    models: Any = None,
    objective: Any = None,
    scenarios: Any = None,
) -> Plan:
    """A plan that was saved: its table, words and page are there at once.

    Args:
        folder: Of `plan.save`.
        rows: The rows that the plan is for; with `models`, `what_if` answers again.
        models: Name → model, as `drivetrain.decide` takes them.
        objective: The function, where the objective was one: it is told by its hash. An expression is kept
            with the plan.
        scenarios: As `drivetrain.decide` was given them.

    Raises:
        SettingError: Rows, models or objective are not those of the plan.
        ArtefactError: The folder is missing, altered, or no plan.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> import pandas as pd
        >>> import drivetrain as dt
        >>> customers = pd.DataFrame({"need": [1.0, 2.0, 3.0], "price": [2.0, 2.0, 2.0]})
        >>> buys = lambda rows: np.clip(1 - rows["price"] / (4 * rows["need"]), 0, 1)
        >>> with dt.quiet():
        ...     plan = dt.decide("buys * price", customers, dt.Lever("price", 0, 10, step=1), {"buys": buys})
        >>> with TemporaryDirectory() as folder:
        ...     again = dt.load_plan(plan.save(f"{folder}/prices.plan"))
        >>> again.table["price"].tolist()
        [2.0, 4.0, 6.0]
    """
    source = Path(place("folder", folder))
    recover(source)
    content, table = _read(source)
    try:
        parts = _parts(content["parts"], table)
        levers = tuple(_lever_again(each) for each in content["levers"])
        facts = decoded(Facts, content["facts"], "facts")
        sources = tuple(decoded(Source, each, "sources") for each in content["sources"])
        kept = _objective(content["objective"])
        _check_table(table, levers, content["n"])
    except (WrongShapeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _not_a_plan(source, short_reason(error)) from error
    from drivetrain.decisions.plan.plan import Plan  # noqa: PLC0415 - it calls `save_plan`

    simulator = None
    if rows is not None or models is not None:
        simulator, kept = _revived(
            table, levers, kept, rows=rows, models=models, objective=objective, scenarios=scenarios
        )
    elif objective is not None or scenarios is not None:
        name, value = ("scenarios", scenarios) if objective is None else ("objective", objective)
        refuse(name, value, "it together with rows= and models=", fix="To fix: pass these, too.")
    return Plan(parts, table, levers, kept, simulator=simulator, facts=facts, sources=sources)


def _parquet(table: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    kept = table.copy()
    kept.index.names = [f"index {i}" for i in range(kept.index.nlevels)]
    try:
        kept.to_parquet(stream, engine="pyarrow", index=True)
    except Exception as error:  # of pyarrow's own classes, and others
        raise ArtefactError(
            f"the table of the plan cannot be written: {short_reason(error)}; expected values of one kind in each "
            "column and in the index. To fix: give the rows a plain index, and the levers options that are all text or "
            "all numbers."
        ) from error
    return stream.getvalue()


def _check_place(target: Path) -> None:
    recover(target)
    if os.path.lexists(target) and not target.is_dir():
        reason = "it is a file"
    elif target.is_dir() and any(target.iterdir()) and not (target / PLAN).is_file():
        reason = "it is a folder with other files in it"
    else:
        reason = why_not_writable(target.absolute().parent) or ("" if target.name else "it is no name of a folder")
    if reason:
        raise SettingError(
            f"folder={readable(target)} cannot be used: {reason}; expected a new folder, or that of an older plan. To "
            "fix: give a new name, such as price.plan."
        )


def _read(source: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    if not (source / PLAN).is_file():
        where = "there is none" if not source.exists() else "it has no plan.json"
        raise ArtefactError(
            f"{readable(source)} is no saved plan: {where}; expected the folder of plan.save(folder). To fix: "
            "pass that one."
        )
    try:
        content = read_json((source / PLAN).read_bytes(), most_bytes=MOST_BYTES)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            said = content.get("format") if isinstance(content, dict) else None
            raise ValueError(f"its format is {said}, this version reads {FORMAT}")
        stored = (source / TABLE).read_bytes()
        if hashlib.sha256(stored).hexdigest() != content["table"]["sha256"]:
            raise ValueError(f"{TABLE} is not the one that was saved with it")
        table = pd.read_parquet(io.BytesIO(stored), engine="pyarrow")
        table.index.names = content["table"]["index"]
    except Exception as error:
        raise _not_a_plan(source, short_reason(error)) from error
    return content, table


def _not_a_plan(source: Path, reason: str) -> ArtefactError:
    return ArtefactError(
        f"{readable(source)} cannot be read as a plan: {reason}; expected the folder as plan.save(folder) wrote it. To "
        "fix: restore it, or make the plan anew."
    )


def _parts(content: Mapping[str, Any], table: pd.DataFrame) -> Parts:
    arrays = {name: table[column].to_numpy(np.float64) for name, column in _IN_TABLE.items()}
    promise = dict(content["promise"]) | {name: [] for name in arrays}
    support = dict(content["support"]) | {"where": []}
    decisions = {name: Decision.model_validate(each) for name, each in content["decisions"].items()}
    parts = decoded(Parts, {**content, "promise": promise, "support": support, "decisions": {}}, "parts")
    where = table[SUPPORT].to_numpy().astype(str)
    return dataclasses.replace(
        parts,
        promise=_with(parts.promise, arrays),
        support=Support(where, parts.support.shares, parts.support.how),
        decisions=decisions,
    )


def _with(promise: Promise, arrays: Mapping[str, Any]) -> Promise:
    return dataclasses.replace(promise, **arrays)


def _check_table(table: pd.DataFrame, levers: tuple[Lever, ...], n: int) -> None:
    missing = [lever.name for lever in levers if lever.name not in table]
    if missing or len(table) != n:
        raise WrongShapeError(
            f"the table has no column {missing[0]}" if missing else f"the table has not {counted(n, 'row')}"
        )


def _objective(content: Mapping[str, Any]) -> Objective:
    if content["is_expression"]:
        return as_objective(content["said"], name=content["name"])

    def gone(*_: Any) -> Any:
        raise SettingError(
            f"the objective {readable(content['name'])} is a function, which is not kept with a plan; expected it from "
            "you. To fix: dt.load_plan(folder, rows=rows, models=models, objective=function)."
        )

    return Objective(content["name"], gone, content["sha256"], content["said"], dict(content["numbers"]))


def _lever(lever: Lever) -> dict[str, Any]:
    plain = {field.name: getattr(lever, field.name) for field in dataclasses.fields(lever)}
    if callable(plain["cost"]):
        plain["cost"] = {"function": getattr(lever.cost, "__name__", type(lever.cost).__name__)}
    elif isinstance(plain["cost"], Mapping):
        plain["cost"] = {"options": [[encoded(key), encoded(each)] for key, each in plain["cost"].items()]}
    return encoded(plain)


def _lever_again(content: Mapping[str, Any]) -> Lever:
    plain = dict(content)
    plain["options"] = tuple(plain["options"])
    match plain["cost"]:
        case {"function": name}:

            def gone(*_: Any) -> Any:
                raise SettingError(
                    f"the cost of the lever is a function ({readable(name)}), which is not kept with a plan; expected "
                    "the plan of dt.decide. To fix: make the plan anew."
                )

            plain["cost"] = gone
        case {"options": pairs}:
            plain["cost"] = dict(pairs)
        case _:
            pass
    return Lever(**plain)


def _revived(
    table: pd.DataFrame,
    levers: tuple[Lever, ...],
    kept: Objective,
    *,
    rows: Any,
    models: Any,
    objective: Any,
    scenarios: Any,
) -> tuple[Simulator, Objective]:
    """The simulator, and the objective with its function.

    Raises:
        SettingError: Rows or models are missing or not those of the plan, or the objective is another.
    """
    if rows is None or models is None:
        missing = "rows" if rows is None else "models"
        refuse(missing, None, "rows and models together", fix=f"To fix: pass {missing}=, too.")
    frame = instance("rows", rows, pd.DataFrame, "the DataFrame that the plan is for")
    if not frame.index.equals(table.index):
        raise SettingError(
            f"rows, of {counted(len(frame), 'row')}, cannot be used: expected the {counted(len(table), 'row')} of the "
            "plan, with the index. To fix: pass the rows that dt.decide was given."
        )
    same = _same(kept, objective)
    given = instance("models", models, Mapping, "the models by the names that the objective calls them")
    members = {name: as_ensemble(name, model) for name, model in given.items()}
    return Simulator(same, frame, levers, members, scenarios=scenarios), same


def _same(kept: Objective, given: Any) -> Objective:
    if given is None:
        return kept  # of text it is whole; of a function it says itself that it is missing
    found = as_objective(given)
    if found.sha256 != kept.sha256:
        raise SettingError(
            f"objective={readable(found.name)} cannot be used: it is not the one of the plan, {readable(kept.name)} "
            f"({kept.sha256[:12]}), but {found.sha256[:12]}; expected the same source. To fix: pass the function as it "
            "was, or make the plan anew."
        )
    return found
