"""Every fault of a server ends in a reason, within bounded time and memory, and the good files beside it come."""

import csv
import struct
import zlib
from itertools import islice

import pytest

from drivetrain.collecting.fetching import _unpacked
from drivetrain.collecting.network import Checked
from drivetrain.errors import DataError
from tests.collecting.server import Server, bomb, picture

MOST_MB = 0.5


def announced(handler):
    handler.body(b"\xff\xd8\xff\xe0", length=10**9)
    handler.close_connection = True


def many_pixels():
    """A PNG whose header promises 60,000 × 60,000 pixels."""
    data = bytearray(picture(1, format="PNG"))
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


FAULTS = {
    "html": (lambda h: h.body(b"<!DOCTYPE html><p>gone"), "error page"),
    "html with a picture's header": (lambda h: h.body(b"\n\n<HTML lang=en>"), "error page"),
    "json": (lambda h: h.body(b'{"error": "quota"}'), "error page"),
    "svg": (lambda h: h.body(b"<svg xmlns='x'/>"), "wrong type"),
    "pdf": (lambda h: h.body(b"%PDF-1.7"), "wrong type"),
    "psd": (lambda h: h.body(b"8BPS" + b"\0" * 600), "wrong type"),
    "nothing": (lambda h: h.body(b""), "empty"),
    "no content": (lambda h: h.body(b"", status=204), "refused"),
    "slow": (lambda h: h.endless(b"\xff", 0.05), "too slow"),
    "slow header": (lambda h: [h.wfile.write(b"H") or h.world.closing.wait(0.05) for _ in range(60)], "too slow"),
    "endless": (lambda h: h.endless(), "too large"),
    "announced": (announced, "too large"),
    "bomb": (lambda h: h.body(bomb(), headers=[("Content-Encoding", "gzip")]), "too large"),
    "no gzip": (lambda h: h.body(b"plain", headers=[("Content-Encoding", "gzip")]), "packed"),
    "brotli": (lambda h: h.body(b"x", headers=[("Content-Encoding", "br")]), "packed"),
    "reset": (lambda h: h.reset(), "cut off"),
    "short": (lambda h: (h.body(picture(3)[:700], length=5000), setattr(h, "close_connection", True)), "cut off"),
    "truncated": (lambda h: h.body(picture(3)[:1500]), "truncated or damaged"),
    "pixels": (lambda h: h.body(many_pixels()), "too many pixels"),
    "small": (lambda h: h.body(picture(4, size=(20, 90))), "too small"),
    "blank": (lambda h: h.body(blank()), "blank"),
    "loop": (lambda h: h.to("/loop"), "redirects without end"),
    "port": (lambda h: h.to("http://127.0.0.1:22/a.jpg"), "private address"),
    "localhost": (lambda h: h.to("//localhost/a.jpg"), "private address"),
    "metadata": (lambda h: h.to("//169.254.169.254/latest/meta-data", 307), "private address"),
    "mapped": (lambda h: h.to("//[::ffff:127.0.0.1]/a.jpg"), "private address"),
    "nat64": (lambda h: h.to("//[64:ff9b::a9fe:a9fe]/a.jpg"), "private address"),
    "octal": (lambda h: h.to("//0177.0.0.1/a.jpg"), "private address"),
    "one number": (lambda h: h.to("//2130706433/a.jpg"), "private address"),
    "zero": (lambda h: h.to("//0/a.jpg"), "private address"),
    "file": (lambda h: h.to("file:///etc/passwd"), "no web address"),
    "password": (lambda h: h.to("//me:secret@127.0.0.1/a"), "a name or password in the address"),
    "no place": (lambda h: h.to("//[::1/"), "no web address"),
    "huge header": (lambda h: h.raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000 + b"\r\n\r\n"), "no HTTP"),
    "no http": (lambda h: h.raw(b"220 mail.example.org ESMTP\r\n"), "cut off"),
    "two lengths": (
        lambda h: h.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\nhello"),
        "no HTTP",
    ),
    "gone": (lambda h: h.body(b"", status=410), "gone"),
    "error": (lambda h: h.body(b"", status=503), "server error"),
    "noai": (lambda h: h.body(picture(5), headers=[("X-Robots-Tag", "noai")]), "not to be learnt from"),
}
FINE = {
    "packed": lambda h: h.body(zipped(), headers=[("Content-Encoding", "gzip")]),
    "moved": lambda h: h.to("/picture/50.jpg", 308),
    "wrong header": lambda h: h.body(picture(51), kind="text/html"),
    "chunked": lambda h: h.raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(picture(52))
        + picture(52)
        + b"\r\n0\r\n\r\n"
    ),
}


def blank():
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (80, 80), "white").save(stream, "PNG")
    return stream.getvalue()


def zipped():
    import gzip

    return gzip.compress(picture(53))


