"""`drivetrain review`: a local page to clean data with, and the file its decisions are kept in."""

from __future__ import annotations

import math
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from drivetrain.cli.checked import path_of, text_path_of
from drivetrain.cli.data_options import InputKind
from drivetrain.cli.place import Device, Precision, PrecisionName
from drivetrain.cli.project import ProjectFolder
from drivetrain.cli.results import answers, quoted
from drivetrain.errors import SettingError, did_you_mean
from drivetrain.text import counted

if TYPE_CHECKING:
    from drivetrain.learner.review import ReviewRows
    from drivetrain.pages.html import Html

PICTURE_PX = 640
"""Longest side of a picture on the page."""
MOST_LETTERS = 20_000
"""Of a text that can be read on the page."""
TITLES = {
    "labels": ("Likely wrong labels", "The label and a model that has not seen it disagree, and the model is sure."),
    "duplicates": (
        "Duplicates",
        "Pairs that show the same, or one a part of the other; those with different labels first. Remove one; "
        "give copies of the very same file their right label, since what is decided of one holds for all.",
    ),
    "odd": (
        "Unlike their class",
        "Rows that are least like the others of their class: what does not belong, odd ones, and rare ones that do.",
    ),
    "all": ("All rows", "Class by class."),
    "losses": ("Highest losses", "Validation rows that the model is most wrong about: odd ones and wrong labels."),
}


def review(
    model: Annotated[
        Path,
        typer.Argument(
            help="Folder that `drivetrain train` wrote; or, before any training, a folder or table of rows.",
            metavar="MODEL|DATA",
            parser=path_of("MODEL"),
        ),
    ],
    *,
    data: Annotated[
        str | None,
        typer.Option(
            help="Folder or table that holds the rows now.",
            parser=text_path_of("data"),
            metavar="DATA",
            show_default="where they were trained from",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="File of the decisions; an earlier one is gone on with.")] = Path(
        "review.jsonl"
    ),
    port: Annotated[int, typer.Option(help="Of the page, on this machine alone; 0 takes a free one.", min=0)] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    input: InputKind = "images",
    device: Device = "auto",
    precision: Precision = PrecisionName.AUTO,
    project: ProjectFolder = None,
) -> None:
    """Look through likely wrong labels, duplicates and top losses on a local page: keep, relabel or remove.

    Of data without a model, such as what `drivetrain collect` brought: likely wrong labels, what is unlike the others
    of its class, duplicates, and all rows.

    Each decision is written to the file as it is made; stop with Ctrl-C and go on later. Nothing is changed in your
    data: `dt.images(..., review="review.jsonl")` applies the file. The sealed test rows are not shown.
    """
    from drivetrain.cli.commands.review_server import ReviewServer  # noqa: PLC0415
    from drivetrain.learner.saving.saved_model import gather  # noqa: PLC0415 - brings torch
    from drivetrain.runtime.files.places import file_to_write  # noqa: PLC0415

    file_to_write(out, "--out", over=(".jsonl",))
    decisions_in(out)  # says so now if the file is something else
    with answers() as answer:
        if _is_data(model):
            rows = _rows_of_data(model, data, input, project)
        else:
            rows = gather(model, data=data, device=device, precision=precision.value, project=project)
        desk = Desk(rows, out)
        server = ReviewServer(desk.items, desk.picture, desk.decide, sound=desk.sound, port=port)
        answer(f"review at {server.url}")
        answer(f"decisions go to {quoted(out)}; stop with Ctrl-C")
        if not no_browser:
            webbrowser.open(server.url)
        try:
            server.run()
        except KeyboardInterrupt:
            answer(f"{counted(len(decisions_in(out)), 'row')} decided, in {quoted(out)}")
        finally:
            server.close()


def _is_data(place: Path) -> bool:
    """Whether these are rows that no model was trained on: a table, or a folder that is no model."""
    return place.is_file() if not place.is_dir() else not (place / "manifest.json").exists() and any(place.iterdir())


def _rows_of_data(place: Path, data: str | None, input: str, project: Any) -> ReviewRows:
    from drivetrain.data.assemble import open_source  # noqa: PLC0415 - brings pandas
    from drivetrain.learner.review import review_data  # noqa: PLC0415 - brings torch
    from drivetrain.text import readable  # noqa: PLC0415

    if data is not None:
        raise SettingError(
            f"data={data!r} says where the rows of a model are, but {readable(place)} is no model; expected one of the "
            "two. To fix: leave data out, or give the model."
        )
    found = open_source(str(place), input, valid_pct=0, test_pct=0, project=project)
    return review_data(found, readable(place.name))


def decisions_in(out: Path) -> Mapping[str, Any]:
    """What the file holds already; empty where there is none.

    Raises:
        DataError: The file is no review.
    """
    from drivetrain.data.review import read_review  # noqa: PLC0415

    return read_review(out) if out.exists() and out.stat().st_size else {}


