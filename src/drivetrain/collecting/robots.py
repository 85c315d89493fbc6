"""What a site's robots.txt allows, after RFC 9309.

Python's `urllib.robotparser` takes the first rule that suits instead of the longest, and knows no `*` and `$` inside a
path, so that it allows what many sites forbid (`Disallow: /*?download`). Hence these lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

AGENT = "drivetrain"
"""The name that a robots.txt calls us by."""
MOST_BYTES = 500 * 1024
"""Of a robots.txt that are read, RFC 9309, section 2.5."""
MOST_DELAY_S = 60.0
"""A longer Crawl-delay counts as this."""


@dataclass(frozen=True)
class Rules:
    r"""What may be fetched.

    Example:
        >>> rules = rules_of("User-agent: *\nDisallow: /*.jpg$\nAllow: /free/")
        >>> [rules.allows(path) for path in ("/a.jpg", "/free/a.jpg", "/a.jpg?x=1", "/a.png")]
        [False, False, True, True]
        >>> rules_of("User-agent: *\nDisallow: /\n\nUser-agent: drivetrain\nDisallow:").allows("/a.jpg")
        True
    """

    rules: tuple[tuple[str, bool], ...] = ()
    """Pattern of a path → whether it is allowed."""
    delay_s: float = 0.0
    """Crawl-delay."""

    def allows(self, target: str) -> bool:
        """Whether a path with its query may be fetched: the longest rule that suits decides, else it may."""
        target = _normal(target)
        suiting = [(len(path), allowed) for path, allowed in self.rules if _suits(path, target)]
        return max(suiting, default=(0, True))[1]


ALLOWS_ALL = Rules()


def rules_of(text: str, agent: str = AGENT) -> Rules:
    """The rules of a robots.txt for us: those under our name, or else those under "*"; of several groups all.

    Args:
        text: Of the file.
        agent: Our name.
    """
    groups: dict[str, list[tuple[str, bool]]] = {}
    delays: dict[str, float] = {}
    names: list[str] = []
    in_rules = False
    for line in text.lstrip("\ufeff").splitlines():
        key, colon, value = (part.strip() for part in line.partition("#")[0].partition(":"))
        key = key.lower()
        if not colon:
            continue
        if key == "user-agent":
            names = [] if in_rules else names
            in_rules = False
            names.append((re.match(r"[a-z_*-]*", value.lower()) or [""])[0])
            groups.setdefault(names[-1], [])
        elif key in ("allow", "disallow"):
            in_rules = True
            if value:
                for name in names:
                    groups[name].append((_normal(value), key == "allow"))
        elif key == "crawl-delay":
            in_rules = True
            delays |= dict.fromkeys(names, _seconds(value))
    name = agent if agent in groups else "*"
    return Rules(tuple(groups.get(name, ())), delays.get(name, 0.0))


def forbids_training(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """What an answer's X-Robots-Tag says against learning from it, or an empty string.

    Example:
        >>> forbids_training([(b"X-Robots-Tag", b"otherbot: noai, noindex")])
        ''
        >>> forbids_training([(b"x-robots-tag", b"noindex, NoAI")])
        'noai'
    """
    for name, value in headers:
        if name.lower() != b"x-robots-tag":
            continue
        speaks_to_us = True
        for word in value.decode("latin-1").lower().split(","):
            to, colon, rest = word.partition(":")
            if colon:
                speaks_to_us = to.strip() in ("*", AGENT)
            said = (rest if colon else to).strip()
            if speaks_to_us and said in ("noai", "noimageai", "noml"):
                return said
    return ""


def _suits(pattern: str, target: str) -> bool:
    """Whether a path begins as a pattern says; in one pass, however many `*` there are."""
    at_end = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not target.startswith(first):
        return False
    at = len(first)
    last = others.pop() if others and at_end else None
    for part in others:
        found = target.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    if last is not None:
        return len(target) - len(last) >= at and target.endswith(last)
    return not at_end or at == len(target)


def _seconds(value: str) -> float:
    try:
        return min(max(float(value), 0.0), MOST_DELAY_S)
    except ValueError:
        return 0.0


def _normal(path: str) -> str:
    """One spelling of what may be percent-encoded or not."""
    return quote(unquote(path, errors="surrogateescape"), safe="/*$?=&:;,+!~@'()", errors="surrogateescape")
