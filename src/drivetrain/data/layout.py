"""What the folders of a data set mean: classes, parts of a split, batches, a wrapper around all of it.

The words in the names and what is inside decide together. What was decided is told; where two readings are possible,
a warning says which was taken and how to have the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from drivetrain.data.part_names import are_a_series, part_of
from drivetrain.data.split import Part
from drivetrain.errors import SplitError, first_few
from drivetrain.names import normal
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.scanning import Folder
from drivetrain.text import readable

LabelsFrom = Literal["top", "leaf"]
SAME_SHARE = 0.6
"""Sub-folders bear the same names where each name is, on average, in at least this share of the folders."""


@dataclass
class ClassFolder:
    """A folder whose pictures, at any depth, have one label; with `label` None each picture's own folder names it."""

    folder: Folder
    part: Part
    label: str | None


@dataclass
class Layout:
    """Where the classes are, and what was noticed."""

    base: Folder
    """The folder that was read: the one given, or one inside that holds everything."""
    classes: list[ClassFolder] = field(default_factory=list[ClassFolder])
    known: Collection[str] = ()
    """Classes of a model that is to be judged."""
    has_parts: bool = False
    loose: list[Folder] = field(default_factory=list[Folder])
    """Folders with pictures in them that are in no class folder."""
    beside: list[Folder] = field(default_factory=list[Folder])
    """Folders beside those of a split."""
    empty: list[Folder] = field(default_factory=list[Folder])
    """Folders where classes are, without a picture."""
    notes: list[str] = field(default_factory=list[str])
    """What deserves a warning."""
    decisions: dict[str, Decision] = field(default_factory=dict[str, Decision])


def arrange(root: Folder, labels_from: LabelsFrom | None = None, known: Collection[str] = ()) -> Layout:
    """Make out what the folders below `root` mean.

    Args:
        root: As scanned.
        labels_from: "top" or "leaf": the user has said which folders name the classes.
        known: Classes of a model that is to be judged: they settle which folders are classes, and there need be no
            folder for training.

    Raises:
        SplitError: There are folders for validation or test, but none for training.
    """
    base, outer = _unwrapped(root, known)
    layout = Layout(base, known=known)
    if layout.base is not root:
        inner = readable(layout.base.path.relative_to(root.path))
        layout.decisions["folder"] = Decision(value=inner, reason="the only folder inside that holds pictures")
    layout.loose += [folder for folder in (*outer, base) if folder.pictures]
    parts = _parts(base, must_train=not known)
    if parts:
        _read_parts(layout, parts, labels_from)
    else:
        train: Part = "train"
        _read_classes(layout, [(folder, train) for folder in base.live], labels_from)
        layout.empty += [folder for folder in base.folders if not folder.n_below]
    return layout


def _unwrapped(root: Folder, known: Collection[str]) -> tuple[Folder, list[Folder]]:
    """The folder inside that holds everything, as an unpacked archive has it (`zoo/zoo/train/…`), and those around."""
    base, outer = root, list[Folder]()
    while len(base.live) == 1:
        inner = base.live[0]
        if part_of(inner.name) or _label(inner) in known or (len(inner.live) < 2 and not _holds_several(inner)):
            break
        outer.append(base)
        base = inner
    return base, outer


def _holds_several(folder: Folder) -> bool:
    """Whether classes or parts are somewhere down a chain of single folders."""
    while len(folder.live) == 1 and not folder.pictures:
        folder = folder.live[0]
        if part_of(folder.name):
            return True
    return len(folder.live) > 1 and not folder.pictures


def _parts(base: Folder, *, must_train: bool) -> dict[str, Part]:
    """Folder's name → part, where the folders are parts rather than classes (a class may be called "train", too)."""
    folders = base.live
    given: dict[str, Part] = {folder.name: part for folder in folders if (part := part_of(folder.name))}
    if _same_inside(folders) and len(given) < len(folders):
        loosely: dict[str, Part] = {
            folder.name: part for folder in folders if (part := part_of(folder.name, loosely=True))
        }
        given = loosely if len(loosely) == len(folders) else given
    found = set(given.values())
    if found >= {"train", "valid"} or found >= {"train", "test"}:
        return given
    if not given or len(given) < len(folders):
        return {}
    if "train" not in found and must_train:
        names = first_few(readable(folder.name) for folder in folders)
        raise SplitError(
            f"{readable(base.path)} has {names} but no folder train. To fix: add train/ with one sub-folder per class."
        )
    return given


def _read_parts(layout: Layout, parts: dict[str, Part], labels_from: LabelsFrom | None) -> None:
    layout.has_parts = True
    named = [folder for folder in layout.base.live if folder.name in parts]
    for folder in layout.base.folders:
        if folder.name not in parts:
            holds_nothing = part_of(folder.name) and not folder.n_below
            (layout.empty if holds_nothing else layout.beside).append(folder)
    said = ", ".join(f"{readable(folder.name)} → {parts[folder.name]}" for folder in named)
    layout.decisions["parts"] = Decision(value="given", reason=f"folders {said}")
    trained = {inner.name for folder in named if parts[folder.name] == "train" for inner in _inside(folder).live}
    classes: list[tuple[Folder, Part]] = []
    for folder in named:
        inside = _inside(folder)
        if inside is not folder and not {inner.name for inner in folder.live} <= trained:
            inner = readable(inside.path.relative_to(layout.base.path))
            layout.decisions[f"folder of {parts[folder.name]}"] = Decision(value=inner, reason="the only one inside")
        else:
            inside = folder
        layout.loose += [inside] if inside.pictures else []
        layout.empty += [inner for inner in inside.folders if not inner.n_below]
        part: Part = parts[folder.name]
        classes.extend((inner, part) for inner in inside.live)
    _read_classes(layout, classes, labels_from)


