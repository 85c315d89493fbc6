"""`captioner`: a model that writes captions, from a folder or the hub."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from drivetrain.calls import named
from drivetrain.captions.describing.base import Describes, threshold_of
from drivetrain.errors import ModelError, SettingError
from drivetrain.settings import place, text, whole
from drivetrain.text import readable, short_reason

OWN = "captioner.json"
"""In a folder that a captioner trained here was saved to."""
CONFIG = "config.json"
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
MOST_CONFIG_BYTES = 5_000_000


@named
def captioner(source: Any, *, prompt: Any = None, max_words: Any = 40, abstain_below: Any = None) -> Describes:
    """Load a model that writes captions.

    Args:
        source: A folder that `train_captioner(...).save` wrote; a folder of a Hugging Face model that turns pictures
            into text (BLIP, GIT, ViT-GPT2 and the like; config.json, model.safetensors, its tokeniser and its image
            processor); or the name of one on the hub, such as ``"Salesforce/blip-image-captioning-base"``.
        prompt: Words that the caption begins with, for models that take them.
        max_words: Tokens of a caption, at most.
        abstain_below: Likelihood below which a caption is marked as abstained. Better than a number of your own is
            `calibrate` with a caption report.

    Only safetensors are read, and no code of the model's own is run.

    Raises:
        ModelError: There is no such model, it is not one that writes captions, it needs code of its own, or its weights
            are not safetensors.
        MissingExtraError: transformers is not installed.
        SettingError: An argument has a value that cannot be used.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from PIL import Image
        >>> import drivetrain as dt
        >>> noise = np.random.default_rng(0).integers(0, 155, (24, 16, 16, 3), dtype=np.uint8)
        >>> said = {}
        >>> with TemporaryDirectory() as folder:
        ...     for i, pixels in enumerate(noise):
        ...         place = Path(folder, ["blue", "red"][i % 2])
        ...         place.mkdir(exist_ok=True)
        ...         said[f"{place.name}/{i}.png"] = f"a {place.name} square"
        ...         Image.fromarray(pixels + np.uint8([[0, 0, 99], [99, 0, 0]][i % 2])).save(place / f"{i}.png")
        ...     made = dt.train_captioner(said, folder, arch="embedded", size=32, epochs=2)
        ...     model = dt.captioner(made.save(f"{folder}/squares.captioner"), abstain_below=0.01)
        ...     model.caption(f"{folder}/red/1.png").abstained
        False
    """
    name = place("source", source, what="a folder, or the name of a model on the hub")
    asked = None if prompt is None else text("prompt", prompt, what="words that captions begin with")
    most = whole("max_words", max_words, least=1, most=1000)
    threshold = threshold_of(abstain_below)
    folder = Path(name)
    if folder.is_file():
        raise ModelError(f"{readable(folder)} is a file; expected the folder of a captioner. To fix: name its folder.")
    if not folder.is_dir() and ((os.sep in name.strip(os.sep) and not _HUB_NAME.fullmatch(name)) or "/" not in name):
        raise ModelError(
            f"{readable(name)} does not exist; expected the folder of a captioner, or the name of one on the hub "
            "(owner/name). To fix: check the path."
        )
    if (folder / OWN).is_file():
        if asked is not None:
            raise SettingError(
                f"prompt={asked!r} cannot be used: {readable(folder)} was trained by drivetrain, which takes none; "
                "expected None. To fix: leave prompt out."
            )
        from drivetrain.captions.describing.small import load_small  # noqa: PLC0415 - brings torch and timm

        made = load_small(folder, most)
        made.abstain_below = made.abstain_below if threshold is None else threshold
        return made
    if folder.is_dir():
        check_config(folder)
    from drivetrain.captions.describing.hugging_face import HuggingFaceCaptioner  # noqa: PLC0415 - brings transformers

    return HuggingFaceCaptioner(name, prompt=asked, most_tokens=most, abstain_below=threshold)


def check_config(folder: Path) -> dict[str, Any]:
    """The config.json of a folder, which asks for no code of its own, beside weights that are safetensors.

    Raises:
        ModelError: It is none of that.
    """
    file = folder / CONFIG
    try:
        raw = file.read_bytes()
    except OSError as error:
        what = (
            "a saved model of drivetrain, which says categories or numbers"
            if (folder / "manifest.json").is_file()
            else ""
        )
        raise ModelError(
            f"{readable(folder)} is {what or 'no captioner: it holds no config.json'}; expected a "
            f"model that turns pictures into text, or one of train_captioner. To fix: pass such a folder "
            f"({short_reason(error)})."
        ) from error
    try:
        config = json.loads(raw.decode("utf-8-sig")) if len(raw) <= MOST_CONFIG_BYTES else None
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{readable(file)} cannot be read: {short_reason(error)}; expected JSON. To fix: get the model again."
        ) from error
    if not isinstance(config, dict):
        raise ModelError(f"{readable(file)} holds no description of a model. To fix: get the model again.")
    if "auto_map" in config:
        raise ModelError(
            f"{readable(folder)} needs Python code of its own (auto_map in config.json), which is never run here; "
            "expected a model that transformers knows. To fix: take one of its own architectures, such as BLIP or GIT."
        )
    if not any(folder.glob("*.safetensors")):
        others = sorted(path.name for path in folder.glob("*.bin"))
        why = (
            f"its weights are {readable(others[0])}, a pickle, which can run code when it is read"
            if others
            else "it has no weights"
        )
        raise ModelError(
            f"{readable(folder)}: {why}; expected model.safetensors. To fix: save the model with safetensors, by "
            "save_pretrained of a recent transformers, where you trust its origin."
        )
    return config
