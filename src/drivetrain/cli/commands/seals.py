"""`drivetrain seals`: the sealed test sets of a project, and what may be done with them, on the record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from drivetrain.cli.project import ProjectFolder
from drivetrain.cli.results import AsJson, answers, as_json, quoted

if TYPE_CHECKING:
    from drivetrain.data.seals.seal import Known, Seals

Action = Literal["show", "retire", "allow", "export", "verify"]


def seals(
    action: Annotated[
        Action,
        typer.Argument(
            help="List them; give one up; say that files are no copies; write one for somebody else; look for "
            "tampering.",
            metavar="[show|retire|allow|export|verify]",
        ),
    ] = "show",
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="ID of the seal, unless there is only one; for allow, then FILEs; for verify, MODELs.",
            metavar="[ID] [FILE]",
        ),
    ] = None,
    *,
    reason: Annotated[
        str | None, typer.Option(help="Of retiring or allowing; it goes into the log.", show_default="none")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File that `export` writes.", show_default="seal.json")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="File for the labels, which `export` keeps apart.", show_default="not written")
    ] = None,
    project: ProjectFolder = None,
    json: AsJson = False,
) -> None:
    """Show the sealed test sets of this project and how often each was opened; or retire, allow, export, verify.

    `seals retire ID --reason WHY` gives a test set up: its pictures may be trained on from now on.
    `seals allow ID FILE… --reason WHY` says that files are no copies of sealed pictures, only like them.
    `seals export ID --out seal.json` writes a seal to hand over; it holds no labels and no names.
    `seals verify MODEL…` fails where the log was changed, or does not hold what a model remembers of it.
    """
    from drivetrain.data.seals.project import Project  # noqa: PLC0415 - an extra that a server does not have
    from drivetrain.data.seals.seal import Seals  # noqa: PLC0415
    from drivetrain.runtime.files.places import file_to_write  # noqa: PLC0415

    found = Seals(Project.find(project))
    rest = list(what or [])
    seal = rest[0] if rest else ""
    if action == "allow" and len(rest) < 2:
        raise typer.BadParameter("which seal, and which files? drivetrain seals allow ID FILE…", param_hint="ID FILE")
    if action in ("retire", "allow") and not reason:
        raise typer.BadParameter("a reason is needed; it goes into the log.", param_hint="--reason")
    with answers() as answer:
        if action == "retire":
            facts = found.retire(seal, reason or "").facts
            answer(_said(facts, f"{facts['seal']} is given up, on the record", json))
        elif action == "allow":
            answer(_allow(found, seal, [Path(file) for file in rest[1:]], reason or "", json=json))
        elif action == "export":
            place = file_to_write(out or Path("seal.json"), "--out", over=(".json",))
            if labels is not None:
                file_to_write(labels, "--labels", over=(".csv",))
            sealed = found.export(seal, place, labels)
            said = f"{sealed.n} sealed rows as hashes and looks in {quoted(place)}"
            said += f"; their labels in {quoted(labels)}: keep them apart" if labels else ""
            facts = {"seal": sealed.id, "n": sealed.n, "out": str(place), "labels": labels and str(labels)}
            answer(_said(facts, said, json))
        elif action == "verify":
            answer(_verify(found, [Path(model) for model in rest], json))
        else:
            answer(_show(found, json))


def _said(facts: Any, text: str, json: bool) -> str:
    return as_json(dict(facts)) if json else text


def _allow(found: Seals, seal: str, files: list[Path], reason: str, *, json: bool) -> str:
    from drivetrain.runtime.files.members import bytes_of  # noqa: PLC0415
    from drivetrain.runtime.pictures.read import digest  # noqa: PLC0415

    entry = found.allow(seal, [digest(bytes_of(file)) for file in files], reason)
    return _said(entry.facts, f"{len(files)} files are allowed beside {entry.facts['seal']}, on the record", json)


def _verify(found: Seals, models: list[Path], json: bool) -> str:
    from drivetrain.errors import SealError  # noqa: PLC0415
    from drivetrain.evaluation.record.openings import head_in  # noqa: PLC0415
    from drivetrain.runtime.artefact import open_artefact  # noqa: PLC0415

    heads = [(model, head_in(open_artefact(model).manifest)) for model in models]
    entries = found.ledger.entries(*(head for _, head in heads))
    found.known()  # the seals too are what was sealed
    for model, head in heads:
        if head is not None and (not entries or entries[0].hash != head.log):
            raise SealError(
                f"{quoted(model)} remembers another log than {found.ledger.path}, or that log was replaced. To fix: "
                "name the project it was made in, with --project."
            )
    said = f"{found.ledger.path}: {len(entries)} lines, unchanged"
    said += f"; it holds what {len(models)} models remember of it" if models else ""
    return _said({"log": str(found.ledger.path), "lines": len(entries), "models": len(models)}, said, json)


def _show(found: Seals, json: bool) -> str:
    known = found.known()
    if json:
        return as_json({"project": str(found.project.folder), "seals": [_object(each) for each in known]})
    if not known:
        return f"{found.project.folder} has no sealed test set"
    return "\n".join(_line(each) for each in known)


def _object(known: Known) -> dict[str, Any]:
    from drivetrain.data.seals.seal import READ_BY_HAND  # noqa: PLC0415

    sealed, retired = known.sealed, known.retired
    return {
        "id": sealed.id,
        "n": sealed.n,
        "created": sealed.created,
        "source": sealed.source,
        "openings": len(known.openings),
        "models": len({str(entry.facts["parameters_sha256"]) for entry in known.openings} - {READ_BY_HAND}),
        "overlap": len(sealed.overlap),
        "allowed": len(known.allowed),
        "retired": None if retired is None else {"when": retired.when, "reason": retired.facts["reason"]},
    }


def _line(known: Known) -> str:
    sealed, times = known.sealed, len(known.openings)
    opened = "never opened" if not times else "opened once" if times == 1 else f"opened {times} times"
    how = f" with {sealed.drawn}" if sealed.drawn and "seed" in str(sealed.drawn) else ""
    state = "" if known.retired is None else f"; given up on {known.retired.when[:10]}: {known.retired.facts['reason']}"
    return f"{sealed.id}  {sealed.n:,} rows from {sealed.source}{how}, since {sealed.created[:10]}; {opened}{state}"
