"""Labels as other tools write them, made here by the tools' documented schemas, and what `dt.images` makes of them."""

import io
import json
import tarfile
import warnings
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

import drivetrain as dt
from drivetrain.data.sources import read_source, reread_source
from drivetrain.errors import DataError
from drivetrain.runtime.files.members import bytes_of


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    place = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(place))
    return place


def encoded(number):
    stream = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def pictures(folder, names):
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(number))


def said(listed):
    """Name of each file → its label."""
    return {path.name: value for path, value in zip(listed.rows.inputs.paths, listed.rows.values, strict=True)}


def told(listed):
    return {name: str(decision) for name, decision in listed.decisions.items()}


# ── COCO ────────────────────────────────────────────────────────────────────────────────────────────────────────────

BOX = {"bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0}


def coco(annotations, names=("a.png", "b.png", "c.png")):
    return {
        "info": {},
        "images": [{"id": 10 + i, "file_name": name, "width": 24, "height": 20} for i, name in enumerate(names)],
        "annotations": [
            {"id": i, "image_id": image, "category_id": category, **more}
            for i, (image, category, more) in enumerate(annotations)
        ],
        "categories": [{"id": 1, "name": "cat", "supercategory": "animal"}, {"id": 7, "name": "dog"}],
    }


def write(path, found):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found))
    return path


def test_coco_labels_of_whole_pictures(tmp_path):
    pictures(tmp_path, ["a.png", "b.png", "c.png"])
    path = write(tmp_path / "labels.json", coco([(10, 1, {}), (11, 7, {})]))
    listed = read_source(path)
    assert said(listed) == {"a.png": "cat", "b.png": "dog"} and listed.task == "category"
    assert told(listed)["not used"] == "1 without a label (as the labels say)"
    assert told(listed)["labels"] == "one label per picture (labels of whole pictures)"


def test_coco_boxes_are_several_labels(tmp_path):
    pictures(tmp_path / "train2017", ["a.png", "b.png", "c.png"])
    path = write(
        tmp_path / "annotations" / "instances_train2017.json",
        coco([(10, 1, BOX), (10, 1, BOX), (10, 7, BOX), (11, 7, {"segmentation": [[1, 2, 3]]}), (12, 3, BOX)]),
    )
    listed = read_source(str(path))
    assert said(listed) == {"a.png": ("cat", "dog"), "b.png": ("dog",), "c.png": ()} and listed.task == "categories"
    assert told(listed)["labels"] == "several labels per picture (boxes and outlines count once for each picture)"
    assert "1 annotations of a category that is not listed" in told(listed)["not used"]


def test_coco_as_roboflow_lays_it_out(tmp_path):
    for part, number in (("train", 1), ("valid", 7), ("test", 1)):
        pictures(tmp_path / part, ["a.png"])
        write(tmp_path / part / "_annotations.coco.json", coco([(10, number, BOX)], ["a.png"]))
    listed = read_source(tmp_path)
    found = dict(zip((path.parent.name for path in listed.rows.inputs.paths), listed.rows.values, strict=True))
    assert found == {"train": "cat", "valid": "dog", "test": "cat"}
    assert sorted(listed.parts) == ["test", "train", "valid"]


def test_coco_panoptic(tmp_path):
    pictures(tmp_path, ["a.png"])
    found = coco([], ["a.png"])
    segments = [{"id": 1, "category_id": 1}, {"id": 2, "category_id": 7}]
    found["annotations"] = [{"image_id": 10, "file_name": "a.png", "segments_info": segments}]
    assert said(read_source(write(tmp_path / "panoptic.json", found))) == {"a.png": ("cat", "dog")}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (coco([]), "no label of one"),
        ({**coco([]), "annotations": [{"image_id": 10, "caption": "a cat"}]}, "has captions"),
        ([{"image_id": 10, "category_id": 1, "score": 0.5}], "results in COCO's form"),
        (
            {**coco([(10, 1, BOX)]), "images": [{"id": 10, "file_name": "../../../etc/passwd"}]},
            "none of the 1 pictures",
        ),
        ({**coco([(10, 1, BOX)]), "categories": []}, "no label of one"),
        ({**coco([(10, 1, BOX)]), "annotations": 3}, "no label of one"),
    ],
    ids=["nothing", "captions", "results", "outside", "no categories", "no list"],
)
def test_coco_that_cannot_be_used(found, message, tmp_path):
    pictures(tmp_path, ["a.png", "b.png", "c.png"])
    with pytest.raises(DataError, match=message) as error:
        read_source(write(tmp_path / "labels.json", found))
    assert "expected" in str(error.value) and "To fix: " in str(error.value)


