"""What of all that came is kept, and where it lies."""

import csv
import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import drivetrain as dt
from drivetrain.collecting.places import folder_name
from drivetrain.collecting.tables import _cell
from drivetrain.data.sources import read_source
from drivetrain.errors import DataError, SettingError
from tests.collecting.server import picture


def smaller(number, side):
    image = Image.open(io.BytesIO(picture(number, size=(200, 180))))
    stream = io.BytesIO()
    image.resize((side, side * 9 // 10), Image.Resampling.LANCZOS).save(stream, "JPEG", quality=80)
    return stream.getvalue()


def aside(out):
    with (out / "set_aside.csv").open(newline="") as file:
        return {Path(row["url"]).name: row["reason"] for row in csv.DictReader(file)}


def kept(out):
    return {Path(url).name: path for url, path in pd.read_csv(out / "collected.csv")[["url", "path"]].values}


def test_of_pictures_that_show_the_same_the_largest_is_kept(fresh, gather, tmp_path):
    fresh.answers["/small.jpg"] = lambda h: h.body(smaller(1, 90))
    fresh.answers["/large.jpg"] = lambda h: h.body(picture(1, size=(200, 180)))
    fresh.answers["/same.jpg"] = lambda h: h.body(picture(1, size=(200, 180)))
    rows = [fresh.url(path) for path in ("/small.jpg", "/large.jpg", "/same.jpg", "/picture/7.jpg")]
    found = gather(fresh, rows, tmp_path)
    assert found.set_aside == {"duplicate": 1, "near-duplicate": 1}
    assert set(kept(tmp_path)) == {"large.jpg", "7.jpg"}
    assert aside(tmp_path)["small.jpg"] == f"near-duplicate: of {fresh.url('/large.jpg')}"
    assert len(list(tmp_path.glob("*.jpg"))) == 2 and len(list((tmp_path / ".collect" / "set-aside").iterdir())) == 1


def test_what_is_kept_does_not_depend_on_what_came_first(fresh, gather, tmp_path):
    fresh.answers["/small.jpg"] = lambda h: h.body(smaller(1, 90))
    fresh.answers["/large.jpg"] = lambda h: h.body(picture(1, size=(200, 180)))
    gather(fresh, [fresh.url("/small.jpg"), fresh.url("/picture/7.jpg")], tmp_path)
    assert set(kept(tmp_path)) == {"small.jpg", "7.jpg"}
    gather(fresh, [fresh.url(path) for path in ("/small.jpg", "/picture/7.jpg", "/large.jpg")], tmp_path)
    assert set(kept(tmp_path)) == {"large.jpg", "7.jpg"}
    gather(fresh, [fresh.url("/small.jpg"), fresh.url("/picture/7.jpg")], tmp_path)
    assert set(kept(tmp_path)) == {"small.jpg", "7.jpg"}


def test_one_picture_under_two_labels_is_not_used(fresh, gather, tmp_path):
    fresh.answers["/a.jpg"] = lambda h: h.body(picture(1, size=(200, 180)))
    fresh.answers["/b.jpg"] = lambda h: h.body(picture(1, size=(200, 180)))
    fresh.answers["/c.jpg"] = lambda h: h.body(smaller(1, 120))
    rows = [
        {"url": fresh.url(f"/{name}.jpg"), "label": label}
        for name, label in (("a", "fig"), ("b", "pear"), ("c", "fig"))
    ]
    rows.append({"url": fresh.url("/picture/7.jpg"), "label": "fig"})
    found = gather(fresh, rows, tmp_path)
    assert found.set_aside == {"two labels": 3} and set(kept(tmp_path)) == {"7.jpg"}
    assert aside(tmp_path)["c.jpg"] == "two labels: the same under 'fig', 'pear'"


def test_a_stand_in_is_known_by_the_many_that_lead_to_it(fresh, gather, tmp_path):
    for i in range(3):
        fresh.answers[f"/{i}.jpg"] = lambda h: h.to("/picture/99.jpg")
    found = gather(fresh, [fresh.url(f"/{i}.jpg") for i in range(3)] + [fresh.url("/picture/1.jpg")], tmp_path)
    assert found.set_aside == {"stand-in": 3} and found.n_kept == 1


def test_a_smaller_limit_takes_back_what_was_set_aside(fresh, gather, tmp_path):
    rows = [fresh.url("/picture/1.jpg"), fresh.url("/picture/2.jpg")]
    with pytest.raises(DataError, match="2 × too small"):
        gather(fresh, rows, tmp_path, least_px=90)
    assert gather(fresh, rows, tmp_path, least_px=80).n_kept == 2
    assert fresh.asked["/picture/1.jpg"] == 1


def test_the_table_is_read_as_it_is(fresh, gather, tmp_path):
    rows = [
        {"url": fresh.url(f"/picture/{i}.jpg"), "label": "ab"[i % 2], "license": "CC0", "title": "=1+1", "source": "x"}
        for i in range(12)
    ]
    found = gather(fresh, rows, tmp_path)
    with dt.quiet():
        data = dt.images(found.table, project=tmp_path / "project")
    assert data.target.vocab == ("a", "b") and data.report.n_rows == 12 and not data.report.left_out
    assert found.licenses == {"CC0": 12} and pd.read_csv(found.table).title.tolist() == ["'=1+1"] * 12


@pytest.mark.parametrize(
    "label",
    ["../../etc", "/etc", "a/b", "a\\b", "CON", "com1.txt", ".hidden", "..", "a\0b", "ﬁg\n", " x", "é" * 99, "🍐"],
)
def test_a_label_leads_nowhere_else(label, tmp_path):
    name = folder_name(label)
    assert (tmp_path / name).parent == tmp_path and os.sep not in name and "\\" not in name and not name.startswith(".")
    assert len(name.encode()) < 100 and name.isprintable()


def test_labels_that_differ_have_folders_that_differ():
    labels = ["a/b", "a_b", "a\\b", "a:b", "CON", "con ", "x", "X"]
    assert len({folder_name(label) for label in labels}) == len(labels)


@pytest.mark.parametrize(("text", "written"), [("-1", "-1"), ("=1", "'=1"), ("a\nb", "a b"), ("-x", "'-x"), ("x", "x")])
def test_cells_are_no_formulas(text, written):
    assert _cell(text) == written


def test_sounds(fresh, gather, tmp_path):
    soundfile = pytest.importorskip("soundfile")

    def sound(seed):
        stream = io.BytesIO()
        wave = np.random.default_rng(seed).normal(0, 0.1, 16_000)
        soundfile.write(stream, wave, 16_000, format="WAV")
        return stream.getvalue()

    fresh.answers["/1.wav"] = lambda h: h.body(sound(1), kind="audio/wav")
    fresh.answers["/2.wav"] = lambda h: h.body(sound(2), kind="audio/wav")
    fresh.answers["/cut.wav"] = lambda h: h.body(b"RIFF\0\0\0\0WAVEfmt ")
    found = gather(
        fresh,
        [fresh.url(f"/{name}") for name in ("1.wav", "2.wav", "cut.wav", "picture/1.jpg")],
        tmp_path,
        input="sounds",
    )
    assert found.n_kept == 2 and found.failed == {"wrong type": 1} and sum(found.set_aside.values()) == 1
    assert {path.suffix for path in tmp_path.glob("*.wav")} == {".wav"}


def test_files_of_any_type_but_pages(fresh, gather, tmp_path):
    fresh.answers["/setup.exe"] = lambda h: h.body(b"MZ" + b"\0" * 600)
    fresh.answers["/paper.pdf"] = lambda h: h.body(b"%PDF-1.7 text")
    fresh.answers["/page"] = lambda h: h.body(b"<html>")
    rows = [fresh.url(path) for path in ("/setup.exe", "/paper.pdf", "/page")]
    found = gather(fresh, rows, tmp_path, input="files")
    assert found.n_kept == 2 and found.failed == {"error page": 1}
    assert {path.suffix for path in tmp_path.iterdir() if path.name != "collected.csv"} == {".bin", ".pdf", ".csv", ""}


@pytest.mark.parametrize("name", ["a file", "a model"])
def test_where_nothing_can_be_collected_into(name, tmp_path):
    out = tmp_path / "out"
    if name == "a file":
        out.write_text("x")
    else:
        out.mkdir()
        (out / "manifest.json").write_text("{}")
    with pytest.raises(SettingError, match="cannot be collected into"):
        dt.collect(["https://a.org/1.jpg"], out)


@pytest.mark.parametrize("label", ["-x", "+y", "@home", "=2", "'a"])
def test_what_a_spreadsheet_would_compute_still_leads_to_its_files(label, server, gather):
    found = gather(server, [{"url": server.url(f"/picture/{i}.jpg"), "label": label} for i in range(70, 72)])
    paths = pd.read_csv(found.table)["path"]
    assert len(paths) == 2 and all((found.out / path).is_file() for path in paths)


def test_a_list_that_labels_otherwise_is_followed(server, gather):
    def rows(*labels):
        return [{"url": server.url(f"/picture/{80 + i}.jpg"), "label": label} for i, label in enumerate(labels)]

    gather(server, rows("fig", "fig", "pear"))
    asked = server.asked.copy()
    found = gather(server, rows("fig", "pear", "Birne"))
    assert found.kept == {"fig": 1, "pear": 1, "Birne": 1} and not found.set_aside
    assert server.asked - asked == {}
    table = pd.read_csv(found.table)
    assert [path.split("/")[0] for path in table["path"]] == list(table["label"])


def test_what_was_moved_by_hand_is_told(server, gather):
    rows = [{"url": server.url(f"/picture/{90 + i}.jpg"), "label": "fig" if i else "pear"} for i in range(3)]
    found = gather(server, rows)
    [moved] = (found.out / "pear").iterdir()
    moved.rename(found.out / "fig" / moved.name)
    found = gather(server, rows)
    assert found.kept == {"fig": 2} and found.set_aside == {"moved by hand": 1}
    assert "it lies in 'fig', and the list says 'pear'" in found.table.with_name("set_aside.csv").read_text()


def test_labels_are_read_as_the_lists_said_them(server, gather):
    labels = ["-x", "'s-Hertogenbosch", "=2", "7"]
    rows = [{"url": server.url(f"/picture/{50 + i}.jpg"), "label": labels[i % 4]} for i in range(8)]
    table = gather(server, rows).table
    listed = read_source(table)
    assert sorted(listed.rows.values) == sorted(labels * 2) and listed.task == "category"
    assert str(listed.decisions["read as"]) == "table of drivetrain collect (8 rows)"
    assert all(path.is_file() for path in listed.rows.inputs.paths)


def test_numbers_that_a_list_gives_as_labels_are_classes(server, gather):
    rows = [{"url": server.url(f"/picture/{300 + i}.jpg"), "label": i} for i in range(22)]
    assert read_source(gather(server, rows).table).task == "category"


@pytest.mark.parametrize("change", [lambda text: text + "a,b\n", lambda text: text.partition("\n")[0] + "\n"])
def test_a_damaged_table_is_told(change, server, gather):
    table = gather(server, [{"url": server.url("/picture/60.jpg"), "label": "fig"}]).table
    table.write_text(change(table.read_text()))
    with pytest.raises(DataError, match="run the same drivetrain collect again"):
        read_source(table)
