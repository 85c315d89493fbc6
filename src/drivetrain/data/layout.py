"""What the folders of a data set mean: classes, parts of a split, batches, a wrapper around all of it.

The words in the names and what is inside decide together. What was decided is told; where two readings are possible,
a warning says which was taken and how to have the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from drivetrain.data.splitting.split import Part
from drivetrain.data.tables.part_names import are_a_series, are_pictures_and_masks, part_of, say_when, without_part
from drivetrain.errors import SplitError, first_few
from drivetrain.names import normal
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.files.scanning import Folder
from drivetrain.text import one_of, readable

LabelsFrom = Literal["top", "leaf"]
SAME_SHARE = 0.6
"""Sub-folders bear the same names where each name is, on average, in at least this share of the folders."""
MOST_PARTS = 4
"""More folders with the same sub-folders are hardly parts of a split."""


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
    noun: str = "pictures"
    """What the files are called."""
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


def arrange(
    root: Folder, labels_from: LabelsFrom | None = None, known: Collection[str] = (), *, noun: str = "pictures"
) -> Layout:
    """Make out what the folders below `root` mean.

    Args:
        root: As scanned.
        labels_from: "top" or "leaf": the user has said which folders name the classes.
        known: Classes of a model that is to be judged: they settle which folders are classes, and there need be no
            folder for training.
        noun: What the files are called.

    Raises:
        SplitError: There are folders for validation or test, but none for training.
    """
    base, outer = _unwrapped(root, known)
    layout = Layout(base, known=known, noun=noun)
    if layout.base is not root:
        inner = readable(layout.base.path.relative_to(root.path))
        layout.decisions["folder"] = Decision(value=inner, reason=f"the only folder inside that holds {noun}")
    layout.loose += [folder for folder in (*outer, base) if folder.pictures]
    parts = _parts(base, must_train=not known)
    if parts:
        _read_parts(layout, parts, labels_from)
    elif labels_from is None and _are_in_names(base.live):
        _parts_in_names(layout, base.live)
        layout.empty += [folder for folder in base.folders if not folder.n_below]
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
    if len(given) < len(folders):
        loosely: dict[str, Part] = {
            folder.name: part for folder in folders if (part := part_of(folder.name, loosely=True))
        }
        alike = len(loosely) == len(folders) or len(set(map(without_part, loosely))) == 1
        if alike and _same_inside([_inside(folder) for folder in folders if loosely.get(folder.name)]):
            given = loosely
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
        if trained and len(folder.live) == 1 and not folder.pictures and _has_no_class(inside, trained):
            layout.loose += [each for each in inside.walk() if each.pictures and each is not inside]
            continue
        layout.empty += [inner for inner in inside.folders if not inner.n_below]
        part: Part = parts[folder.name]
        classes.extend((inner, part) for inner in inside.live)
    _read_classes(layout, classes, labels_from)


def _has_no_class(folder: Folder, trained: Collection[str]) -> bool:
    """Whether pictures without labels lie in one folder further down, as `test/test_folder/*.jpg`."""
    names = {normal(name).casefold() for name in trained}
    inside = [each for each in folder.walk() if each is not folder]
    return len(folder.live) < 2 and all(normal(each.name).casefold() not in names for each in inside)


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
    elif _are_longer(only):
        said = first_few(readable(folder.name) for folder in only)
        reason = f"{said} each hold one folder, whose name theirs begins with, as parts of a download do"
        layout.decisions["labels from"] = Decision(value="leaf", reason=reason)
        _take(layout, folders, leaf=True)
    elif any(folder.pictures for folder in only) or len(holding) <= len(only):
        _take(layout, folders)
        _doubt_names(layout, only)
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
    if len(leaves) == 1:  # the folders in between say no more than these
        _take(layout, folders)
        _doubt_names(layout, only)
        return
    with_digits = sum(any(map(str.isdigit, name)) for name in inner)
    numbered = are_a_series(list(inner)) or (not same and 2 * with_digits > len(inner))
    if same and are_a_series(top_names) and not numbered:
        reason = f"{tops} have the same sub-folders, and are named as parts of a series"
        layout.decisions["labels from"] = Decision(value="leaf", reason=reason)
        layout.notes.append(
            f"the classes are taken to be {names}, the folders that {layout.noun} are in: {reason}. labels_from='leaf' "
            f"takes them without this warning, labels_from='top' takes {tops}. "
            f"{layout.noun.capitalize()} of one of {tops} may be in several parts of the split; "
            "group=r'^([^/]+)' keeps them together"
        )
        _take(layout, folders, leaf=True)
        return
    _take(layout, folders)
    reason = f"the outermost folder of a {one_of(layout.noun)}; there are {len(leaves)} inner folders ({names})"
    layout.decisions["labels from"] = Decision(value="top", reason=reason)
    if not numbered:
        why = ", which have the same names in each of them" if same else ""
        parts = ""
        if same and not layout.has_parts and len(top_names) <= MOST_PARTS:
            parts = ". If the outer ones are parts of a split, call them train, valid and test"
        layout.notes.append(
            f"the classes are taken to be the {len(top_names)} outer folders ({tops}), but all {layout.noun} "
            f"lie deeper, in {len(leaves)} inner folders ({names}){why}. If those are the classes, pass "
            f"labels_from='leaf'; labels_from='top' takes the outer ones without this warning{parts}"
        )


def _are_longer(folders: Sequence[Folder]) -> bool:
    """Whether each folder holds one with pictures whose name its own begins with: `apples-2024…-001/apples`."""
    holding = [[each for each in folder.walk() if each.pictures] for folder in folders]
    if len(folders) < 2 or any(len(each) != 1 for each in holding):
        return False
    pairs = [
        (_label(folder).casefold(), _label(each[0]).casefold()) for folder, each in zip(folders, holding, strict=True)
    ]
    return len({inner for _, inner in pairs}) > 1 and all(
        outer != inner and outer.startswith(inner) and not outer[len(inner)].isalpha() for outer, inner in pairs
    )


def _doubt_names(layout: Layout, folders: Sequence[Folder]) -> None:
    """A word where the names of the classes hardly say what is seen."""
    names = sorted({folder.name for folder in folders})
    said = first_few(map(readable, names))
    if layout.known:
        return
    if say_when(names):
        layout.notes.append(
            f"the classes are taken to be {said}, but such names say when or in which lot {layout.noun} were "
            "taken, hardly what is seen. If they are the classes, labels_from='top' takes them without this "
            f"warning; if not, sort the {layout.noun} into a folder per class, or pass a table of paths and labels"
        )
    elif layout.noun == "pictures" and are_pictures_and_masks(names):
        layout.notes.append(
            f"the classes are taken to be {said}, but such names are those of pictures and of what is drawn over them. "
            "If they are the classes, labels_from='top' takes them without this warning; if not, pass a table of paths "
            "and labels: masks and boxes are not learnt"
        )


def _are_in_names(folders: Sequence[Folder]) -> bool:
    """Whether every folder's name says a class and a part, and the classes are those of training: `cat_train`."""
    found = [(part_of(folder.name, loosely=True), without_part(folder.name)) for folder in folders]
    if len(folders) < 4 or any(part is None or not label for part, label in found):
        return False
    trained = {label for part, label in found if part == "train"}
    others = {label for part, label in found if part != "train"}
    return len(trained) > 1 and bool(others) and others <= trained and not any(folder.live for folder in folders)


def _parts_in_names(layout: Layout, folders: Sequence[Folder]) -> None:
    """`cat_train`, `cat_test`, `dog_train`, `dog_test`."""
    layout.has_parts = True
    for folder in folders:
        part = part_of(folder.name, loosely=True)
        assert part is not None
        layout.classes.append(ClassFolder(folder, part, readable(without_part(folder.name))))
    said = first_few(sorted(readable(folder.name) for folder in folders))
    layout.decisions["parts"] = Decision(value="given", reason=f"each folder's name says a class and a part: {said}")


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