# ── Label Studio ────────────────────────────────────────────────────────────────────────────────────────────────────


def choice(*names, question="kind"):
    return {"from_name": question, "to_name": "image", "type": "choices", "value": {"choices": list(names)}}


def rectangle(name):
    value = {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 0, "rectanglelabels": [name]}
    return {"from_name": "box", "to_name": "image", "type": "rectanglelabels", "value": value}


def task(number, image, *annotations, **more):
    made = [
        {"id": i, "completed_by": i, "result": result, "was_cancelled": False} for i, result in enumerate(annotations)
    ]
    return {"id": number, "data": {"image": image}, "annotations": made, "predictions": [], **more}


def test_label_studio_choices(tmp_path):
    pictures(tmp_path / "images", ["3f2b6c1a-a.png", "b.png", "c.png", "d.png", "e.png"])
    tasks = [
        task(1, "/data/upload/1/3f2b6c1a-a.png", [choice("cat")]),
        task(2, "/data/local-files/?d=some/place/b.png", [choice("dog")], [choice("dog")]),
        task(3, "s3://bucket/c.png", [choice("dog")], [choice("cat")]),
        task(4, "d.png"),
        task(5, "https://example.org/e.png?x=1", [choice("cat")]),
    ]
    tasks[4]["annotations"][0]["was_cancelled"] = True
    listed = read_source(write(tmp_path / "export.json", tasks))
    assert said(listed) == {"3f2b6c1a-a.png": "cat", "b.png": "dog"}
    assert "1 labelled otherwise by different people" in told(listed)["not used"]
    assert "2 not labelled" in told(listed)["not used"]


def test_label_studio_finds_uploads_under_their_old_names(tmp_path):
    pictures(tmp_path, ["a.png", "b.png"])
    names = {"3f2b6c1a-a.png": "cat", "9f2b6c1a-b.png": "dog"}
    tasks = [task(i, f"/data/upload/1/{name}", [choice(label)]) for i, (name, label) in enumerate(names.items())]
    assert said(read_source(write(tmp_path / "export.json", tasks))) == {"a.png": "cat", "b.png": "dog"}


def test_label_studio_boxes_and_several_choices(tmp_path):
    pictures(tmp_path, ["a.png", "b.png"])
    boxes = [
        task(1, "a.png", [rectangle("cat"), rectangle("dog")]),
        task(2, "b.png", [rectangle("cat"), rectangle("cat")]),
    ]
    listed = read_source(write(tmp_path / "boxes.json", boxes))
    assert said(listed) == {"a.png": ("cat", "dog"), "b.png": ("cat",)} and listed.task == "categories"
    several = [task(1, "a.png", [choice("cat", "dog")]), task(2, "b.png", [choice("cat")])]
    assert said(read_source(write(tmp_path / "several.json", several))) == {"a.png": ("cat", "dog"), "b.png": ("cat",)}


MIN = [
    {"image": "/data/upload/1/a.png", "id": 1, "choice": "cat", "annotator": 1, "annotation_id": 1, "lead_time": 2.0},
    {"image": "/data/upload/1/b.png", "id": 2, "choice": "dog", "annotator": 1, "annotation_id": 2, "lead_time": 2.0},
]


@pytest.mark.parametrize("form", ["json", "csv", "csv of several"])
def test_label_studio_short_forms(form, tmp_path):
    pictures(tmp_path, ["a.png", "b.png"])
    if form == "json":
        assert said(read_source(write(tmp_path / "min.json", MIN))) == {"a.png": "cat", "b.png": "dog"}
        return
    frame = pd.DataFrame(MIN)
    if form == "csv":
        frame.to_csv(tmp_path / "min.csv", index=False)
        assert said(read_source(tmp_path / "min.csv")) == {"a.png": "cat", "b.png": "dog"}
        return
    frame["choice"] = [json.dumps({"choices": ["cat", "dog"]}), "dog"]
    frame.to_csv(tmp_path / "min.csv", index=False)
    assert said(read_source(tmp_path / "min.csv")) == {"a.png": ("cat", "dog"), "b.png": ("dog",)}


def test_label_studio_of_several_questions_is_asked(tmp_path):
    pictures(tmp_path, ["a.png"])
    tasks = [task(1, "a.png", [choice("cat"), choice("sharp", question="quality")])]
    with pytest.raises(DataError, match="several questions: 'kind', 'quality'"):
        read_source(write(tmp_path / "export.json", tasks))


# ── CVAT ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def cvat(*images, meta=""):
    inside = f"<version>1.1</version>{meta}{''.join(images)}"
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>{inside}</annotations>'


