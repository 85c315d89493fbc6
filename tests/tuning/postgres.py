"""A PostgreSQL server of its own in a temporary folder, which asks for a password."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

USER, PASSWORD = "ada", "hush@h/u:s#h?"
"""The password holds what addresses give a meaning to."""
IN_URL = "hush%40h%2Fu%3As%23h%3F"
"""As it is written in one."""


def programs() -> Path:
    """The folder of `initdb` and `postgres`; skips the test where they are not installed."""
    found = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
    if found is None:
        pytest.skip("initdb is not installed: there is no PostgreSQL to start")
    return Path(found).resolve().parent


def somebody() -> dict[str, Any]:
    """Of subprocess: PostgreSQL refuses to run as root; skips the test where there is nobody else."""
    if os.name != "posix" or os.getuid() != 0:
        return {}
    import pwd

    try:
        found = pwd.getpwnam("nobody")
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user nobody")
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


@contextmanager
def running() -> Generator[str]:
    """A server for as long as the block lasts: host and port, of a database `runs`."""
    there, who = programs(), somebody()
    with tempfile.TemporaryDirectory() as folder:
        data, secret = Path(folder) / "data", Path(folder) / "password"
        secret.write_text(PASSWORD)
        for each in (Path(folder), secret):
            each.chmod(0o755 if each.is_dir() else 0o644)
            if who:
                os.chown(each, who["user"], -1)
        words = ["initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--no-sync"]
        try:
            subprocess.run([there / words[0], *words[1:]], check=True, capture_output=True, cwd=folder, **who)
        except (OSError, subprocess.CalledProcessError) as error:  # such as folders that nobody may enter
            pytest.skip(f"PostgreSQL cannot be set up here: {getattr(error, 'stderr', None) or error}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = ["-D", data, "-p", str(port), "-k", "", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        with (Path(folder) / "log").open("wb") as log:
            server = subprocess.Popen([there / "postgres", *words], stderr=log, stdout=log, cwd=folder, **who)
        try:
            make_database(port, server)
            yield f"127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGINT)  # without waiting for whoever is connected
            server.wait(30)


def make_database(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers, and make the database."""
    import psycopg

    until = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(
                host="127.0.0.1", port=port, user=USER, password=PASSWORD, dbname="postgres", autocommit=True
            ) as connection:
                connection.execute("create database runs")
            return
        except psycopg.OperationalError:
            if time.monotonic() > until or server.poll() is not None:
                raise
            time.sleep(0.1)
