"""Texts that say nearly the same, of one template, or that hold their own target."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.errors import DrivetrainWarning
from drivetrain.kinds.texts.near import NEAR, SAME, fingerprint, near, sequences, shared
from drivetrain.kinds.texts.templates import template_of, templates

WORDS = [
    *("river", "stone", "quick", "brown", "lazy", "hill", "under", "bridge", "letter"),
    *("window", "garden", "engine", "paper", "music", "light", "water", "table"),
]


def sentence(rng: random.Random, n: int = 14) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(n))


def examples(texts: list[str], labels: list[str] | None = None) -> Examples:
    cells = Cells({"text": np.array(texts, object)})
    return Examples(
        cells,
        cells.digests(),
        tuple(labels or ["x"] * len(texts)),
        signatures=tuple(map(fingerprint, texts)),
        kind="texts",
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Where is my new card? I ordered it last week.", "where is my new card - I ordered it last week", True),
        ("Où est ma carte bancaire, s’il vous plaît ?", "OU EST MA CARTE BANCAIRE S'IL VOUS PLAIT", True),
        ("I want to open an account for my children", "I want to open an account for my child.", True),
        ("How do I track the card you sent me?", "How do I track the card you sent to me?", True),
        ("I want to open an account", "I want to close an account", False),
        ("Where is my card?", "Where is my refund?", False),
        ("The transfer has not arrived yet", "Yet the card has not arrived", False),
        ("東京都に住んでいます。毎日電車で会社に行きます。", "東京都に住んでいます、毎日電車で会社に行きます", True),
        ("", "", False),
    ],
    ids=range(9),
)
def test_what_counts_as_the_same(one: str, other: str, same: bool) -> None:
    assert (shared(one, other) >= SAME) == same == near.same({"text": one}, {"text": other})


def test_the_share_is_that_of_the_sequences_of_letters() -> None:
    def grams(text: str) -> set[str]:
        return {text[at : at + 6] for at in range(len(text) - 5)}

    one, other = "where is my card today", "where is my cart today please"
    both = grams(one) & grams(other)
    assert shared(one, other) == pytest.approx(len(both) / len(grams(one) | grams(other)))
    assert len(sequences(one)) == len(grams(one)) and len(sequences("a")) == 1 and len(sequences("?!")) == 0


def test_near_duplicates_are_found_among_many_and_no_others() -> None:
    rng = random.Random(1)
    texts = [sentence(rng) for _ in range(600)]
    planted = []
    for at in range(0, 60, 3):
        words = texts[at].split()
        words[7] = words[7] + "s"
        planted.append((at, len(texts)))
        texts.append(" ".join(words).upper() + "!")
    found = near.pairs(examples(texts))
    assert set(planted) <= set(found)
    assert all(shared(texts[i], texts[j]) >= SAME for i, j in found)
    brute = {
        (i, j) for i in range(0, 60) for j in range(600, len(texts)) if shared(texts[i], texts[j]) >= SAME
    }  # the oracle
    assert {pair for pair in found if pair[0] < 60 and pair[1] >= 600} == brute
    copies = near.copies(examples(texts[:60]).signatures, examples(texts[600:]).signatures)
    assert {(i, 600 + j) for i, j in zip(copies.first.tolist(), copies.second.tolist(), strict=True)} >= set(planted)
    assert (copies.distance <= NEAR).all()


def test_short_texts_tell_nothing_and_are_told() -> None:
    assert fingerprint("ok thanks") == b"\x04" and not near.tells(b"\x04") and not near.tells(b"")
    assert near.tells(fingerprint("this one is long enough to be told"))
    assert near.pairs(examples(["ok", "ok!", "OK"])) == []


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("Your order 4711 was shipped on 2026-11-29.", "your order # was shipped on #"),
        ("Failed password for root from 10.0.0.1 port 22 ssh2", "failed password for root from # port # #"),
        ("Dear ann@example.org, click https://example.org/a?b now please", "dear # click # now please"),
        ('The file "report.pdf" could not be opened', "the file # could not be opened"),
        ("Where is my card", "where is my card"),
        ("Room 12", ""),
        ("", ""),
    ],
    ids=range(7),
)
def test_what_changes_between_texts_of_a_template(text: str, template: str) -> None:
    assert template_of(text) == template


def test_templates_are_groups_that_can_be_held_out(tmp_path: Path) -> None:
    rng = random.Random(0)
    made = [f"Your order {at} was shipped by our partner" for at in range(40)]
    made += [f"Invoice {at} is due in {at % 9} days, please pay" for at in range(40)]
    rows = [{"text": text, "y": "ab"[at % 2]} for at, text in enumerate([*made, *(sentence(rng) for _ in range(40))])]
    assert len(set(templates(examples([row["text"] for row in rows])))) == 3  # and those that are alone
    with pytest.warns(DrivetrainWarning, match=r"2 groups .* on both sides .*group='template'"):
        torn = dt.texts(rows, text="text", target="y", project=tmp_path / "a")
    assert any(guess.argument == "template" and guess.likely for guess in torn.groups_guessed)
    with pytest.warns(DrivetrainWarning, match="do not say their template"):
        whole = dt.texts(rows, text="text", target="y", group="template", project=tmp_path / "b")
    parts = [{template_of(row["text"]) for row in part.inputs} for part in (whole.train, whole.valid)]
    assert not parts[0] & parts[1]


def test_an_audit_finds_copies_labels_in_the_text_and_how_it_was_written(tmp_path: Path) -> None:
    rng = random.Random(5)
    rows = []
    for at in range(240):
        label = ("sports", "cooking", "politics")[at % 3]
        text = f"[{label.title()}] {sentence(rng)}"
        rows.append(
            {
                "text": f"{text}<br/>" if label == "sports" else text,
                "label": label,
                "part": "train" if at < 180 else "valid",
            }
        )
    rows += [rows[at] | {"text": rows[at]["text"].upper() + " !", "part": "valid"} for at in range(0, 30, 3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        data = dt.texts(rows, text="text", split="part", target="label", test_pct=0, project=tmp_path)
    audit = dt.audit(data)
    said = str(audit)
    assert "10 of 70 (14.3 %) validation texts have a copy in the training set" in said
    assert "The same content: 0; nearly the same words: 10" in said
    assert "the label is written in 100 % of the texts, and no other one" in said
    assert "HTML" in said and "how the texts were made or stored tells the target" in said
    assert {"leak", "copies across parts", "shortcut"} <= {finding.kind for finding in audit.alarms}


def test_an_audit_of_plain_texts_has_nothing_to_say_of_leaks(tmp_path: Path) -> None:
    rng = random.Random(6)
    rows = [{"text": sentence(rng), "label": ("river", "stone", "lazy")[at % 3]} for at in range(120)]
    data = dt.texts(rows, text="text", target="label", project=tmp_path)
    assert not [one for one in dt.audit(data).findings if one.kind == "leak"]


def test_questions_and_names_are_no_traces_of_how_texts_were_stored(tmp_path: Path) -> None:
    rng = random.Random(8)
    said = {"ask": "{}?", "shout": "{}!", "quote": "Mary and Peter say {} at 12:30"}
    rows = [{"text": said[label].format(sentence(rng).capitalize()), "label": label} for label in list(said) * 50]
    found = dt.audit(dt.texts(rows, text="text", target="label", group="near-duplicates", project=tmp_path)).findings
    assert "shortcut" not in {one.kind for one in found}
    statistics = next(one for one in found if one.kind == "input statistics")
    assert statistics.severity == "note" and "That may be right" in statistics.text


@pytest.mark.parametrize(("ending", "alarm"), [("I give it {} of 5", True), ("room {}", True), ("nothing", False)])
def test_an_audit_finds_the_number_in_the_text(ending: str, alarm: bool, tmp_path: Path) -> None:
    rng = random.Random(7)
    rows = [{"text": f"{sentence(rng)} {ending.format(at % 40 + 1)}", "n": at % 40 + 1} for at in range(160)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DrivetrainWarning)
        data = dt.texts(rows, text="text", target="n", task="number", project=tmp_path)
    leaks = [one for one in dt.audit(data).findings if one.kind == "leak"]
    assert bool(leaks) == alarm
    assert not alarm or "the number that is to be predicted is written in 100 % of the texts" in leaks[0].title
