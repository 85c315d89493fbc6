"""Whether a picture that is mirrored left to right still shows what its label says.

Mirroring is the commonest way to vary training pictures, and it teaches nonsense where left and right are the answer:
arrows, traffic signs, hands, letters, steering angles. Two witnesses are heard before pictures are mirrored: the names
of the classes, and the pictures themselves, through their signatures (see `runtime.pictures.signatures`), whose
mirror image can be computed without opening a file. Legend: N rows, F features, K classes.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from drivetrain.data.examples import Examples
from drivetrain.kinds.images.looks.signatures import near_arrays
from drivetrain.runtime.pictures.signatures import COLOUR_GRID, HEAD_BYTES, MIRROR_BITS, SIGNATURE_BYTES, WAVE_BYTES
from drivetrain.runtime.targets import NumberTarget, Target
from drivetrain.text import counted, does

SIDES = (
    *(
        ("l", "r"),
        ("lt", "rt"),
        ("lh", "rh"),
        ("lft", "rgt"),
        ("lft", "rt"),
        ("od", "os"),
        ("izq", "der"),
        ("cw", "ccw"),
    ),
    *(("east", "west"), ("port", "starboard"), ("dexter", "sinister"), ("slash", "backslash"), ("sol", "sağ")),
    *(("clockwise", "counterclockwise"), ("clockwise", "anticlockwise")),
)
"""Words that change places in a mirror."""
STEMS = (
    *(("left", "right"), ("link", "recht"), ("gauche", "droite"), ("gauche", "droit"), ("izquierd", "derech")),
    *(("sinistr", "destr"), ("esquerd", "direit"), ("esquerr", "dret"), ("stang", "drept"), ("stanga", "dreapta")),
    *(("vänster", "höger"), ("venstre", "højre"), ("venstre", "høyre"), ("vasen", "oikea"), ("vasak", "parem")),
    *(("lew", "praw"), ("lev", "prav"), ("lav", "prav"), ("lijev", "desn"), ("lev", "desn"), ("bal", "jobb")),
    *(("лев", "прав"), ("лів", "прав"), ("ляв", "десн"), ("αριστερ", "δεξι"), ("trái", "phải"), ("kiri", "kanan")),
    *(
        ("hidari", "migi"),
        ("يسار", "يمين"),
        ("שמאל", "ימין"),
        ("बा", "दा"),
        ("ซ้าย", "ขวา"),
        ("왼", "오른"),
        ("좌", "우"),
    ),
)
"""The same for words of which others are made: "left" in "lefthand", "link" in "linker", "links" and "linke"."""
SIGNS_OF_SIDES = tuple(zip("←<(左⬅«↖↙⇐⇦⟵◀◁👈↩⤺[{", "→>)右➡»↗↘⇒⇨⟶▶▷👉↪⤻]}", strict=True))
"""The same for single signs within words."""
LETTERS_OF_SIDES = (("b", "d"), ("p", "q"))
"""Small letters that are each other's mirror image; capital ones are not, nor is a "b" in "vitamin b"."""
SIDED_NUMBERS = frozenset(
    {"steering", "steer", "yaw", "azimuth", "heading", "bearing", "pan", "roll", "lateral", "left", "right"}
    | {"angle", "rotation", "orientation", "direction", "theta", "curvature", "winkel", "lenkwinkel", "steeringangle"}
    | {"x", "cx", "xc", "dx", "xmin", "xmax", "xcenter", "xcentre", "centerx", "centrex", "xpos", "posx"}
)
"""A number with such a word in its name says where something lies or points."""

N_WAVES_READ = 64
"""The slowest waves: they say where things lie, and less of the single photograph than faster ones."""
RIDGE = 10.0
FOLDS = 5
MOST_ROWS = 4000
LEAST_ROWS = 20
P_REVERSED = 1e-3
"""Chance, over all pairs of classes together, of finding a reversed pair where there is none."""
KEPT_OF_CHARACTERS = 0.5
"""Characters count as such where mirrored ones lose more than half of what can be told of them above chance."""


class Probe(NamedTuple):
    """Out-of-fold outputs of a linear probe on the pictures as they are, and mirrored."""

    upright: NDArray[np.float64]
    mirrored: NDArray[np.float64]


def why_not_mirror(rows: Examples, target: Target) -> str | None:
    """Why mirrored training pictures would contradict their labels; None where nothing says so.

    Args:
        rows: Training rows; without signatures only the names are asked.
        target: What is said of them.

    Example:
        >>> from drivetrain.runtime.targets import CategoryTarget
        >>> signs = CategoryTarget(name="sign", vocab=("stop", "turn_left", "turn_right"))
        >>> why_not_mirror(Examples(), signs)
        "'turn_left' and 'turn_right' change places in a mirror"
    """
    if isinstance(target, NumberTarget):
        return _sided_number(target.names) or _reversed_number(rows, target.names)
    return _mirrored_names(target.vocab) or _mirrored_twins(rows) or _reversed_classes(rows)


