"""Labels of other tools as people really have them: odd numbers, names twice, annotations beside pictures."""

import gzip
import io
import json
import tarfile

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from drivetrain.data.sources import read_source
from drivetrain.errors import DataError
from drivetrain.runtime.files.members import bytes_of


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("DRIVETRAIN_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def encoded(number):
    stream = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def pictures(folder, *names):
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(number))


def said(listed):
    return {path.name: value for path, value in zip(listed.rows.inputs.paths, listed.rows.values, strict=True)}


CATEGORIES = [{"id": 1, "name": "cat", "supercategory": "animal"}, {"id": 2, "name": "dog", "supercategory": "animal"}]


def coco(path, images, annotations, categories=CATEGORIES):
    found = {
        "images": [{"id": number, "file_name": name} for number, name in images],
        "annotations": [{"image_id": image, "category_id": category} for image, category in annotations],
        "categories": categories,
    }
    path.write_text(json.dumps(found))
    return path


def test_coco_numbers_may_be_text(tmp_path):
    pictures(tmp_path, "a.png", "b.png")
    path = coco(tmp_path / "labels.json", [(1, "a.png"), ("2", "b.png")], [("1", 1), (2, "2")])
    assert said(read_source(path)) == {"a.png": "cat", "b.png": "dog"}


def test_coco_annotations_of_pictures_that_are_not_listed_are_counted(tmp_path):
    pictures(tmp_path, "a.png")
    listed = read_source(coco(tmp_path / "labels.json", [(1, "a.png")], [(1, 1), (9, 2), (8, 2)]))
    assert "2 annotations of a picture that is not listed" in str(listed.decisions["not used"])


@pytest.mark.parametrize(
    ("annotations", "categories"),
    [([([1], 1)], CATEGORIES), ([(1, {})], CATEGORIES), ([(1, 1)], [{"id": [1], "name": "cat"}, {"id": 2}])],
    ids=["image", "category", "categories"],
)
def test_coco_with_lists_for_numbers(annotations, categories, tmp_path):
    pictures(tmp_path, "a.png")
    with pytest.raises(DataError, match="no label of one"):
        read_source(coco(tmp_path / "labels.json", [(1, "a.png")], annotations, categories))


def test_coco_file_listed_twice_is_one_picture(tmp_path):
    pictures(tmp_path, "a.png", "b.png")
    images = [(1, "a.png"), (2, "a.png"), (3, "b.png")]
    listed = read_source(coco(tmp_path / "labels.json", images, [(1, 1), (2, 2), (3, 2)]))
    assert said(listed) == {"a.png": ("cat", "dog"), "b.png": ("dog",)} and len(listed.rows.values) == 2
    assert "1 listed again" in str(listed.decisions["not used"])


def test_no_file_stands_for_two_names(tmp_path):
    pictures(tmp_path, "images/1.png")
    with pytest.raises(DataError, match="none of the 2 pictures"):
        read_source(coco(tmp_path / "labels.json", [(1, "cam0/1.png"), (2, "cam1/1.png")], [(1, 1), (2, 2)]))


def test_folder_as_label_studio_exports_coco(tmp_path):
    pictures(tmp_path, "images/ü 1.png", "images/2.png")
    coco(tmp_path / "result.json", [(1, "images\\ü 1.png"), (2, "images\\2.png")], [(1, 1), (2, 2)])
    assert said(read_source(tmp_path)) == {"ü 1.png": "cat", "2.png": "dog"}


def test_folder_as_cvat_exports(tmp_path):
    pictures(tmp_path, "images/1.png", "images/2.png")
    rows = "".join(
        f'<image id="{i}" name="{i}.png"><tag label="{tag}"/></image>' for i, tag in ((1, "cat"), (2, "dog"))
    )
    (tmp_path / "annotations.xml").write_text(f"<annotations><version>1.1</version>{rows}</annotations>")
    assert said(read_source(tmp_path)) == {"1.png": "cat", "2.png": "dog"}


