"""Several processes at once: what is decided by the record, and written to it, is one step."""

import json
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from scenes import scene, write
from tests import races

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.data.seals.ledger import Ledger, of_kind
from drivetrain.data.seals.project import Project
from drivetrain.data.seals.seal import SealedSet, Seals
from drivetrain.errors import DataError
from drivetrain.files import locked, locked_place

RACERS = 6


def race(code: str, *arguments: object, tmp_path: Path, n: int = RACERS) -> list[str]:
    """What `n` processes print that begin at the same moment; `i` is the number of each, `go()` waits for all."""
    start = """
        import json, sys, time
        from pathlib import Path
        i, n, gate = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
        def go():
            (gate / str(i)).touch()
            while len(list(gate.iterdir())) < n:
                time.sleep(0.002)
    """
    (tmp_path / "gate").mkdir()
    code = textwrap.dedent(start) + textwrap.dedent(code)
    return races.race(code, [(i, n, tmp_path / "gate", *arguments) for i in range(n)])


def test_openings_at_the_same_time_are_counted_one_after_the_other(tmp_path):
    digests = tuple(f"{i:064x}" for i in range(60))
    project = Project(tmp_path / "project")
    Seals(project).add(SealedSet.of(Examples(Files(map(Path, digests)), digests, ("x",) * 60), source="made up"))
    code = """
        import numpy as np
        from drivetrain.data.seals.project import Project
        from drivetrain.data.seals.seal import Seals
        from drivetrain.evaluation.metrics.metrics import METRICS
        from drivetrain.evaluation.record.openings import open_test_set
        from drivetrain.evaluation.predictions import Predictions
        from drivetrain.runtime.targets import CategoryTarget
        project = Project(Path(sys.argv[4]))
        (known,) = Seals(project).known()
        rng = np.random.default_rng(i)
        p = rng.uniform(size=60)
        ids = tuple(f"{k:064x}" for k in range(60))
        table = Predictions(ids=ids, target=CategoryTarget(name="t", vocab=("a", "b")),
                            truth=rng.integers(0, 2, 60), output=np.stack([p, 1 - p], axis=1))
        def judge():
            go()
            return table
        opened = open_test_set(judge, [METRICS["accuracy"]], sealed=known.sealed, project=project,
                               parameters_sha256=str(i) * 64, expected=None)
        print(json.dumps([opened.opening.count, len(opened.opening.simultaneous)]))
    """
    counts = sorted(json.loads(said) for said in race(code, project.folder, tmp_path=tmp_path))
    assert counts == [[1, 0]] + [[k, 1] for k in range(2, RACERS + 1)]
    entries = of_kind(Ledger(project).entries(), "opened")
    assert [entry.facts["count"] for entry in entries] == list(range(1, RACERS + 1))


def test_first_trainings_with_different_seeds_never_train_on_a_test_set_of_another(tmp_path):
    for i in range(30):
        write(tmp_path / "in" / ("hill" if i % 2 else "lake") / f"{i}.png", scene(i, 24, 18))
    code = """
        from drivetrain.kinds.images.images import images
        from drivetrain.data.seals.sealing import begin_trial
        from drivetrain.errors import SealError
        from drivetrain.progress import quiet
        go()
        with quiet():
            data = images(sys.argv[5], seed=i, project=sys.argv[4])
            try:
                begin_trial(data)
                begun = True
            except SealError as error:
                begun = False
        test = list(data.sealed_test.open().digests)
        print(json.dumps({"begun": begun, "test": test, "used": [*data.train.digests, *data.valid.digests]}))
    """
    found = [json.loads(said) for said in race(code, tmp_path / "project", tmp_path / "in", tmp_path=tmp_path)]
    begun = [each for each in found if each["begun"]]
    assert len(begun) == RACERS, "the first to seal holds it while it lives, and the others divide what is left"
    for one in begun:
        for other in begun:
            assert not set(one["test"]) & set(other["used"])
    seals = Seals(Project(tmp_path / "project"))
    assert len(seals.in_use()) == 1


def test_the_record_is_whole_after_many_have_written(tmp_path):
    code = """
        from drivetrain.data.seals.ledger import Ledger
        from drivetrain.data.seals.project import Project
        ledger = Ledger(Project(Path(sys.argv[4])))
        go()
        for k in range(5):
            ledger.append("noted", {"by": i, "k": k})
    """
    race(code, tmp_path / "project", tmp_path=tmp_path)
    entries = Ledger(Project(tmp_path / "project")).entries()
    assert sorted((e.facts["by"], e.facts["k"]) for e in entries) == [(i, k) for i in range(RACERS) for k in range(5)]


# ── locks ───────────────────────────────────────────────────────────────────────────────────────────────────────

HOLD = """
import sys, time
from pathlib import Path
from drivetrain.files import locked, locked_place
from tests import races
with (locked_place if sys.argv[2] == "place" else locked)(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("what", ["file", "place"])
def test_a_lock_keeps_others_out_until_its_holder_is_killed(tmp_path, what):
    held = tmp_path / ("lock" if what == "file" else "m.model")
    take = locked if what == "file" else locked_place
    command = [sys.executable, "-c", HOLD, str(held), what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        wanted = r"another process has held .* for 0 s(?s:.*)To fix: wait"
        with pytest.raises(DataError, match=wanted), take(held, wait_s=0.2):
            pass
        holder.kill()
    with take(held, wait_s=5):
        assert {path.name for path in tmp_path.iterdir()} == ({"lock"} if what == "file" else set())


def test_threads_keep_each_other_out_and_one_may_ask_twice(tmp_path):
    seen: list[str] = []

    def work(name: str) -> None:
        with locked(tmp_path / "lock"), locked(tmp_path / "lock"):
            seen.append(name)
            time.sleep(0.05)
            seen.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a == b for a, b in zip(seen[::2], seen[1::2], strict=True)] == [True] * 3
