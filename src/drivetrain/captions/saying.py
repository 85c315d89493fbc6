"""The report in words."""

from __future__ import annotations

from collections.abc import Sequence

from drivetrain.captions.result import CaptionReport
from drivetrain.evaluation.scores import Score
from drivetrain.text import counted, readable


def percent(value: float | None) -> str:
    """A share in whole percent, with a digit where it is small.

    Example:
        >>> percent(0.234), percent(0.004), percent(None)
        ('23 %', '0.4 %', '–')
    """
    if value is None:
        return "–"
    return f"{100 * value:.0f} %" if value >= 0.095 or value == 0 else f"{100 * value:.1f} %"


def within(score: Score) -> str:
    """The interval in words; empty where there is none.

    Example:
        >>> within(Score(name="a", label="a", value=0.5, low=0.25, high=0.75, n=10, percent=True))
        ' (25 to 75 %)'
    """
    if score.low is None or score.high is None:
        return ""
    return f" ({percent(score.low).removesuffix(' %')} to {percent(score.high)})"


def sentence(report: CaptionReport) -> str:
    """The answer, in one or two."""
    scores = report.scores
    wrong, sounds = scores["captions_wrong"], scores["sounds_right_is_wrong"]
    if wrong.value is None:
        cider = scores["cider_d"]
        if cider.value is None:
            return "Nothing says what is in the pictures, so whether these captions are right cannot be said."
        return (
            f"These captions agree with the references to {cider.value:.2f} of 10 (CIDEr-D); whether they name things "
            "that are not there cannot be said, as nothing says what is in the pictures."
        )
    if scores["hallucinated"].value is None:
        return (
            f"No object that was looked for is named in {counted(wrong.n, 'caption')}, so whether what they name is "
            "there cannot be said."
        )
    if wrong.value == 0:
        upper = "" if wrong.high is None else f" (at most {percent(wrong.high)})"
        return f"None of {counted(wrong.n, 'caption')} names something that is not in its picture{upper}."
    said = f"{percent(wrong.value)} of the captions name something that is not in the picture{within(wrong)}"
    if sounds.value is None:
        return f"{said}."
    return f"{said}; of the half that sounds best, {percent(sounds.value)} do{within(sounds)}."


def told(report: CaptionReport) -> str:
    """Whether how a caption sounds says anything about whether it is right."""
    tells = report.scores["fluency_tells"]
    if tells.value is None:
        return ""
    if tells.low is not None and tells.high is not None and tells.low <= 0.5 <= tells.high:
        return "How a caption sounds does not say whether it is right: the interval of the AUC includes .5."
    if tells.value < 0.5:
        return "Captions that sound better are wrong more often."
    return "Captions that sound better are right more often."


def summary(report: CaptionReport) -> str:
    """The answer, the numbers, and what is to be known about them, line by line."""
    lines = [report.sentence, f"{counted(report.n, 'caption')} of {counted(report.n_pictures, 'picture')}"]
    lines += [f"  {score}" for score in report.scores.values() if score.value is not None]
    if (words := told(report)) != "":
        lines.append(words)
    named = [one for one in report.objects if one.absent]
    if named:
        lines.append("named and not there: " + ", ".join(f"{readable(one.name)} {one.absent}" for one in named[:5]))
    worst = [row for row in report.worst(3) if row.wrong]
    lines += [f"  {_short(row.said.picture, row.said.text)} — not there: {_names(row.absent)}" for row in worst]
    lines += [f"note: {note}" for note in report.notes]
    return "\n".join(lines)


def _short(picture: str, text: str) -> str:
    return f"{readable(picture)[-40:]}: {readable(text)[:80]}"


def _names(names: Sequence[str]) -> str:
    return ", ".join(readable(name) for name in names)
