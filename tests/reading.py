"""What a person reads of a page."""

import re


def without_tags(html: str) -> str:
    """The text alone: a word of a heading may be a button of its own."""
    return re.sub(r"<[^>]+>", "", html)
