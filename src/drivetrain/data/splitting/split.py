"""Which rows train, which choose the model, and which are kept for the end: the three parts, by content."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_serializer, field_validator, model_validator

from drivetrain.data.splitting.coded import MOST_LISTED, packed, texts, unpacked
from drivetrain.errors import SettingError, SplitError, did_you_mean, first_few
from drivetrain.settings import number
from drivetrain.text import readable

Part = Literal["train", "valid", "test"]
Method = Literal["random", "stratified", "grouped", "stratified grouped", "time", "fold", "given"]
PARTS: tuple[Part, ...] = ("train", "valid", "test")
PART_WORDS: dict[str, str] = {"train": "training", "valid": "validation", "test": "test"}
SYNONYMS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
    "tst": "test",
}
"""What people call the parts, in lower case."""

FORMAT = "drivetrain split"
FORMAT_VERSION = 1


class Split(BaseModel):
    """The content of each part, as digests: enough to find the rows again wherever the files have moved.

    Example:
        >>> split = Split.of(["00", "11"], ["train", "valid"], method="random", seed=1, valid_pct=0.5, test_pct=0.0)
        >>> split.find("valid"), split.find("test")
        (frozenset({'11'}), frozenset())
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method
    seed: int
    valid_pct: float
    test_pct: float
    group: str | None = None
    """What says which rows belong together, where something does."""
    time: str | None = None
    """What says when a row was taken, where validation is later than training."""
    gap: float = 0.0
    """Time left out before validation and test set, in seconds or in the unit of the time column."""
    fold: str | None = None
    """Such as "2 of 5 (stratified)", for a fold of cross-validation."""
    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]
    identity: str
    """Hash over the three parts: two models with the same identity were trained and judged on the same rows."""

    @field_validator("train", "valid", "test", mode="before")
    @classmethod
    def _from_packed(cls, said: object) -> object:
        return unpacked(said) if isinstance(said, dict) else said

    @field_serializer("train", "valid", "test", when_used="json")
    def _packed(self, digests: tuple[str, ...]) -> object:
        return packed(digests) if len(digests) > MOST_LISTED else digests

    @model_validator(mode="after")
    def _identity_is_of_these_parts(self) -> Split:
        if self.identity != _identity(self.train, self.valid, self.test):
            raise ValueError("identity does not belong to these parts")
        return self

    @classmethod
    def of(
        cls,
        digests: Sequence[str],
        parts: Sequence[Part],
        *,
        method: Method,
        seed: int,
        valid_pct: float,
        test_pct: float,
        group: str | None = None,
        time: str | None = None,
        gap: float = 0.0,
        fold: str | None = None,
    ) -> Split:
        """The split that puts each digest in the part beside it."""
        assert len(digests) == len(parts), "columns of different length"
        train, valid, test = (tuple(sorted(set(compress(texts(digests), map(name.__eq__, parts))))) for name in PARTS)
        return cls(
            method=method,
            seed=seed,
            valid_pct=valid_pct,
            test_pct=test_pct,
            group=group,
            time=time,
            gap=gap,
            fold=fold,
            train=train,
            valid=valid,
            test=test,
            identity=_identity(train, valid, test),
        )

    @property
    def how(self) -> str:
        """How it was made, in words.

        Example:
            >>> Split.of(["0"], ["train"], method="time", seed=1, valid_pct=0, test_pct=0, time="day", gap=60.0).how
            "time (time='day', gap=60)"
        """
        settings = [f"{name}={value!r}" for name, value in (("group", self.group), ("time", self.time)) if value]
        settings += [f"gap={self.gap:g}"] if self.gap else []
        made = f"{self.method} {self.fold}" if self.fold else self.method
        return f"{made} ({', '.join(settings)})" if settings else made

    def find(self, part: Part) -> frozenset[str]:
        """The digests of one part."""
        return self._sets[part]

    @cached_property
    def _sets(self) -> dict[Part, frozenset[str]]:
        return {"train": frozenset(self.train), "valid": frozenset(self.valid), "test": frozenset(self.test)}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the split as JSON, for `images(…, split=path)` here or on another machine; it names no file.

        Raises:
            SettingError: `path` does not end in ``.json``, or cannot be written to.
        """
        place = Path(path)
        if place.suffix.lower() != ".json":
            raise SettingError(f"a split is saved as JSON, and {readable(place)} does not end in .json.")
        text = json.dumps({"format": FORMAT, "format_version": FORMAT_VERSION, "split": self.model_dump(mode="json")})
        beside = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            beside.write_text(text + "\n", encoding="utf-8")
            beside.replace(place)
        except OSError as error:
            raise SettingError(f"{readable(place)} cannot be written: {error.strerror or error}.") from error
        return place

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Split:
        """Read what `save` wrote.

        Raises:
            SplitError: The file is missing, altered, or no split.

        Example:
            >>> Split.load("/no/such/split.json")
            Traceback (most recent call last):
            drivetrain.errors.SplitError: /no/such/split.json cannot be read: No such file or directory.
        """
        place = Path(path)
        try:
            found = json.loads(place.read_text(encoding="utf-8"))
        except OSError as error:
            raise SplitError(
                f"{readable(place)} cannot be read: {error.strerror or error}. To fix: pass a file that "
                "Split.save wrote."
            ) from error
        except ValueError as error:
            raise SplitError(f"{readable(place)} is not JSON; expected what Split.save wrote.") from error
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise SplitError(f"{readable(place)} holds no split; expected what Split.save wrote.")
        if found.get("format_version") != FORMAT_VERSION:
            raise SplitError(
                f"{readable(place)} has version {found.get('format_version')!r}; expected {FORMAT_VERSION}. "
                "To fix: read it with the drivetrain that wrote it."
            )
        try:
            return cls.model_validate(found.get("split"))
        except ValidationError as error:
            raise SplitError(f"{readable(place)} was altered: {error.errors()[0]['msg']}.") from error


def asked_fractions(valid_pct: float | None, test_pct: float | None) -> tuple[float | None, float | None]:
    """The fractions as numbers, None where none was given; SettingError unless 0 ≤ each < 1 and their sum < 1.

    Example:
        >>> asked_fractions("0.2", None)
        (0.2, None)
    """
    valid = None if valid_pct is None else number("valid_pct", valid_pct, least=0, below=1)
    test = None if test_pct is None else number("test_pct", test_pct, least=0, below=1)
    check_fractions(valid or 0.0, test or 0.0)
    return valid, test


def check_fractions(valid_pct: float, test_pct: float) -> None:
    """Raise SettingError unless 0 ≤ each < 1 and their sum < 1.

    Example:
        >>> check_fractions(0.2, 0.2)
    """
    for name, value in (("valid_pct", valid_pct), ("test_pct", test_pct)):
        number(name, value, least=0, below=1)
    if valid_pct + test_pct >= 1:
        raise SettingError(
            f"valid_pct {valid_pct:g} and test_pct {test_pct:g} leave nothing to train on; "
            "expected a sum below 1. To fix: make one smaller."
        )


def parts_from_names(names: Iterable[str], where: str) -> list[Part]:
    """What people write (train, val, dev, ...) as parts; raises SplitError that names what is unknown.

    Example:
        >>> parts_from_names(["Train", "val"], "column 'split'")
        ['train', 'valid']
    """
    names = [name.strip() for name in names]
    unknown = sorted({name for name in names if name.casefold() not in SYNONYMS})
    if unknown:
        hint = did_you_mean(unknown[0].casefold(), ("train", "valid", "validation", "test"))
        raise SplitError(
            f"{where} has {len(unknown)} unknown values: {first_few(map(repr, unknown))}; expected train, valid or "
            f"test.{hint} To fix: rename them, or name another split column."
        )
    return [SYNONYMS[name.casefold()] for name in names]


def _identity(*parts: Sequence[str]) -> str:
    """Order inside a part does not matter; which part a digest is in does."""
    text = "\n".join(",".join(sorted(part)) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


Split.__module__ = "drivetrain"  # where people find it, so that messages and help say so