def shard(path, members):
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_of_several_pictures_in_a_sample_the_plainest_is_taken(tmp_path):
    members = {"0.depth.png": encoded(1), "0.png": encoded(2), "0.cls": b"1", "1.png": encoded(3), "1.cls": b"0"}
    listed = read_source(shard(tmp_path / "a.tar", members))
    assert [bytes_of(path) for path in listed.rows.inputs.paths] == [encoded(2), encoded(3)]
    assert str(listed.decisions["beside"]).startswith("1 × .depth.png")


def test_a_sample_with_damaged_json_is_no_negative(tmp_path):
    said = [b'{"label": ["a", "b"]}', b'{"label": ', b'{"label": ["b"]}']
    members = {f"{i}.{end}": content for i in range(3) for end, content in (("png", encoded(i)), ("json", said[i]))}
    listed = read_source(shard(tmp_path / "a.tar", members))
    assert listed.rows.values == (("a", "b"), ("b",))
    assert str(listed.decisions["not used"]).startswith("1 sample ")


@pytest.mark.parametrize("suffix", [".tar.gz", ".tgz"])
def test_packed_shards(suffix, tmp_path):
    plain = shard(tmp_path / "plain", {"0.png": encoded(0), "0.cls": b"cat", "1.png": encoded(1), "1.cls": b"dog"})
    path = tmp_path / "shards" / f"a{suffix}"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(plain.read_bytes()))
    (path.parent / f"._a{suffix}").write_bytes(b"of a Mac")
    assert read_source(path).rows.values == read_source(path.parent).rows.values == ("cat", "dog")


@pytest.mark.parametrize(
    "names",
    [
        ("imagenet1k-train-000000.tar", "imagenet1k-validation-000000.tar"),
        ("shard_train_00.tar", "shard_val_00.tar"),
        ("train.tar", "valid.tar"),
    ],
    ids=["first", "second", "third"],
)
def test_parts_in_names_of_shards(names, tmp_path):
    for number, name in enumerate(names):
        shard(tmp_path / name, {f"{number}.png": encoded(number), f"{number}.cls": b"cat"})
    assert sorted(read_source(tmp_path).parts) == ["train", "valid"]


def test_parts_in_folders_inside_a_shard(tmp_path):
    names = ["train/cat/1.png", "train/dog/1.png", "val/cat/2.png", "../../val/dog/2.png"]
    listed = read_source(shard(tmp_path / "a.tar", {name: encoded(i) for i, name in enumerate(names)}))
    assert listed.rows.values == ("cat", "dog", "cat", "dog") and listed.parts == ("train", "train", "valid", "valid")


class Vision:
    """What data sets of torchvision offer that name files."""

    def __init__(self, samples, classes=None):
        self.samples, self.classes = samples, classes

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, at):
        return self.samples[at]


@pytest.mark.parametrize(
    ("targets", "classes", "values"),
    [
        ((0, 1), [("tench", "Tinca tinca"), ("goldfish",)], ["tench, Tinca tinca", "goldfish"]),
        (("cat", "dog"), None, ["cat", "dog"]),
        ((np.int64(1), 0), ["a", "b"], ["b", "a"]),
    ],
    ids=["several names", "text", "numpy"],
)
def test_torchvision_targets(targets, classes, values, tmp_path):
    pictures(tmp_path, "0.png", "1.png")
    samples = [(str(tmp_path / f"{i}.png"), target) for i, target in enumerate(targets)]
    assert list(read_source(Vision(samples, classes)).rows.values) == values


@pytest.mark.parametrize("target", [(1, 2), None, 0.5])
def test_torchvision_targets_that_are_no_classes(target, tmp_path):
    pictures(tmp_path, "0.png")
    with pytest.raises(DataError, match="as a target") as error:
        read_source(Vision([(str(tmp_path / "0.png"), target)], ["a"]))
    assert "To fix: " in str(error.value)


