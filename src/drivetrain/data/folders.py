"""A folder with one sub-folder per class, or the same inside train/, valid/ and test/."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from drivetrain.data.check import LeftOut
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.data.kind import SourceKind, source_kind
from drivetrain.data.layout import LabelsFrom, Layout, arrange
from drivetrain.data.listing import Listed, SourceSpec
from drivetrain.data.splitting.split import Part
from drivetrain.errors import DataError, first_few
from drivetrain.names import is_unsorted, near_equal, normal
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.own_output import own_output
from drivetrain.runtime.files.scanning import Folder, Scan, scan_folder
from drivetrain.text import agreeing, counted, one_of, readable

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
OUTSIDE = "{noun} outside class folders"
OWN = "own output of drivetrain"


@dataclass
class _Rows:
    """What is listed."""

    paths: list[Path] = field(default_factory=list[Path])
    labels: list[str] = field(default_factory=list[str])
    parts: list[Part] = field(default_factory=list[Part])


def read_folder(
    root: Path, labels_from: LabelsFrom | None = None, known: Collection[str] = (), *, input_kind: str = "images"
) -> Listed:
    """List the files of a kind of input below `root`, each with the name of its class folder.

    Files deeper inside a class folder belong to that class. What is of no such kind is counted, not listed; links to
    folders are followed once, never in circles; what drivetrain itself has written is never entered.

    Args:
        root: The folder.
        labels_from: "top", the outermost folder below the root or the part names the class; "leaf", the folder that a
            file is in; None makes out which, and says so where it is not clear.
        known: Classes of a model that is to be judged, which settle what is not clear.
        input_kind: What the files are, as in `drivetrain.runtime.kinds`.

    Raises:
        DataError: No class folder holds such a file, or `root` is a model that drivetrain saved.
        SplitError: There are folders for validation or test, but none for training.

    Example:
        >>> read_folder(Path("/no/such/folder"))
        Traceback (most recent call last):
        drivetrain.errors.DataError: /no/such/folder cannot be read: ...
    """
    root, kind = root.absolute(), source_kind(input_kind)
    scan = scan_folder(root, suffixes=kind.suffixes)
    if scan.unreadable and scan.unreadable[0][0] == root:
        raise DataError(
            f"{readable(root)} cannot be read: {scan.unreadable[0][1]}. To fix: check its path and permissions."
        )
    _refuse_own(scan, kind)
    layout = arrange(scan.root, labels_from, known, noun=kind.noun)
    rows = _list_rows(layout)
    if not rows.paths:
        raise DataError(_nothing_found(scan, layout, kind))
    return Listed(
        description=f"folder {readable(root)}",
        spec=SourceSpec(layout="folder", labels_from=labels_from, input=input_kind),
        rows=Examples(Files(rows.paths), values=tuple(rows.labels), kind=input_kind),
        parts=tuple(rows.parts) if layout.has_parts else None,
        root=root,
        left_out=tuple(LeftOut(readable(path), f"folder cannot be read: {why}") for path, why in scan.unreadable),
        ignored=_ignored(scan, layout, kind.noun),
        decisions={"task": Decision(value="category", reason=f"a folder names one class per {one_of(kind.noun)}")}
        | layout.decisions
        | _own_told(scan),
        notes=tuple(_notes(scan, layout, rows, kind.noun)),
    )


def _list_rows(layout: Layout) -> _Rows:
    rows = _Rows()
    for found in layout.classes:
        for folder in found.folder.walk():
            label = readable(normal(folder.name)) if found.label is None else found.label
            rows.paths += folder.pictures
            rows.labels += [label] * len(folder.pictures)
            rows.parts.extend(found.part for _ in folder.pictures)
    return rows


def _refuse_own(scan: Scan, kind: SourceKind) -> None:
    names = {path.name for path in scan.root.path.iterdir()}
    what = own_output(scan.root.path, names)
    if what.startswith("a model"):
        raise DataError(
            f"{readable(scan.root.path)} is {what}; expected a folder of {kind.noun}. To fix: pass that of your data."
        )


def _ignored(scan: Scan, layout: Layout, noun: str) -> dict[str, int]:
    found = Counter(scan.ignored)
    found[OUTSIDE.format(noun=noun)] += sum(len(folder.pictures) for folder in layout.loose)
    for folder in layout.beside:
        found[f"folder {readable(folder.name)!r} beside train"] += 1
    found[OWN] += len(scan.own)
    return {what: n for what, n in found.items() if n}


def _own_told(scan: Scan) -> dict[str, Decision]:
    if not scan.own:
        return {}
    said = first_few(f"{readable(path.relative_to(scan.root.path))} is {what}" for path, what in scan.own)
    return {OWN: Decision(value="left out", reason=said)}


def _notes(scan: Scan, layout: Layout, rows: _Rows, noun: str) -> list[str]:
    """What deserves a warning: a class that is not there, files that are not used, names that are nearly equal."""
    root = scan.root.path
    notes = list(layout.notes)
    classes = set(rows.labels)
    unreadable = [path for path, _ in scan.unreadable]
    for folder in layout.empty:
        if any(path.is_relative_to(folder.path) for path in unreadable):
            continue  # it is among the rows left out
        held = ", ".join(f"{n} {what}" for what, n in _below(folder).most_common(3)) or "empty"
        where = readable(folder.path.relative_to(root))
        known = "" if readable(normal(folder.name)) in classes else ", and there is no such class"
        notes.append(f"folder {where} holds no {one_of(noun)} ({held}){known}")
    for folder in layout.loose:
        inner = folder.path != root
        where = readable(folder.path.relative_to(root)) if inner else readable(folder.path)
        mend = (
            f"predict on them: `drivetrain predict MODEL {readable(folder.path)}`"
            if inner
            else "use them: sort them into class folders"
        )
        notes.append(
            f"{agreeing(len(folder.pictures), noun, 'lie')} in {where} itself, in no class folder, such as "
            f"{readable(folder.pictures[0].name)}: they have no label and are not used. To {mend}"
        )
    notes += [
        f"folder {readable(folder.name)} with {folder.n_below} {noun} is not used: its name is that of no part"
        for folder in layout.beside
        if folder.n_below
    ]
    for group in near_equal(classes):
        named = ", ".join(f"{name!r} ({rows.labels.count(name)})" for name in group)
        notes.append(f"classes have nearly the same name and are kept apart: {named}. To fix: rename, if they are one")
    if unsorted := sorted(set(filter(is_unsorted, classes))):
        n_of = {name: counted(rows.labels.count(name), one_of(noun), noun) for name in unsorted}
        named = first_few([f"{readable(name)!r} ({n})" for name, n in n_of.items()])
        learnt, mend = (
            ("is learnt as a class, though its name says", "if it is none, move the folder out")
            if len(unsorted) == 1
            else ("are learnt as classes, though their names say", "move out each that is none")
        )
        notes.append(
            f"{named} {learnt} that these {noun} are not sorted. To fix: {mend}; drivetrain predict can then sort them"
        )
    notes += _merged(layout)
    return notes


def _merged(layout: Layout) -> list[str]:
    """Folders that became one class since their names differ only in how they are encoded."""
    spelt: dict[str, set[str]] = {}
    for found in layout.classes:
        if found.label is not None and not found.folder.name.isascii():
            spelt.setdefault(found.label, set()).add(found.folder.name)
    return [
        f"the folders of class {label!r} are spelt in {len(names)} Unicode forms; they are taken as one class"
        for label, names in spelt.items()
        if len(names) > 1
    ]


def _below(folder: Folder) -> Counter[str]:
    """Files of no such kind, in a folder and all below."""
    found: Counter[str] = Counter()
    for inner in folder.walk():
        found.update(inner.other)
    return found


def _nothing_found(scan: Scan, layout: Layout, kind: SourceKind) -> str:
    root, noun = scan.root.path, kind.noun
    tables = [path.name for path in sorted(root.iterdir()) if path.suffix.lower() in TABLE_SUFFIXES]
    loose = sum(len(folder.pictures) for folder in layout.loose)
    if tables:
        mend = f"pass the table in it: {readable(root / tables[0])}"
    elif others := "" if loose else ", ".join(f"{n:,} {what}" for what, n in _below(scan.root).most_common(3)):
        endings = first_few(sorted(kind.suffixes), most=20)
        return (
            f"{readable(root)} holds no {noun}, but {others}; expected files ending in {endings} in one sub-folder per "
            f"class. To fix: rename those that are {noun}, or check the path."
        )
    elif loose:
        mend = (
            f"sort the {noun} into one sub-folder per class; if this folder is itself one class, pass the one above; "
            "or pass a table with a path and a target column"
        )
    else:
        mend = "check the path, or pass a table with a path and a target column"
    where = "" if layout.base is scan.root else f" (read: {readable(layout.base.path)})"
    said = "is empty"
    if (n := len(layout.base.folders)) or loose:
        beside = f"{counted(n, 'sub-folder')} and {counted(loose, one_of(noun), noun)} beside"
        said = f"has {beside}, but no {one_of(noun)} inside a sub-folder"
    return f"{readable(root)}{where} {said}; expected one sub-folder per class, with {noun}. To fix: {mend}."
