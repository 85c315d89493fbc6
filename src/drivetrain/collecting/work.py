"""The work itself: threads that take addresses in turn, try again where that may help, and write down what came."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from drivetrain.collecting.addresses import web_address
from drivetrain.collecting.fetching import FailedError, Fetcher
from drivetrain.collecting.hosts import Hosts
from drivetrain.collecting.judging import judged, now
from drivetrain.collecting.log import Log, Outcome
from drivetrain.collecting.places import Places, put
from drivetrain.progress import track

TRIES = 4
"""Of an address in one run."""
FIRST_WAIT_S = 1.0
"""Before the second try; doubled each time, and drawn between half and all of it, so that not all come at once."""
MOST_WAIT_S = 120.0
"""A host that asks for more is left alone until another run."""
LEAVE_S = 2.0
"""How long an interrupted run waits for its threads."""


@dataclass
class Job:
    """An address, and how often it was tried."""

    url: str
    tries: int = 0


class Work:
    """What threads do with a list of addresses.

    Args:
        fetcher: Gets one file.
        hosts: Whose turn it is.
        log: Where outcomes go.
        places: Where files go.
        kind: "images", "sounds" or "files".
        folder_of: The folder of an address, where its file is fine.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        hosts: Hosts[Job],
        log: Log,
        places: Places,
        *,
        kind: str,
        folder_of: Callable[[str], Path],
    ) -> None:
        self.fetcher, self.hosts, self.log, self.places = fetcher, hosts, log, places
        self.kind, self.folder_of = kind, folder_of
        self.got = 0
        self.failed = 0
        self._first_wait_s = FIRST_WAIT_S
        self._lock = threading.Lock()
        self._advance: Callable[..., None] = lambda done, note="": None
        self._broken: list[BaseException] = []

    def run(self, urls: Sequence[str], workers: int) -> None:
        """Ask for all of them; what is written down stays, whatever ends this.

        Raises:
            OSError: A file cannot be written.
            KeyboardInterrupt: As it comes.
        """
        for url in urls:
            self.hosts.add(web_address(url).host, Job(url))
        threads = [
            threading.Thread(target=self._take_turns, daemon=True, name=f"collect-{i}")
            for i in range(min(workers, len(urls)))
        ]
        with track("collecting", len(urls)) as advance:
            self._advance = advance
            for thread in threads:
                thread.start()
            try:
                for thread in threads:
                    while thread.is_alive():
                        thread.join(0.2)
            finally:
                self.hosts.stop()
                for thread in threads:
                    thread.join(LEAVE_S / len(threads))
        if self._broken:
            raise self._broken[0]

    def _take_turns(self) -> None:
        try:
            while (taken := self.hosts.take()) is not None:
                self._try(*taken)
        except BaseException as error:  # noqa: BLE001 - raised again by `run`
            self._broken.append(error)
            self.hosts.stop()

    def _try(self, host: str, job: Job) -> None:
        """One request, and what follows from it."""
        if gone := self.hosts.why_gone(host):
            self.hosts.leave(host)
            self._done(Outcome(job.url, "failed", gone, later=True, when=now()))
            return
        key = sha256(job.url.encode()).hexdigest()[:32]
        part = self.places.parts / f"{key}.part"
        try:
            got = self.fetcher.fetch(web_address(job.url), part)
        except FailedError as error:
            with suppress(OSError):
                part.unlink()
            self._failed(host, job, error)
            return
        self.hosts.answered(host)
        first = self.places.parts / f"{key}{got.suffix}"
        put(part, first)
        outcome = judged(got, job.url, first, self.kind)
        put(first, (self.places.aside if outcome.reason else self.folder_of(job.url)) / outcome.name)
        self._done(outcome)

    def _failed(self, host: str, job: Job, error: FailedError) -> None:
        asked = error.host or host
        if not error.silent:
            self.hosts.answered(asked)
        elif self.hosts.silent(asked):
            self._give_up(asked, f"{error.reason}; {asked} was given up")
        job.tries += 1
        wait_s = error.wait_s
        if wait_s is None:
            wait_s = self._first_wait_s * 2 ** (job.tries - 1) * random.uniform(0.5, 1.0)
        if error.wait_s is not None and error.wait_s > MOST_WAIT_S:
            self._give_up(asked, f"{error.reason}; {asked} asks to wait for {error.wait_s:,.0f} s")
        if error.again == "now" and job.tries < TRIES and not self.hosts.why_gone(asked):
            self.hosts.again(host, job, wait_s)
        else:
            limit = self.fetcher.most_bytes if error.reason.startswith("too large") else 0
            self._done(Outcome(job.url, "failed", error.reason, bool(error.again), now(), n_bytes=limit))

    def _give_up(self, host: str, why: str) -> None:
        for left in self.hosts.give_up(host, why):
            self._done(Outcome(left.url, "failed", why, later=True, when=now()))

    def _done(self, outcome: Outcome) -> None:
        self.log.add(outcome)
        with self._lock:
            fine = outcome.state == "got" and not outcome.reason
            self.got, self.failed = self.got + fine, self.failed + (not fine)
            self._advance(1, f"{self.got} got, {self.failed} not")
        self.hosts.finish()
