"""`drivetrain serve` as its users start it: in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

COMMAND = [sys.executable, "-m", "drivetrain", "serve"]


class Service:
    """A service, and what it has logged."""

    def __init__(self, *words, **environment) -> None:
        everything = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        self.popen = subprocess.Popen([*COMMAND, *map(str, words)], stderr=subprocess.PIPE, text=True, env=everything)
        self.lines: list[dict] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        for line in self.popen.stderr:
            self.lines.append(json.loads(line) if line.startswith("{") else {"event": "text", "text": line})

    def wait_for(self, event: str, seconds: float = 60) -> dict:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = [line for line in self.lines if line["event"] == event]
            if found:
                return found[0]
            time.sleep(0.01)
        raise AssertionError(f"no {event}: {self.lines}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.popen.send_signal(number)
        code = self.popen.wait(30)
        self.reader.join()
        self.popen.stderr.close()
        return code
