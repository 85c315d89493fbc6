"""The report as a whole, on pictures whose content is known."""

import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest

import drivetrain as dt
from drivetrain.captions.reading.matching import match
from drivetrain.errors import DataError, DrivetrainWarning
from drivetrain.runtime.calibration import Calibration
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget
from tests.captions.scenes import FRUIT, scenes, with_mistakes, write

THERE = {"1": ["apple", "lemon"], "2": ["lemon"], "3": ["plum"], "4": ["plum"]}
SAID = {
    "1": "an apple and a lime",  # lime is not there, lemon is missed
    "2": "two lemons",
    "3": "a plum, a lime and an apple",  # two of three
    "4": "something",
}
PEOPLE = {"1": ["an apple and a lemon"], "2": ["a pair of lemons", "two lemons"], "3": ["a plum"], "4": ["a plum"]}


def test_chair_is_what_can_be_counted_by_hand():
    report = dt.caption_report(SAID, objects=THERE, synonyms={"lime": []})
    assert {row.said.picture: row.absent for row in report.rows} == {
        "1": ("lime",),
        "2": (),
        "3": ("lime", "apple"),
        "4": (),
    }
    named = {"hallucinated": 3 / 6, "captions_wrong": 2 / 4, "missed": 2 / 5}
    assert {name: report.scores[name].value for name in named} == pytest.approx(named)
    lime = next(one for one in report.objects if one.name == "lime")
    assert (lime.in_pictures, lime.named, lime.absent, lime.missed) == (0, 2, 2, 0)
    assert [row.said.picture for row in report.worst(2)] == ["3", "1"]


def test_known_mistakes_are_counted_exactly():
    made = scenes(200)
    said, wrong = with_mistakes(made, 0.3)
    report = dt.caption_report(said, objects={scene.name: list(scene.things) for scene in made})
    score = report.scores["captions_wrong"]
    assert score.value == wrong / 200 and score.low < 0.3 < score.high
    assert report.unknown_words[0] == ("table", 200)


def test_references_alone_say_what_is_there():
    with pytest.warns(DrivetrainWarning, match="have no references"):
        report = dt.caption_report(
            {**SAID, "5": "a lime"}, references=PEOPLE, objects=["apple", "lemon", "plum"], synonyms={"lime": ["limes"]}
        )
    assert report.scores["captions_wrong"].value == 0.5 and report.scores["captions_wrong"].n == 4
    assert report.scores["cider_d"].n == 4 and report.scores["bleu_4"].value > 0
    assert report.rows[4].marks is None and report.rows[4].cider is None


def test_what_the_table_and_the_references_say_is_joined():
    report = dt.caption_report({"1": "a lemon and an apple"}, objects={"1": ["apple"]}, references={"1": "a lemon"},
                               synonyms={"lemon": []})  # fmt: skip
    assert report.rows[0].absent == () and report.rows[0].present == {"apple", "lemon"}


def test_what_a_caption_denies_is_not_named_and_told():
    report = dt.caption_report({"1": "an apple, no lemon"}, objects=THERE)
    assert report.rows[0].named == ("apple",) and "1 of 1 deny something that is there" in " ".join(report.notes)


def test_sounds_right_is_wrong_is_told_apart_from_sounds_poor():
    """The surer half is wrong in 3 of 10 captions, the rest in 7 of 10."""
    there = {str(i): ["apple"] for i in range(20)}
    wrong = {*range(3), *range(10, 17)}
    rows = {
        "image": list(there),
        "caption": ["a lemon" if i in wrong else "an apple" for i in range(20)],
        "logprob": [-0.1 - 0.001 * i if i < 10 else -2.0 - 0.001 * i for i in range(20)],
    }
    report = dt.caption_report(rows, objects=there, synonyms={"lemon": []})
    assert report.scores["sounds_right_is_wrong"].value == 0.3 and report.scores["sounds_poor_is_wrong"].value == 0.7
    sure = [math.exp(value) for value in rows["logprob"]]
    pairs = [(a, b) for a in range(20) for b in range(20) if a not in wrong and b in wrong]
    by_hand = np.mean([sure[a] > sure[b] for a, b in pairs])
    assert report.scores["fluency_tells"].value == pytest.approx(by_hand)
    assert [(one.share, one.wrong.n, one.wrong.value) for one in report.surest] == [
        (1.0, 20, 0.5),
        (0.75, 15, pytest.approx(8 / 15)),
        (0.5, 10, 0.3),
    ]