def test_cvat_tags(tmp_path):
    pictures(tmp_path / "images", ["a.png", "b.png"])
    (tmp_path / "annotations.xml").write_text(
        cvat(
            '<image id="0" name="a.png" subset="Train" width="24" height="20"><tag label="cat" source="manual"/>'
            '<box label="eye" xtl="1" ytl="1" xbr="2" ybr="2"/></image>',
            '<image id="1" name="b.png" subset="Validation"><tag label="dog"></tag></image>',
        )
    )
    listed = read_source(tmp_path / "annotations.xml")
    assert said(listed) == {"a.png": "cat", "b.png": "dog"} and listed.parts == ("train", "valid")
    assert "1 boxes and outlines, beside tags" in told(listed)["not used"]


def test_cvat_shapes(tmp_path):
    pictures(tmp_path, ["a.png", "b.png", "c.png"])
    (tmp_path / "annotations.xml").write_text(
        cvat(
            '<image id="0" name="a.png"><box label="cat"/><polygon label="dog" points="1,2;3,4"/></image>',
            '<image id="1" name="b.png"><mask label="dog" rle="1"/></image><image id="2" name="c.png"/>',
        )
    )
    assert said(read_source(tmp_path / "annotations.xml")) == {"a.png": ("cat", "dog"), "b.png": ("dog",), "c.png": ()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (cvat('<track id="0" label="car"><box frame="0"/></track>'), "1 tracks of a video"),
        (cvat('<image id="0" name="a.png"/>'), "no label of one"),
        ('<!DOCTYPE a [<!ENTITY x "y">]>' + cvat(), "declares entities"),
        (cvat()[:-5], "is damaged"),
    ],
    ids=["video", "nothing", "entities", "cut"],
)
def test_cvat_that_cannot_be_used(text, message, tmp_path):
    pictures(tmp_path, ["a.png"])
    (tmp_path / "annotations.xml").write_text(text)
    with pytest.raises(DataError, match=message) as error:
        read_source(tmp_path / "annotations.xml")
    assert "expected" in str(error.value) and "To fix: " in str(error.value)


# ── Hugging Face ────────────────────────────────────────────────────────────────────────────────────────────────────


class ClassLabel(SimpleNamespace):
    """As `datasets.ClassLabel`, by what it offers."""


class Image_(SimpleNamespace):
    """As `datasets.Image`."""


Image_.__name__ = "Image"


class Set:
    """As `datasets.Dataset`, by what it offers: features, and rows in Arrow with pictures as they are stored."""

    def __init__(self, table, features):
        self.table, self.features = table, features
        self.column_names = table.column_names

    def __len__(self):
        return self.table.num_rows

    def with_format(self, name):
        assert name == "arrow"
        return self

    def __getitem__(self, rows):
        return self.table


def hub_table(numbers=(0, 1, -1), start=0):
    cells = [{"bytes": encoded(start + i), "path": f"{i}.png"} for i in range(len(numbers))]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.table({"image": pa.array(cells, kind), "label": pa.array(numbers, pa.int64())})


FEATURES = {"image": Image_(), "label": ClassLabel(names=["cat", "dog"])}
SAID = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}


def test_hugging_face_objects():
    listed = read_source(Set(hub_table((0, 1, 0, -1)), FEATURES))
    assert listed.rows.values == ("cat", "dog", "cat") and listed.task == "category" and len(listed.left_out) == 1
    assert [path.suffix for path in listed.rows.inputs.paths] == [".png"] * 3
    assert listed.rows.inputs.paths[0].read_bytes() == encoded(0)
    parts = read_source({"train": Set(hub_table((0, 1)), FEATURES), "test": Set(hub_table((1, 0), 5), FEATURES)})
    assert parts.parts == ("train", "train", "test", "test") and parts.rows.values == ("cat", "dog", "dog", "cat")


def test_hugging_face_several_labels():
    table = (
        hub_table((0, 1)).drop_columns("label").append_column("labels", pa.array([[0, 1], []], pa.list_(pa.int64())))
    )
    features = {"image": Image_(), "labels": [ClassLabel(names=["cat", "dog"])]}
    assert read_source(Set(table, features)).rows.values == (("cat", "dog"), ())


