"""Texts from standard input and from files, answered in a shell."""

import io
import json
from types import SimpleNamespace

import pytest

from drivetrain.cli.main import main
from drivetrain.kinds.texts.lines import lines_of

CARD, PIN = "hello, my card is lost thank you", "again, the pin is blocked today"


@pytest.mark.parametrize(
    ("stream", "texts"),
    [
        (b"", []),
        (b"\n\n", []),
        (b"one", [b"one"]),
        (b"one\r\n two \r\n", [b"one", b"two"]),
        (b"\none\n", [b"", b"one"]),
        (b'{"text": "two"}\n{no json\n"a"\n', [{"text": "two"}, b"{no json", b'"a"']),
        ("Grüße\n".encode("latin-1"), ["Grüße".encode("latin-1")]),
    ],
    ids=["nothing", "blank", "no end", "windows", "blank first", "rows", "latin"],
)
def test_each_line_is_a_text(stream, texts):
    assert list(lines_of(io.BytesIO(stream))) == texts


def predict(capsys, *words):
    code = main(["predict", *map(str, words)])
    return code, *capsys.readouterr()


def test_standard_input_is_answered_line_by_line(model_path, capsys, monkeypatch):
    stream = f'{CARD}\n\n{{"question": "{PIN}"}}\n'.encode()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(stream)))
    code, out, err = predict(capsys, model_path, "-", "--json")
    first, second, third = map(json.loads, out.splitlines())
    assert (first["path"], first["row"], first["label"]) == ("-", 1, "card") and third["label"] == "pin"
    assert second["row"] == 2 and second["error"].startswith("row 2: the text is empty")
    assert code == 1 and "1 of 3 could not be read" in err


def test_a_stream_is_answered_while_it_comes(model_path, capsys, monkeypatch):
    def lines():
        yield b"my card\n"
        assert "row 1: card" in capsys.readouterr().out, "before the next line is there"
        yield b"my pin\n"

    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=lines()))
    code, out, _ = predict(capsys, model_path, "-", "--batch-size", 1)
    assert code == 0 and "row 2: pin" in out


def test_files_of_rows_of_text_and_folders(model_path, capsys, tmp_path):
    (tmp_path / "rows.csv").write_text(f"id,question\n1,{CARD}\n2,{PIN}\n".replace(", ", "; "))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.html").write_text(f"<p>{PIN}</p>")
    (tmp_path / "folder" / "a.txt").write_text(CARD)
    (tmp_path / "lines.jsonl").write_text(json.dumps({"question": PIN}))
    inputs = [tmp_path / name for name in ("rows.csv", "folder", "lines.jsonl")]
    code, out, err = predict(capsys, model_path, *inputs)
    assert code == 0, err
    assert [line.removeprefix(f"{tmp_path}/").partition(" 9")[0] for line in out.splitlines()] == [
        "rows.csv, row 1: card",
        "rows.csv, row 2: pin",
        "folder/a.txt: card",
        "folder/b.html: pin",
        "lines.jsonl, row 1: pin",
    ]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "where is it",
            None,
            "check the path; or, for an answer to these words themselves, pass them as a str",
        ),
        ("empty.txt", b" \n", "empty.txt: the text is empty"),
        ("other.csv", b"a,b\n1,2\n", "it has 'a', 'b'. Expected the one column that the model reads. To fix: call"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "picture.txt: not a text"),
    ],
    ids=["gone", "empty", "no column", "picture"],
)
def test_what_cannot_be_read_is_named(model_path, capsys, tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, out, err = predict(capsys, model_path, tmp_path / name)
    assert code == 1 and not out and words in err
