"""A run that was killed, stopped or repeated: nothing is lost, nothing comes twice."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.collecting.log import HEADER, Log
from drivetrain.errors import DataError, DrivetrainWarning
from tests.collecting.server import picture

RUN = """
import signal, sys, warnings
import drivetrain as dt
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell is started to ignore it
warnings.simplefilter("ignore")
host, out, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
rows = [{"url": f"//{host}/picture/{i}.jpg".replace("//", "http:" + "//"), "label": "ab"[i % 2]} for i in range(n)]
dt.collect(rows, out, contact="ada@example.org", pause_s=0.02, per_host=2, workers=2, allow_private=[host])
"""


def rows_of(server, n):
    return [{"url": server.url(f"/picture/{i}.jpg"), "label": "ab"[i % 2]} for i in range(n)]


def killed(server, out, n, when):
    process = subprocess.Popen([sys.executable, "-c", RUN, server.host, str(out), str(n)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not when() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    finally:
        process.wait(10)


def logged(out):
    lines = (out / ".collect" / "log.jsonl").read_text().splitlines()[1:]
    return {json.loads(line)["url"] for line in lines if line.endswith("}")}


def test_kill_9_and_repeat_loses_nothing_and_asks_for_nothing_twice(fresh, gather, tmp_path):
    out, n = tmp_path / "fruit", 30
    for enough in (5, 15):
        killed(fresh, out, n, lambda enough=enough: len(list(out.glob("[ab]/*.jpg"))) >= enough)
    known = logged(out)
    before = dict(fresh.asked)
    assert 10 <= len(known) < n
    found = gather(fresh, rows_of(fresh, n), out)
    assert found.n_kept == n and len(list(out.glob("[ab]/*.jpg"))) == n
    again = {path for path, asked in fresh.asked.items() if asked > before.get(path, 0)}
    assert not {fresh.url(path) for path in again} & known
    twice = [path for path, asked in fresh.asked.items() if path != "/robots.txt" and asked > 1]
    assert len(twice) <= 4, "of two kills with two threads each, what was on its way"


def test_a_whole_run_is_not_asked_again(fresh, gather, tmp_path):
    first = gather(fresh, rows_of(fresh, 4), tmp_path)
    asked = dict(fresh.asked)
    table = (tmp_path / "collected.csv").read_bytes()
    assert str(gather(fresh, rows_of(fresh, 4), tmp_path)) == str(first)
    assert dict(fresh.asked) == asked and (tmp_path / "collected.csv").read_bytes() == table


def test_what_failed_for_good_is_asked_only_when_that_is_wished(fresh, gather, tmp_path):
    rows = [*rows_of(fresh, 2), {"url": fresh.url("/none.jpg"), "label": "a"}]
    assert gather(fresh, rows, tmp_path).failed == {"not found": 1}
    gather(fresh, rows, tmp_path)
    assert fresh.asked["/none.jpg"] == 1
    fresh.answers["/none.jpg"] = lambda handler: handler.body(picture(9))
    assert gather(fresh, rows, tmp_path, again=True).n_kept == 3


def test_what_is_allowed_later_is_asked_then(fresh, gather, tmp_path):
    fresh.robots = (200, b"User-agent: *\nDisallow: /picture/1")
    fresh.answers["/big.jpg"] = lambda handler: handler.body(picture(9, size=(400, 400)))
    rows = [*rows_of(fresh, 3), {"url": fresh.url("/big.jpg"), "label": "a"}]
    found = gather(fresh, rows, tmp_path, most_mb=0.01)
    assert found.failed == {"robots.txt": 1, "too large": 1} and found.later == 0
    gather(fresh, rows, tmp_path, most_mb=0.01)
    assert fresh.asked["/big.jpg"] == 1
    assert gather(fresh, rows, tmp_path, most_mb=1, permitted=["127.0.0.1"]).n_kept == 4


def test_what_failed_for_a_while_is_asked_in_the_next_run(fresh, gather, tmp_path):
    fresh.answers["/picture/1.jpg"] = lambda handler: handler.body(b"", status=500)
    found = gather(fresh, rows_of(fresh, 3), tmp_path)
    assert found.failed == {"server error": 1} and found.later == 1
    del fresh.answers["/picture/1.jpg"]
    assert gather(fresh, rows_of(fresh, 3), tmp_path).n_kept == 3


def test_a_file_that_was_thrown_out_stays_out(fresh, gather, tmp_path):
    gather(fresh, rows_of(fresh, 4), tmp_path)
    table = pd.read_csv(tmp_path / "collected.csv")
    (tmp_path / table.path[0]).unlink()
    found = gather(fresh, rows_of(fresh, 4), tmp_path)
    assert found.n_kept == 3 and found.set_aside == {"removed by hand": 1}
    assert fresh.asked["/picture/0.jpg"] == 1
    assert gather(fresh, rows_of(fresh, 4), tmp_path, again=True).n_kept == 4


def test_a_longer_list_gets_what_is_new(fresh, gather, tmp_path):
    gather(fresh, rows_of(fresh, 2), tmp_path)
    assert gather(fresh, rows_of(fresh, 5), tmp_path).n_kept == 5
    assert all(n == 1 for path, n in fresh.asked.items() if path != "/robots.txt")


def test_a_line_that_was_cut_short_is_told_and_done_again(fresh, gather, tmp_path):
    gather(fresh, rows_of(fresh, 2), tmp_path)
    log = tmp_path / ".collect" / "log.jsonl"
    log.write_bytes(log.read_bytes()[:-20])
    with pytest.warns(DrivetrainWarning, match="1 line is not whole"):
        Log(log).close()
    assert gather(fresh, rows_of(fresh, 2), tmp_path).n_kept == 2
    assert sum(fresh.asked.values()) == 3 + 2, "one file once more, and robots.txt"


@pytest.mark.parametrize(
    "line",
    [
        {"url": "https://a.org", "state": "got", "sha256": "../../etc/passwd", "suffix": ".jpg"},
        {"url": "https://a.org", "state": "got", "sha256": "0" * 64, "suffix": "/../x"},
        {"url": "https://a.org", "state": "got", "sha256": 7},
        {"url": 3, "state": "got"},
        {"state": "failed"},
        [],
    ],
    ids=range(6),
)
def test_a_log_that_was_written_by_hand_leads_nowhere_else(line, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(HEADER) + "\n" + json.dumps(line) + "\n")
    with pytest.warns(DrivetrainWarning, match="1 line is not whole"):
        log = Log(path)
    log.close()
    assert log.outcomes == {}


def test_another_file_is_no_log(tmp_path):
    (tmp_path / ".collect").mkdir()
    (tmp_path / ".collect" / "log.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match="no log of this version"):
        dt.collect(["https://a.org/1.jpg"], tmp_path)


def test_two_at_once_do_not_collect_into_one_folder(tmp_path):
    from drivetrain.collecting.places import Places

    places = Places(tmp_path).made()
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom drivetrain.files import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(30)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(places.lock)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(DataError, match="another process has held"):
            dt.collect(["https://a.org/1.jpg"], tmp_path)
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def test_ctrl_c_keeps_what_came(fresh, tmp_path):
    def slow(handler):
        time.sleep(0.2)
        handler.body(picture(int(handler.path.split("/")[-1][:-4])))

    for i in range(30):
        fresh.answers[f"/picture/{i}.jpg"] = slow
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, fresh.host, str(tmp_path), "30"], stderr=subprocess.PIPE, text=True
    )
    while len(list(tmp_path.glob("[ab]/*.jpg"))) < 3 and process.poll() is None:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    said = process.communicate(timeout=30)[1]
    assert "the same command goes on" in said
    kept = pd.read_csv(tmp_path / "collected.csv")
    assert 3 <= len(kept) < 30 and all((tmp_path / path).is_file() for path in kept.path)
    assert isinstance(Path(kept.path[0]), Path)
