"""What a small update says of itself: which model it came from, and where its parameters stand in its graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from drivetrain.errors import ArtefactError
from drivetrain.runtime.files.plain_json import read_json, what_is_wrong
from drivetrain.runtime.manifest import MODEL, WEIGHTS, Manifest
from drivetrain.text import short_reason

UPDATE = "update.json"
ADDITIONS = "additions.safetensors"
"""What differs from the parent: factors of what was added to a layer, and tensors that are others altogether."""
GRAPH = "graph.onnx"
"""The network for ONNX Runtime without the parameters."""
SMALL = (UPDATE, ADDITIONS, GRAPH)
MOST_BYTES = 32 * 2**20
DAMAGED = "To fix: get the update again from whoever made it, or save it anew."
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Parent(_Record):
    """The model that an update came from."""

    name: str = Field(min_length=1, max_length=255)
    """What its folder was called, without any place."""
    sha256: Hash
    """Of its `model.safetensors`."""

    @field_validator("name")
    @classmethod
    def _leads_nowhere(cls, name: str) -> str:
        if name in (".", "..") or any(sign in name for sign in "/\\\0"):
            raise ValueError("a name of a folder leads nowhere else")
        return name


class Place(_Record):
    """A parameter in the graph."""

    index: int = Field(ge=0)
    """Of the initialiser."""
    parameter: str = Field(max_length=1000)
    turned: bool = False
    """Whether rows and columns change places."""


class SmallUpdate(_Record):
    """`update.json` of a small update."""

    format: Literal["drivetrain small update"] = "drivetrain small update"
    format_version: Literal[1] = 1
    parent: Parent
    places: tuple[Place, ...] = Field(default=(), max_length=100_000)


def is_small(manifest: Manifest) -> bool:
    """Whether a manifest is of a small update, whose parent has to lie beside it."""
    return UPDATE in manifest.files


def made_names(manifest: Manifest) -> tuple[str, ...]:
    """Files of a small update that do not lie in its folder: they are made of its parent's."""
    return tuple(name for name in (WEIGHTS, MODEL) if name in manifest.files) if is_small(manifest) else ()


def read_record(folder: Path) -> SmallUpdate:
    """What lies in the folder of a small update, its content compared with the manifest already.

    Raises:
        ArtefactError: It is no JSON, or says what no small update does.
    """
    try:
        return SmallUpdate.model_validate(read_json((folder / UPDATE).read_bytes(), most_bytes=MOST_BYTES))
    except (OSError, ValueError) as error:
        reason = what_is_wrong(error) if isinstance(error, ValidationError) else short_reason(error)
        raise ArtefactError(
            f"{folder / UPDATE} is damaged: {reason}. Expected what drivetrain update --beside writes. {DAMAGED}"
        ) from error
