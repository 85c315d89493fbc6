"""Push and pull against a double of the hub; nothing that comes from there is believed."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from drivetrain.errors import ArtefactError, HubError, SettingError
from drivetrain.export.publish import push
from drivetrain.export.space import write_space
from drivetrain.runtime.artefact import DATA, EXEMPLARS, MANIFEST, MODEL, SEAL, open_artefact, write_artefact
from drivetrain.runtime.golden import EXPECTED, Expected
from drivetrain.runtime.hub.fetch import pull
from drivetrain.runtime.hub.http import TRIES, Hub, find_hub, find_token
from drivetrain.runtime.loading import load
from drivetrain.runtime.targets import CategoriesTarget, NumberTarget

from .hub_double import Double, running
from .models import LIGHT, describe, light_bytes

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")  # the hub's own client

NAME = "ada/light"
TOKEN = "hf_secret"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    reading = {"source": str(tmp_path / "private" / "pictures"), "spec": {}, "split": {}}
    contents = {
        MODEL: light_bytes() + b"\x72\x00" * 600,  # an unknown, empty field of the file, many times: now it is large
        DATA: json.dumps(reading).encode(),
        SEAL: json.dumps({"source": f"folder {tmp_path / 'private' / 'pictures'}", "looks": {}}).encode(),
        "golden/0.jpg": b"a picture",
        EXPECTED: Expected(inputs=("0.jpg",), outputs=((0.0, 0.0),), tolerance=1e-3).model_dump_json().encode(),
    }
    return write_artefact(tmp_path / "light.model", contents, describe()).path


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # a store that the double has not
    with running(Double(token=TOKEN)) as found:
        yield found


@pytest.fixture
def hub(double: Double) -> Hub:
    return Hub(double.endpoint, TOKEN, wait_s=0)


def test_what_was_pushed_is_pulled(model: Path, double: Double, hub: Hub, tmp_path: Path) -> None:
    address = push(model, NAME, private=True, hub=hub)
    assert address.startswith(f"{double.endpoint}/{NAME}/commit/") and double.private == {NAME: True}
    found = pull(NAME, tmp_path / "again.model", hub=hub)
    before = open_artefact(model)
    assert found.manifest.model_copy(update={"files": {}}) == before.manifest.model_copy(update={"files": {}})
    for name in set(before.manifest.files) - {DATA, SEAL}:
        assert found.file(name).read_bytes() == before.file(name).read_bytes()
    assert load(found.path).predict(np.full((9, 9, 3), 250, np.uint8)).label == "pale"


def test_where_the_pictures_lay_stays_private(model: Path, double: Double, hub: Hub, tmp_path: Path) -> None:
    push(model, NAME, hub=hub)
    assert double.private == {NAME: False}
    assert all(b"private" not in content for content in double.commits[NAME][-1].values())
    found = pull(NAME, tmp_path / "again.model", hub=hub)
    assert json.loads(found.file(DATA).read_text())["source"] is None
    assert json.loads(found.file(SEAL).read_text()) == {"source": "pictures", "looks": {}}
    readme = double.commits[NAME][-1]["README.md"].decode()
    assert readme.startswith("---\n") and f'load("hf-hub:{NAME}")' in readme


@pytest.mark.parametrize("asked", [False, True])
def test_exemplars_stay_here_unless_they_are_asked_for(
    double: Double, hub: Hub, tmp_path: Path, *, asked: bool
) -> None:
    reading = {
        "source": str(tmp_path / "private"),
        "further_sources": [str(tmp_path / "private2")],
        "spec": {},
        "split": {},
    }
    contents = {MODEL: light_bytes(), DATA: json.dumps(reading).encode(), EXEMPLARS: b"rows of somebody"}
    model = write_artefact(tmp_path / "light.model", contents, describe()).path
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        push(model, NAME, exemplars=asked, hub=hub)
    sent = double.commits[NAME][-1]
    assert (EXEMPLARS in sent) is asked
    assert any("carries exemplars" in str(one.message) for one in told) is not asked
    assert all(b"private" not in content for content in sent.values())
    found = pull(NAME, tmp_path / "again.model", hub=hub)
    assert (EXEMPLARS in found.manifest.files) is asked


def test_large_files_go_to_the_store_once_and_the_token_stays_with_the_hub(
    model: Path, double: Double, hub: Hub, tmp_path: Path
) -> None:
    push(model, NAME, hub=hub)
    puts = [path for method, path, _ in double.asked_elsewhere if method == "PUT"]
    assert len(puts) >= 1
    push(model, NAME, hub=hub)
    assert [path for method, path, _ in double.asked_elsewhere if method == "PUT"] == puts
    pull(NAME, tmp_path / "again.model", hub=hub)
    assert len(double.commits[NAME]) == 2
    assert {shown for _, _, shown in double.asked} == {f"Bearer {TOKEN}"}
    assert {shown for _, _, shown in double.asked_elsewhere} == {None}


@pytest.mark.parametrize("status", [500, 503, 429])
def test_passing_failures_are_tried_again(model: Path, double: Double, hub: Hub, tmp_path: Path, status: int) -> None:
    waits: list[float] = []
    push(model, NAME, hub=hub)
    hub = Hub(double.endpoint, TOKEN, wait_s=0.5, sleep=waits.append)
    double.fail = [status] * (TRIES - 1)
    pull(NAME, tmp_path / "there.model", hub=hub)
    assert waits == [0.5, 1.0, 2.0, 4.0]
    double.fail = [status] * TRIES
    with pytest.raises(HubError, match=f"answered {status}"):
        pull(NAME, tmp_path / "again.model", hub=hub)
    assert not (tmp_path / "again.model").exists()


def test_what_the_hub_refuses_is_explained(model: Path, double: Double, hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(HubError, match=r"not allowed \(401, Invalid username.*HF_TOKEN to a token"):
        push(model, NAME, hub=Hub(double.endpoint, None, wait_s=0))
    with pytest.raises(HubError, match="does not exist, or needs a token"):
        pull("ada/nothing", tmp_path / "again.model", hub=hub)
    with pytest.raises(HubError, match="does not exist"):
        push(model, NAME, hub=hub) and pull(NAME, tmp_path / "again.model", revision="v9", hub=hub)
    with pytest.raises(HubError, match="cannot be reached"):
        pull(NAME, tmp_path / "again.model", hub=Hub("http://127.0.0.1:9", None, wait_s=0))
    for name in ("fruit", "a/b/c", "../x", "a/..", "ada/fruit?x", ""):
        with pytest.raises(HubError, match="expected owner/name"):
            push(model, name, hub=hub)


def damaged_manifest(content: bytes, **changes: object) -> bytes:
    return json.dumps(json.loads(content) | changes).encode()


@pytest.mark.parametrize(
    ("name", "change", "error", "message"),
    [
        (MODEL, lambda c: c[:-1] + b"x", ArtefactError, f"{NAME}/{MODEL} on the hub is not the file"),
        (MODEL, lambda c: c[:-7], ArtefactError, "is not the file"),
        (MODEL, lambda c: c * 3, HubError, "larger than"),
        ("golden/0.jpg", lambda c: b"b picture", ArtefactError, "golden/0.jpg on the hub is not the file"),
        (MANIFEST, lambda c: b"{}", ArtefactError, "not a drivetrain artefact"),
        (MANIFEST, lambda c: b"<html>", ArtefactError, "not a drivetrain artefact"),
        (
            MANIFEST,
            lambda c: damaged_manifest(c, files={"../../x": {"bytes": 1, "sha256": "0" * 64}}),
            ArtefactError,
            "outside itself",
        ),
        (MANIFEST, lambda c: damaged_manifest(c, format_version=9), ArtefactError, "format version 9"),
    ],
)
def test_nothing_that_is_fetched_is_believed(
    model: Path, double: Double, hub: Hub, tmp_path: Path, name: str, change, error: type, message: str
) -> None:
    push(model, NAME, hub=hub)
    double.changed[name] = change(double.commits[NAME][-1][name])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error, match=message):
        pull(NAME, tmp_path / "again.model", hub=hub)
    assert sorted(tmp_path.rglob("*")) == before, "nothing is left behind"


def test_a_model_of_the_hub_is_loaded_by_name(
    model: Path, double: Double, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(model, NAME, hub=hub)
    for name, value in (("HF_ENDPOINT", double.endpoint), ("HF_TOKEN", TOKEN), ("XDG_CACHE_HOME", str(tmp_path / "c"))):
        monkeypatch.setenv(name, value)
    for _ in range(2):
        assert load(f"hf-hub:{NAME}").predict(np.zeros((9, 9, 3), np.uint8)).label == "dark"
    fetched = [path for _, path, _ in double.asked if path.endswith(MANIFEST) and "/resolve/" in path]
    assert len(fetched) == 1, "the second time it was in the cache"


def test_the_token_is_found_and_never_sent_in_the_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert find_token() is None
    (tmp_path / "token").write_text(" hf_file \n")
    assert find_hub() == Hub("https://huggingface.co", "hf_file")
    monkeypatch.setenv("HF_TOKEN", "hf_environment")
    assert find_token() == "hf_environment"
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example.org/")
    with pytest.raises(HubError, match="not encrypted"):
        find_hub()
    for wrong in ("file:///etc", "ftp://example.org", "nonsense"):
        with pytest.raises(HubError, match="expected an address"):
            Hub(wrong)
    with pytest.raises(HubError, match="not https"):
        Hub("https://huggingface.co").open("GET", "file:///etc/hostname")


@pytest.mark.parametrize(
    "target", [LIGHT, CategoriesTarget(name="t", vocab=("a", "b")), NumberTarget(names=("a",), mean=(0.0,), std=(1.0,))]
)
def test_a_space_is_a_program_that_asks_the_model(
    tmp_path: Path, target, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = open_artefact(model).manifest.model_copy(update={"target": target})
    folder = write_space(tmp_path / "space", NAME, manifest)
    assert (folder / "README.md").read_text().startswith('---\ntitle: "light"\nsdk: gradio\n')
    assert (folder / "requirements.txt").read_text().split() == ["drivetrain"]
    code = compile((folder / "app.py").read_text(), "app.py", "exec")
    assert f"hf-hub:{NAME}" in code.co_consts or "hf-hub" in (folder / "app.py").read_text()
    with pytest.raises(SettingError, match="holds other files"):
        write_space(folder, NAME, manifest)


# ── a hub that means ill ─────────────────────────────────────────────────────────────────────────────────────────


class _Ill(BaseHTTPRequestHandler):
    """Answers each request with what `say` writes."""

    say: Callable[[BaseHTTPRequestHandler], None]

    def do_GET(self) -> None:
        with contextlib.suppress(OSError):
            type(self).say(self)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def ill_hub(say: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (_Ill,), {"say": staticmethod(say)}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield Hub(f"http://127.0.0.1:{server.server_address[1]}", wait_s=0, patience_s=0.5)
    finally:
        server.shutdown()
        server.server_close()


def begin(handler: BaseHTTPRequestHandler, **headers: str) -> None:
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def endless(handler: BaseHTTPRequestHandler) -> None:
    begin(handler)
    while True:
        handler.wfile.write(b" " * 2**20)


def byte_by_byte(handler: BaseHTTPRequestHandler) -> None:
    begin(handler)
    for _ in range(40):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def slow_headers(handler: BaseHTTPRequestHandler) -> None:
    for _ in range(40):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: 1\r\n"[:1])
        handler.wfile.flush()
        time.sleep(0.05)


def body(content: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def say(handler: BaseHTTPRequestHandler) -> None:
        begin(handler, **{"Content_Length": str(len(content)), **headers})
        handler.wfile.write(content)

    return say


def sent_on(address: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def say(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.end_headers()

    return say


@pytest.mark.parametrize(
    ("say", "message"),
    [
        (endless, "is larger than the 16,777,216 bytes|took more than"),
        (byte_by_byte, "took more than|stopped|something other"),
        (slow_headers, "took more than|cannot be reached|answered oddly"),
        (body(b"[]"), "JSON that is no object"),
        (body(b"null"), "JSON that is no object"),
        (body(b"not json"), "other than JSON"),
        (body(b"[" * 100_000), "other than JSON"),
        (body(b'{"sha": NaN}'), "other than JSON"),
        (body(b"{}"), "does not say which commit"),
        (body(b'{"sha": 5}'), "does not say which commit"),
        (body(b"{}", Content_Length="99999999999999"), "is larger than"),
        (body(b"{}", Content_Length="500"), "stopped while it was read"),
        (body(b"zz\r\n", Transfer_Encoding="chunked"), "stopped while it was read"),
        (sent_on("file:///etc/passwd"), "not allowed"),
        (sent_on("ftp://127.0.0.1/x"), "not https"),
        (sent_on("/"), "302|answered oddly"),
    ],
)
def test_a_hub_that_answers_ill_is_an_error(
    say: Callable[[BaseHTTPRequestHandler], None], message: str, tmp_path: Path
) -> None:
    began = time.monotonic()
    with ill_hub(say) as hub, pytest.raises(HubError, match=message):
        hub.patience_s = 0.5 if say in (byte_by_byte, slow_headers) else 30
        if say is byte_by_byte:
            answer = hub.open("GET", hub.endpoint)
            hub.read(answer, lambda _: None, most_bytes=100)
        else:
            pull(NAME, tmp_path / "a.model", hub=hub)
    assert time.monotonic() - began < 60
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("answer", "call"), [({"files": [5]}, "push"), ({"files": {}}, "push"), ({"files": 1}, "push")]
)
def test_odd_answers_to_a_push_are_errors(model: Path, answer: object, call: str) -> None:
    with ill_hub(body(json.dumps(answer).encode())) as hub, pytest.raises(HubError, match=r"oddly|does not say"):
        hub.patience_s = 30
        push(model, NAME, hub=hub)


def test_a_model_for_which_there_is_no_room_is_not_fetched(
    model: Path, double: Double, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(model, NAME, hub=hub)
    double.asked.clear()
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10_000_000))
    with pytest.raises(HubError, match=r"takes 0\.0 GB, and 0\.0 GB are free .*To fix: make room"):
        pull(NAME, tmp_path / "again.model", hub=hub)
    assert not any(path.endswith(MODEL) for _, path, _ in double.asked)


def test_files_that_no_model_has_are_not_fetched(model: Path, double: Double, hub: Hub, tmp_path: Path) -> None:
    push(model, NAME, hub=hub)
    said = json.loads(double.commits[NAME][-1][MANIFEST])
    said["files"]["golden/0.jpg"]["bytes"] = 2**40
    double.changed[MANIFEST] = json.dumps(said).encode()
    with pytest.raises(ArtefactError, match=r"golden/0\.jpg on the hub is said to have 1,099,511,627,776 bytes"):
        pull(NAME, tmp_path / "again.model", hub=hub)
