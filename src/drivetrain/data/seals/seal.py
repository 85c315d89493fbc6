"""The seals of a project: which test sets are kept, in use, given up, opened and handed over, all on the record."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from drivetrain.data.examples import Examples
from drivetrain.data.notices import warn
from drivetrain.data.seals.claims import claimed_elsewhere
from drivetrain.data.seals.ledger import MEND, Entry, Ledger, of_kind
from drivetrain.data.seals.project import Project, ProjectPlace, add_folder
from drivetrain.data.seals.sealed_set import HASH_BYTES, SealedSet, identity_of, parsed, without_folders
from drivetrain.data.splitting.split import Split
from drivetrain.errors import DataError, SealError, SettingError, did_you_mean, first_few
from drivetrain.progress import say
from drivetrain.runtime.artefact import SEAL, write_durably
from drivetrain.runtime.targets import TargetValue
from drivetrain.settings import text
from drivetrain.text import cell, readable

__all__ = ["RELATED", "Known", "SealedSet", "Seals", "identity_of", "read_by_hand", "retire_seal"]

SPLIT, LABELS = "split.json", "labels.csv"
RELATED = 0.5
"""Share of the smaller of two test sets that both hold, from which an opening of the one counts for the other too."""


USES = ("used", "opened", "exported")
"""Lines of the log after which a seal stays."""
READ_BY_HAND = ""
"""In place of the model, in an opening without one."""


@dataclass(frozen=True)
class Known:
    """A seal as the project knows it."""

    sealed: SealedSet
    retired: Entry | None = None
    """The line of the log that gave it up."""
    allowed: frozenset[str] = frozenset()
    """Salted hashes of contents that somebody said are no copies, on the record."""
    openings: tuple[Entry, ...] = ()
    used: bool = False
    """The log says that a trial has begun beside it, that it was opened or handed on; see also `Seals.in_use`."""

    @property
    def gave_way(self) -> bool:
        """It was given up because nobody had used it, and another split was asked for."""
        return self.retired is not None and bool(self.retired.facts.get("unused"))


class Seals:
    """The seals of a project.

    Example:
        >>> Seals(Project(Path("/no/such"))).known()
        []
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.ledger = Ledger(project)

    def known(self) -> list[Known]:
        """Every seal with its state, oldest first, after log and files were verified.

        Raises:
            SealError: The log was tampered with, or a seal was altered or deleted.
        """
        entries = self.ledger.entries()
        made, retired = _states(entries)
        folders = {path.name: path for path in self.project.seals.glob("[0-9a-f]*") if path.is_dir()}
        if folders and not entries:
            raise SealError(
                f"{self.ledger.path} is missing, but {self.project.seals} holds {first_few(sorted(folders))}: the "
                f"record of what was sealed and opened was deleted. {MEND}"
            )
        gone = [name for name in made if name not in folders and name not in retired]
        if gone:
            raise SealError(
                f"{self.project.seals} lacks {first_few(gone)}, which the log says was sealed. To fix: put the folder "
                f"back from a backup, or give it up, on the record: drivetrain seals retire {gone[0]} --reason WHY."
            )
        found: list[Known] = []
        for name, path in folders.items():
            try:
                found.append(self._known(path, made.get(name), retired.get(name), entries))
            except SealError:
                if name not in retired:  # what was given up need not be intact
                    raise
        return sorted(found, key=lambda known: (known.sealed.created, known.sealed.id))

    def live(self) -> list[Known]:
        """The seals in force."""
        return [known for known in self.known() if known.retired is None]

    def in_use(self) -> frozenset[str]:
        """Names of the seals in force that must stay, since something was learnt or said beside them.

        A trial is on record, or has begun, that was kept from the test set; or it was opened, or handed to somebody;
        or another process that is running now has divided its data by it.
        """
        live = self.live()
        trials = frozenset[str]() if all(known.used for known in live) else self._of_trials()
        return frozenset(
            known.sealed.id
            for known in live
            if known.used or known.sealed.id in trials or claimed_elsewhere(self.project.seals / known.sealed.id)
        )

    def _of_trials(self) -> frozenset[str]:
        """Seals that the trials on record name."""
        found: set[str] = set()
        for path in self.project.runs.glob("[0-9]*/run.json"):
            with suppress(OSError, ValueError, AttributeError):
                found.add(str(json.loads(path.read_bytes()).get("seal")))
        return frozenset(found)

    def version(self) -> str:
        """Changes whenever what is sealed, allowed or in use does: who decided by an older one must decide anew."""
        entries = of_kind(self.ledger.entries(), "sealed", "retired", "allowed", *USES)
        return entries[-1].hash if entries else ""

    def mark_used(self, seal: str, why: str) -> None:
        """Put on record that a trial begins beside this test set; once is enough."""
        with self.project.locked():
            if not any(known.used for known in self.known() if known.sealed.id == seal):
                self.ledger.append("used", {"seal": seal, "by": why})

    def give_way(self, seal: str, why: str) -> None:
        """Put on record that a test set nobody has used is no longer kept, since another split was asked for."""
        self.ledger.append("retired", {"seal": seal, "reason": f"nobody had used it, and {why}", "unused": True})

    def _known(self, folder: Path, made: Entry | None, retired: Entry | None, entries: Sequence[Entry]) -> Known:
        try:
            content = (folder / SEAL).read_bytes()
        except OSError as error:
            raise SealError(f"{folder / SEAL} cannot be read: {error.strerror or error}.") from error
        if made is not None and hashlib.sha256(content).hexdigest() != made.facts["sha256"]:
            raise SealError(
                f"{folder / SEAL} is not what was sealed: line {made.n} of {self.ledger.path.name} has another hash. "
                "To fix: put it back from a backup; the artefacts of this project carry copies."
            )
        about = [entry for entry in entries if entry.facts.get("seal") == folder.name]
        allowed = frozenset(str(found) for entry in of_kind(about, "allowed") for found in entry.facts["contents"])
        sealed = parsed(content, readable(folder / SEAL))
        return Known(sealed, retired, allowed, tuple(of_kind(about, "opened")), bool(of_kind(about, *USES)))

    def add(self, sealed: SealedSet, split: Split | None = None, labels: Examples | None = None) -> SealedSet:
        """Put a seal on record; where these contents are sealed already, that seal is given back.

        Args:
            sealed: The seal.
            split: Kept beside it, so that the split can be had again.
            labels: The sealed rows; their values are kept beside the seal, for whoever holds the labels.

        Raises:
            OSError: The project cannot be written to.
        """
        with self.project.locked():
            return self._add(sealed, split, labels)

    def _add(self, sealed: SealedSet, split: Split | None, labels: Examples | None) -> SealedSet:
        folder = self.project.seals / sealed.id
        if not self.ledger.entries():  # the log is there before the first seal: a seal without one tells of a deletion
            self.ledger.append("began", {"project": secrets.token_hex(8)})

        def fill(fresh: Path) -> None:
            write_durably(fresh / SEAL, sealed.as_bytes())
            if split is not None:
                split.save(fresh / SPLIT)
            if labels is not None:
                write_durably(fresh / LABELS, _labels(sealed, labels))

        add_folder(folder, fill)
        known = {known.sealed.id: known for known in self.known()}[sealed.id]
        made, retired = _states(self.ledger.entries())
        if sealed.id not in made or sealed.id in retired:
            self.ledger.append(
                "sealed",
                {
                    "seal": sealed.id,
                    "identity": known.sealed.identity,
                    "n": known.sealed.n,
                    "source": known.sealed.source,
                    "sha256": hashlib.sha256((folder / SEAL).read_bytes()).hexdigest(),
                },
            )
        return known.sealed

    def find(self, seal: str) -> Known:
        """The seal of that name, or the only one that begins so: of a project's one seal "" is enough.

        Raises:
            SettingError: There is none, or more than one.
        """
        known = {known.sealed.id: known for known in self.known()}
        found = [name for name in known if name.startswith(seal)]
        found = [name for name in found if known[name].retired is None] or found
        if len(found) != 1:
            what = "names several seals" if found else "names no seal"
            there = f"expected one of {first_few(known)}" if known else "nothing is sealed there"
            raise SettingError(f"{seal!r} {what} of {self.project.folder}: {there}.{did_you_mean(seal, known)}")
        return known[found[0]]

    def retire(self, seal: str, reason: str) -> Entry:
        """Give up a sealed test set, on the record: its pictures may be trained on from now on.

        Raises:
            SettingError: There is no such seal, it was retired before, or no reason is given.
        """
        text("reason", reason, what="a reason, in your words, which goes into the log")
        text("seal", seal, what="the name of a seal, or the beginning of it", empty=True)
        known = self._find_even_if_gone(seal)
        if known in _states(self.ledger.entries())[1]:
            raise SettingError(f"the seal {known} was retired before.")
        return self.ledger.append("retired", {"seal": known, "reason": reason})

    def _find_even_if_gone(self, seal: str) -> str:
        """A seal whose file was deleted or altered can still be retired."""
        made, retired = _states(self.ledger.entries())
        found = [name for name in made if name.startswith(seal)]
        found = [name for name in found if name not in retired] or found
        return found[0] if len(found) == 1 else self.find(seal).sealed.id

    def allow(self, seal: str, digests: Iterable[str], reason: str) -> Entry:
        """Say, on the record, that some contents are no copies of sealed pictures, only like them.

        Raises:
            SettingError: There is no such seal, a content is itself sealed, or no reason is given.
        """
        text("reason", reason, what="a reason, in your words, which goes into the log")
        sealed = self.find(seal).sealed
        digests = sorted(set(digests))
        contents = sorted(map(sealed.hash_of, digests))
        if digests and sealed.holds(digests).any():
            raise SettingError(
                f"a row has the very content of one that is sealed in {sealed.id}: it cannot be allowed. "
                "To fix: remove it, or retire the seal."
            )
        return self.ledger.append("allowed", {"seal": sealed.id, "contents": contents, "reason": reason})

    def export(self, seal: str, out: Path, labels: Path | None = None) -> SealedSet:
        """Write a seal for somebody else, without names and labels; the labels, apart, for whoever will judge.

        Raises:
            SettingError: There is no such seal, or its labels are not here.
            DataError: A file cannot be written.
        """
        sealed = self.find(seal).sealed
        kept = self.project.seals / sealed.id / LABELS
        if labels is not None and not kept.is_file():
            raise SettingError(f"the labels of {sealed.id} are not here: it was taken over from somewhere else.")
        try:
            handed = sealed.model_copy(update={"source": without_folders(sealed.source)})
            write_durably(out, handed.as_bytes())
            if labels is not None:
                write_durably(labels, kept.read_bytes())
        except OSError as error:
            raise DataError(f"{error.filename or out} cannot be written: {error.strerror or error}.") from error
        self.ledger.append("exported", {"seal": sealed.id, "labels": labels is not None})
        return sealed

    def openings(self, sealed: SealedSet) -> list[Entry]:
        """Every opening on record of this test set, and of others that are much the same, oldest first."""
        known = self.known()
        named = {found for k in known if k.sealed.id == sealed.id for found in k.sealed.related}
        same = {sealed.id, *sealed.related, *named, *(k.sealed.id for k in known if sealed.id in k.sealed.related)}
        found = [entry for k in known if k.sealed.id in same for entry in k.openings]
        return sorted(found, key=lambda entry: entry.n)

    def split_file(self, sealed: SealedSet) -> Path | None:
        """The split that the seal was made with, where it is kept."""
        path = self.project.seals / sealed.id / SPLIT
        return path if path.is_file() else None


