"""Bodies that lie on this machine under a name: the one that ships with drivetrain, and those registered here.

Each is a timm folder: `config.json` (the architecture, its options, what its weights expect) and `model.safetensors`.
"""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import timm
from platformdirs import user_config_path

from drivetrain.errors import ModelError, SettingError
from drivetrain.runtime.artefact import write_durably
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.trust.body_options import check_options, plain_expectations
from drivetrain.text import short_reason

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
MOST_CONFIG_BYTES = 2**20
LOCAL = "local-dir:"
EMBEDDED = "embedded"
"""Ships inside the package: needs no hub."""
CONFIG_DIR = "DRIVETRAIN_CONFIG_DIR"


def folder_of(arch: str) -> Path | None:
    """The folder that a name stands for, or None for one of timm's own names.

    Example:
        >>> folder_of("local-dir:bodies/mine")
        PosixPath('bodies/mine')
        >>> folder_of("resnet34") is None
        True
    """
    if arch == EMBEDDED:
        return embedded_folder()
    if arch.startswith(LOCAL):
        return Path(arch.removeprefix(LOCAL))
    return registered().get(arch)


def embedded_folder() -> Path:
    """Where the body that ships with drivetrain lies."""
    return Path(str(files("drivetrain.kinds.images.bodies") / EMBEDDED))


def read_config(folder: Path) -> dict[str, Any]:
    """What a timm folder says of its weights.

    Raises:
        ModelError: There is no such file, it is no JSON, or it names no architecture.
    """
    path = folder / CONFIG_FILE
    try:
        if path.stat().st_size > MOST_CONFIG_BYTES:
            raise ValueError(f"it has more than {MOST_CONFIG_BYTES:,} bytes")
        config = read_json(path.read_bytes(), most_bytes=MOST_CONFIG_BYTES)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read: {short_reason(error)}. Expected a timm folder: {CONFIG_FILE} and {WEIGHTS_FILE}. "
            "To fix: give the folder that holds both."
        ) from error
    if not isinstance(config, dict) or "architecture" not in config:
        raise ModelError(f"{path} names no 'architecture', which a timm folder's {CONFIG_FILE} does.")
    return cast(dict[str, Any], config)


def options_of(folder: Path) -> dict[str, Any]:
    """The options of the architecture, as a timm folder gives them.

    Raises:
        ModelError: One is not a plain size, number, switch or name of a layer: it could name a file, or code.
    """
    options = read_config(folder).get("model_args", {})
    try:
        if not isinstance(options, dict):
            raise ValueError("model_args is no object")
        check_options(cast("dict[str, Any]", options))
    except ValueError as error:
        raise ModelError(
            f"{folder / CONFIG_FILE} cannot be used: {error}. Expected plain numbers, switches and names of layers. "
            "To fix: leave the option out of model_args, or take a body that needs none."
        ) from error
    return dict(cast("dict[str, Any]", options))


def expectations_of(folder: Path) -> dict[str, Any]:
    """What a timm folder's weights expect of pictures; what it says of files and addresses is left out.

    Raises:
        ModelError: A value cannot be used.
    """
    config = read_config(folder).get("pretrained_cfg", {})
    try:
        if not isinstance(config, dict):
            raise ValueError("pretrained_cfg is no object")
        return plain_expectations(cast("dict[str, Any]", config))
    except ValueError as error:
        raise ModelError(
            f"{folder / CONFIG_FILE} cannot be used: {error}. Expected what timm writes: sizes, mean, std, "
            "interpolation. To fix: correct it, or leave it out."
        ) from error


def weights_of(folder: Path) -> Path:
    """The file of its parameters; raises ModelError where there is none that can be read safely."""
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise ModelError(f"{folder} has no {WEIGHTS_FILE}: only safetensors are read, never pickles.")
    return path


# ── registered folders ───────────────────────────────────────────────────────────────────────────────────────────


def registry_file() -> Path:
    """Where names and folders are kept: the user's configuration folder, or `DRIVETRAIN_CONFIG_DIR`."""
    named = os.environ.get(CONFIG_DIR)
    return (Path(named) if named else user_config_path("drivetrain", appauthor=False)) / "bodies.json"


def registered() -> dict[str, Path]:
    """Name → folder of every body registered on this machine.

    Raises:
        ModelError: The list is damaged.
    """
    path = registry_file()
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} lists the registered bodies, and cannot be read: {short_reason(error)}. To fix: delete it."
        ) from error
    return {name: Path(folder) for name, folder in names.items()}


def register(folder: Path, name: str | None = None) -> str:
    """Give a local timm folder a name that `arch` takes from now on; returns the name.

    Args:
        folder: Holds `config.json` and `model.safetensors`.
        name: None takes the folder's own.

    Raises:
        ModelError: It is no timm folder, or its architecture is unknown.
        SettingError: The name means something else already.
    """
    config = read_config(folder)
    weights_of(folder)
    if not timm.is_model(str(config["architecture"])):
        raise ModelError(f"{folder} is of {config['architecture']!r}, unknown to this timm ({timm.__version__}).")
    return keep_name(folder, name)


def keep_name(folder: Path, name: str | None) -> str:
    """Write down what a folder that was looked at is called; returns the name, without one the folder's own.

    Raises:
        SettingError: The name means something else already.
    """
    name = name or folder.resolve().name
    if name == EMBEDDED or name.startswith(LOCAL) or timm.is_model(name):
        raise SettingError(f"name={name!r} means another body already. To fix: choose another name.")
    path = registry_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    names = {**{known: str(where) for known, where in registered().items()}, name: str(folder.resolve())}
    write_durably(path, (json.dumps(names, indent=2) + "\n").encode())
    return name