def test_hugging_face_saved_folders(tmp_path):
    for part, numbers, start in (("train", (0, 1, 0), 0), ("validation", (1,), 7)):
        folder = tmp_path / "set" / part
        folder.mkdir(parents=True)
        table = hub_table(numbers, start)
        with (
            pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as sink,
            pa.ipc.new_stream(sink, table.schema) as out,
        ):
            out.write_table(table)
        write(folder / "state.json", {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": part})
        write(folder / "dataset_info.json", {"features": SAID})
    write(tmp_path / "set" / "dataset_dict.json", {"splits": ["train", "validation"]})
    listed = read_source(tmp_path / "set")
    assert listed.rows.values == ("cat", "dog", "cat", "dog") and listed.parts == ("train", "train", "train", "valid")
    assert read_source(tmp_path / "set" / "train").rows.values == ("cat", "dog", "cat")
    (tmp_path / "set" / "train" / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(DataError, match="cannot be read as a Hugging Face data set"):
        read_source(tmp_path / "set")


def test_hugging_face_parquet_of_the_hub(tmp_path):
    metadata = {"huggingface": json.dumps({"info": {"features": SAID}})}
    parquet.write_table(hub_table((0, 1)).replace_schema_metadata(metadata), tmp_path / "train.parquet")
    assert read_source(tmp_path / "train.parquet").rows.values == ("cat", "dog")


def test_tables_of_the_hub_without_pictures_stay_tables(tmp_path):
    said = {"huggingface": json.dumps({"info": {"features": {"x": {"_type": "Value", "dtype": "int64"}}}})}
    table = pa.table({"x": [1, 2, 3, 4], "label": ["a", "b", "a", "b"]}).replace_schema_metadata(said)
    parquet.write_table(table, tmp_path / "t.parquet")
    assert read_source(tmp_path / "t.parquet", input_kind="table").rows.inputs.columns["x"].tolist() == [1, 2, 3, 4]


def test_hugging_face_streams_are_refused():
    stream = SimpleNamespace(features=FEATURES, column_names=["image"], with_format=None)
    with pytest.raises(DataError, match="without streaming=True"):
        read_source(stream)


# ── WebDataset ──────────────────────────────────────────────────────────────────────────────────────────────────────


def shard(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def samples(labels, start=0, ending="cls"):
    found = {}
    for i, label in enumerate(labels, start):
        found[f"{i:06}.png"] = encoded(i)
        found[f"{i:06}.{ending}"] = (json.dumps(label) if ending == "json" else str(label)).encode()
    return found


def test_webdataset_classes(tmp_path):
    shard(tmp_path / "000000.tar", samples([0, 1]))
    shard(tmp_path / "000001.tar", samples([1], 2))
    assert read_source(tmp_path).rows.values == ("0", "1", "1")
    assert read_source(tmp_path / "000001.tar").rows.values == ("1",)
    (tmp_path / "classnames.txt").write_text("cat\ndog\n")
    listed = read_source(tmp_path)
    assert listed.rows.values == ("cat", "dog", "dog") and "classnames.txt" in told(listed)["labels"]


def test_webdataset_json(tmp_path):
    rows = [{"label": "cat", "weight": 3, "box": {"x": 1}, "path": "/etc/passwd"}, {"label": "dog", "weight": 4}]
    listed = read_source(shard(tmp_path / "a.tar", samples(rows, ending="json")))
    assert listed.rows.values == ("cat", "dog")
    assert list(read_source(tmp_path / "a.tar", target="weight").rows.values) == ["3", "4"]


def test_webdataset_parts_by_name(tmp_path):
    shard(tmp_path / "train-000000.tar", samples(["cat", "dog"]))
    shard(tmp_path / "val-000000.tar", samples(["cat"], 5))
    assert read_source(tmp_path).parts == ("train", "train", "valid")


def test_a_tar_beside_class_folders_is_no_shard(tmp_path):
    pictures(tmp_path, ["cat/1.png", "dog/1.png"])
    shard(tmp_path / "backup.tar", samples([0, 1]))
    assert read_source(tmp_path).rows.values == ("cat", "dog")
    pictures(tmp_path / "parts", ["train/cat/1.png", "train/dog/1.png"])
    shard(tmp_path / "parts" / "train" / "backup.tar", samples([0, 1]))
    assert read_source(tmp_path / "parts").rows.values == ("cat", "dog")


def test_webdataset_in_folders_of_parts(tmp_path):
    shard(tmp_path / "train" / "0.tar", samples([0, 1]))
    shard(tmp_path / "test" / "0.tar", samples([1], 4))
    listed = read_source(tmp_path)
    assert sorted(zip(listed.parts, listed.rows.values, strict=True)) == [("test", "1"), ("train", "0"), ("train", "1")]


def test_webdataset_class_folders_inside(tmp_path):
    listed = read_source(shard(tmp_path / "a.tar", {"all/cat/1.png": encoded(1), "all/dog/1.png": encoded(2)}))
    assert listed.rows.values == ("cat", "dog")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"000.png": b"x"}, "no label"),
        ({"000.cls": b"1"}, "no sample with such a file"),
        ({}, "no sample with such a file"),
    ],
    ids=["no label", "no picture", "nothing"],
)
def test_webdataset_that_cannot_be_used(members, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read_source(shard(tmp_path / "a.tar", members))
    (tmp_path / "b.tar").write_bytes(b"no tar" * 200)
    with pytest.raises(DataError, match="cannot be read as a tar file"):
        read_source(tmp_path / "b.tar")


def test_names_in_a_shard_lead_nowhere(tmp_path, cache):
    members = {"../../out.png": encoded(1), "../../out.cls": b"cat", "/abs.png": encoded(2), "/abs.cls": b"dog"}
    listed = read_source(shard(tmp_path / "in" / "a.tar", members))
    assert [str(path) for path in listed.rows.inputs.paths] == [
        f"{tmp_path}/in/a.tar/{name}.png" for name in ("out", "abs")
    ]
    assert [bytes_of(path) for path in listed.rows.inputs.paths] == [encoded(1), encoded(2)]
    assert not list(tmp_path.glob("*.png")) and not list(cache.rglob("*.png"))


# ── torchvision ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_torchvision(tmp_path):
    vision = pytest.importorskip("torchvision.datasets")
    data = pytest.importorskip("torch.utils.data")
    pictures(tmp_path, ["cat/1.png", "cat/2.png", "dog/1.png"])
    folder = vision.ImageFolder(str(tmp_path), transform=lambda image: image)
    listed = read_source(folder)
    assert listed.rows.values == ("cat", "cat", "dog") and "its transforms" in told(listed)["not used"]
    some = data.Subset(data.Subset(folder, [2, 0]), [0])
    assert read_source(some).rows.values == ("dog",)
    old = SimpleNamespace(imgs=folder.imgs, classes=folder.classes)
    held = type("Old", (), {**vars(old), "__getitem__": None, "__len__": lambda self: 3})()
    assert read_source(held).rows.values == ("cat", "cat", "dog")
    array = type(
        "CIFAR10", (), {"data": np.zeros((2, 4, 4, 3)), "targets": [0, 1], "__getitem__": None, "__len__": None}
    )()
    with pytest.raises(DataError, match="holds its pictures as an array"):
        read_source(array)


# ── all of them ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_folders_as_tensorflow_datasets_lays_them_out(tmp_path):
    pictures(
        tmp_path,
        [f"{part}/{label}/{i}.png" for part in ("train", "test") for label in ("cat", "dog") for i in range(2)],
    )
    listed = read_source(tmp_path)
    assert Counter(zip(listed.parts, listed.rows.values, strict=True)) == dict.fromkeys(
        [(part, label) for part in ("train", "test") for label in ("cat", "dog")], 2
    )


def test_they_train_as_any_table_does_and_are_found_again(tmp_path):
    names = [f"{i}.png" for i in range(20)]
    pictures(tmp_path / "data", names)
    found = coco([(10 + i, (1, 7)[i % 2], BOX) for i in range(20)], names)
    path = write(tmp_path / "data" / "labels.json", found)
    with warnings.catch_warnings(), dt.quiet():
        warnings.simplefilter("error")
        data = dt.images(path, project=tmp_path / "project")
    assert data.target.vocab == ("cat", "dog") and data.report.n_rows == 20
    assert "read as" in data.decisions and Path(data.train.inputs[0]).parent == tmp_path / "data"
    spec = read_source(path).spec
    assert reread_source(path, spec).rows.values == read_source(path).rows.values


def test_paths_count_from_the_labels_wherever_one_works(tmp_path, monkeypatch):
    pictures(tmp_path / "images", ["a.png", "b.png"])
    write(tmp_path / "labels.json", coco([(10, 1, {}), (11, 7, {})]))
    monkeypatch.chdir(tmp_path)
    listed = read_source("labels.json")
    assert said(listed) == {"a.png": "cat", "b.png": "dog"} and "paths" not in listed.decisions


def test_other_files_stay_what_they_were(tmp_path):
    pictures(tmp_path, ["a.png"])
    write(tmp_path / "rows.json", {"some": "thing"})
    with pytest.raises(DataError, match="is not a table"):
        read_source(tmp_path / "rows.json")
    pd.DataFrame({"path": ["a.png"], "label": ["x"], "id": [1]}).to_csv(tmp_path / "rows.csv", index=False)
    assert read_source(tmp_path / "rows.csv").rows.values == ("x",)
