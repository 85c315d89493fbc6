"""What a captioner answers, and what can be asked of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from drivetrain.text import printable, readable


@dataclass(frozen=True)
class Caption:
    """A caption, how sure the model was of its words, and whether it should be given.

    Example:
        >>> print(Caption("two red apples", 0.81))
        two red apples (81 %)
        >>> print(Caption("two red apples", 0.31, abstained=True))
        not sure enough: two red apples (31 %)
    """

    text: str
    likelihood: float
    """Mean probability (geometric) of its words, in (0, 1]: how likely the model finds them, not how likely it is
    right. A caption report says how far the two are apart."""
    abstained: bool = False
    """Less sure than `abstain_below`; the text is still there to read."""
    error: str | None = None
    """Why there is no caption."""

    def __str__(self) -> str:
        if self.error is not None:
            return printable(f"no caption: {self.error}")
        unsure = "not sure enough: " if self.abstained else ""
        return printable(f"{unsure}{readable(self.text)} ({100 * self.likelihood:.0f} %)")

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        if self.error is not None:
            return {"error": self.error}
        return {"caption": self.text, "likelihood": self.likelihood, "abstained": self.abstained}


@runtime_checkable
class Captioner(Protocol):
    """A model that writes captions and can say how likely it finds another one's."""

    def caption(self, picture: Any) -> Caption:
        """The caption of one picture."""
        ...

    def caption_many(self, pictures: Iterable[Any]) -> list[Caption]:
        """Captions of many; of one that cannot be read, the error."""
        ...

    def likelihood(self, picture: Any, text: str) -> float:
        """Mean probability (geometric) of the words of a text beside a picture, in (0, 1]."""
        ...


def has_word(text: str) -> bool:
    """Whether a text has a letter or a digit: a model may write stops alone.

    Example:
        >>> has_word("a dog"), has_word("...")
        (True, False)
    """
    return any(letter.isalnum() for letter in text)


Caption.__module__ = "drivetrain"  # where people find it, so that messages and help say so
