"""A Gradio Space for a model on the hub: three files that Hugging Face runs as a demo page."""

from __future__ import annotations

import json
from pathlib import Path

from drivetrain.errors import SettingError
from drivetrain.runtime.manifest import Manifest
from drivetrain.runtime.targets import CategoriesTarget, NumberTarget

_APP = '''"""A page that asks {repository}; written by drivetrain, yours to change."""

import gradio as gr

import drivetrain as dt

model = dt.load("hf-hub:{repository}")


def answer(picture):
    said = model.predict(picture)
{answer}


page = gr.Interface(
    answer,
    gr.Image(type="pil", label="picture"),
    {output},
    title={title},
    flagging_mode="never",
)

if __name__ == "__main__":
    page.launch()
'''

_README = """---
title: {title}
sdk: gradio
app_file: app.py
models:
- {repository}
---

A page that asks [{repository}](https://huggingface.co/{repository}). Made with drivetrain.
"""


def check_space_folder(folder: Path) -> None:
    """Refuse a place where no Space can be written; raises SettingError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingError(
            f"{folder} holds other files: a Space is written to a new or empty folder. To fix: give a new name."
        )


def write_space(folder: Path, repository: str, manifest: Manifest) -> Path:
    """Write `app.py`, `requirements.txt` and `README.md` for a Space that answers with a model of the hub.

    Args:
        folder: To make; may be there, empty.
        repository: ``owner/name`` of the model.
        manifest: Of the model: says what kind of answers it gives.

    Raises:
        SettingError: The folder holds other files.
    """
    check_space_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    title = json.dumps(repository.split("/")[1])
    app = _APP.format(repository=repository, title=title, **_answers(manifest))
    files = {
        "app.py": app,
        "requirements.txt": "drivetrain\n",
        "README.md": _README.format(repository=repository, title=title),
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def _answers(manifest: Manifest) -> dict[str, str]:
    """How the page shows this kind of answer."""
    if isinstance(manifest.target, NumberTarget):
        return {"answer": "    return said.values", "output": 'gr.JSON(label="answer")'}
    if isinstance(manifest.target, CategoriesTarget):
        return {"answer": "    return dict(said.top)", "output": 'gr.Label(label="labels", num_top_classes=5)'}
    unsure = '    if said.abstained:\n        gr.Info("Not sure: this may be something else.")\n'
    return {"answer": unsure + "    return dict(said.top)", "output": 'gr.Label(label="answer", num_top_classes=5)'}
