"""A saved model put on a Hugging Face hub, by the hub's own client; `drivetrain.runtime.hub.fetch` fetches it again."""

from __future__ import annotations

import hashlib
import json
import os
import re
from importlib.util import find_spec

from drivetrain.errors import HubError, MissingExtraError
from drivetrain.notices import warn
from drivetrain.runtime.additions.record import SMALL, is_small
from drivetrain.runtime.artefact import CARD, DATA, EXEMPLARS, MANIFEST, SEAL, Artefact, open_artefact
from drivetrain.runtime.hub.fetch import check_repository
from drivetrain.runtime.hub.http import Hub, find_hub
from drivetrain.runtime.manifest import FORMAT_VERSION, FileRecord, Manifest
from drivetrain.settings import flag
from drivetrain.text import readable, short_reason

README = "README.md"


def push(
    path: str | os.PathLike[str],
    repository: str,
    *,
    private: bool = False,
    exemplars: bool = False,
    hub: Hub | None = None,
) -> str:
    """Put an artefact on the hub, in one commit; the repository is made where there is none.

    Where the pictures lay on this machine is left out of what is put there; golden examples, which are pictures, and
    content hashes of all rows are in it. Exemplars, which are training rows, are left out unless they are asked for.

    Args:
        path: The artefact.
        repository: ``owner/name``.
        private: Of a repository that is made now.
        exemplars: Whether the training rows that travel with the model for its updates go too.
        hub: Where; None takes what the environment says (`HF_ENDPOINT`, `HF_TOKEN`).

    Returns:
        Address of the commit.

    Raises:
        ArtefactError: The artefact cannot be used.
        HubError: The hub cannot be reached or refuses.
        MissingExtraError: The hub's client is not installed.
    """
    artefact = open_artefact(path)
    hub, repository = hub or find_hub(), check_repository(repository)
    carried = EXEMPLARS in artefact.manifest.files
    if carried and not flag("exemplars", exemplars):
        warn(
            f"{readable(artefact.path.name)} carries exemplars, which are training rows: they stay here, so that an "
            "update of the model on the hub needs its old data. To put them there: exemplars=True (--exemplars)."
        )
    contents = _published(artefact, repository, exemplars=exemplars)
    if find_spec("huggingface_hub") is None:
        raise MissingExtraError("drivetrain push needs huggingface_hub: pip install 'drivetrain[train]'")
    from huggingface_hub import CommitOperationAdd, HfApi  # noqa: PLC0415 - 0.3 s, and not of the bare install
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    api = HfApi(endpoint=hub.endpoint, token=hub.token or False, library_name="drivetrain")
    try:
        api.create_repo(repository, visibility="private" if private else "public", exist_ok=True)
        operations = [CommitOperationAdd(name, content) for name, content in contents.items()]
        commit = api.create_commit(repository, operations, commit_message=f"drivetrain model {artefact.path.name}")
    except HfHubHTTPError as error:
        raise _refused(error, hub) from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise HubError(
            f"{hub.endpoint} cannot be reached, or answers oddly: {short_reason(error)}. "
            "To fix: look at the network and at HF_ENDPOINT, and try again; for a hub that knows no Xet store, set "
            "HF_HUB_DISABLE_XET=1."
        ) from error
    return commit.commit_url


def _refused(error: Exception, hub: Hub) -> HubError:
    """What the hub said, and what may help."""
    answer = getattr(error, "response", None)
    status: int | None = getattr(answer, "status_code", None)
    said = readable(str(getattr(error, "server_message", None) or short_reason(error))[:300])
    if status in (401, 403):
        mend = "To fix: set HF_TOKEN to a token that may do this" + (" (it is set)." if hub.token else ".")
        return HubError(f"{hub.endpoint}: not allowed ({status}, {said}). {mend}", status=status)
    fix = "To fix: try again later, or ask whoever runs the hub."
    return HubError(f"{hub.endpoint} answered {status}: {said}. {fix}", status=status)


def _published(artefact: Artefact, repository: str, *, exemplars: bool) -> dict[str, bytes]:
    """File name → content as it is put on the hub."""
    left_out = {*SMALL, *(() if exemplars else (EXEMPLARS,))}  # a small update is put there whole
    files = {name: found for name, found in artefact.manifest.files.items() if name not in left_out}
    contents = {name: artefact.file(name).read_bytes() for name in files}
    if DATA in contents:
        reading = json.loads(contents[DATA]) | {"source": None}  # a path of this machine
        reading.pop("further_sources", None)
        contents[DATA] = (json.dumps(reading, indent=1) + "\n").encode()
    if SEAL in contents:  # seals of earlier versions hold such a path too
        sealed = json.loads(contents[SEAL])
        source = re.split(r"[/\\]", str(sealed["source"]).rstrip("/\\"))[-1]
        if source != sealed["source"]:
            contents[SEAL] = (json.dumps(sealed | {"source": source}, indent=0) + "\n").encode()
    for name in {DATA, SEAL, CARD} & contents.keys():  # what was changed just now, and what a person may have edited
        sha256 = hashlib.sha256(contents[name]).hexdigest()
        files[name] = FileRecord(bytes=len(contents[name]), sha256=sha256)
    version = FORMAT_VERSION if is_small(artefact.manifest) else artefact.manifest.format_version
    manifest = artefact.manifest.model_copy(update={"files": files, "format_version": version})
    contents[MANIFEST] = (manifest.model_dump_json(indent=2) + "\n").encode()
    contents[README] = _readme(manifest, repository, contents.get(CARD, b"")).encode()
    return contents


def _readme(manifest: Manifest, repository: str, card: bytes) -> str:
    """What the hub's page of the model shows: the model card, below what the hub's search reads."""
    task = "image-classification" if manifest.target.kind != "number" else "other"
    body = card.decode(errors="replace") if card else f"# {repository.split('/')[1]}\n"
    use = f'import drivetrain as dt\n\ndt.load("hf-hub:{repository}").predict("picture.jpg")'
    return (
        f"---\nlibrary_name: drivetrain\npipeline_tag: {task}\ntags:\n- drivetrain\n- onnx\n---\n\n"
        f"{body}\n## Load it\n\n```python\n{use}\n```\n"
    )