def _inside(folder: Folder) -> Folder:
    """The folder inside a part that holds its classes: `train/train/cat`, `train/images/cat`."""
    while len(folder.live) == 1 and not folder.pictures and len(folder.live[0].live) > 1:
        folder = folder.live[0]
    return folder


def _read_classes(layout: Layout, folders: list[tuple[Folder, Part]], labels_from: LabelsFrom | None) -> None:
    """Which of these folders, or of those inside, name the classes."""
    if labels_from is not None:
        layout.decisions["labels from"] = Decision(value=labels_from, reason="asked for with labels_from")
        _take(layout, folders, leaf=labels_from == "leaf")
        return
    only = [folder for folder, _ in folders]
    holding = [each for folder in only for each in folder.walk() if each.pictures]
    if not layout.has_parts and _same_inside(only) and _are_parts(_names_inside(only)):
        _parts_inside_classes(layout, only)
    elif any(folder.pictures for folder in only) or len(holding) <= len(only):
        _take(layout, folders)
    elif layout.known:
        tops, leaves = {_label(folder) for folder in only}, {_label(folder) for folder in holding}
        leaf = tops.isdisjoint(layout.known) and not leaves.isdisjoint(layout.known)
        why = Decision(value="leaf" if leaf else "top", reason="these folders have the names of the model's classes")
        layout.decisions |= {"labels from": why} if leaf else {}
        _take(layout, folders, leaf=leaf)
    else:
        _choose_depth(layout, folders, sorted({_label(folder) for folder in holding}))


def _choose_depth(layout: Layout, folders: list[tuple[Folder, Part]], leaves: list[str]) -> None:
    """All pictures lie deeper than the folders at the top: which of the two are the classes, and what to say."""
    only = [folder for folder, _ in folders]
    top_names = {folder.name for folder in only}
    tops, names = first_few(sorted(map(readable, top_names))), first_few(leaves)
    inner = _names_inside(only)
    same = _same_inside(only)
    with_digits = sum(any(map(str.isdigit, name)) for name in inner)
    numbered = are_a_series(list(inner)) or (not same and 2 * with_digits > len(inner))
    if same and are_a_series(top_names) and not numbered:
        reason = f"{tops} have the same sub-folders, and are named as parts of a series"
        layout.decisions["labels from"] = Decision(value="leaf", reason=reason)
        layout.notes.append(
            f"the classes are taken to be {names}, the folders that pictures are in: {reason}. labels_from='leaf' "
            f"takes them without this warning, labels_from='top' takes {tops}. Pictures of one of {tops} may be in "
            "several parts of the split; group=r'^([^/]+)' keeps them together"
        )
        _take(layout, folders, leaf=True)
        return
    _take(layout, folders)
    reason = f"the outermost folder of a picture; there are {len(leaves)} inner folders ({names})"
    layout.decisions["labels from"] = Decision(value="top", reason=reason)
    if not numbered:
        why = ", which have the same names in each of them" if same else ""
        layout.notes.append(
            f"the classes are taken to be the {len(top_names)} outer folders ({tops}), but all pictures lie deeper, in "
            f"{len(leaves)} inner folders ({names}){why}. If those are the classes, pass labels_from='leaf'; "
            "labels_from='top' takes the outer ones without this warning"
        )


def _parts_inside_classes(layout: Layout, classes: list[Folder]) -> None:
    """`cat/{train,test}`, `dog/{train,test}`."""
    layout.has_parts = True
    for folder in classes:
        layout.loose += [folder] if folder.pictures else []
        for inner in folder.folders:
            part = part_of(inner.name)
            if part is None:
                layout.beside.append(inner)
            elif inner.n_below:
                layout.classes.append(ClassFolder(inner, part, _label(folder)))
    said = first_few(sorted(_names_inside(classes)))
    layout.decisions["parts"] = Decision(value="given", reason=f"folders {readable(said)} in each class folder")


def _take(layout: Layout, folders: list[tuple[Folder, Part]], *, leaf: bool = False) -> None:
    layout.classes += [ClassFolder(folder, part, None if leaf else _label(folder)) for folder, part in folders]


def _label(folder: Folder) -> str:
    return readable(normal(folder.name))


def _names_inside(folders: Sequence[Folder]) -> Counter[str]:
    """In how many of the folders each name is that a live sub-folder has."""
    return Counter(name for folder in folders for name in {normal(inner.name).casefold() for inner in folder.live})


def _same_inside(folders: Sequence[Folder]) -> bool:
    """Whether the sub-folders of all folders bear, at least mostly, the same names, two or more."""
    if len(folders) < 2 or not all(folder.live for folder in folders):
        return False
    inside = _names_inside(folders)
    return len(inside) > 1 and sum(inside.values()) >= SAME_SHARE * len(inside) * len(folders)


def _are_parts(names: Counter[str]) -> bool:
    """Whether names are those of a split: all of them, training among them."""
    found = [part_of(name) for name in names]
    return all(found) and "train" in found and len(set(found)) > 1
