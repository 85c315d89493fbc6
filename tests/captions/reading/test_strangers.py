"""Captions, references and objects in the forms that people have them."""

import json

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.errors import DataError

NAMES = ["1.jpg", "2.jpg", "3.jpg"]
SAID = ["a dog", "a dog and a cat", "two bikes"]
THERE = {"1.jpg": ["dog"], "2.jpg": ["cat"], "3.jpg": ["bike"]}
ODD = {"foto": NAMES, "satz": SAID}
IMAGES = [{"id": 70 + i, "file_name": name} for i, name in enumerate(NAMES)]
COCO = {
    "images": IMAGES,
    "annotations": [{"id": i, "image_id": 70 + i, "caption": text} for i, text in enumerate(SAID)],
}
INSTANCES = {
    "images": IMAGES,
    "categories": [{"id": 18, "name": "dog"}, {"id": 17, "name": "cat"}, {"id": 2, "name": "bike"}],
    "annotations": [{"image_id": 70 + i, "category_id": n, "bbox": [0, 0, 1, 1]} for i, n in enumerate((18, 17, 2))],
}


def written(found, folder, name):
    path = folder / name
    path.write_text(json.dumps(found))
    return path


@pytest.mark.parametrize("where", ["memory", "file"])
def test_the_forms_of_coco(where, tmp_path):
    """Results name pictures by number, captions and instances by number and by file."""
    results = COCO["annotations"]
    sources = {"results": results, "coco": COCO, "instances": INSTANCES}
    if where == "file":
        sources = {name: written(found, tmp_path, f"{name}.json") for name, found in sources.items()}
    for captions in (sources["coco"], sources["results"]):
        report = dt.caption_report(captions, references=sources["coco"], objects=sources["instances"])
        assert [row.missed for row in report.rows] == [(), (), ()] and [len(r.references) for r in report.rows] == [
            1
        ] * 3
        assert report.scores["bleu_4"].n == 3
    assert dt.caption_report(sources["coco"], objects=THERE).rows[1].absent == ("dog",)


def test_a_table_with_odd_names_of_columns_is_no_dict_of_pictures(tmp_path):
    for source in (ODD, pd.DataFrame(ODD), written(ODD, tmp_path, "odd.json")):
        with pytest.raises(DataError, match="To fix: pass picture="):
            dt.caption_report(source)
        report = dt.caption_report(source, picture="foto", caption="satz", objects=THERE, references=source)
        assert report.n == 3 and [len(row.references) for row in report.rows] == [1, 1, 1]


def test_references_with_odd_names_of_columns():
    said = dict(zip(NAMES, SAID, strict=True))
    report = dt.caption_report(said, references=ODD, objects=THERE)
    assert report.scores["cider_d"].n == 3
    with pytest.raises(DataError, match=r"references: no column is called reference.*To fix: call it so"):
        dt.caption_report(said, references={**ODD, "more": SAID})


@pytest.mark.parametrize(
    "cell",
    [[{"generated_text": "a dog"}], {"generated_text": "a dog"}, {"caption": "a dog", "score": 0.5}],
    ids=["pipeline", "one of it", "with a score"],
)
def test_what_pipelines_answer(cell):
    for source in ({"1.jpg": cell, "2.jpg": cell}, lambda picture: cell):
        report = dt.caption_report(source, {"1.jpg": 0, "2.jpg": 0}, objects={"1.jpg": ["dog"], "2.jpg": ["cat"]})
        assert [row.said.text for row in report.rows] == ["a dog", "a dog"]


@pytest.mark.parametrize("cell", [b"a dog", {"a": 1}, object(), 3j], ids=["bytes", "dict", "object", "complex"])
def test_cells_that_are_no_text_are_refused(cell):
    with pytest.raises(DataError, match=r"expected text.*To fix"):
        dt.caption_report({"1.jpg": cell, "2.jpg": "a dog"})


@pytest.mark.parametrize("cell", [None, np.float32("nan"), pd.NA, pd.NaT, "nan", "None", "N/A", " "])
def test_cells_that_hold_nothing_are_left_out(cell):
    with pytest.warns(dt.DrivetrainWarning, match="1 row without a caption"):
        report = dt.caption_report({"1.jpg": cell, "2.jpg": "a cat"}, objects=THERE)
    assert report.n == 1


def test_likelihoods_that_are_all_0_mean_nothing():
    table = {"image": NAMES, "caption": SAID}
    with pytest.raises(DataError, match="holds 0 alone"):
        dt.caption_report({**table, "confidence": [0, 0, 0]}, objects=THERE)
    report = dt.caption_report({**table, "logprob": [-1.0, -2.0, 0]}, objects=THERE)
    assert "read as logarithms" in str(report.decisions["likelihood"])
    assert [row.said.sure for row in report.rows] == pytest.approx([np.exp(-1), np.exp(-2), 1])