def path_of(name):
    return "/" + name.replace(" ", "-")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """All faults at once: address → what is said of it."""
    import warnings

    import drivetrain as dt
    from drivetrain.collecting import work

    out = tmp_path_factory.mktemp("faults") / "out"
    with Server() as server, pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(), dt.quiet():
        warnings.simplefilter("ignore", dt.DrivetrainWarning)
        patch.setattr(work, "FIRST_WAIT_S", 0.02)
        for name, (answer, _) in FAULTS.items():
            server.answers[path_of(name)] = answer
        for name, answer in FINE.items():
            server.answers[path_of(name)] = answer
        rows = [server.url(path_of(name)) for name in (*FAULTS, *FINE)]
        found = dt.collect(
            rows,
            out,
            contact="ada@example.org",
            pause_s=0,
            per_host=8,
            timeout_s=1.5,
            most_mb=MOST_MB,
            allow_private=[server.host],
        )
        with (out / "set_aside.csv").open(newline="") as file:
            said = {row["url"].removeprefix(server.root): row for row in csv.DictReader(file)}
        with (out / "collected.csv").open(newline="") as file:
            kept = {row["url"].removeprefix(server.root): row for row in csv.DictReader(file)}
        yield found, said, kept, dict(server.asked), out


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told(name, outcome):
    _, said, kept, _, _ = outcome
    assert path_of(name) not in kept
    assert said[path_of(name)]["reason"].partition(":")[0] == FAULTS[name][1], said[path_of(name)]["reason"]


@pytest.mark.parametrize("name", FINE)
def test_the_good_ones_come(name, outcome):
    _, said, kept, _, out = outcome
    assert path_of(name) not in said
    assert (out / kept[path_of(name)]["path"]).read_bytes()[:3] == b"\xff\xd8\xff"


def test_nothing_is_left_of_what_was_not_whole(outcome):
    out = outcome[-1]
    assert list((out / ".collect" / "parts").iterdir()) == []
    assert all(path.stat().st_size <= MOST_MB * 1e6 for path in out.rglob("*") if path.suffix == ".jpg")


def test_what_may_pass_is_tried_again_and_what_will_not_is_not(outcome):
    names = ("reset", "short", "error", "gone", "html", "two lengths", "slow")
    assert {name: outcome[3][path_of(name)] for name in names} == {
        "reset": 4, "short": 4, "error": 4, "gone": 1, "html": 1, "two lengths": 1, "slow": 1,
    }  # fmt: skip


def test_the_table_of_what_came_says_where_from(outcome):
    _, _, kept, _, _ = outcome
    row = kept["/moved"]
    assert row["final_url"].endswith("/picture/50.jpg") and row["width"] == "96" and len(row["sha256"]) == 64


def test_a_bomb_is_unpacked_bit_by_bit():
    """Whatever a packed body becomes, no more of it is in memory at once than a block."""
    blocks = islice(_unpacked(iter([bomb()]), b"gzip"), 3)
    assert [len(block) for block in blocks] == [1 << 16] * 3


def test_nothing_private_is_asked_without_permission(server, gather, tmp_path):
    with pytest.raises(DataError, match="1 × private address"):
        gather(server, [server.url("/picture/1.jpg")], allow_private=[])
    assert server.asked["/picture/1.jpg"] == server.asked["/robots.txt"] == 0


def test_a_name_that_answers_otherwise_the_second_time_leads_nowhere(server):
    """DNS rebinding: what is connected to is what was checked, and a name is asked once a connection."""
    answers = iter([["93.184.215.14"], ["127.0.0.1"]])
    asked = []

    def resolve(host, port):
        asked.append(host)
        return next(answers)

    backend = Checked(resolve=resolve)
    connected = []

    def connect(self, address, port, timeout=None, local_address=None, socket_options=None):
        connected.append(address)

        class Stream:
            pass

        return Stream()

    import httpcore2

    from drivetrain.collecting.addresses import RefusedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
        backend.connect_tcp("rebind.example.org", 80)
        with pytest.raises(RefusedError, match=r"private address: rebind\.example\.org is 127\.0\.0\.1"):
            backend.connect_tcp("rebind.example.org", 80)
    assert connected == ["93.184.215.14"] and asked == ["rebind.example.org"] * 2


def test_one_private_address_among_public_ones_is_enough_to_refuse():
    from drivetrain.collecting.addresses import RefusedError

    with pytest.raises(RefusedError):
        Checked(resolve=lambda host, port: ["93.184.215.14", "10.0.0.1"]).connect_tcp("two.example.org", 80)


@pytest.mark.parametrize(("raw", "asked"), [("/ü b.jpg", "/%C3%BC%20b.jpg"), ("/%FC.jpg", "/%FC.jpg")])
def test_a_redirect_may_be_written_in_utf_8(raw, asked, fresh, gather):
    fresh.answers["/way.jpg"] = lambda handler: handler.to(raw.encode().decode("latin-1"))
    fresh.answers[asked] = lambda handler: handler.body(picture(3))
    assert gather(fresh, [fresh.url("/way.jpg")]).n_kept == 1
