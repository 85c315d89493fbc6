"""The kinds of input that live in the tests, known for the time of a test."""

import pytest

from drivetrain.runtime import kinds


@pytest.fixture
def toys(monkeypatch):
    """The kinds "toy", curves in files, and "toy_table", rows of a table."""
    monkeypatch.setattr(kinds, "_added", dict(kinds._added))  # pyright: ignore[reportPrivateUsage]
    for toy in ("toy", "toy_table"):
        kinds.add_kind(toy, f"tests.kinds.{toy}")