class Desk:
    """Rows on the page and their decisions in the file.

    Args:
        rows: What to look at.
        out: The file of decisions.
    """

    def __init__(self, rows: ReviewRows, out: Path) -> None:
        self.rows, self.out = rows, out
        self._shown = rows.shown()
        self._decided = dict(decisions_in(out))

    def items(self) -> Mapping[str, Any]:
        """The whole page, for JSON."""
        import drivetrain as dt  # noqa: PLC0415
        from drivetrain.evaluation.report.showing import plays  # noqa: PLC0415
        from drivetrain.learner.review import as_label  # noqa: PLC0415
        from drivetrain.text import readable  # noqa: PLC0415

        target, name = self.rows.target, readable(self.out)
        kind = self.rows.examples.kind
        called = kind if kind in dt.__all__ else "images"
        lists = [
            {
                "key": key,
                "title": TITLES[key][0],
                "why": TITLES[key][1],
                "items": [
                    {
                        "rows": list(item.rows),
                        "suggestion": None if item.suggestion is None else as_label(item.suggestion),
                    }
                    for item in items
                ],
            }
            for key, items in self.rows.items.items()
        ]
        return {
            "title": self.rows.title,
            "source": self.rows.source,
            "file": name,
            "apply": f"dt.{called}(…, review={str(name)!r})",
            "kind": target.kind,
            "vocab": list(target.categories),
            "names": list(target.names) if target.kind == "number" else [],
            "notes": list(self.rows.notes),
            "rows": {row: self._row(row) for row in self._shown},
            "lists": lists,
            "decisions": self.decisions(),
            "plays": plays(kind),
        }

    def _row(self, row: int) -> dict[str, Any]:
        """What is shown of one row."""
        from drivetrain.evaluation.report.showing import text_of  # noqa: PLC0415
        from drivetrain.learner.review import as_label  # noqa: PLC0415
        from drivetrain.text import readable  # noqa: PLC0415

        examples, said, target = self.rows.examples, self.rows.said, self.rows.target
        source, called = examples.inputs[row], examples.inputs.name(row)
        text = text_of(examples.kind, source, **examples.options)
        judge = self.rows.judges[row >= self.rows.n_valid]
        found: dict[str, Any] = {
            "name": readable("/".join(source.parts[-2:])) if isinstance(source, Path) else called,
            "path": called,
            "part": self.rows.part(row),
            "label": as_label(examples.values[row]),
            "text": text if text is None else text[:MOST_LETTERS],
            "copies": examples.digests.count(examples.digests[row]),
            "judge": f"{judge} says",
            "said": None,
            "of_label": None,
            "of_said": None,
        }
        if judge:
            found["said"] = as_label(said.subset([row]).decoded()[0])
            if target.kind == "category":
                found["of_said"] = float(said.output[row].max())
                found["of_label"] = float(said.output[row, int(said.known_truth()[row])])
        return found

    def picture(self, row: int) -> tuple[bytes, str] | None:
        """What is shown of a row, and its media type; None for one not on the page, or that cannot be read."""
        from drivetrain.pages.chart import as_file  # noqa: PLC0415

        shown = self._drawn(row)
        return None if shown is None else as_file(shown, PICTURE_PX)

    def sound(self, row: int) -> tuple[bytes, str] | None:
        """What is heard of a row, and its media type; None where nothing is."""
        from drivetrain.pages.chart import sound_of  # noqa: PLC0415

        shown = self._drawn(row)
        return None if shown is None else sound_of(shown)

    def _drawn(self, row: int) -> Html | None:
        from drivetrain.evaluation.report.showing import shown_source  # noqa: PLC0415

        if row not in self._shown:
            return None
        rows = self.rows.examples
        return shown_source(rows.kind, rows.inputs[row], side_px=PICTURE_PX, **rows.options)

    def decide(self, row: int, action: str, label: Any) -> Mapping[str, Any]:
        """Store a decision about a row that is shown; all decisions are given back.

        Raises:
            SettingError: The row, the action or the label is none of those that there are.
            DataError: The file cannot be written.
        """
        from drivetrain.data.review import record  # noqa: PLC0415

        if row not in self._shown:
            raise SettingError(f"row {row} is not among those that are shown.")
        value = self._label(label) if action == "relabel" else None
        record(self.out, self.rows.examples.digests[row], cast(Any, action), value)
        self._decided = dict(decisions_in(self.out))  # what counts is what the file says
        return self.decisions()

    def decisions(self) -> dict[str, Any]:
        """Row → action and label, of the rows that are shown."""
        digests = self.rows.examples.digests
        return {
            str(row): {"action": made.action, "label": made.label}
            for row in self._shown
            if (made := self._decided.get(digests[row])) is not None
        }

    def _label(self, label: Any) -> Any:
        """The label as the target knows it."""
        target = self.rows.target
        listed: list[Any] | None = None
        if isinstance(label, str | int | float):
            listed = [label]
        elif isinstance(label, list):
            listed = cast("list[Any]", label)
        if target.kind == "number":
            if listed and len(listed) == len(target.names) and all(map(_is_finite, listed)):
                return tuple(float(number) for number in listed)
            raise SettingError(
                f"{label!r} is no value for {target.name}: {len(target.names)} finite numbers are expected."
            )
        if listed is None or not all(isinstance(name, str) for name in listed):
            raise SettingError(f"{label!r} is no label: text is expected.")
        for name in listed:
            if name not in target.vocab:
                raise SettingError(f"{name!r} is no category of {target.name!r}.{did_you_mean(name, target.vocab)}")
        if target.kind == "categories":
            return tuple(dict.fromkeys(listed))
        if len(listed) != 1:
            raise SettingError(f"{len(listed)} labels were given; one category is expected.")
        return listed[0]


def _is_finite(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
