"""Save an artefact over another, be killed at every step in turn, and look at what is there.

python killed_saves.py FOLDER {save|update} {one|two}

Steps are calls that change the disk. `two`: the system cannot let two names change places.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # so that it runs by itself

from drivetrain.runtime import artefact
from drivetrain.runtime.files import replacing
from tests.runtime.models import describe

steps = {"done": 0, "deadly": 0}


def step() -> None:
    steps["done"] += 1
    if steps["done"] == steps["deadly"]:
        os.kill(os.getpid(), signal.SIGKILL)


def counted(owner: object, name: str) -> None:
    function = getattr(owner, name)

    def run(*args: object, **options: object) -> object:
        step()
        found = function(*args, **options)
        step()
        return found

    setattr(owner, name, run)


def save(target: Path, created: str) -> None:
    contents = {"model.onnx": created.encode() * 1000, "golden/0.jpg": created.encode()}
    artefact.write_artefact(target, contents, describe(created=created))


def change(target: Path, what: str) -> None:
    if what == "save":
        save(target, "new")
    else:
        artefact.update_manifest(artefact.open_artefact(target), created="new")


def look(target: Path, what: str) -> str:
    found = artefact.open_artefact(target)
    whole = found.file("model.onnx").read_bytes() == found.manifest.created.encode() * 1000
    assert whole or what == "update"
    return found.manifest.created


def main() -> None:
    folder, what, way = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    target = folder / "a.model"
    seen = set()
    for i in range(1, 1000):
        shutil.rmtree(target, ignore_errors=True)
        save(target, "old")
        child = os.fork()
        if child == 0:
            steps["deadly"] = i
            for owner, name in ((os, "fsync"), (os, "replace"), (os, "rename"), (os, "mkdir"), (shutil, "rmtree")):
                counted(owner, name)
            if way == "two":
                replacing.exchange = lambda *_: False
            else:
                counted(replacing, "exchange")
            change(target, what)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        found = look(target, what)
        seen.add(found)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0 and found == "new"
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
    save(target, "later")
    left = sorted(item.name for item in folder.iterdir())
    print(i, sorted(seen), left)


if __name__ == "__main__":
    main()
