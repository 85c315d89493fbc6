import warnings

import pytest

import drivetrain as dt
from drivetrain.collecting import work
from tests.collecting.server import Server


@pytest.fixture(scope="module")
def server():
    with Server() as found:
        yield found


@pytest.fixture
def fresh():
    with Server() as found:
        yield found


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(work, "FIRST_WAIT_S", 0.02)


@pytest.fixture
def gather(tmp_path):
    """Collect from a server of this machine, which is allowed by name; warnings of that are expected."""

    def run(server, rows, out=None, **settings):
        settings = {
            "contact": "ada@example.org",
            "pause_s": 0,
            "per_host": 8,
            "allow_private": [server.host],
            **settings,
        }
        with warnings.catch_warnings(), dt.quiet():
            warnings.simplefilter("ignore", dt.DrivetrainWarning)
            return dt.collect(rows, out or tmp_path / "out", **settings)

    return run
