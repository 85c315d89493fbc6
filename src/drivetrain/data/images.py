"""`images`: from a folder, a table file or a DataFrame to checked, divided pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from drivetrain.data.check import CheckReport, check_pictures, problems
from drivetrain.data.data import Data, Sealed
from drivetrain.data.divide import (
    divide,
    fit_target,
    leave_out_unknown,
    require_rows,
    warn,
    warn_same_content,
    warn_unseen_in_validation,
)
from drivetrain.data.examples import Examples
from drivetrain.data.listing import Kind, Listed
from drivetrain.data.sources import Source, read_source
from drivetrain.data.split import PARTS, Part, Split, check_fractions
from drivetrain.errors import DataError, SettingError, did_you_mean


def images(
    source: Source,
    *,
    target: str | Sequence[str] | None = None,
    path: str | None = None,
    split: str | None = None,
    valid_pct: float | None = None,
    test_pct: float | None = None,
    seed: int = 42,
    stratify: bool = True,
    kind: Kind | None = None,
    label_delim: str | None = None,
    channels: int = 3,
    broken: Literal["leave out", "error"] = "leave out",
) -> Data:
    """Pictures and what they show, checked and divided into training, validation and test set.

    Args:
        source: A folder with one sub-folder per class, or with train/, valid/ and test/ that hold such folders; a
            CSV, TSV or Parquet file; or a DataFrame. Paths in a table are absolute or start at the table's folder
            (a DataFrame's: at the working directory).
        target: Target column or columns; None takes one called label, target, class, ..., or the only one left.
        path: Column of the paths; None takes one called path, file, image, ..., or the one that looks like it.
        split: Column that says train, valid or test; None takes one called split, set, ... if all its cells do.
        valid_pct: Fraction held out for validation; None means 0.2, or what the source itself sets apart.
        test_pct: Fraction held out for the test set; None means 0.2, or what the source itself sets apart.
        seed: Another number draws another split; the same one draws the same rows on any machine.
        stratify: Divide every class in the same proportion (one category per row only).
        kind: What the target is; None infers it from the values and records why.
        label_delim: What separates several labels in one cell, such as ";".
        channels: 1 grey, 3 colour, 4 colour with transparency; other numbers need `.npy` files.
        broken: "leave out" goes on without files that cannot be read, with a warning; "error" stops.

    Raises:
        DataError: The source is empty or unclear, no row is usable, or there is nothing to tell apart.
        SplitError: The parts cannot be made as asked.
        SettingError: An argument cannot be used, alone or with this source.

    Example:
        >>> images("/no/such/folder")
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such/folder does not exist; expected a folder of pictures or a table file.
    """
    check_choice("kind", kind, (None, "category", "categories", "number"))
    check_choice("broken", broken, ("leave out", "error"))
    check_whole("channels", channels, least=1)
    check_whole("seed", seed, least=0)
    check_fractions(valid_pct or 0.0, test_pct or 0.0)
    listed = read_source(source, target=target, path=path, split=split, kind=kind, label_delim=label_delim)
    examples, given, report = check_listed(listed, channels=channels, broken=broken)
    warn_same_content(examples, given)
    asked_kind = listed.spec.kind
    if asked_kind == "category" and len(set(examples.values)) < 2:
        fit_target(asked_kind, listed.target_names, examples.values)  # says so before a split is tried
    require_rows(given or ("train",), ("train",))
    division = divide(
        examples, given, kind=asked_kind, valid_pct=valid_pct, test_pct=test_pct, seed=seed, stratify=stratify
    )
    trained = [value for value, part in zip(examples.values, division.parts, strict=True) if part == "train"]
    fitted = fit_target(asked_kind, listed.target_names, trained)
    kept, unknown = leave_out_unknown(examples, division.parts, fitted)
    examples = examples.subset(kept)
    parts: list[Part] = [division.parts[row] for row in kept]
    require_rows(parts, set(division.parts))
    train, valid, test = (examples.subset([i for i, part in enumerate(parts) if part == name]) for name in PARTS)
    warn_unseen_in_validation(train, valid)
    return Data(
        train=train,
        valid=valid,
        sealed_test=Sealed(test),
        target=fitted,
        split=Split.of(
            examples.digests,
            parts,
            method=division.method,
            seed=seed,
            valid_pct=division.valid_pct,
            test_pct=division.test_pct,
        ),
        spec=listed.spec,
        source=listed.description,
        location=os.path.abspath(source) if isinstance(source, (str, os.PathLike)) else None,  # noqa: PTH100 - keeps links
        channels=channels,
        report=replace(report, left_out=report.left_out + unknown),
        decisions={**listed.decisions, "split": division.decision},
    )


def check_listed(
    listed: Listed, *, channels: int, broken: Literal["leave out", "error"] = "leave out"
) -> tuple[Examples, tuple[Part, ...] | None, CheckReport]:
    """Open every listed picture once: the rows that can be used, their given parts, and the report.

    Raises:
        DataError: No row is usable; or a file is broken and `broken` is "error".
    """
    checked = check_pictures(listed.paths, channels=channels)
    bad = problems(listed.paths, checked)
    report = CheckReport(listed.n_rows, listed.left_out + tuple(bad), listed.ignored)
    good = [row for row, found in enumerate(checked) if found.problem is None]
    if not good:
        raise DataError(f"{listed.description} has no usable row. {report}\nMend it: see the reasons above.")
    if bad and broken == "error":
        raise DataError(
            f"{listed.description} has pictures that cannot be used, and broken='error' was asked for. {report}\n"
            "Mend it: replace these files, or pass broken='leave out'."
        )
    if report.left_out:
        warn(f"{listed.description}: {report}")
    examples = Examples(
        tuple(listed.paths[row] for row in good),
        tuple(checked[row].digest for row in good),
        tuple(listed.values[row] for row in good),
    )
    given = listed.parts
    return examples, None if given is None else tuple(given[row] for row in good), report


def check_choice(name: str, value: object, known: Sequence[object]) -> None:
    """Raise SettingError unless `value` is one of `known`.

    Example:
        >>> check_choice("broken", "eror", ["leave out", "error"])
        Traceback (most recent call last):
        drivetrain.errors.SettingError: broken is 'eror'; expected one of 'leave out', 'error'. Did you mean 'error'?
    """
    if value not in known:
        hint = did_you_mean(str(value), [choice for choice in known if isinstance(choice, str)])
        raise SettingError(f"{name} is {value!r}; expected one of {', '.join(map(repr, known))}.{hint}")


def check_whole(name: str, value: object, *, least: int) -> None:
    """Raise SettingError unless `value` is a whole number of at least `least`.

    Example:
        >>> check_whole("seed", 1.5, least=0)
        Traceback (most recent call last):
        drivetrain.errors.SettingError: seed is 1.5; expected a whole number of at least 0.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingError(f"{name} is {value!r}; expected a whole number of at least {least}.")
