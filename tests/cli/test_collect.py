"""`drivetrain collect`: what it prints, and that private machines cannot be asked from the command line."""

import json

import pytest

import drivetrain as dt
from drivetrain.collecting import network
from tests.collecting.server import Server


@pytest.fixture
def server(monkeypatch):
    """A server of this machine that counts as one of the Internet."""
    monkeypatch.setattr("drivetrain.collecting.network.why_private", lambda address: "")
    with Server() as found:
        yield found


def table_of(server, tmp_path):
    lines = [f"{server.url(f'/picture/{i}.jpg')},{'ab'[i % 2]},CC0" for i in range(4)]
    path = tmp_path / "list.csv"
    path.write_text("\n".join(["url,label,license", *lines, f"{server.url('/none.jpg')},a,"]))
    return path


def test_it_says_what_came_and_what_next(server, tmp_path, run):
    words = ["collect", table_of(server, tmp_path), "--out", tmp_path / "fruit", "--pause", "0"]
    done = run(*words, "--contact", "a@b.org")
    assert done.code == 0, done.err
    assert "4 of 5 rows gave a picture that is used" in done.out and "1 × not found" in done.out
    assert f"drivetrain review {tmp_path}/fruit/collected.csv" in done.out
    again = run(*words, "--json")
    said = json.loads(again.out)
    assert said["kept"] == {"a": 2, "b": 2} and said["failed"] == {"not found": 1} and again.err == ""
    assert said["decisions"]["url"]["value"] == "url" and said["licenses"] == {"CC0": 4}


def test_nothing_that_came_is_an_error(server, tmp_path, run):
    path = tmp_path / "list.txt"
    path.write_text(server.url("/none.jpg"))
    done = run("collect", path, "--out", tmp_path / "fruit", "--contact", "a@b.org")
    assert done.code == 1 and "1 row gave no file that can be used: 1 × not found" in done.err and done.out == ""


def test_private_machines_are_never_asked(tmp_path, run):
    with Server() as server:
        path = table_of(server, tmp_path)
        done = run("collect", path, "--out", tmp_path / "fruit", "--contact", "a@b.org")
        assert done.code == 1 and "private address" in done.err and not server.asked
    assert run("collect", path, "--out", tmp_path / "fruit", "--allow-private", "127.0.0.1:80").code == 2


def test_queries_need_a_provider_that_is_there(tmp_path, run):
    done = run("collect", "fig", "--provider", "none", "--out", tmp_path / "fruit")
    assert done.code == 1 and "--provider none cannot be used" in done.err


def test_a_missing_library_is_said(monkeypatch):
    monkeypatch.delitem(dt.__dict__, "collect", raising=False)
    monkeypatch.setattr(dt, "find_spec", lambda name: None)
    with pytest.raises(dt.MissingExtraError, match=r"needs httpcore2: pip install 'drivetrain\[collect\]'"):
        dt.collect  # noqa: B018
    assert network.KEEP_ALIVE_S