def test_calibration_of_the_likelihood_is_how_far_it_is_from_being_right():
    """Half of the captions are right, and the model is always 90 % sure: 40 % off."""
    there = {str(i): ["apple"] for i in range(200)}
    rows = [{"image": name, "caption": "an apple" if int(name) % 2 else "a lemon", "likelihood": 0.9} for name in there]
    report = dt.caption_report(rows, objects=there, synonyms={"lemon": []})
    assert report.scores["calibration_error"].value == pytest.approx(0.4)
    assert report.abstain_below(0.05) is None and report.abstain_below(0.7) == 0


def test_a_threshold_keeps_to_the_share_that_was_asked_for():
    random = np.random.default_rng(0)
    there, rows = {}, []
    for i in range(600):
        sure = float(random.uniform(0.2, 1))
        there[str(i)] = ["apple"]
        rows.append({"image": str(i), "caption": "an apple" if sure > 0.6 else "a lemon", "likelihood": sure})
    report = dt.caption_report(rows, objects=there, synonyms={"lemon": []})
    found = report.abstain_below(0.05)
    given = [row for row in report.rows if row.said.sure >= found]
    assert 0.55 < found < 0.65 and np.mean([row.wrong for row in given]) <= 0.05


def test_several_captions_of_a_picture_count_together():
    said = {"1": ["an apple", "an apple", "an apple and a lime"], "2": ["a lemon", "a lemon", "a lemon"]}
    report = dt.caption_report(said, objects=THERE, synonyms={"lime": []})
    scores = report.scores
    assert scores["consistency"].value == pytest.approx((np.mean([1, 4 / 7, 4 / 7]) + 1) / 2)
    assert scores["object_consistency"].value == pytest.approx((np.mean([1, 0.5, 0.5]) + 1) / 2)
    assert scores["absent_if_rare"].value == 1.0 and scores["absent_if_common"].value == 0.0
    assert scores["captions_wrong"].units == 2


def test_a_judge_tells_captions_apart():
    made = scenes(40)
    said = {scene.name: scene.caption for scene in made}
    things = {scene.name: set(scene.things) for scene in made}

    def fit(name, text):
        return sum((kind in text) == (kind in things[name]) for kind in FRUIT)

    good = dt.caption_report(said, {name: name for name in said}, model=fit).scores["ranking"]
    poor = dt.caption_report(said, {name: name for name in said}, model=lambda _, text: len(text)).scores["ranking"]
    assert good.value > 0.8 and good.low > 0.5 and good.units == 40
    assert poor.value == 0.5 and poor.low < 0.5 < poor.high


def test_one_caption_for_all_pictures_is_not_told_apart():
    same = dict.fromkeys(map(str, range(20)), "a table")
    report = dt.caption_report(same, {name: name for name in same}, model=lambda name, text: hash((name, text)) % 97)
    assert report.scores["ranking"].value == 0.5


class Classifier:
    """Answers as a Predictor does."""

    def __init__(self, target, answers, calibration=None):
        self.target, self.answers, self.calibration = target, answers, calibration

    def predict_many(self, sources):
        return iter([self.answers[source] for source in sources])


def test_a_classifier_says_what_is_there():
    labels = CategoriesTarget(name="fruit", vocab=("apple", "lime", "plum"))
    answers = {
        "a": dt.Prediction(labels=("apple",)),
        "b": dt.Prediction(labels=("lime", "plum")),
        "c": dt.Prediction(error="damaged"),
    }
    with pytest.warns(DrivetrainWarning, match="1 picture"):
        report = dt.caption_report(
            {"a": "a plum", "b": "a lime", "c": "a plum"}, {name: name for name in "abc"},
            objects=Classifier(labels, answers),
        )  # fmt: skip
    assert [row.absent if row.marks is not None else None for row in report.rows] == [("plum",), (), None]
    assert "its own mistakes" in report.decisions["truth"].reason


