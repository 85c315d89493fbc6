"""The log that can only grow: whatever is done to its lines is named."""

import hashlib
import itertools
import json
import os

import pytest
from tests.races import race

from drivetrain.data.seals.ledger import Head, Ledger, head_of
from drivetrain.data.seals.project import Project
from drivetrain.errors import SealError, SettingError


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(Project(tmp_path / "project"))
    for i in range(5):
        ledger.append("noted", {"what": i})
    return ledger


def lines(ledger):
    return ledger.path.read_text().splitlines(keepends=True)


def change(ledger, number, **facts):
    """A line with other facts, its hash as it was."""
    found = lines(ledger)
    found[number - 1] = json.dumps({**json.loads(found[number - 1]), **facts}) + "\n"
    ledger.path.write_text("".join(found))


def test_lines_come_back_in_order(ledger):
    entries = ledger.entries()
    assert [(entry.n, entry.kind, entry.facts) for entry in entries] == [
        (i + 1, "noted", {"what": i}) for i in range(5)
    ]
    assert entries[0].previous == "0" * 64
    assert all(later.previous == earlier.hash for earlier, later in itertools.pairwise(entries))
    assert ledger.head() == Head(5, entries[-1].hash, entries[0].hash)


def test_nothing_is_written_to_read_nothing(tmp_path):
    ledger = Ledger(Project(tmp_path / "none"))
    assert ledger.entries() == [] and ledger.head() is None
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("number", [1, 3, 5])
def test_an_edited_line_is_named(ledger, number):
    change(ledger, number, what="nothing")
    with pytest.raises(SealError, match=f"line {number} was changed"):
        ledger.entries()


@pytest.mark.parametrize("number", [1, 3])
def test_an_edited_line_with_a_hash_that_fits_breaks_the_chain(ledger, number):
    found = lines(ledger)
    body = {**json.loads(found[number - 1]), "what": "nothing"}
    del body["hash"]
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    found[number - 1] = json.dumps({**body, "hash": hashlib.sha256(text.encode()).hexdigest()}) + "\n"
    ledger.path.write_text("".join(found))
    with pytest.raises(SealError, match=f"line {number + 1} does not follow"):
        ledger.entries()


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_line_taken_out_is_named(ledger, number):
    found = lines(ledger)
    ledger.path.write_text("".join(found[: number - 1] + found[number:]))
    with pytest.raises(SealError, match=f"line {number} says that it is line {number + 1}"):
        ledger.entries()


def test_lines_that_change_places_are_named(ledger):
    found = lines(ledger)
    found[1], found[2] = found[2], found[1]
    ledger.path.write_text("".join(found))
    with pytest.raises(SealError, match="line 2"):
        ledger.entries()


@pytest.mark.parametrize("kept", [0, 1, 4])
def test_lines_cut_off_at_the_end_are_missed(ledger, kept):
    ledger.path.write_text("".join(lines(ledger)[:kept]))
    with pytest.raises(SealError, match=f"line {kept + 1} is missing: 5 lines were written"):
        ledger.entries()


def test_without_its_head_a_log_is_not_believed(ledger):
    ledger.project.head.unlink()
    with pytest.raises(SealError, match=r"log\.head is missing"):
        ledger.entries()


def forged(ledger, kept):
    """Somebody who knows how the log is made cuts it and writes a head that fits."""
    ledger.path.write_text("".join(lines(ledger)[:kept]))
    ledger.project.head.unlink()
    rest = [json.loads(line) for line in lines(ledger)]
    ledger.project.head.write_text(
        json.dumps({"n": len(rest), "hash": rest[-1]["hash"], "log": rest[0]["hash"]}) + "\n"
    )


def test_a_forged_end_is_caught_by_who_remembers_it(ledger):
    remembered = ledger.head()
    forged(ledger, 3)
    assert len(ledger.entries()) == 3, "the log alone cannot tell"
    with pytest.raises(SealError, match="line 4 is missing: 5 lines were written"):
        ledger.entries(remembered)


def test_a_rewritten_line_is_caught_by_who_remembers_it(ledger):
    remembered = ledger.head()
    forged(ledger, 3)
    ledger.append("noted", {"what": "something else"})
    ledger.append("noted", {"what": 4})
    with pytest.raises(SealError, match="line 5 is not the line that was written"):
        ledger.entries(remembered)


def test_the_head_of_another_log_is_passed_over(ledger, tmp_path):
    other = Ledger(Project(tmp_path / "other"))
    other.append("noted", {"what": "elsewhere"})
    assert len(ledger.entries(other.head())) == 5


def test_a_line_that_the_power_cut_off_is_dropped(ledger):
    with ledger.path.open("a") as stream:
        stream.write('{"line": 6, "when"')
    assert len(ledger.entries()) == 5
    ledger.append("noted", {"what": 5})
    assert [entry.facts["what"] for entry in ledger.entries()] == list(range(6))


def test_a_line_cut_short_after_it_was_whole_is_tampering(ledger):
    ledger.path.write_text("".join(lines(ledger))[:-20])
    with pytest.raises(SealError, match="line 5 is cut off"):
        ledger.entries()


@pytest.mark.parametrize("line", ["not JSON", "[]", '{"line": 6}', '"text"'])
def test_what_is_no_line_is_named(ledger, line):
    with ledger.path.open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(SealError, match="line 6 is no line of this log"):
        ledger.entries()


def test_nothing_is_added_to_a_log_that_was_tampered_with(ledger):
    change(ledger, 2, what="nothing")
    before = ledger.path.read_bytes()
    with pytest.raises(SealError, match="line 2"):
        ledger.append("noted", {"what": 5})
    assert ledger.path.read_bytes() == before


def test_processes_take_turns(tmp_path):
    code = """
        import sys
        from pathlib import Path
        from drivetrain.data.seals.ledger import Ledger
        from drivetrain.data.seals.project import Project
        ledger = Ledger(Project(Path(sys.argv[1])))
        for i in range(8):
            ledger.append('noted', {'who': sys.argv[2], 'i': i})
    """
    race(code, [(tmp_path / "p", who) for who in range(3)])
    entries = Ledger(Project(tmp_path / "p")).entries()
    assert len(entries) == 24 and head_of(entries) == Ledger(Project(tmp_path / "p")).head()
    for who in range(3):
        assert [entry.facts["i"] for entry in entries if entry.facts["who"] == str(who)] == list(range(8))


def test_where_a_project_is(tmp_path, monkeypatch):
    monkeypatch.delenv("DRIVETRAIN_PROJECT", raising=False)
    assert os.fspath(Project.find().folder) == ".drivetrain"
    monkeypatch.setenv("DRIVETRAIN_PROJECT", "shop")
    assert os.fspath(Project.find().folder) == "shop"
    assert os.fspath(Project.find(tmp_path).folder) == os.fspath(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingError, match="is a file"):
        Project.find(tmp_path / "file")
