"""A process that decodes large inputs, so that it can be killed when one takes too long or too much memory.

It is started when the first large input comes, knows only what its kind reads with, and ends with the service. What
goes through its pipes: a length of 8 bytes and the input; back come a status of 1 byte, a length, and arrays or a
reason; before all that, one byte when it has started.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from drivetrain.errors import InputError
from drivetrain.runtime.kinds import add_kind, kind_name, packages
from drivetrain.runtime.spec import Arrays, InputSpec, read_spec

_LENGTH = struct.Struct("<Q")
_GOOD, _BAD = b"+", b"-"
START_S = 30.0
"""Until the process has started."""
SPARE_BYTES = 64 * 2**20
"""For what the decoder needs beside the input: the encoded bytes, the answer, Python itself."""


class OverdueError(Exception):
    """The input was not decoded in time; the process that tried is gone."""


class Decoder:
    """Decodes one input at a time in a process of its own; another one is started where that was lost.

    Args:
        spec: How inputs are read.
        most_bytes: Memory that decoding may take beside the process itself.
        most_s: Seconds after which the process is killed.
    """

    def __init__(self, spec: InputSpec, *, most_bytes: int, most_s: float) -> None:
        self._spec, self._most_bytes, self._most_s = spec, most_bytes, most_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def load(self, data: bytes) -> Arrays:
        """What the spec loads.

        Raises:
            OverdueError: It took too long, or the process died of it.
            InputError: It cannot be read.
        """
        with self._lock:
            process = self._started()
            with _killed_after(self._most_s, process):
                return _asked(process, data)

    def kill(self) -> None:
        """End the process; nothing is decoded afterwards."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
            self._forget(process)

    def _started(self) -> subprocess.Popen[bytes]:
        process = self._process
        if process is not None and process.poll() is None:
            return process
        if process is not None:
            self._forget(process)
        if self._closed:
            raise OverdueError
        kind = kind_name(self._spec.kind)
        how = json.dumps([kind, packages()[kind], self._spec.model_dump(mode="json")])
        words = [sys.executable, "-m", "drivetrain.serving.decoding", how]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(
            [*words, str(self._most_bytes + SPARE_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the service, which ends this process when it has answered
        )
        assert self._process.stdout is not None
        with _killed_after(START_S, self._process):
            _exactly(self._process.stdout, len(_GOOD))
        return self._process

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                assert stream is not None
                stream.close()
        process.wait()


@contextlib.contextmanager
def _killed_after(seconds: float, process: subprocess.Popen[bytes]) -> Generator[None]:
    """Whatever is asked inside, the process answers it or is gone; raises OverdueError in the second case."""
    overdue = threading.Timer(seconds, process.kill)
    overdue.daemon = True
    overdue.start()
    try:
        yield
    except (OSError, EOFError) as error:
        process.kill()
        process.wait()
        raise OverdueError from error
    finally:
        overdue.cancel()


def _asked(process: subprocess.Popen[bytes], data: bytes) -> Arrays:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(_LENGTH.pack(len(data)))
    process.stdin.write(data)
    process.stdin.flush()
    status = _exactly(process.stdout, 1)
    found = _exactly(process.stdout, _LENGTH.unpack(_exactly(process.stdout, _LENGTH.size))[0])
    if status == _BAD:
        raise InputError(found.decode(errors="replace"))
    stream, arrays = io.BytesIO(found), list[NDArray[Any]]()
    while stream.tell() < len(found):
        arrays.append(np.lib.format.read_array(stream, allow_pickle=False))
    return tuple(arrays)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    found = stream.read(count)
    if len(found) != count:
        raise EOFError
    return found


def main() -> None:
    """What the process does until nothing more comes."""
    kind, package, said = json.loads(sys.argv[1])
    if kind not in packages():
        add_kind(kind, package)
    spec = read_spec(said)
    _limit_memory(int(sys.argv[2]))
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    outgoing.write(_GOOD)
    outgoing.flush()
    while head := incoming.read(_LENGTH.size):
        try:
            stream = io.BytesIO()
            for array in spec.load(_exactly(incoming, _LENGTH.unpack(head)[0])):
                np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)
            status, found = _GOOD, stream.getvalue()
        except InputError as error:
            status, found = _BAD, str(error).encode(errors="replace")
        outgoing.write(status + _LENGTH.pack(len(found)))
        outgoing.write(found)
        outgoing.flush()


def _limit_memory(most: int) -> None:
    """So many bytes beyond what the process has now; elsewhere than on Linux the bounds on pictures must do."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on every system

        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + most, now + most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