def test_of_a_calibrated_classifier_all_counts_that_it_does_not_exclude():
    kinds = CategoryTarget(name="fruit", vocab=("apple", "lime", "plum"))
    answers = {
        "a": dt.Prediction(label="apple", set=("apple", "lime")),
        "b": dt.Prediction(label="plum", abstained=True),
    }
    model = Classifier(kinds, answers, Calibration(temperature=1, coverage=0.9, quantile=0.5, n=50))
    with pytest.warns(DrivetrainWarning):
        report = dt.caption_report({"a": "a lime", "b": "a lime"}, {"a": "a", "b": "b"}, objects=model)
    assert report.rows[0].absent == () and report.rows[1].marks is None


@pytest.mark.parametrize(
    ("own", "others", "way"),
    [
        (["a.jpg"], ["a.jpg"], "as they are written"),
        (["x\\a.jpg"], ["x/a.jpg"], "as paths"),
        (["img/a.jpg"], ["a.jpg"], "by the name of the file"),
        (["a"], ["x/a.png"], "by the name of the file without its ending"),
        (["42"], ["COCO_val2014_000000000042.jpg"], "by the number that the name of the file ends in"),
    ],
)
def test_names_of_pictures_meet(own, others, way):
    assert match(own, others, "references", "captions") == ({own[0]: others[0]}, way)


def test_names_that_two_pictures_share_are_no_way():
    with pytest.raises(DataError, match="no picture of the captions"):
        match(["a", "b"], ["x/c.jpg", "y/c.jpg"], "references", "captions")
    found, _ = match(["x/a.jpg", "y/a.jpg"], ["y/a.jpg"], "references", "captions")
    assert found == {"y/a.jpg": "y/a.jpg"}


