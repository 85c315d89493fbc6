"""A hub of our own on this machine: the part of its HTTP interface that pushing and pulling use."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = 1000
"""Bytes from which this hub wants a file in its store for large files."""


@dataclass
class Double:
    """What the hub holds, what it was asked, and what it is to do wrong."""

    token: str | None = None
    commits: dict[str, list[dict[str, bytes]]] = field(default_factory=dict)
    """Repository → the files after each commit."""
    private: dict[str, bool] = field(default_factory=dict)
    store: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and token shown, of every request to the hub."""
    asked_elsewhere: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Likewise of the store, which stands at another address."""
    fail: list[int] = field(default_factory=list)
    """Status of the next answers."""
    changed: dict[str, bytes] = field(default_factory=dict)
    """File → what is sent instead of it."""
    endpoint: str = ""
    elsewhere: str = ""

    def commit(self, repository: str, number: int) -> str:
        return hashlib.sha1(f"{repository} {number}".encode()).hexdigest()

    def files(self, repository: str, commit: str) -> dict[str, bytes] | None:
        for number, files in enumerate(self.commits.get(repository, [])):
            if commit == self.commit(repository, number):
                return files
        return None


class Handler(BaseHTTPRequestHandler):
    double: Double
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: object = b"", **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))


class HubHandler(Handler):
    def handle_any(self) -> None:
        body, path, hub = self.body(), unquote(urlsplit(self.path).path), self.double
        shown = self.headers.get("Authorization")
        hub.asked.append((self.command, path, shown))
        if hub.fail:
            self.answer(hub.fail.pop(0))
        elif hub.token and shown != f"Bearer {hub.token}":
            self.answer(401, b"", X_Error_Message="Invalid username or password.")
        elif self.command == "POST":
            self.post(path, body)
        else:
            self.get(path)

    do_GET = do_POST = handle_any

    def post(self, path: str, body: bytes) -> None:
        hub = self.double
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if name in hub.commits:
                self.answer(409, {"error": "You already created this model repo", "url": f"{hub.endpoint}/{name}"})
                return
            hub.commits[name], hub.private[name] = [], asked["visibility"] == "private"
            self.answer(200, {"url": f"{hub.endpoint}/{name}"})
        elif path == "/api/validate-yaml":  # of the page of the model
            assert json.loads(body)["content"].startswith("---\nlibrary_name: drivetrain\n")
            self.answer(200, {"errors": [], "warnings": []})
        elif path.endswith("/preupload/main"):
            files = json.loads(body)["files"]
            modes = ["lfs" if file["size"] >= LARGE else "regular" for file in files]
            found = [
                {"path": f["path"], "uploadMode": m, "shouldIgnore": False} for f, m in zip(files, modes, strict=True)
            ]
            self.answer(200, {"files": found})
        elif path.endswith(".git/info/lfs/objects/batch"):
            assert "git-lfs" in self.headers["Content-Type"]
            self.answer(200, {"transfer": "basic", "objects": [self.actions(o) for o in json.loads(body)["objects"]]})
        elif path.endswith("/commit/main"):
            self.take_commit(path.removeprefix("/api/models/").removesuffix("/commit/main"), body)
        elif path == "/verify":
            asked = json.loads(body)
            self.answer(200 if len(hub.store.get(asked["oid"], b"")) == asked["size"] else 422)
        else:
            self.answer(404)

    def actions(self, wanted: dict) -> dict:
        if wanted["oid"] in self.double.store:
            return wanted
        upload = {"href": f"{self.double.elsewhere}/put/{wanted['oid']}?signed=1", "header": {"X-Amz": "a"}}
        return {**wanted, "actions": {"upload": upload, "verify": {"href": f"{self.double.endpoint}/verify"}}}

    def take_commit(self, repository: str, body: bytes) -> None:
        hub = self.double
        lines = [json.loads(line) for line in body.splitlines()]
        assert lines[0]["key"] == "header" and lines[0]["value"]["summary"]
        files = dict(hub.commits[repository][-1]) if hub.commits[repository] else {}
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            else:
                assert line["key"] == "lfsFile" and value["algo"] == "sha256"
                files[value["path"]] = hub.store[value["oid"]]
                assert len(files[value["path"]]) == value["size"]
        hub.commits[repository].append(files)
        oid = hub.commit(repository, len(hub.commits[repository]) - 1)
        self.answer(200, {"commitOid": oid, "commitUrl": f"{hub.endpoint}/{repository}/commit/{oid}"})

    def get(self, path: str) -> None:
        hub = self.double
        if path.startswith("/api/models/"):
            repository, _, revision = path.removeprefix("/api/models/").partition("/revision/")
            made = hub.commits.get(repository)
            last = hub.commit(repository, len(made) - 1) if made else None
            known = {"main": last} | {
                hub.commit(repository, i): hub.commit(repository, i) for i in range(len(made or []))
            }
            self.answer(200, {"sha": known[revision]}) if known.get(revision) else self.answer(404)
            return
        repository, _, rest = path.removeprefix("/").partition("/resolve/")
        commit, _, name = rest.partition("/")
        content = hub.changed.get(name, (hub.files(repository, commit) or {}).get(name))
        if content is None:
            self.answer(404)
        elif len(content) >= LARGE:  # large files lie elsewhere
            oid = hashlib.sha256(content).hexdigest()
            hub.store[oid] = content
            self.answer(302, b"", Location=f"{hub.elsewhere}/get/{oid}")
        else:
            self.answer(200, content)


class StoreHandler(Handler):
    def handle_any(self) -> None:
        body, path, hub = self.body(), urlsplit(self.path).path, self.double
        hub.asked_elsewhere.append((self.command, path, self.headers.get("Authorization")))
        oid = path.rsplit("/", 1)[1]
        if self.command == "PUT":
            assert hashlib.sha256(body).hexdigest() == oid
            hub.store[oid] = body
            self.answer(200)
        else:
            self.answer(200, hub.store[oid])

    do_GET = do_PUT = handle_any


@contextmanager
def running(double: Double) -> Iterator[Double]:
    """The hub and its store at two ports of this machine."""
    servers = []
    for handler in (HubHandler, StoreHandler):
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (handler,), {"double": double}))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
    double.endpoint, double.elsewhere = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    try:
        yield double
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
