"""`dt.collect`: files from lists of web addresses, and what came of each."""

from __future__ import annotations

import os
import re
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import drivetrain
from drivetrain.calls import named
from drivetrain.collecting.addresses import web_address
from drivetrain.collecting.fetching import Fetcher
from drivetrain.collecting.hosts import Hosts
from drivetrain.collecting.lists import Wanted, Wishes, read_lists
from drivetrain.collecting.log import Log, Outcome
from drivetrain.collecting.network import Checked, pool_of
from drivetrain.collecting.places import Places
from drivetrain.collecting.providers import answers
from drivetrain.collecting.sifting import Aside, Kept, sift
from drivetrain.collecting.tables import write_aside, write_kept
from drivetrain.collecting.work import Job, Work
from drivetrain.data.kind import source_kind
from drivetrain.errors import DataError, first_few
from drivetrain.files import locked
from drivetrain.notices import warn
from drivetrain.runtime.decisions import Decision
from drivetrain.settings import choice, flag, number, place, refuse, several, text, whole
from drivetrain.text import counted, printable, readable

KINDS = ("images", "sounds", "files")


@dataclass(frozen=True)
class Collected:
    """What was collected; prints as one readable text.

    Example:
        >>> print(Collected(Path("fruit"), "images", n_rows=2, failed={"not found": 1}, kept={"fig": 1}))
        1 of 2 rows gave a picture that is used, in fruit/collected.csv
          fig: 1
        failed: 1
          1 × not found
    """

    out: Path
    kind: str
    """"images", "sounds" or "files"."""
    n_rows: int = 0
    """Of the lists."""
    kept: Mapping[str, int] = field(default_factory=dict[str, int])
    """Label → files that are used; "" where there is no label."""
    set_aside: Mapping[str, int] = field(default_factory=dict[str, int])
    """Reason → files that came and are not used."""
    failed: Mapping[str, int] = field(default_factory=dict[str, int])
    """Reason → rows that gave no file."""
    later: int = 0
    """Of these, rows that another run may get."""
    repeated: int = 0
    """Rows whose address stood before."""
    licenses: Mapping[str, int] = field(default_factory=dict[str, int])
    """What the lists say of licences → files that are used; "" where they say nothing."""
    decisions: Mapping[str, Decision] = field(default_factory=dict[str, Decision])

    @property
    def table(self) -> Path:
        """The table of what is used, as `dt.images` reads it."""
        return Places(self.out).table

    @property
    def n_kept(self) -> int:
        """Files that are used."""
        return sum(self.kept.values())

    def as_json(self) -> dict[str, Any]:
        """The numbers, for JSON."""
        names = ("kind", "n_rows", "n_kept", "kept", "set_aside", "failed", "later", "repeated", "licenses")
        return {"table": str(self.table), **{name: getattr(self, name) for name in names}}

    def __str__(self) -> str:
        noun = {"images": "a picture", "sounds": "a sound"}.get(self.kind, "a file")
        of_all = f"{self.n_kept:,} of {counted(self.n_rows, 'row')}"
        lines = [f"{of_all} gave {noun} that is used, in {readable(self.table)}"]
        lines += [f"  {label or '(no label)'}: {n:,}" for label, n in sorted(self.kept.items()) if self.kept != {"": n}]
        if self.repeated:
            lines.append(f"listed more than once: {self.repeated:,}")
        for what, reasons in (("set aside", self.set_aside), ("failed", self.failed)):
            if reasons:
                lines.append(f"{what}: {sum(reasons.values()):,}")
                lines += [f"  {n:,} × {reason}" for reason, n in sorted(reasons.items(), key=lambda item: -item[1])]
        if self.later:
            lines.append(f"{self.later:,} of these may come when the same is run again")
        known = [f"{n:,} × {name or 'not said'}" for name, n in sorted(self.licenses.items(), key=lambda one: -one[1])]
        if any(self.licenses):
            lines.append(f"licences, as the lists say: {first_few(known)}")
        lines += [f"{name}: {decision}" for name, decision in self.decisions.items()]
        return printable("\n".join(lines))


