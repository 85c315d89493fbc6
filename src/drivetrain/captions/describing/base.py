"""What all captioners here have in common: pictures that cannot be read, and saying that they are not sure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, cast

from drivetrain.calls import named
from drivetrain.captions.caption import Caption, has_word
from drivetrain.captions.result import CaptionReport
from drivetrain.errors import DataError, InputError, SettingError
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.pictures.read import read_picture
from drivetrain.runtime.targets import Array
from drivetrain.settings import instance, number, text

LEAST = 1e-12
"""A probability below this counts as this."""


class Describes(ABC):
    """A captioner: `caption(picture)`, `likelihood(picture, text)`, and a threshold below which it abstains.

    Args:
        name: What people call it.
        abstain_below: Likelihood below which a caption is marked as abstained; None: never.
    """

    def __init__(self, name: str, *, abstain_below: float | None = None) -> None:
        self.name = name
        self.abstain_below = abstain_below
        self.decisions: dict[str, Decision] = {}
        self.shrink_to_px: int | None = None
        """The side that is looked at later: large pictures are decoded smaller."""

    @abstractmethod
    def _write(self, picture: Array) -> tuple[str, float]:
        """The caption of an (H, W, 3) uint8 picture, and the mean probability of its words."""

    @abstractmethod
    def _likelihood(self, picture: Array, text: str) -> float:
        """Mean probability (geometric) of the words of a text."""

    @named
    def caption(self, picture: Any) -> Caption:
        """The caption of one picture, and how sure the model is of its words.

        Args:
            picture: A path, bytes of a picture file, a Pillow image or an array.

        Raises:
            PictureError: It cannot be read.
            SettingError: It is no picture.
        """
        text, sure = self._write(self._read(picture))
        sure = min(max(sure, LEAST), 1.0)
        return Caption(text, sure, abstained=self.abstain_below is not None and sure < self.abstain_below)

    @named
    def caption_many(self, pictures: Any) -> list[Caption]:
        """Captions of many pictures, in their order; of one that cannot be read, the `error`.

        Args:
            pictures: A list of what `caption` takes.

        Raises:
            SettingError: It is no list.
        """
        if isinstance(pictures, str | bytes | Mapping) or not isinstance(pictures, Iterable):
            raise SettingError(
                "pictures is no list of pictures; expected paths, arrays or Pillow images. To fix: pass a list, or use "
                "caption() for one."
            )
        found: list[Caption] = []
        for picture in cast("Iterable[Any]", pictures):
            try:
                found.append(self.caption(picture))
            except (InputError, SettingError) as error:
                found.append(Caption("", LEAST, error=str(error)))
        return found

    @named
    def likelihood(self, picture: Any, text: Any) -> float:
        """How likely the model finds a text beside a picture: the mean probability (geometric) of its words.

        Of a text that is longer than the model has room for, its beginning counts.

        Args:
            picture: As of `caption`.
            text: Any caption.

        Raises:
            PictureError: The picture cannot be read.
            SettingError: `text` is no text.
        """
        said = self._text("text", text)
        return min(max(self._likelihood(self._read(picture), said), LEAST), 1.0)

    @named
    def calibrate(self, report: Any, *, wrong: Any = 0.05) -> float | None:
        """Abstain from now on where the likelihood is too low to keep to a share of wrong captions.

        Args:
            report: What `caption_report` gave of this captioner's captions.
            wrong: Share of the captions given that may name something that is not there; it holds with 95 %
                confidence, of pictures like those of the report.

        Returns:
            The threshold. Where none keeps to the share, None: then the captioner abstains always, and a warning says
            so.

        Raises:
            DataError: The report has no likelihoods, or nothing says what is in its pictures.
            SettingError: It is no report, or `wrong` no share.
        """
        report = instance("report", report, CaptionReport, "what drivetrain.caption_report gives")
        wrong = number("wrong", wrong, above=0, below=1)
        found = report.abstain_below(wrong)
        if found is None:
            warn(
                f"no likelihood keeps {self.name} to {100 * wrong:g} % of wrong captions, with 95 % confidence, on "
                f"{report.n:,} captions: from now on it abstains from all. To fix: judge it on more pictures, or allow "
                "more."
            )
        self.abstain_below = 1.1 if found is None else found
        self.decisions["abstain_below"] = Decision(
            value=found, reason=f"at most {100 * wrong:g} % of captions given are wrong, by {report.n:,} captions"
        )
        return found

    def _read(self, picture: Any) -> Array:
        return read_picture(picture, shrink_to_px=self.shrink_to_px)

    def __call__(self, picture: Any) -> Caption:
        """The same as `caption`."""
        return self.caption(picture)

    def __repr__(self) -> str:
        return f"captioner({self.name!r})"

    def _text(self, name: str, value: Any) -> str:
        said = text(name, value, what="a caption")
        if not has_word(said):
            raise DataError(f"{name}={said!r} holds no word; expected a caption. To fix: pass one.")
        return said


def threshold_of(value: Any) -> float | None:
    """What `abstain_below=` says.

    Raises:
        SettingError: It is no probability.

    Example:
        >>> threshold_of(None), threshold_of("0.4")
        (None, 0.4)
    """
    return None if value is None else number("abstain_below", value, least=0, most=1)