def _mirrored_names(vocab: Sequence[str]) -> str | None:
    """Two classes whose names change places in a mirror."""
    for pair in LETTERS_OF_SIDES:
        if set(pair) <= set(vocab):
            return f"{pair[0]!r} and {pair[1]!r} change places in a mirror"
    known = {_words(label): label for label in vocab}
    for label in vocab:
        for swapped in _swapped(_words(label)):
            if swapped in known and known[swapped] != label:
                return f"{label!r} and {known[swapped]!r} change places in a mirror"
    return None


def _words(label: str) -> str:
    """In lower case, without accents, words and numbers apart: "TurnLeft2" and "turn_left 2" are the same."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[^\W\d_])(?=\d)", " ", label)
    return _plain(" ".join(re.sub(r"[\s_\-./]+", " ", apart).split())) or _plain(label)


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFD", text.casefold())
    return unicodedata.normalize("NFC", "".join(c for c in letters if unicodedata.category(c) != "Mn"))


PLAIN_SIDES, PLAIN_STEMS = (
    tuple((_plain(one), _plain(other)) for one, other in pairs) for pairs in (SIDES, (*STEMS, *SIGNS_OF_SIDES))
)
PATTERNS = tuple((re.compile(f"{re.escape(one)}|{re.escape(other)}"), one, other) for one, other in PLAIN_STEMS)


def _swapped(words: str) -> Iterable[str]:
    """What a name becomes in a mirror, in one way or another."""
    for one, other in (*PLAIN_SIDES, *PLAIN_STEMS):
        partner = {one: other, other: one}
        swapped = " ".join(partner.get(word, word) for word in words.split())
        if swapped != words:
            yield swapped
    for pattern, one, other in PATTERNS:
        partner = {one: other, other: one}
        swapped = pattern.sub(lambda found, partner=partner: partner[found[0]], words)
        if swapped != words:
            yield swapped


def _sided_number(names: Sequence[str]) -> str | None:
    for name in names:
        if sided := SIDED_NUMBERS & set(_words(name).split()):
            return f"{name!r} may say where something lies or points ({min(sided)!r}), which a mirror reverses"
    return None


def _mirrored_twins(rows: Examples) -> str | None:
    """Pictures that are the mirror image of one of another class, and not as often of their own."""
    some = _some(rows)
    if not any(some.signatures):
        return None
    near = near_arrays(some.signatures)
    twins = [(int(a), int(b)) for a, b in zip(near.first[near.mirrored], near.second[near.mirrored], strict=True)]
    across = [(a, b) for a, b in twins if some.values[a] != some.values[b]]
    if len(across) < 2 or 2 * len(across) <= len(twins):
        return None
    a, b = across[0]
    return (
        f"{counted(len(across), 'pair')} of pictures of different classes {does(len(across), 'are')} mirror images of "
        f"each other, such as {_place(some, a)} and {_place(some, b)}"
    )


def _place(rows: Examples, row: int) -> str:
    return f"{rows.inputs[row].parent.name}/{rows.inputs[row].name}"


def _reversed_classes(rows: Examples) -> str | None:
    """Two classes of which a probe takes each for the other in a mirror; or characters, unreadable in a mirror."""
    some = _single_labels(_some(rows))
    labels, codes = np.unique([str(value) for value in some.values], return_inverse=True)
    if len(some) < LEAST_ROWS or len(labels) < 2:
        return None
    probe = _probe(some, np.eye(len(labels))[codes])
    p = P_REVERSED / math.comb(len(labels), 2)
    large = np.flatnonzero(np.bincount(codes) > -math.log2(p)).tolist()  # fewer rows cannot show it: 2⁻ⁿ is more than p
    for a, b in combinations(large, 2):
        if _pair_is_reversed(probe, codes, a, b, p):
            return f"mirrored pictures of {str(labels[a])!r} look like {str(labels[b])!r}, and the other way round"
    if _are_characters(labels.tolist()):
        chance = float(np.bincount(codes).max()) / len(codes)
        right, mirrored = (float((outputs.argmax(axis=1) == codes).mean()) - chance for outputs in probe)
        if right > 0 and mirrored < KEPT_OF_CHARACTERS * right:
            return "the classes are characters, and mirrored ones look like no class"
    return None


def _pair_is_reversed(probe: Probe, codes: NDArray[np.intp], a: int, b: int, p: float) -> bool:
    """Whether both classes are told apart as they are, and taken for the other one when mirrored."""
    for own, other in ((a, b), (b, a)):
        rows = codes == own
        for outputs, wins, loses in ((probe.upright, own, other), (probe.mirrored, other, own)):
            hits = int((outputs[rows, wins] > outputs[rows, loses]).sum())
            if binom.sf(hits - 1, int(rows.sum()), 0.5) >= p:
                return False
    return True


def _are_characters(labels: Sequence[str]) -> bool:
    """All the digits, or five or more single letters and digits."""
    return all(len(label) == 1 and label.isalnum() for label in labels) and len(labels) >= 5


def _reversed_number(rows: Examples, names: Sequence[str]) -> str | None:
    """A number that a probe reads backwards in a mirror."""
    some = _some(rows)
    if len(some) < LEAST_ROWS:
        return None
    values = np.array(some.values, dtype=np.float64).reshape(len(some), -1)
    spread = values.std(axis=0)
    values = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    probe = _probe(some, values)
    for column, name in enumerate(names):
        upright, mirrored = (_z(outputs[:, column], values[:, column]) for outputs in probe)
        least = 3.3  # standard errors: p < .001 on either side
        if upright > least and mirrored < -least:
            return f"mirrored pictures show {name!r} reversed: what is high becomes low"
    return None


def _z(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Fisher's z of a correlation, in standard errors."""
    if not (a.std() > 0 and b.std() > 0):
        return 0.0
    r = min(0.999999, max(-0.999999, float(np.corrcoef(a, b)[0, 1])))
    return math.atanh(r) * math.sqrt(len(a) - 3)


