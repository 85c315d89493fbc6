"""Whatever is sent, the service goes on answering correctly."""

import random
import socket
import threading
import time
import zlib

import httpx
import pytest
from hypothesis import HealthCheck, given, settings

from drivetrain.serving.settings import Settings
from tests.serving.conftest import Live, limited, running
from tests.serving.test_decoding import bomb
from tests.serving.tiny import picture

METHODS = ["DELETE", "PUT", "TRACE", "CONNECT", "OPTIONS", "\x00", "GET\tGET"]
PATHS = [
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "//etc/passwd",
    "/page.css/../run.py",
    "/%00",
    "/" + "a" * 9000,
    "/v2/models/..%2f..%2f/infer",
    "*",
    "http://example.org/",
]


def head(path: str = "/predict", method: str = "POST", **headers: str) -> bytes:
    given = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *given]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def still_right(live: Live, patience_s: float = 0.0) -> bool:
    """Whether three pictures are answered correctly; with patience, after being told to come again."""
    until = time.monotonic() + patience_s
    for colour in ("red", "green", "blue"):
        answer = live.post("/predict", picture(colour))
        while answer.status_code == 503 and time.monotonic() < until:
            time.sleep(0.05)
            answer = live.post("/predict", picture(colour))
        if answer.json().get("label") != colour:
            return False
    return True


def with_headers(text: str) -> bytes:
    return f"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{text}\r\n".encode()


def test_ten_thousand_headers(live):
    assert status_of(live.raw(with_headers("X: 1\r\n"))) == 200
    assert status_of(live.raw(with_headers("".join(f"X-{i}: {i}\r\n" for i in range(10_000))))) in (0, 400, 431)
    assert status_of(live.raw(with_headers("".join(f"X{i}: 1\r\n" for i in range(100))))) == 431
    assert status_of(live.raw(with_headers(f"X: {'y' * 20_000}\r\n"))) in (400, 431)
    assert still_right(live)


def test_headers_that_never_end_are_cut_off(live):
    for beginning in (b"", b"POST /predict HTTP/1.1\r\nHost: local"):
        began = time.monotonic()
        answer = live.raw(beginning)
        assert 0.2 < time.monotonic() - began < 3 and status_of(answer) == 408
    keep = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HTTP/1.1\r\n"
    began = time.monotonic()
    assert live.raw(keep).count(b"HTTP/1.1 ") >= 1 and time.monotonic() - began < 7


def test_bodies_that_never_end_are_cut_off(live):
    began = time.monotonic()
    answer = live.raw(head(content_length="1000", content_type="image/png") + b"\x89PNG")
    assert status_of(answer) == 408 and time.monotonic() - began < 6
    assert still_right(live)


def test_a_slow_sender_is_cut_off_however_regular(live):
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
        connection.sendall(head(content_length="100000", content_type="image/png"))
        began = time.monotonic()
        try:
            while time.monotonic() - began < 8:
                connection.sendall(b"x")
                time.sleep(0.02)
        except OSError:
            pass
        assert time.monotonic() - began < 6


@pytest.mark.parametrize("chunked", [True, False])
def test_too_many_bytes_are_refused_while_they_arrive(live, chunked):
    if chunked:
        sent = head(transfer_encoding="chunked", content_type="image/png")
        sent += b"".join(b"%x\r\n" % 50_000 + bytes(50_000) + b"\r\n" for _ in range(10)) + b"0\r\n\r\n"
    else:
        sent = head(content_length="99999999999", content_type="image/png") + bytes(1000)
    assert status_of(live.raw(sent)) == 413
    assert live.service.intake.bytes == 0


def test_a_caller_that_asks_first_is_told_not_to_send(live):
    answer = live.raw(head(content_length="999999999", content_type="image/png", expect="100-continue"))
    assert status_of(answer) == 413 and b"100 Continue" not in answer


def test_bytes_of_all_callers_together_are_bounded(artefact):
    limits = limited(bytes_in_flight=150_000, body_s=1.5)
    with running(artefact, Settings(threads=1, limits=limits)) as service:
        open_ = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(6)]
        for connection in open_:
            connection.sendall(head(content_length="190000", content_type="image/png") + bytes(60_000))
        statuses = []
        for connection in open_:
            connection.settimeout(8)
            try:
                statuses.append(status_of(connection.recv(65_536)))
            except OSError:
                statuses.append(0)
            connection.close()
        assert 503 in statuses
        assert still_right(service) and service.service.intake.bytes == 0


def test_connections_are_bounded(artefact):
    with running(artefact, Settings(threads=1, limits=limited(connections=10, header_s=1.0))) as service:
        idle = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(30)]
        time.sleep(0.2)
        assert status_of(service.raw(b"", wait_s=0.5)) == 503
        time.sleep(1.2)
        assert still_right(service)
        for connection in idle:
            connection.close()