@named
def collect(
    lists: Any,
    out: str | os.PathLike[str],
    *,
    provider: Any = None,
    input: str = "images",
    url: str | None = None,
    label: str | None = None,
    contact: str | None = None,
    per_host: int = 2,
    pause_s: float = 0.25,
    workers: int = 16,
    most_mb: float = 50.0,
    least_px: int = 64,
    timeout_s: float = 60.0,
    again: bool = False,
    permitted: Sequence[str] = (),
    allow_private: Sequence[str] = (),
) -> Collected:
    """Download the pictures (sounds, files) that lists of web addresses name, each class into a sub-folder.

    Politely: robots.txt is followed, each host is asked seldom, and left alone where it says so. Safely: only public
    machines are asked, sizes and types are checked while files come. It can be stopped and killed at any time; the same
    call goes on. `collected.csv` in the folder says of each file where it is from; `dt.images` reads it as it is.

    Args:
        lists: A file (csv, tsv, json, jsonl, parquet, txt), a folder of such, a table in memory, a list of addresses,
            or several lists, which then name the classes where they have no column of labels. With `provider`: queries.
        out: The folder; an earlier run's is gone on with.
        provider: A function from a query to rows, or the name of one that a package brings (entry points
            `drivetrain.providers`); queries are then the labels.
        input: "images", "sounds", or "files" of any type.
        url: The column of addresses; None finds it.
        label: The column of labels; None finds it.
        contact: Where whoever runs a host can reach you (an e-mail or web address): part of the header User-Agent.
        per_host: Requests to one host at once.
        pause_s: From one request to a host to the next; a longer Crawl-delay of its robots.txt counts instead.
        workers: Files at once, of all hosts.
        most_mb: A larger file is not got, in megabytes.
        least_px: A picture with a shorter side is set aside.
        timeout_s: For one file, from its first to its last byte.
        again: Also ask for what failed for good, and for what was removed by hand.
        permitted: Hosts that allow you what their robots.txt does not.
        allow_private: Machines of your own network that may be asked, each as "address:port", such as
            "10.0.0.7:8080"; it is said with a warning.

    Raises:
        DataError: A list cannot be read, or nothing at all was got.
        SettingError: An argument has a value that cannot be used.

    Example:
        >>> collect("missing.csv", "fruit")
        Traceback (most recent call last):
        drivetrain.errors.DataError: missing.csv does not exist; ... To fix: check the path.
    """
    kind = choice("input", input, KINDS)
    url = None if url is None else text("url", url, what="the name of a column")
    label = None if label is None else text("label", label, what="the name of a column")
    agent = _agent(contact)
    per_host, workers = whole("per_host", per_host, least=1, most=32), whole("workers", workers, least=1, most=256)
    pause_s = number("pause_s", pause_s, least=0, most=3600)
    most_bytes = int(number("most_mb", most_mb, above=0, most=4096) * 1e6)
    least_px = whole("least_px", least_px, least=1)
    timeout_s = number("timeout_s", timeout_s, above=0, most=86400)
    again = flag("again", again)
    hosts_permitted = _hosts(permitted)
    private = _private(allow_private)
    places = Places(Path(place("out", out)))
    wishes = None if provider is not None else read_lists(lists, url=url, label=label)
    places = places.made()
    with locked(places.lock, wait_s=1.0):
        if wishes is None:
            wishes = read_lists(answers(provider, lists, places.queries), url=url, label=label)
        log = Log(places.log)
        hosts = Hosts[Job](per_host=per_host, pause_s=pause_s)
        allowed = _Allowed(again, hosts_permitted, bool(private), most_bytes)
        open_ones = _open(wishes.wanted, log.outcomes, places, allowed)
        _tell(open_ones, contact, private, hosts_permitted)
        with pool_of(Checked(private), workers) as pool:
            fetcher = Fetcher(
                pool,
                hosts,
                kind=kind,
                agent=agent,
                most_bytes=most_bytes,
                timeout_s=timeout_s,
                permitted=hosts_permitted,
            )
            folders = {one.url: places.folder(one.label) for one in wishes.wanted}
            work = Work(fetcher, hosts, log, places, kind=kind, folder_of=folders.__getitem__)
            try:
                work.run(open_ones, workers)
            except KeyboardInterrupt as stopped:
                stopped.args = ("what came is kept; the same command goes on",)
                raise
            finally:
                log.close()
                kept, aside = sift(wishes.wanted, log.outcomes, places, kind=kind, least_px=least_px)
                write_kept(places.table, kept)
                write_aside(places.aside_table, aside, wishes.refused)
    found = _collected(places.out, kind, wishes, kept, aside)
    if not kept:
        wanted = "files" if kind == "files" else source_kind(kind).noun
        raise DataError(
            f"{counted(wishes.n_rows, 'row')} gave no file that can be used: {first_few(_reasons(found))}; expected "
            f"{wanted}. To fix: see {readable(places.aside_table)}, which says why of each."
        )
    return found


Collected.__module__ = "drivetrain"  # where people find it, so that messages and help say so


