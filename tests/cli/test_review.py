"""The review page's server: decisions are kept, and nobody else gets in."""

import http.client
import json
import threading
from contextlib import closing

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.cli.commands.review import Desk, decisions_in
from drivetrain.cli.commands.review_server import ReviewServer
from drivetrain.cli.local_server import MOST_BYTES
from drivetrain.data.review import read_review, record
from drivetrain.errors import SettingError
from drivetrain.learner.saving.saved_model import gather


@pytest.fixture(scope="module")
def rows(trained):
    with dt.quiet():
        return gather(trained, device="cpu", precision="fp32")


@pytest.fixture
def desk(rows, tmp_path):
    return Desk(rows, tmp_path / "review.jsonl")


@pytest.fixture
def server(desk):
    with ReviewServer(desk.items, desk.picture, desk.decide) as server:
        yield server


def ask(server, method, path, *, body=None, **headers):
    """Status, headers and body of one request; Host and cookie are as a browser sends them unless given."""
    known = {"Host": server.hosts[0], "Cookie": f"{server.cookie}={server.token}"}
    if method == "POST":
        known |= {"Origin": server.url.partition("/?")[0], "Content-Type": "application/json"}
    known |= {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        connection.putrequest(method, path, skip_host=True)
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        for name, value in known.items():
            if value is not None:
                connection.putheader(name, value)
        if method == "POST" and "Content-Length" not in known:
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def test_rows_to_look_at_are_of_training_and_validation_alone(rows, trained, pictures):
    sealed = set(dt.Learner.load(trained, device="cpu").data.sealed_test.open().digests)
    assert len(sealed) > 0 and not sealed & set(rows.examples.digests)
    assert len(rows.examples) == 45 - len(sealed)
    assert set(rows.items) == {"labels", "duplicates", "losses"}
    assert rows.items["losses"]
    assert {rows.part(row) for item in rows.items["losses"] for row in item.rows} == {"validation"}
    assert any("not judged" in note for note in rows.notes), "who judges training rows is said"


def test_the_printed_address_lets_in_once_and_sets_a_strict_cookie(server):
    status, headers, _ = ask(server, "GET", f"/?token={server.token}", Cookie=None)
    assert status == 303 and headers["Location"] == "/"
    assert headers["Set-Cookie"] == f"{server.cookie}={server.token}; Path=/; HttpOnly; SameSite=Strict"
    status, headers, body = ask(server, "GET", "/")
    assert status == 200 and b"<title>Review</title>" in body
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    assert "Python" not in headers.get("Server", "")


@pytest.mark.parametrize("path", ["/", "/items", "/picture/0", "/page.js"])
@pytest.mark.parametrize(
    "cookie", [None, "", "drivetrain_review_1=x", "NAME=", "NAME=wrong", "NAME=\xe9", "NAME=a; NAME"]
)
def test_nothing_is_told_without_the_cookie(server, path, cookie):
    cookie = None if cookie is None else cookie.replace("NAME", server.cookie)
    status, _, body = ask(server, "GET", path, Cookie=cookie)
    assert status == 403 and server.token.encode() not in body


@pytest.mark.parametrize("token", ["", "wrong", "%00", "%ff"])
def test_a_wrong_token_does_not_let_in(server, token):
    status, headers, _ = ask(server, "GET", f"/?token={token}", Cookie=None)
    assert status == 403 and "Set-Cookie" not in headers


@pytest.mark.parametrize("host", [None, "example.com", "127.0.0.1", "localhost:1", "127.0.0.1.example.com"])
def test_other_names_of_this_server_are_refused(server, desk, host):
    assert ask(server, "GET", "/items", Host=host)[0] == 421
    body = {"row": desk.rows.shown()[0], "action": "keep"}
    assert ask(server, "POST", "/decide", body=body, Host=host)[0] == 421
    assert not desk.out.exists()


@pytest.mark.parametrize("origin", [None, "null", "https://example.com", "http://127.0.0.1:1"])
def test_other_sites_cannot_decide(server, desk, origin):
    body = {"row": desk.rows.shown()[0], "action": "remove"}
    assert ask(server, "POST", "/decide", body=body, Origin=origin)[0] == 403
    assert ask(server, "POST", "/decide", body=body, Cookie=None)[0] == 403
    assert ask(server, "POST", "/decide", body=body, Content_Type="text/plain")[0] == 400
    assert not desk.out.exists()


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/picture/../../etc/passwd",
        "/picture/%2e%2e/x",
        "/picture/-1",
        "/picture/999999",
        "/picture/1e3",
        "/picture/" + "9" * 5000,
        "/review_page/page.js",
        "/decide",
    ],
)
def test_there_is_nothing_but_rows_by_number(server, path):
    assert ask(server, "GET", path)[0] == 404


def test_pictures_are_jpegs_of_rows_that_are_shown(server, desk, rows):
    status, headers, body = ask(server, "GET", f"/picture/{rows.shown()[0]}")
    assert status == 200 and headers["Content-Type"] == "image/jpeg" and body.startswith(b"\xff\xd8\xff")
    hidden = sorted(set(range(len(rows.examples))) - set(rows.shown()))
    if hidden:
        assert ask(server, "GET", f"/picture/{hidden[0]}")[0] == 404


