"""Whatever is sent, the service goes on answering correctly."""

import json
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


HALF_A_BODY = head(content_length="1000", content_type="image/png") + b"\x89PNG"


HALF_A_HEAD = b"GET /livez HTTP/1.1\r\nHost: loc"


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, HALF_A_BODY], ids=["nothing", "head", "body"])
def test_connections_are_bounded_and_those_that_wait_for_their_callers_make_room(artefact, sent):
    with running(artefact, Settings(threads=1, limits=limited(connections=10, header_s=60, body_s=60))) as service:
        idle = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(30)]
        for connection in idle:
            connection.sendall(sent)
        time.sleep(0.2)
        began = time.monotonic()
        assert still_right(service) and time.monotonic() - began < 3
        assert len(service.server.server_state.connections) <= 10
        assert status_of(idle[0].recv(1000)) == 503
        for connection in idle:
            connection.close()


def test_callers_that_do_not_read_are_cut_and_make_room(artefact):
    pages = head("/openapi.json", "GET") * 4
    with running(artefact, Settings(threads=1, limits=limited(connections=10, write_s=1.0))) as service:
        deaf = []
        for _ in range(20):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.connect(("127.0.0.1", service.port))
            connection.sendall(pages)
            deaf.append(connection)
        assert still_right(service, patience_s=2)
        until = time.monotonic() + 8
        while service.server.server_state.connections and time.monotonic() < until:
            time.sleep(0.05)
        assert not service.server.server_state.connections
        for connection in deaf:
            connection.close()


def test_health_is_answered_when_every_connection_is_being_worked_on(artefact):
    with running(
        artefact, Settings(threads=1, queue=8, limits=limited(connections=4, health_connections=2))
    ) as service:
        real, go_on = service.service.model.answer, threading.Event()

        def slow(data, **how):
            go_on.wait(10)
            return real(data, **how)

        service.service.model.answer = slow
        callers = [threading.Thread(target=service.post, args=("/predict", picture("red"))) for _ in range(4)]
        for caller in callers:
            caller.start()
        while service.service.desk.waiting + service.service.desk.running < 4:
            time.sleep(0.01)
        refused = service.post("/predict", picture("red"))
        health = [service.get(path).status_code for path in ("/livez", "/readyz", "/metrics", "/about")]
        go_on.set()
        for caller in callers:
            caller.join()
        assert refused.status_code == 503 and refused.headers["retry-after"] == "1"
        assert refused.json() == {"error": "there are too many connections; come again"}
        assert health == [200, 200, 200, 503]


def test_a_connection_ends_after_so_many_requests(artefact):
    with running(artefact, Settings(threads=1, limits=limited(requests_per_connection=3))) as service:
        with httpx.Client() as client:
            closing = [client.get(service.url + "/livez").headers.get("connection") for _ in range(7)]
        assert closing == [None, None, "close", None, None, "close", None]


def test_many_requests_without_waiting_for_answers_are_not_all_served(live):
    assert 1 <= live.raw(head("/livez", "GET") * 500, wait_s=1).count(b"HTTP/1.1 200") <= 6


def test_many_small_parts_are_refused_early(live):
    part = b'--B\r\nContent-Disposition: form-data; name="f"\r\n\r\n\r\n'
    start = head(content_type="multipart/form-data; boundary=B", content_length=str(200_000 * len(part)))
    began = time.monotonic()
    assert status_of(live.raw(start + part * 200_000)) in (0, 413)
    assert time.monotonic() - began < 2 and still_right(live)