def choices(*names):
    return {"from_name": "kind", "to_name": "img", "type": "choices", "value": {"choices": list(names)}}


def task(data, *results):
    return {"id": 1, "data": data, "annotations": [{"result": list(results), "was_cancelled": False}]}


def test_label_studio_pictures_among_other_fields(tmp_path):
    pictures(tmp_path, "images/1.png", "images/a+b.png", "images/c d.png", "images/e.png")
    tasks = [
        task({"caption": "A cat. Nice.", "url": "/data/local-files/?d=images%5C1.png"}, choices("cat")),
        task({"site": "north/east", "url": "/data/local-files/?d=images/a+b.png"}, choices("dog")),
        task({"page": "https://a.org/7", "url": "https://a.org/images/c%20d.png?d=large"}, choices("dog")),
        task({"version": "v1.0", "url": "C:\\images\\e.png"}, choices("cat")),
    ]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    listed = read_source(tmp_path / "export.json")
    assert said(listed) == {"1.png": "cat", "a+b.png": "dog", "c d.png": "dog", "e.png": "cat"}


def test_label_studio_labels_with_strokes_and_dots(tmp_path):
    pictures(tmp_path, "1.png", "2.png")
    rows = [
        {"kind": kind, "image": f"{i}.png", "id": i, "annotator": 1, "annotation_id": i}
        for i, kind in ((1, "cat/lynx"), (2, "v1.beta"))
    ]
    (tmp_path / "export.json").write_text(json.dumps(rows))
    assert said(read_source(tmp_path / "export.json")) == {"1.png": "cat/lynx", "2.png": "v1.beta"}


def test_label_studio_damaged_tasks_are_counted(tmp_path):
    pictures(tmp_path, "1.png")
    tasks = [
        task({"image": "1.png"}, choices("cat")),
        None,
        3,
        {"data": {"image": "2.png"}, "annotations": [{"result": 3}, 4]},
        {"data": {"image": ["3.png"]}, "annotations": []},
        {"data": {"image": "https://[a.org/1.jpg"}, "annotations": []},
    ]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    listed = read_source(tmp_path / "export.json")
    assert said(listed) == {"1.png": "cat"}
    assert str(listed.decisions["not used"]).startswith("2 no tasks, 1 without a picture, 1 not labelled, 1 without a")


class Hub:
    """What a Hugging Face data set offers."""

    def __init__(self, columns, **features):
        self.table, self.features = pa.table(columns), features
        self.column_names = self.table.column_names

    def __len__(self):
        return self.table.num_rows

    def with_format(self, _):
        return self

    def __getitem__(self, _):
        return self.table


def feature(kind, **more):
    return type(kind, (), more)()


def hub(start, n, **more):
    files = [{"bytes": encoded(start + i), "path": None} for i in range(n)]
    named = {"image": feature("Image"), "label": feature("ClassLabel", names=["fig", "pear"])}
    return Hub({"image": files, "label": [i % 2 for i in range(n)], **more}, **named)


def test_hugging_face_parts_that_are_none(tmp_path):
    listed = read_source({"train": hub(0, 4), "validation": hub(4, 2), "unsupervised": hub(6, 3)})
    assert listed.parts == ("train",) * 4 + ("valid",) * 2
    assert str(listed.decisions["parts not used"]).startswith("unsupervised (3 rows)")


def test_hugging_face_column_called_path():
    listed = read_source(hub(0, 2, path=["somewhere/1.png", "somewhere/2.png"]))
    assert [path.read_bytes() for path in listed.rows.inputs.paths] == [encoded(0), encoded(1)]


def test_hugging_face_objects_in_late_rows():
    listed = read_source(hub(0, 30, box=[None] * 29 + [{"x": 1}]))
    assert str(listed.decisions["not used"]).startswith("box ") and len(listed.rows.values) == 30