def _states(entries: Sequence[Entry]) -> tuple[dict[str, Entry], dict[str, Entry]]:
    """Seal → the line that made it, and the line that gave it up, where it was not sealed again since."""
    made = {str(entry.facts["seal"]): entry for entry in of_kind(entries, "sealed")}
    retired = {str(entry.facts["seal"]): entry for entry in of_kind(entries, "retired")}
    return made, {name: entry for name, entry in retired.items() if name not in made or entry.n > made[name].n}


def read_by_hand(sealed: SealedSet | None, project: ProjectPlace, why: str) -> None:
    """Put on record that somebody reads the rows of a sealed test set; it counts as an opening.

    Raises:
        SettingError: No reason is given.
        SealError: The log was tampered with.
    """
    text("why", why, what="a reason, in your words, which goes into the log")
    if sealed is None:
        return
    try:
        Ledger(Project.find(project)).append(
            "opened", {"seal": sealed.id, "parameters_sha256": READ_BY_HAND, "reason": why}
        )
    except OSError as error:
        warn(f"that the test set {sealed.id} is read is not on record: {error.strerror or error}.")
        return
    say(f"the test set {sealed.id} is read by hand, which counts as an opening, on the record: {why}")


def retire_seal(seal: str, reason: str, *, project: ProjectPlace = None) -> None:
    """Give up a sealed test set, on the record: its pictures may be trained on from now on.

    Args:
        seal: Its name, or the beginning of it; `drivetrain seals` lists them.
        reason: Why; it goes into the log, which cannot be changed unnoticed.
        project: The project folder; None takes the one at hand.

    Raises:
        SettingError: There is no such seal, or no reason is given.

    Example:
        >>> retire_seal("ab12", "only trying things out", project="/no/such")
        Traceback (most recent call last):
        drivetrain.errors.SettingError: 'ab12' names no seal of /no/such: nothing is sealed there.
    """
    Seals(Project.find(project)).retire(seal, reason)


def _labels(sealed: SealedSet, rows: Examples) -> bytes:
    """A table of salted hash and target, which joins a seal with its labels again."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("content", "label"))
    hashes = sealed.hashes_of(rows.digests).tobytes().hex()
    of: Mapping[str, TargetValue] = {
        hashes[2 * HASH_BYTES * row : 2 * HASH_BYTES * (row + 1)]: value for row, value in enumerate(rows.values)
    }
    for content, value in sorted(of.items()):
        writer.writerow((content, cell(value) if isinstance(value, str) else json.dumps(value)))
    return stream.getvalue().encode("utf-8", errors="backslashreplace")