def test_small_chunks_are_refused(live):
    start = head(transfer_encoding="chunked", content_type="image/png")
    found = live.raw(start + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
    assert status_of(found) in (0, 400) and still_right(live)
    good = picture("red")
    parts = [good[at : at + 100] for at in range(0, len(good), 100)]
    pieces = b"".join(b"%x\r\n" % len(part) + part + b"\r\n" for part in parts)
    assert status_of(live.raw(start + pieces + b"0\r\n\r\n", wait_s=1)) == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head(content_length="5", transfer_encoding="chunked") + b"0\r\n\r\nSMUGG", 400),
        (head(transfer_encoding="chunked", content_length="0") + b"5\r\nabcde\r\n0\r\n\r\n", 400),
        (head(transfer_encoding="chunked") + b"zz\r\n", 400),
        (head(content_length="5", Content_Length="6") + b"123456", 400),
        (head(content_length="-1"), 400),
        (b"GET  /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /\x1b[31m HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"NONSENSE\r\n\r\n", 400),
        (head(content_length="4", content_encoding="gzip") + b"\x1f\x8b\x08\x00", 415),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: example.org\r\n\r\n", 400),
        (head(origin="http://evil.example.org", Origin="http://localhost", content_length="0"), 400),
        (head(sec_fetch_site="cross-site", Sec_Fetch_Site="same-origin", content_length="0"), 400),
        (head(content_encoding="gzip", Content_Encoding="identity", content_length="0"), 400),
    ],
)
def test_what_is_ambiguous_or_no_http_is_told_so_in_json(live, sent, status):
    found = live.raw(sent, wait_s=1)
    assert status_of(found) == status
    top, _, said = found.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in top and b"connection: close" in top
    assert list(json.loads(said)) == ["error"]


@pytest.mark.parametrize(
    ("origin", "site", "status"),
    [
        (None, None, 200),
        ("http://127.0.0.1:{port}", None, 200),
        ("https://127.0.0.1:{port}", "same-origin", 200),
        ("http://127.0.0.1:1", None, 403),
        ("http://localhost:{port}", None, 403),
        ("http://evil.example.org", None, 403),
        ("null", None, 403),
        (None, "same-site", 403),
        (None, "cross-site", 403),
        ("http://evil.example.org", "same-origin", 403),
        ("http://127.0.0.1:{port}", "same-site", 403),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/v2/models/colours/infer", "/explain"])
def test_pages_of_other_origins_are_refused(live, origin, site, status, path):
    headers = {"origin": origin and origin.format(port=live.port), "sec-fetch-site": site}
    found = live.post(path, picture("red"), headers={name: value for name, value in headers.items() if value})
    assert (found.status_code == 403) == (status == 403)
    if path == "/predict":
        assert found.status_code == status


def test_with_a_token_the_browsers_own_word_is_enough(artefact):
    token = "a-token-that-is-long-enough"
    with running(artefact, Settings(threads=1, token=token)) as service:
        headers = {"authorization": f"Bearer {token}", "origin": "https://models.example.org"}
        behind_a_proxy = {**headers, "sec-fetch-site": "same-origin"}
        assert service.post("/predict", picture("red"), headers=behind_a_proxy).status_code == 200
        assert service.post("/predict", picture("red"), headers=headers).status_code == 403


def test_bodies_that_stop_in_the_middle_make_room(artefact):
    limits = limited(bytes_in_flight=400_000, body_s=30)
    with running(artefact, Settings(threads=1, limits=limits)) as service:
        stalled = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(4)]
        for connection in stalled:
            connection.sendall(head(content_length="190000", content_type="image/png") + bytes(95_000))
        time.sleep(1.0)
        assert service.service.intake.bytes == 380_000
        large = bytes(150_000)
        assert service.post("/predict", large).status_code == 415 and still_right(service)
        assert status_of(stalled[0].recv(1000)) == 408
        for connection in stalled:
            connection.close()


def test_overload_is_refused_and_what_is_taken_is_right(artefact):
    with running(artefact, Settings(threads=1, queue=3, deadline_s=5)) as service:
        real, began = service.service.model.answer, threading.Event()

        def slow(data, **how):
            began.set()
            time.sleep(0.05)
            return real(data, **how)

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
    as_json = {"content_type": "application/json"}
    kinds = [
        broken,
        multipart,
        lambda: body(bomb(size(), size()), content_type="image/png"),
        lambda: body(
            rng.randbytes(rng.randrange(2000)), content_type=rng.choice(["image/png", "text/html", "a/b;c", ""])
        ),
        lambda: body(deflated, content_type="image/png", content_encoding="deflate"),
        lambda: body(b"[" * rng.randrange(200_000), infer, **as_json),
        lambda: body(b'{"inputs": ' + b'{"a":' * rng.randrange(300) + b"1", infer, **as_json),
        lambda: body(tensor(), infer, **as_json),
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


@pytest.mark.parametrize("n", [63, pytest.param(210, marks=pytest.mark.slow)])
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