def _some(rows: Examples) -> Examples:
    """At most `MOST_ROWS` rows that have a signature, chosen by content."""
    signed = [row for row, signature in enumerate(rows.signatures) if len(signature) == SIGNATURE_BYTES]
    return rows.subset(sorted(signed, key=lambda row: rows.digests[row])[:MOST_ROWS])


def _single_labels(rows: Examples) -> Examples:
    """Of rows with several labels those that have one alone, as rows of a category."""
    kept = [row for row, value in enumerate(rows.values) if isinstance(value, str) or len(value) == 1]
    found = rows.subset(kept)
    values = tuple(value if isinstance(value, str) else str(value[0]) for value in found.values)
    return Examples(found.inputs, found.digests, values, signatures=found.signatures)


def _probe(rows: Examples, wanted_NK: NDArray[np.float64]) -> Probe:
    """Ridge regression on signatures, each row judged by one that did not see it; equal contents stay together."""
    upright_NF, mirrored_NF = _features(rows.signatures)
    folds = np.array([int(digest[:8], 16) % FOLDS for digest in rows.digests])
    probe = Probe(np.zeros(wanted_NK.shape), np.zeros(wanted_NK.shape))
    for fold in range(FOLDS):
        held_out = folds == fold
        if held_out.all() or not held_out.any():
            continue
        centre, mean = upright_NF[~held_out].mean(axis=0), wanted_NK[~held_out].mean(axis=0)
        seen = upright_NF[~held_out] - centre
        weights = np.linalg.solve(seen.T @ seen + RIDGE * np.eye(seen.shape[1]), seen.T @ (wanted_NK[~held_out] - mean))
        probe.upright[held_out] = (upright_NF[held_out] - centre) @ weights + mean
        probe.mirrored[held_out] = (mirrored_NF[held_out] - centre) @ weights + mean
    return probe


def _features(signatures: Sequence[bytes]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, F) signs of slow waves and mean colours, of the pictures as they are and mirrored."""
    table = np.frombuffer(b"".join(signatures), np.uint8).reshape(len(signatures), SIGNATURE_BYTES)
    signs = np.unpackbits(table[:, HEAD_BYTES : HEAD_BYTES + WAVE_BYTES], axis=1)
    waves: NDArray[np.float64] = signs[:, :N_WAVES_READ].astype(np.float64) - 0.5
    turned: NDArray[np.float64] = waves * (1 - 2 * np.unpackbits(MIRROR_BITS)[:N_WAVES_READ].astype(np.float64))
    colours = table[:, HEAD_BYTES + WAVE_BYTES :].reshape(-1, COLOUR_GRID, COLOUR_GRID, 3).astype(np.float64) / 64
    colours = colours - colours.mean(axis=(1, 2, 3), keepdims=True)
    flat = len(signatures), COLOUR_GRID * COLOUR_GRID * 3
    return (
        np.hstack([waves, colours.reshape(flat)]),
        np.hstack([turned, colours[:, :, ::-1].reshape(flat)]),
    )