def _collected(out: Path, kind: str, wishes: Wishes, kept: Sequence[Kept], aside: Sequence[Aside]) -> Collected:
    failed = Counter(one.reason.partition(":")[0] for one in aside if one.failed)
    failed.update(reason.partition(":")[0] for _, reason in wishes.refused)
    return Collected(
        out=out,
        kind=kind,
        n_rows=wishes.n_rows,
        kept=dict(Counter(one.wanted.label for one in kept)),
        set_aside=dict(Counter(one.reason.partition(":")[0] for one in aside if not one.failed)),
        failed=dict(failed),
        later=sum(one.failed and (one.outcome is None or one.outcome.later) for one in aside),
        repeated=wishes.repeated,
        licenses=dict(Counter(one.wanted.license for one in kept)),
        decisions=wishes.decisions,
    )


def _reasons(found: Collected) -> list[str]:
    both = Counter(found.failed) + Counter(found.set_aside)
    return [f"{n:,} × {reason}" for reason, n in both.most_common()]


@dataclass(frozen=True)
class _Allowed:
    """What a run may do that an earlier one was perhaps not allowed."""

    again: bool
    permitted: frozenset[str]
    private: bool
    most_bytes: int

    def open(self, outcome: Outcome) -> bool:
        """Whether an address that gave nothing is to be asked once more."""
        group = outcome.reason.partition(":")[0]
        host = web_address(outcome.url).host
        return (
            outcome.later
            or self.again
            or (group == "robots.txt" and host in self.permitted)
            or (group == "private address" and self.private)
            or (group == "too large" and self.most_bytes > outcome.n_bytes > 0)
        )


def _open(wanted: Sequence[Wanted], outcomes: Mapping[str, Outcome], places: Places, allowed: _Allowed) -> list[str]:
    """Addresses that are to be asked for: those of which nothing is known, and those that may give more now."""
    found: list[str] = []
    for one in wanted:
        outcome = outcomes.get(one.url)
        if outcome is None or (outcome.state == "failed" and allowed.open(outcome)):
            found.append(one.url)
        elif outcome.state == "got" and allowed.again:
            lies = (places.folder(one.label) / outcome.name, places.aside / outcome.name)
            found += [] if any(path.is_file() for path in lies) else [one.url]
    return found


def _tell(
    urls: Sequence[str], contact: str | None, private: Sequence[tuple[str, int]], permitted: frozenset[str]
) -> None:
    """What whoever runs this should know before anything is asked."""
    if private:
        named = first_few(f"{address}:{port}" for address, port in private)
        warn(f"private machines may be asked: {named}. A list by somebody else must not be collected so.")
    if not urls:
        return
    if permitted:
        warn(f"robots.txt is not asked for of {first_few(sorted(permitted))}, as you say that they permit it.")
    if contact is None:
        warn(
            "the hosts are not told who asks; some refuse such requests. To fix: pass contact=, an e-mail or web "
            "address where you can be reached."
        )
    if proxies := {name for name in urllib.request.getproxies() if name in ("http", "https", "all")}:
        warn(
            f"a proxy is set for {first_few(sorted(proxies))}, but collecting goes straight to the hosts: a proxy "
            "would look up names itself, so that private addresses could not be told."
        )


def _agent(contact: str | None) -> str:
    """The header User-Agent, as hosts ask programs to name themselves."""
    if contact is None:
        return f"drivetrain/{drivetrain.__version__} (collects files that a list names)"
    said = text("contact", contact, what="an e-mail or web address").strip()
    if not re.fullmatch(r"[\x21-\x7e]+(@|://|\.)[\x21-\x7e]+", said) or len(said) > 200 or set(said) & set("()\\"):
        refuse("contact", contact, "an e-mail or web address, such as 'ada@example.org'")
    return f"drivetrain/{drivetrain.__version__} ({said})"


def _hosts(permitted: Any) -> frozenset[str]:
    expected = "names of hosts, such as ['images.example.org']"
    found: set[str] = set()
    for one in several("permitted", permitted, expected, single=str):
        try:
            found.add(web_address(one if "://" in one else f"//{one}").host)
        except Exception:  # noqa: BLE001 - anything but a name
            refuse("permitted", one, expected)
    return frozenset(found)


def _private(allowed: Any) -> list[tuple[str, int]]:
    expected = "addresses with ports, such as ['10.0.0.7:8080']"
    found: list[tuple[str, int]] = []
    for one in several("allow_private", allowed, expected, single=str):
        match = re.fullmatch(r"\[?([0-9a-fA-F.:]+?)\]?:(\d{1,5})", one) if isinstance(one, str) else None
        if match is None:
            refuse("allow_private", one, expected)
        found.append((match[1], int(match[2])))
    return found
