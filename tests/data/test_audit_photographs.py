"""Real pictures of 64 px: planted copies are found, nothing else is, and clean subsets raise no alarm."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scenes import COPIES, CROPS, write

import drivetrain as dt
from drivetrain.auditing import audit
from drivetrain.kinds.images.looks.same_picture import SAME, likeness

ARCHIVE = Path(__file__).parents[3] / "shared" / "data" / "tiny-imagenet" / "val.zip"
N_CLASSES, PER_CLASS = 8, 40
pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def photographs():
    """(label, picture) of eight classes."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith("JPEG"))
        labels = sorted({name.split("/")[0] for name in names})[:: len(names) // 50 // N_CLASSES][:N_CLASSES]
        found = []
        for label in labels:
            own = [name for name in names if name.startswith(label + "/")][:PER_CLASS]
            found += [(label, Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in own]
    return found


def test_planted_copies_are_found_and_nothing_else(photographs, tmp_path):
    rows, planted = [], {}
    order = np.random.default_rng(0).permutation(len(photographs))
    ways = list(COPIES.items())
    for i in order[:200]:
        label, image = photographs[i]
        rows.append((str(write(tmp_path / f"{i}.png", image)), label, "train"))
    for i in order[200:]:
        label, image = photographs[i]
        rows.append((str(write(tmp_path / f"{i}.png", image)), label, "valid"))
    for n, i in enumerate(order[: 10 * len(ways)]):
        name, copy = ways[n % len(ways)]
        path = write(tmp_path / f"copy-{n}.jpg", copy(photographs[i][1]), quality=85)
        planted[path.name] = (f"{i}.png", name)
        rows.append((str(path), photographs[i][0], "valid"))
    frame = pd.DataFrame(rows, columns=["path", "label", "split"])
    found = audit(frame, target="label", path="path", split="split", shortcuts=False)
    (across,) = [finding for finding in found.findings if finding.kind == "copies across parts"]
    said = {pair.other.path: pair.one.path for pair in across.pairs}
    right = [name for name, (original, _) in planted.items() if said.get(name) == original]
    assert len(right) >= 0.93 * len(planted), sorted(planted[name][1] for name in set(planted) - set(right))
    assert len(said) == len(right)


@pytest.mark.parametrize("how", CROPS)
def test_crops_are_confirmed_and_other_pictures_are_not(how, photographs):
    pictures = [image for _, image in photographs[::32]]
    crops = [CROPS[how](image) for image in pictures]
    fits = [likeness(image, crop) for image, crop in zip(pictures, crops, strict=True)]
    others = [likeness(image, crop) for image, crop in zip(pictures, crops[1:], strict=False)]
    assert np.mean(np.array(fits) >= SAME) >= 0.85
    assert max(others) < SAME


def test_clean_subsets_raise_no_alarm(photographs, tmp_path):
    for seed in range(2):
        rng = np.random.default_rng(seed)
        rows = []
        for i in rng.permutation(len(photographs))[:200]:
            label, image = photographs[i]
            rows.append({"path": str(write(tmp_path / f"{seed}-{i}.jpg", image, quality=85)), "label": label})
        data = dt.images(pd.DataFrame(rows), target="label", path="path", seed=seed, project=tmp_path / f"p{seed}")
        assert audit(data, seed=seed).ok
