"""From folders and tables of sounds to data: what is left out, what is told, how long windows are."""

import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import drivetrain as dt
from drivetrain.errors import DataError, DrivetrainWarning, SettingError
from drivetrain.kinds.sounds.source import metadata
from tests.kinds.sounds import hostile


@pytest.fixture(autouse=True)
def _a_project_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(tmp_path / "project"))


def write(
    path: Path, seed: int, *, seconds: float = 0.5, rate: int = 8000, channels: int = 1, level: float = 0.2
) -> None:
    """A tone of another pitch for each seed, which swells in its own way."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    sound = np.sin(2 * np.pi * rng.uniform(200, 900) * t + rng.uniform(5, 20) * t**2) * (
        0.3 + np.abs(np.sin(9 * t * rng.random()))
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, level * np.stack([sound] * channels, axis=1) + 1e-4, rate)


def folder(root: Path, n: int = 12, **said: object) -> Path:
    for label in ("bark", "meow"):
        for i in range(n):
            write(root / label / f"{chr(97 + i) * 2}{label}.wav", 100 * (label == "bark") + i, **said)  # type: ignore[arg-type]
    return root


def quietly(*given: object, **said: object) -> dt.Data:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        return dt.sounds(*given, **said)


def test_a_folder_is_divided_and_windows_fit_the_sounds(tmp_path: Path) -> None:
    data = dt.sounds(folder(tmp_path / "s"))
    assert len(data.train) + len(data.valid) + data.n_test == 24
    assert data.options == {"clip_s": 0.5, "hop_s": 0.25, "windows": 1, "recorded_hz": 8000}
    assert data.decisions["clip_s"].reason == "95 % of the sounds are not longer than 0.5 s"


def test_long_sounds_are_heard_in_windows(tmp_path: Path) -> None:
    source = folder(tmp_path / "s", seconds=2.0)
    assert dt.sounds(source).options["clip_s"] == 2.0
    asked = dt.sounds(source, clip_s=0.5)
    assert (asked.options["windows"], asked.options["hop_s"]) == (7, 0.25)
    few = dt.sounds(source, clip_s=0.5, windows=2, hop_s=0.5)
    assert few.options["windows"] == 2 and few.decisions.keys().isdisjoint({"clip_s", "windows"})


def test_one_sound_in_twenty_that_is_longer_is_not_worth_a_word(tmp_path: Path) -> None:
    for i in range(21):
        write(tmp_path / "s" / "ab"[i % 2] / f"{chr(97 + i) * 3}.wav", i, seconds=0.3 + 0.02 * i)
    data = dt.sounds(tmp_path / "s")
    assert data.options["clip_s"] == 0.68 and data.options["windows"] == 1


def test_a_hundred_hostile_files_are_used_or_told_and_none_is_lost(tmp_path: Path) -> None:
    source = folder(tmp_path / "s")
    every = hostile.BAD | hostile.TOLD | hostile.GOOD
    assert len(every) >= 100
    for i, (name, content) in enumerate(every.items()):
        (source / ("bark", "meow")[i % 2] / name).write_bytes(content)
    data = quietly(source, keep_silent=False)
    used = len(data.train) + len(data.valid) + data.n_test
    assert used + len(data.report.left_out) == 24 + len(every)
    left_out = {Path(row.path).name: row.reason for row in data.report.left_out}
    assert set(hostile.BAD) <= set(left_out) and not set(hostile.GOOD) & set(left_out)
    assert left_out["empty.wav"] == "file is empty" and left_out["silent.flac"] == "the sound is silent"
    assert left_out["half.wav"].startswith("the sound is cut short: ")
    assert [reason for reason in left_out.values() if "To fix" in reason or str(tmp_path) in reason] == []
    with pytest.raises(DataError, match="broken='error' was asked for"):
        quietly(source, broken="error")


def test_what_all_sounds_together_are_like_is_told(tmp_path: Path) -> None:
    source = folder(tmp_path / "s")
    for i in range(3):
        write(source / "bark" / f"hi{'xyz'[i]}.wav", 500 + i, rate=16_000, channels=2)
        write(source / "meow" / f"clipped{'xyz'[i]}.wav", 600 + i, level=20)
        soundfile.write(
            source / "meow" / f"ints{'xyz'[i]}.wav", 9000 * np.sin(np.arange(4000) / (7 + i)), 8000, subtype="FLOAT"
        )
    with pytest.warns(DrivetrainWarning) as told:
        dt.sounds(source, sample_rate=16_000)
    said = " ".join(str(one.message) for one in told)
    for pattern in (
        r"different sample rates \(30 × 8,000 Hz, 3 × 16,000 Hz\)",
        r"30 of 33 sounds have fewer than the 16,000 samples a second",
        r"of several channels the mean is heard \(3 with 2\)",
        r"3 of 33 sounds are clipped",
        r"3 of 33 sounds have samples far above 1 \(up to 9,000\)",
    ):
        assert re.search(pattern, said), pattern


def test_likely_speakers_divide_the_rows_unless_told_otherwise(tmp_path: Path) -> None:
    rows = []
    for who in ("ann", "bob", "cy", "dee", "eve"):
        for digit in "012":
            for take in range(3):
                path = tmp_path / "s" / f"{digit}_{who}_{take}.wav"
                write(path, 100 * take + 10 * len(rows) + int(digit))
                rows.append({"path": str(path), "digit": digit, "speaker": who})
    table = pd.DataFrame(rows)
    with pytest.warns(DrivetrainWarning, match=r"Column 'speaker': 5 groups .*whose score would say .*group='none'"):
        data = dt.sounds(table, target="digit")
    assert data.split.group == "speaker" and data.decisions["group"].value == "speaker"
    speakers = [set(part.columns["speaker"]) for part in (data.train, data.valid)]
    assert not speakers[0] & speakers[1]
    with pytest.warns(DrivetrainWarning, match="file names: 5 groups"):
        assert dt.sounds(table[["path", "digit"]], target="digit").split.method == "stratified grouped"
    for by_chance in (False, "none"):
        with pytest.warns(DrivetrainWarning, match="so the scores may flatter"):
            data = dt.sounds(table, target="digit", group=by_chance)
        assert data.split.method == "stratified"
    named = dt.sounds(table, target="digit", group="speaker")  # without a warning
    assert named.split.method == "stratified grouped"


def spans(root: Path, n_files: int = 8) -> pd.DataFrame:
    rows = []
    for i in range(n_files):
        write(root / f"rec{i}.wav", i, seconds=2)
        rows += [
            {"file": f"rec{i}.wav", "start": k / 2, "end": k / 2 + 0.5, "label": "ab"[(i + k) % 2]} for k in range(4)
        ]
    return pd.DataFrame(rows)


def test_spans_of_files_are_rows_and_stay_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = spans(tmp_path)
    data = dt.sounds(table)
    assert str(data.decisions["span"]).startswith("start to end (their names, and numbers; span=False")
    assert data.decisions["group"].value == "recording" and data.options["clip_s"] == 0.5
    parts = [{span.path for span in part.inputs} for part in (data.train, data.valid)]
    assert not parts[0] & parts[1] and len(data.train) % 4 == 0
    assert len(set(data.train.digests)) == len(data.train)
    for said in (("start", "end"), "start, end"):
        assert dt.sounds(table.rename(columns={"file": "path"}), span=said).split.group == "recording"
    whole = quietly(table.drop_duplicates("file"), span=False, target="label")
    assert whole.options["clip_s"] == 2.0


def test_a_wider_group_is_followed_and_one_that_tears_files_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = spans(tmp_path)
    table["site"] = [f"s{int(name[3]) // 2}" for name in table["file"]]
    assert quietly(table).split.group == "site"
    table["site"] = [f"s{k % 4}" for k in range(len(table))]
    assert quietly(table).split.group == "recording"


def test_files_torn_by_what_was_asked_for_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = spans(tmp_path)
    table["half"] = [f"h{k % 4}" for k in range(len(table))]
    for group in ("half", False):
        with pytest.warns(DrivetrainWarning) as told:
            dt.sounds(table, target="label", group=group)
        said = " ".join(str(one.message) for one in told)
        assert re.search(r"spans of one file are in the training and in the validation set: \d", said)


def test_spans_that_lie_outside_are_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = spans(tmp_path)
    table.loc[len(table)] = ["rec0.wav", 9.0, 9.5, "a"]
    table.loc[len(table)] = ["rec1.wav", 1.0, 0.5, "a"]
    with pytest.warns(DrivetrainWarning, match="2 left out"):
        data = dt.sounds(table)
    reasons = sorted(row.reason for row in data.report.left_out)
    assert reasons[0] == "span ends before it begins" and "outside of the sound, which is 2.00 s long" in reasons[1]


def test_spans_that_end_behind_their_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = spans(tmp_path)
    last = table["end"] == 2.0
    table.loc[last, "end"] = 2.005
    dt.sounds(table, test_pct=0)
    table.loc[last, "end"] = 2000.0
    with pytest.warns(DrivetrainWarning, match=rf"{last.sum()} of {len(table)} spans end behind .* up to 2e\+03 s"):
        dt.sounds(table, test_pct=0)


def test_columns_named_as_spans_that_hold_odd_cells_are_followed_or_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = spans(tmp_path).astype({"start": object})
    table.loc[0, "start"], table.loc[1, "end"] = -1.0, np.inf
    with pytest.warns(DrivetrainWarning, match="2 left out"):
        data = dt.sounds(table, test_pct=0)
    assert data.options["clip_s"] == 0.5
    table["start"] = [str(time).replace(".", ",") for time in table["start"]]
    table = table.drop_duplicates("file").assign(label=list("abababab"))
    with pytest.warns(DrivetrainWarning, match=r"'start' and 'end' are called .* \(such as '-1,0'\), so each row"):
        assert dt.sounds(table, target="label", test_pct=0).options["clip_s"] == 2.0


def test_where_copies_join_all_recordings_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = spans(tmp_path)
    signal, _ = soundfile.read("rec0.wav")
    for name in table["file"].unique():
        own, rate = soundfile.read(name)
        own[:4000] = 0.9 * signal[:4000]
        soundfile.write(name, own, rate)
    with pytest.raises(dt.SplitError, match="training row; 7 sounds that sound the same as one elsewhere stay with it"):
        quietly(table)


def test_metadata_tell_how_a_sound_was_recorded(tmp_path: Path) -> None:
    late = np.concatenate([np.zeros(2000), 0.5 * np.sin(np.arange(2000) / 4)])
    soundfile.write(tmp_path / "late.flac", late, 8000)
    write(tmp_path / "two.wav", 0, channels=2, rate=44_100)
    (tmp_path / "gone.wav").write_bytes(b"gone")
    paths = [tmp_path / name for name in ("late.flac", "two.wav", "gone.wav")]
    rows = dt.Examples(dt.Files(paths), ("0", "1", "2"), ("a", "b", "c"), kind="sounds")
    found = metadata(rows)
    assert {name: column[2] for name, column in found.items()} == dict.fromkeys(found)
    first, second = ({name: column[row] for name, column in found.items()} for row in (0, 1))
    assert (first["format"], first["codec"], first["channels"], first["sample rate"]) == ("FLAC", "PCM_16", 1, 8000)
    assert first["leading silence"] == pytest.approx(0.25, abs=0.02) and first["length"] == 0.5
    assert first["level"] == pytest.approx(20 * np.log10(0.5 / 2), abs=0.1) and first["clipped share"] == 0
    assert (second["format"], second["channels"], second["sample rate"]) == ("WAV", 2, 44_100)
    assert second["bandwidth"] < 22_050 / 2  # what was never recorded above is seen


def test_copies_are_found_whatever_their_level_and_encoding(tmp_path: Path) -> None:
    source = folder(tmp_path / "s", n=12)
    sound, rate = soundfile.read(source / "bark" / "aabark.wav")
    soundfile.write(source / "bark" / "zzcopy.ogg", np.concatenate([np.zeros(800), 0.4 * sound]), rate)
    shutil.copy(source / "meow" / "bbmeow.wav", source / "meow" / "again.wav")
    data = quietly(source, group="near-duplicates")
    groups = {
        path.name: group
        for part in (data.train, data.valid)
        for path, group in zip(part.inputs.paths, part.groups, strict=True)
    }
    pairs = [("aabark.wav", "zzcopy.ogg"), ("bbmeow.wav", "again.wav")]
    assert all((one in groups) == (other in groups) for one, other in pairs)  # both in the test set, or none
    assert all(groups[one] == groups[other] for one, other in pairs if one in groups)
    assert len(set(groups.values())) >= len(groups) - 2


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"clip_s": 0}, "clip_s"),
        ({"clip_s": 21}, "clip_s"),
        ({"clip_s": 1, "hop_s": 2}, "would not be heard"),
        ({"windows": 65}, "windows"),
        ({"sample_rate": 10}, "sample_rate"),
        ({"channel": -1}, "channel"),
        ({"span": "start"}, "names of two columns"),
        ({"span": ("start", "end")}, "names something in a table"),
        ({"group": True}, "group"),
    ],
    ids=["clip 0", "clip long", "hop", "windows", "rate", "channel", "one column", "span of a folder", "group"],
)
def test_arguments_are_refused_in_words(tmp_path: Path, said: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        dt.sounds(folder(tmp_path / "s", n=3), **said)
