"""Whose turn it is: no host is asked more often, by more connections at once, or sooner than it can bear."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Job = TypeVar("Job")

GIVE_UP_AFTER = 5
"""Requests in a row that a host did not answer at all."""


@dataclass
class _Host(Generic[Job]):
    """What is to be asked of one host, and from when on."""

    jobs: deque[Job] = field(default_factory=deque)  # pyright: ignore[reportUnknownVariableType]
    busy: int = 0
    free_at: float = 0.0
    pause_s: float = 0.0
    listed: bool = False
    silent: int = 0
    gone: str = ""
    """Why it is not asked any more."""


class Hosts(Generic[Job]):
    """Jobs by host, handed out in the order in which hosts may be asked.

    Args:
        per_host: Requests at once.
        pause_s: From the beginning of one request to that of the next.

    Example:
        >>> hosts = Hosts(per_host=1, pause_s=0.0)
        >>> hosts.add("a.org", 1)
        >>> host, job = hosts.take()
        >>> hosts.leave(host)
        >>> hosts.finish()
        >>> hosts.take() is None
        True
    """

    def __init__(self, *, per_host: int, pause_s: float) -> None:
        self.per_host, self.pause_s = per_host, pause_s
        self._hosts: dict[str, _Host[Job]] = {}
        self._ready: list[tuple[float, int, str]] = []
        self._later: list[tuple[float, int, str, Job]] = []
        self._count = itertools.count()
        self._open = 0
        self._stopped = False
        self._changed = threading.Condition()

    def add(self, host: str, job: Job) -> None:
        """One more job."""
        with self._changed:
            self._open += 1
            self._host(host).jobs.append(job)
            self._list(host)
            self._changed.notify()

    def again(self, host: str, job: Job, wait_s: float) -> None:
        """A job that was taken, once more, after a while."""
        with self._changed:
            heapq.heappush(self._later, (time.monotonic() + wait_s, next(self._count), host, job))
            self._changed.notify_all()

    def take(self) -> tuple[str, Job] | None:
        """The next job, once its host may be asked; its host is entered. None where nothing is left, or `stop`."""
        with self._changed:
            while not self._stopped and self._open:
                now = time.monotonic()
                while self._later and self._later[0][0] <= now:
                    _, _, host, job = heapq.heappop(self._later)
                    self._host(host).jobs.appendleft(job)
                    self._list(host)
                host = self._next_ready(now)
                if host is not None:
                    found = self._hosts[host]
                    job = found.jobs.popleft()
                    self._enter(found, now)
                    self._list(host)
                    return host, job
                times = [heap[0][0] for heap in (self._ready, self._later) if heap]
                self._changed.wait(max(min(times) - now, 0.001) if times else None)
        return None

    def finish(self, n: int = 1) -> None:
        """That many jobs are done with, whatever came of them."""
        with self._changed:
            self._open -= n
            self._changed.notify_all()

    def leave(self, host: str) -> None:
        """A request to it has ended."""
        with self._changed:
            self._host(host).busy -= 1
            self._list(host)
            self._changed.notify_all()

    @contextmanager
    def turn(self, host: str) -> Generator[str]:
        """Wait for a host that no job was taken for: where a redirect leads; why it is not asked any more, or ""."""
        with self._changed:
            found = self._host(host)
            while not self._stopped and not found.gone:
                now = time.monotonic()
                if found.busy < self.per_host and found.free_at <= now:
                    break
                self._changed.wait(max(found.free_at - now, 0.05))
            self._enter(found, time.monotonic())
        try:
            yield found.gone
        finally:
            self.leave(host)

    def slow_down(self, host: str, *, wait_s: float = 0.0, pause_s: float = 0.0) -> None:
        """It is not asked for a while, and from then on at most every `pause_s`."""
        with self._changed:
            found = self._host(host)
            found.free_at = max(found.free_at, time.monotonic() + wait_s)
            found.pause_s = max(found.pause_s, pause_s)

    def answered(self, host: str) -> None:
        """It is there."""
        with self._changed:
            self._host(host).silent = 0

    def silent(self, host: str) -> bool:
        """It did not answer; whether that was once too often."""
        with self._changed:
            found = self._host(host)
            found.silent += 1
            return found.silent >= GIVE_UP_AFTER

    def give_up(self, host: str, why: str) -> list[Job]:
        """Nothing more is asked of it in this run; the jobs that were waiting."""
        with self._changed:
            found = self._host(host)
            found.gone = why
            self._changed.notify_all()  # those who wait for their turn
            left = [*found.jobs, *(job for _, _, at, job in self._later if at == host)]
            found.jobs.clear()
            self._later = [each for each in self._later if each[2] != host]
            heapq.heapify(self._later)
            return left

    def why_gone(self, host: str) -> str:
        """Why it is not asked any more; "" where it is."""
        with self._changed:
            return self._host(host).gone

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _host(self, host: str) -> _Host[Job]:
        found = self._hosts.get(host)
        if found is None:
            found = self._hosts[host] = _Host[Job](pause_s=self.pause_s)
        return found

    def _enter(self, found: _Host[Job], now: float) -> None:
        found.busy += 1
        found.free_at = max(found.free_at, now) + found.pause_s

    def _list(self, host: str) -> None:
        """Let a host wait for its turn, where it has jobs and is not too busy."""
        found = self._hosts[host]
        if found.jobs and found.busy < self.per_host and not found.listed:
            found.listed = True
            heapq.heappush(self._ready, (found.free_at, next(self._count), host))

    def _next_ready(self, now: float) -> str | None:
        while self._ready:
            at, _, host = self._ready[0]
            found = self._hosts[host]
            if not found.jobs or found.busy >= self.per_host:
                heapq.heappop(self._ready)
                found.listed = False
            elif found.free_at > max(at, now):  # it was slowed down meanwhile
                heapq.heapreplace(self._ready, (found.free_at, next(self._count), host))
            elif at > now:
                return None
            else:
                heapq.heappop(self._ready)
                found.listed = False
                return host
        return None