def test_decisions_are_in_the_file_before_the_answer_and_on_the_page_after_a_restart(server, desk, rows):
    first, second = rows.shown()[:2]
    status, _, body = ask(server, "POST", "/decide", body={"row": first, "action": "relabel", "label": "red"})
    assert status == 200
    assert json.loads(body)["decisions"] == {str(first): {"action": "relabel", "label": "red"}}
    assert read_review(desk.out)[rows.examples.digests[first]].label == "red"
    ask(server, "POST", "/decide", body={"row": second, "action": "remove"})
    ask(server, "POST", "/decide", body={"row": first, "action": "keep"})
    again = Desk(rows, desk.out).items()["decisions"]
    assert again == {str(first): {"action": "keep", "label": None}, str(second): {"action": "remove", "label": None}}
    assert json.loads(ask(server, "GET", "/items")[2])["decisions"] == again


def test_many_decisions_at_once_are_all_kept(server, desk, rows):
    shown = rows.shown()
    threads = [
        threading.Thread(target=ask, args=(server, "POST", "/decide"), kwargs={"body": {"row": row, "action": "keep"}})
        for row in shown
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(desk.out.read_text().splitlines()) == 1 + len(shown)
    assert set(read_review(desk.out)) == {rows.examples.digests[row] for row in shown}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{", 400),
        (b"[" * 60_000, 400),
        ({"row": "0", "action": "keep"}, 400),
        ({"row": 10**9, "action": "keep"}, 422),
        ({"row": 0, "action": "burn"}, 422),
        ({"row": 0, "action": "relabel"}, 422),
        ({"row": 0, "action": "relabel", "label": "<script>"}, 422),
        ({"row": 0, "action": "relabel", "label": ["red", "blue"]}, 422),
        ({"row": 0, "action": "relabel", "label": {"a": 1}}, 422),
        (b" " * (MOST_BYTES + 1), 413),
    ],
)
def test_bad_decisions_change_nothing(server, desk, rows, body, status):
    if isinstance(body, dict) and body["row"] == 0:
        body = {**body, "row": rows.shown()[0]}
    assert ask(server, "POST", "/decide", body=body)[0] == status
    assert not desk.out.exists()


def test_labels_of_other_kinds_of_target(rows, tmp_path):
    from dataclasses import replace

    from drivetrain.runtime.targets import CategoriesTarget, NumberTarget

    tags = Desk(replace(rows, target=CategoriesTarget(name="t", vocab=("a", "b"))), tmp_path / "a.jsonl")
    assert tags._label(["b", "a", "b"]) == ("b", "a") and tags._label([]) == ()
    grams = Desk(replace(rows, target=NumberTarget(names=("g",), mean=(0.0,), std=(1.0,))), tmp_path / "b.jsonl")
    assert grams._label([2]) == (2.0,)
    for wrong in ([], [1, 2], [float("nan")], ["1"], None, [True]):
        with pytest.raises(SettingError, match="no value for g"):
            grams._label(wrong)


def test_the_command_prints_the_address_and_goes_on_with_an_earlier_file(trained, run, monkeypatch, rows):
    record("mine.jsonl", rows.examples.digests[rows.shown()[0]], "remove")

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(ReviewServer, "run", interrupted)
    done = run("review", trained, "--out", "mine.jsonl", "--no-browser", "--device", "cpu", "--precision", "fp32")
    assert done.code == 0, done.err
    first, second, last = done.out.splitlines()
    assert first.startswith("review at http://127.0.0.1:") and "token=" in first
    assert second == "decisions go to mine.jsonl; stop with Ctrl-C"
    assert last == "1 row decided, in mine.jsonl"


def test_a_model_of_another_project_is_compared_with_the_seals_of_that_one(trained, run, monkeypatch, pictures):
    with dt.quiet():
        dt.images(pictures, seed=99, project="other").open_test("a look")  # some are rows of the model
    monkeypatch.setattr(ReviewServer, "run", lambda self: None)
    asked = ("review", trained, "--no-browser", "--device", "cpu", "--precision", "fp32")
    done = run(*asked, "--project", "other")
    assert done.code == 1 and "sealed as test set" in done.err
    done = run(*asked, "--project", "elsewhere")
    assert done.code == 0, done.err


def test_a_file_that_is_no_review_is_not_written_to(trained, run, tmp_path):
    (tmp_path / "notes.txt").write_text("dear diary\n")
    done = run("review", trained, "--out", "notes.txt", "--no-browser")
    assert done.code == 1 and "of another kind" in done.err
    assert (tmp_path / "notes.txt").read_text() == "dear diary\n"


def test_a_review_is_applied_to_the_data(rows, desk, pictures):
    first, second = rows.shown()[:2]
    desk.decide(first, "remove", None)
    desk.decide(second, "relabel", "red")
    data = dt.images(pictures, review=desk.out)
    everything = {**dict(zip(data.train.digests, data.train.values, strict=True))}
    everything |= dict(zip(data.valid.digests, data.valid.values, strict=True))
    everything |= dict(zip(data.sealed_test.open().digests, data.sealed_test.open().values, strict=True))
    assert rows.examples.digests[first] not in everything
    assert everything[rows.examples.digests[second]] == "red"
    assert decisions_in(desk.out).keys() == {rows.examples.digests[first], rows.examples.digests[second]}
    assert np.isfinite(len(everything))