def test_overload_is_refused_and_what_is_taken_is_right(artefact):
    with running(artefact, Settings(threads=1, queue=3, deadline_s=5)) as service:
        real, began = service.service.model.answer, threading.Event()

        def slow(data):
            began.set()
            time.sleep(0.05)
            return real(data)

        service.service.model.answer = slow
        found: list[httpx.Response] = []
        callers = [
            threading.Thread(target=lambda: found.append(service.post("/predict", picture("green")))) for _ in range(24)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        codes = [answer.status_code for answer in found]
        assert set(codes) == {200, 503} and codes.count(200) >= 4
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in found if answer.status_code == 503)
        assert all(answer.json()["label"] == "green" for answer in found if answer.status_code == 200)


def hostile_requests(rng: random.Random, n: int) -> list[bytes]:
    """Requests of every kind of ill will, in a random order, each as the bytes that are sent."""
    good = picture("red")
    deflated = zlib.compress(good)

    def body(data: bytes, path: str = "/predict", **headers: str) -> bytes:
        return head(path, content_length=str(len(data)), connection="close", **headers) + data

    def broken() -> bytes:
        data = bytearray(good)
        for _ in range(rng.randrange(1, 40)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        return body(bytes(data[: rng.randrange(1, len(data))]), content_type="image/png")

    def multipart() -> bytes:
        named = b'Content-Disposition: form-data; name="file"; filename="../../etc/passwd\0.png"'
        lines = [b"--b", named, b"", good, b"--b--"]
        rng.shuffle(lines)
        return body(b"\r\n".join(lines), content_type="multipart/form-data; boundary=b")

    def size() -> int:
        return rng.randrange(5_000, 60_000)

    def tensor() -> bytes:
        start = b'{"inputs":[{"name":"pictures","shape":[1],"datatype":"BYTES","data":["'
        return start + rng.randbytes(50).hex().encode() + b'"]}]}'

    infer = "/v2/models/colours/infer"
    json = {"content_type": "application/json"}
    kinds = [
        broken,
        multipart,
        lambda: body(bomb(size(), size()), content_type="image/png"),
        lambda: body(
            rng.randbytes(rng.randrange(2000)), content_type=rng.choice(["image/png", "text/html", "a/b;c", ""])
        ),
        lambda: body(deflated, content_type="image/png", content_encoding="deflate"),
        lambda: body(b"[" * rng.randrange(200_000), infer, **json),
        lambda: body(b'{"inputs": ' + b'{"a":' * rng.randrange(300) + b"1", infer, **json),
        lambda: body(tensor(), infer, **json),
        lambda: body(b"http://127.0.0.1/secret.png", content_type="application/x-www-form-urlencoded"),
        lambda: head(rng.choice(PATHS), "GET", connection="close"),
        lambda: head("/", rng.choice(METHODS), connection="close"),
        lambda: head(content_length=rng.choice(["-1", "x", "1e9", "9" * 40, "5, 6"])),
        lambda: head(content_length="5", transfer_encoding="chunked") + b"0\r\n\r\nSMUGG",
        lambda: head(transfer_encoding="chunked") + b"zz\r\n",
        lambda: head(transfer_encoding="chunked") + b"ffffffffffffffff\r\nx",
        lambda: head("/predict", "GET", upgrade="websocket", connection="Upgrade", sec_websocket_key="x"),
        lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        lambda: rng.randbytes(rng.randrange(1, 500)),
        lambda: b"GET / HTTP/1.1\r\n\r\n",
        lambda: b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        lambda: head(content_length="500", content_type="image/png") + good[:100],
    ]
    return [kinds[i % len(kinds)]() for i in range(n)]


@pytest.mark.parametrize("n", [63, pytest.param(500, marks=pytest.mark.slow)])
def test_hostile_requests(live, n):
    requests = hostile_requests(random.Random(5), n)
    random.Random(6).shuffle(requests)
    codes: list[int] = []

    def send(some: list[bytes]) -> None:
        codes.extend(status_of(live.raw(one, wait_s=0.7)) for one in some)

    senders = [threading.Thread(target=send, args=(requests[i::21],)) for i in range(21)]
    for sender in senders:
        sender.start()
    time.sleep(0.3)
    assert still_right(live, patience_s=5)  # meanwhile
    for sender in senders:
        sender.join()
    assert len(codes) == n
    assert 500 not in codes and len(set(codes) - {0, 200}) >= 6
    assert still_right(live) and live.get("/readyz").status_code == 200
    until = time.monotonic() + 5
    while live.service.desk.waiting + live.service.desk.running and time.monotonic() < until:
        time.sleep(0.01)
    assert live.service.intake.bytes == live.service.desk.waiting == live.service.desk.running == 0


@pytest.mark.slow
def test_every_answer_to_generated_requests_is_as_the_openapi_document_says(artefact):
    openapi = pytest.importorskip("schemathesis").openapi
    from schemathesis.specs.openapi import checks

    asserted = [
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]
    asked = []
    with running(artefact, Settings(threads=1, limits=limited())) as service:
        for operation in openapi.from_url(service.url + "/openapi.json").get_all_operations():

            @given(case=operation.ok().as_strategy())
            @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            def holds(case):
                asked.append(case.operation.path)
                response = case.call()
                assert response.status_code != 500
                case.validate_response(response, checks=asserted)

            holds()
        assert len(set(asked)) >= 10 and still_right(service)
