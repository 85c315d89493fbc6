"""What `caption_report` gives: numbers, captions from worst to best, and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from drivetrain.calls import named
from drivetrain.captions.judging.judged import Judged
from drivetrain.captions.reading.pictures import Pictures
from drivetrain.errors import DataError
from drivetrain.evaluation.calibration import abstain_threshold
from drivetrain.evaluation.scores import Score
from drivetrain.pages.charts import Bin
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import number, place
from drivetrain.text import printable


@dataclass(frozen=True)
class OfObject:
    """What captions say of one object."""

    name: str
    in_pictures: int
    """Captions whose picture holds it."""
    named: int
    """Captions that say it is there."""
    absent: int
    """Those of them whose picture does not hold it."""
    missed: int
    """Captions whose picture holds it and that do not name it."""


@dataclass(frozen=True)
class Surest:
    """How often captions are wrong if only the surest are given."""

    share: float
    """Of all captions that are given."""
    least: float
    """Likelihood of the least sure of these."""
    wrong: Score


@dataclass(frozen=True, eq=False)
class CaptionReport:
    """How far captions can be trusted.

    `print(report)` says it, `report.as_json()` has every number, `report.save("captions.html")` writes the page.

    Example:
        >>> import drivetrain as dt
        >>> said = {"1": "two apples", "2": "a nice apple"}
        >>> report = dt.caption_report(said, objects={"1": ["apple"], "2": ["lemon"]})
        >>> report.scores["captions_wrong"].value, report.worst(1)[0].absent
        (0.5, ('apple',))
    """

    scores: Mapping[str, Score]
    """By name: hallucinated, captions_wrong, missed, sounds_right_is_wrong, …; `note` says why one cannot be had."""
    rows: Sequence[Judged]
    """Every caption, in the order given."""
    objects: Sequence[OfObject]
    """Those that are named most where they are not there first."""
    surest: Sequence[Surest]
    reliability: Sequence[Bin]
    unknown_words: Sequence[tuple[str, int]]
    """Words that captions use and no object is called, with the number of captions."""
    decisions: Mapping[str, Decision]
    notes: Sequence[str]
    """What was left out or cannot be said."""
    level: float
    note: str = ""
    """What the captions are, in the words of who made the report."""
    pictures: Pictures = field(default_factory=dict[str, Any], repr=False)

    @property
    def n(self) -> int:
        """Captions."""
        return len(self.rows)

    @property
    def n_pictures(self) -> int:
        """Pictures that have captions."""
        return len({row.said.picture for row in self.rows})

    @property
    def sentence(self) -> str:
        """The answer, in one."""
        from drivetrain.captions.saying import sentence  # noqa: PLC0415 - it reads this class

        return sentence(self)

    def worst(self, n: int | None = None) -> list[Judged]:
        """Captions from the worst to the best: by what they name that is not there, then by what they say of it."""
        ordered = sorted(self.rows, key=_goodness)
        return ordered if n is None else ordered[:n]

    @named
    def abstain_below(self, wrong: Any = 0.05) -> float | None:
        """The likelihood below which no caption should be given, so that at most a share of those given is wrong.

        Args:
            wrong: Share of the captions given that may name something that is not there, in (0, 1). The share holds
                with 95 % confidence, of pictures like these.

        Returns:
            0 where every caption may be given; None where no threshold keeps to it: there are too few captions, or the
            likelihood says too little.

        Raises:
            DataError: There are no likelihoods, or nothing says what is in the pictures.
            SettingError: `wrong` is no share.

        Example:
            ::

                report.abstain_below(wrong=0.1)
        """
        wrong = number("wrong", wrong, above=0, below=1)
        rows = [row for row in self.rows if row.marks is not None and row.said.sure is not None]
        if not rows:
            raise DataError(
                "a threshold needs captions with a likelihood whose pictures are known; expected both. To fix: pass "
                "likelihood= or model=, and objects= or references=."
            )
        sure_N = np.array([row.said.sure for row in rows], dtype=np.float64)
        right_N = np.array([not row.wrong for row in rows])
        return abstain_threshold(sure_N, right_N, wrong, np.array([row.said.picture for row in rows]))

    def __str__(self) -> str:
        from drivetrain.captions.saying import summary  # noqa: PLC0415 - it reads this class

        return printable(summary(self))

    def __repr__(self) -> str:
        return str(self)

    def as_json(self) -> dict[str, Any]:
        """Every number, plain; None where there is none."""
        return {
            "sentence": self.sentence,
            "n": self.n,
            "n_pictures": self.n_pictures,
            "level": self.level,
            "scores": {name: score.as_json() | {"note": score.note} for name, score in self.scores.items()},
            "objects": [vars(one) | {} for one in self.objects],
            "surest": [{"share": s.share, "least": s.least, "wrong": s.wrong.as_json()} for s in self.surest],
            "reliability": [bin._asdict() for bin in self.reliability],
            "unknown_words": [{"word": word, "captions": n} for word, n in self.unknown_words],
            "captions": [row.as_json() for row in self.rows],
            "decisions": {name: decision.model_dump() for name, decision in self.decisions.items()},
            "notes": list(self.notes),
            "note": self.note,
        }

    def html(self) -> str:
        """The page."""
        from drivetrain.captions.page.document import page  # noqa: PLC0415 - it reads this class

        return page(self)

    @named
    def save(self, path: Any) -> Path:
        """Write the page.

        Args:
            path: Of the HTML file; an older one is replaced.

        Raises:
            SettingError: It is no path, or cannot be written.
        """
        from drivetrain.runtime.files.places import PAGES, file_to_write  # noqa: PLC0415

        target = Path(place("path", path))
        file_to_write(target, "path", over=PAGES)
        target.write_text(self.html(), encoding="utf-8", errors="replace")
        return target


def _goodness(row: Judged) -> tuple[float, float, float]:
    """Worst first: objects that are not there, then what agrees with references, then what is missed."""
    agreed = row.overlap if row.overlap is not None else 0.0
    cider = row.cider if row.cider is not None else agreed
    found = len(row.present) - len(row.missed)
    share = found / len(row.present) if row.present else 0.0
    return (-float(len(row.absent)), cider, share)


CaptionReport.__module__ = "drivetrain"  # where people find it, so that messages and help say so
