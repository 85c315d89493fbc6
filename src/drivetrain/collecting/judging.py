"""What is wrong with a file that came, and what it looks like: by the checks that open the rows of every data set."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from drivetrain.collecting.fetching import Got
from drivetrain.collecting.log import Outcome
from drivetrain.data.inputs import Files
from drivetrain.data.kind import source_kind
from drivetrain.progress import quiet
from drivetrain.runtime.pictures.read import probe_picture
from drivetrain.runtime.pictures.signatures import VERSION


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def judged(got: Got, url: str, place: Path, kind: str) -> Outcome:
    """A file that came, opened once.

    Args:
        got: What is known of it.
        url: That was asked for.
        place: Where it lies.
        kind: "images", "sounds" or "files".
    """
    known = Outcome(
        url=url,
        state="got",
        when=now(),
        final_url=str(got.final),
        sha256=got.sha256,
        suffix=got.suffix,
        n_bytes=got.n_bytes,
    )
    if kind == "images":
        probe = probe_picture(place)
        wrong = probe.problem or (f"blank: {probe.flat}" if probe.flat else "")
        looks = base64.b64encode(probe.signature).decode()
        wrong = wrong if not probe.problem or ":" in wrong else f"broken: {wrong}"
        return replace(
            known, reason=wrong, height=probe.height, width=probe.width, looks=looks, version=VERSION if looks else 0
        )
    if kind == "sounds":
        with quiet():
            [found] = source_kind("sounds").check(Files([place]))
        wrong = found.problem or ""
        looks = base64.b64encode(found.signature).decode()
        return replace(known, reason=wrong if not wrong or ":" in wrong else f"broken: {wrong}", looks=looks)
    return known
