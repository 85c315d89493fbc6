"""What the script of a page looks for by its id is in the page."""

import re
from pathlib import Path

import pytest

import drivetrain.kinds
from drivetrain.serving.page import page_file

FOLDERS = sorted(Path(str(drivetrain.kinds.__path__[0])).glob("*/page"))


@pytest.mark.parametrize("folder", [None, *FOLDERS], ids=lambda folder: folder.parent.name if folder else "json")
def test_a_page_has_what_its_scripts_look_for(folder: Path | None) -> None:
    page = page_file("frame.html", folder)[0].decode()
    scripts = [page_file(name, folder)[0].decode() for name in ("page.js", "model.js")]
    shared = [name for name in ("many.js", "mattered.js") if f"/{name}" in scripts[0]]
    scripts += [page_file(name, folder)[0].decode() for name in shared]
    wanted = {name for script in scripts for name in re.findall(r'\bat\("([\w-]+)"\)', script)}
    assert len(wanted) > 3 and wanted <= set(re.findall(r'\bid="([\w-]+)"', page))


def test_every_kind_with_a_page_is_looked_at() -> None:
    assert {"sounds", "images", "traces", "binaries", "texts"} <= {folder.parent.name for folder in FOLDERS}