def test_data_sets_of_captions_are_read_as_they_come(tmp_path):
    coco = {
        "images": [{"id": 7, "file_name": "cat.jpg"}, {"id": 8, "file_name": "dog.jpg"}],
        "annotations": [{"image_id": 7, "caption": "a cat"}, {"image_id": 8, "caption": "a dog"}],
    }
    karpathy = {"images": [{"filename": "cat.jpg", "sentences": [{"raw": "a cat"}]},
                           {"filename": "dog.jpg", "sentences": [{"raw": "a dog"}]}]}  # fmt: skip
    results = [{"image_id": 7, "caption": "a cat"}, {"image_id": 8, "caption": "a dog"}]
    for name, content in (("coco", coco), ("karpathy", karpathy)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    (tmp_path / "said.json").write_text(json.dumps(results))
    (tmp_path / "said.jsonl").write_text("\n".join(json.dumps({"file_name": n, "text": t}) for n, t in
                                                   (("cat.jpg", "a cat"), ("dog.jpg", "a dog"))))  # fmt: skip
    for captions, references in (("said.jsonl", "coco"), ("said.jsonl", "karpathy"), ("coco.json", "karpathy")):
        report = dt.caption_report(
            tmp_path / captions, references=tmp_path / f"{references}.json", objects=["cat", "dog"]
        )
        assert report.scores["captions_wrong"].value == 0 and report.scores["cider_d"].n == 2
    assert dt.caption_report(results, references={"7": "a cat", "8": "a cat"}, objects=["cat", "dog"]).rows[1].wrong


def test_every_form_of_captions_says_the_same(tmp_path):
    frame = pd.DataFrame({"image": list(SAID), "caption": list(SAID.values())})
    frame.to_csv(tmp_path / "c.csv", index=False)
    frame.to_parquet(tmp_path / "c.parquet")
    forms = [SAID, frame, frame.to_dict("list"), frame.to_dict("records"), list(SAID.items()), tmp_path / "c.csv",
             str(tmp_path / "c.parquet")]  # fmt: skip
    for form in forms:
        report = dt.caption_report(form, objects=THERE, synonyms={"lime": []})
        assert [row.said.text for row in report.rows] == list(SAID.values())
        assert report.scores["hallucinated"].value == 0.5


def test_a_function_writes_the_captions():
    def says(picture):
        if picture == "b":
            raise ValueError("no")
        return {"a": ("an apple", 0.9), "c": ["a lime", ("a plum", 0.5)], "d": ""}[picture]

    with pytest.warns(DrivetrainWarning) as told:
        report = dt.caption_report(says, {n: n for n in "abcd"}, objects={n: ["apple"] for n in "abcd"})
    assert [(row.said.picture, row.said.text) for row in report.rows] == [
        ("a", "an apple"), ("c", "a lime"), ("c", "a plum"),
    ]  # fmt: skip
    assert any("no caption of 1 picture of 4: b (no)" in str(each.message) for each in told)


def test_json_and_page_hold_what_there_is(tmp_path):
    made = write(tmp_path / "table", 30)
    said, wrong = with_mistakes(made, 0.4)
    said[made[0].name] = "<script>alert(1)</script> an \u202eapple & a plum"
    report = dt.caption_report(
        said,
        tmp_path / "table",
        references={scene.name: [scene.caption] for scene in made},
        objects={scene.name: list(scene.things) for scene in made},
        note="drawn <b>",
    )
    found = json.loads(json.dumps(report.as_json()))
    assert found["n"] == 30 and len(found["captions"]) == 30 and wrong
    assert found.keys() >= {
        "scores",
        "objects",
        "decisions",
        "sentence",
        "notes",
        "captions",
        "surest",
        "unknown_words",
    }
    page = report.save(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "drawn &lt;b&gt;" in page and page.count("data:image/jpeg") >= 20
    assert '<mark class="absent">' in page and "\u202e" not in page
    assert str(report).startswith(report.sentence)


def test_nothing_known_says_so():
    with pytest.warns(DrivetrainWarning, match="Nothing says what is in the pictures"):
        report = dt.caption_report(SAID)
    assert report.scores["captions_wrong"].value is None and "cannot be said" in report.sentence
    assert "Nothing says" in report.html()
    with pytest.raises(DataError, match="likelihood"):
        report.abstain_below()


def test_the_same_seed_gives_the_same_report():
    one, two = (dt.caption_report(SAID, references=PEOPLE, objects=THERE, synonyms={"lime": []}) for _ in range(2))
    assert one.as_json() == two.as_json()


def test_objects_that_no_caption_names_make_nobody_right():
    with pytest.warns(DrivetrainWarning, match="No caption names any object"):
        report = dt.caption_report({"1": "a hound", "2": "a kitten"}, objects={"1": ["dog"], "2": ["cat"]})
    assert "cannot be said" in report.sentence


@pytest.mark.parametrize(
    ("captions", "language"),
    [
        (["kein Hund auf der Wiese, nur eine Katze", "zwei Katzen auf dem Sofa"], "(de)"),
        (["un chien et un chat dans le jardin", "il ne reste pas de pain pour les oiseaux sur la table"], "(fr)"),
        (["两只狗在草地上", "没有狗"], "(zh)"),
        (["สุนัขสองตัว", "แมวบนโซฟา"], "no blanks part"),
        (["घास पर एक कुत्ता", "एक बिल्ली"], "(Devanagari)"),
    ],
)
def test_what_is_known_of_english_alone_is_told_of_other_languages(captions, language):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dt.caption_report(dict(enumerate(captions)), objects={0: ["dog"], 1: ["cat"]})
    assert any(language in str(each.message) for each in caught)


def test_the_page_shows_the_nearest_reference_and_no_order_where_nothing_is_known():
    people = {"1": ["a horse in a field", "a dog on the grass"], "2": ["a cat"]}
    page = dt.caption_report({"1": "a dog on grass", "2": "no dog"}, references=people, objects=["dog", "cat"]).html()
    assert "a dog on the grass" in page and "a horse in a field" not in page and "said not to be there" in page
    with pytest.warns(DrivetrainWarning, match="Nothing says"):
        bare = dt.caption_report({"1": "a dog"}).html()
    assert "in no order" in bare and "The worst" not in bare
