"""What commands answer: text for people, one JSON object for machines, on an otherwise empty standard output."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drivetrain.cli.streams import write_line
from drivetrain.runtime.files.strict_json import finite

if TYPE_CHECKING:
    from drivetrain.evaluation.scores import Scores
    from drivetrain.runtime.decisions import Decision

AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output and nothing else there.", show_default=False)
]
Answer = Callable[[str], None]
MOST_WORDS = 5
"""That one line names as explained."""


@contextmanager
def answers() -> Generator[Answer]:
    """Call what it yields to print a line of results; what libraries print meanwhile goes to standard error."""
    stream = sys.stdout
    with redirect_stdout(sys.stderr):
        yield lambda line: write_line(line, stream)


def as_json(value: Mapping[str, Any]) -> str:
    r"""JSON on one line in plain ASCII, so that any file name survives any encoding; what is no number is null.

    Example:
        >>> as_json({"path": "b\udcff.jpg", "value": float("nan")})
        '{"path": "b\\udcff.jpg", "value": null}'
    """
    return json.dumps(finite(value), allow_nan=False)


def scores_as_json(scores: Scores) -> dict[str, dict[str, float | int | None]]:
    """Metric name → value, low, high, n."""
    return {name: score.as_json() for name, score in scores.items()}


def decisions_as_json(decisions: Mapping[str, Decision]) -> dict[str, dict[str, Any]]:
    """Name → value, reason."""
    return {name: decision.model_dump() for name, decision in decisions.items()}


def scores_as_text(scores: Scores) -> str:
    """A heading, then a line for each metric and one for the loss.

    Example:
        >>> from drivetrain.evaluation.scores import Score, Scores
        >>> accuracy = Score(name="accuracy", label="accuracy", value=1.0, low=0.5, high=1.0, n=4, percent=True)
        >>> print(scores_as_text(Scores({"accuracy": accuracy}, part="test", n=4, loss=0.25)))
        test set
          accuracy 100.0 % [50.0, 100.0], n = 4
          loss 0.250 (what the optimiser reads)
    """
    return "\n".join([scores.where, *(f"  {line}" for line in str(scores).splitlines())])


def next_steps(steps: Iterable[tuple[str, str]]) -> str:
    """What to type next, each command with what it is for.

    Example:
        >>> print(next_steps([("drivetrain predict a.model FILE", "ask it about a picture")]))
        next:
          drivetrain predict a.model FILE   ask it about a picture
    """
    steps = list(steps)
    width = max(len(command) for command, _ in steps)
    return "\n".join(["next:", *(f"  {command:<{width}}   {purpose}" for command, purpose in steps)])


def words_in(text: str) -> str:
    """Text, and below it which of its words are explained and how; nothing more where it uses none.

    Example:
        >>> print(words_in("accuracy 83.8 % [68.4, 92.5], n = 36"))
        accuracy 83.8 % [68.4, 92.5], n = 36
        what words mean: drivetrain docs accuracy (or interval)
    """
    from drivetrain.pages.terms import names_in  # noqa: PLC0415 - brings the page of terms

    names = names_in(text)[:MOST_WORDS]
    if re.search(r"\[[^\]]*\d, ", text):
        names = [*(name for name in names if name != "interval"), "interval"]
    if not names:
        return text
    others = f" (or {', '.join(names[1:])})" if len(names) > 1 else ""
    return f"{text}\nwhat words mean: drivetrain docs {names[0]}{others}"


def quoted(path: Path) -> str:
    """A path as it can be typed in a shell.

    Example:
        >>> quoted(Path("my fruit.model")), quoted(Path("-fruit.model"))
        ("'my fruit.model'", './-fruit.model')
    """
    from drivetrain.text import readable  # noqa: PLC0415 - brings numpy

    text = readable(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)  # else a command takes it for an option


def check_out(out: Path) -> None:
    """Refuse a place that cannot be written to, and say what will be replaced, before training rather than after."""
    from drivetrain.progress import say  # noqa: PLC0415 - brings rich
    from drivetrain.runtime.artefact import check_target_of_training, is_artefact  # noqa: PLC0415 - brings pydantic

    if is_artefact(check_target_of_training(out)):
        say(f"{quoted(out)} holds a model; it is replaced once this training is done")
