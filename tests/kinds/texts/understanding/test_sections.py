"""What a report says of a model of texts, of a model whose truth is known: a sum over words."""

from types import SimpleNamespace

import numpy as np
import pytest

from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Cells
from drivetrain.evaluation.metrics.metrics import METRICS
from drivetrain.evaluation.predictions import Predictions
from drivetrain.kinds.texts.explaining import weighed
from drivetrain.kinds.texts.understanding.asking import answer_of, shuffled_answers_of
from drivetrain.kinds.texts.understanding.checking import deletion_check, shuffled_check
from drivetrain.kinds.texts.understanding.mistakes import mistakes
from drivetrain.kinds.texts.understanding.section import model_sections
from drivetrain.kinds.texts.understanding.slices import slices
from drivetrain.kinds.texts.understanding.telling import chosen_texts, telling
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget, NumberTarget
from tests.kinds.texts.tiny import SPEC, TOPIC, WAIT, line, questions

WORTH = {"lost": 2.0, "card": 4.0, "pin": -3.0, "blocked": -1.0}
SIDES = CategoryTarget(name="about", vocab=("pin", "card"))


def answer(texts):
    raw = np.array([sum(WORTH.get(word, 0.0) for word in set(text.split())) for text in texts])
    card = 1 / (1 + np.exp(-raw))
    return np.stack([1 - card, card], axis=1)


TEXTS = ["my card is lost", "the pin is blocked", "card and pin", "lost again", "blocked pin", "a card"] * 4
TRUTH = [1, 0, 0, 1, 0, 1] * 4


def judged(texts=TEXTS, truth=TRUTH):
    ids = tuple(f"{at:032x}" for at in range(len(texts)))
    return Predictions(ids=ids, target=SIDES, truth=np.array(truth), output=answer(texts))


def test_the_most_telling_words_are_those_that_are_worth_most():
    rows = chosen_texts(SIDES, answer(TEXTS), np.full(len(TEXTS), 3))
    assert set(rows[1]) <= {at for at, text in enumerate(TEXTS) if "card" in text or "lost" in text}
    found = {name: telling(answer, TEXTS, rows[k], k)[0] for k, name in enumerate(SIDES.vocab)}
    assert [one.word for one in found["card"]][:2] == ["card", "lost"]
    assert [one.word for one in found["pin"]][:2] == ["pin", "blocked"]
    card = found["card"][0]
    each = [float((answer([text]) - answer([text.replace("card", "")]))[0, 1]) for text in TEXTS if "card" in text]
    assert card.change == pytest.approx(np.mean(each)) and card.n == len(each)
    assert card.low is not None and card.low <= card.change <= card.high


def test_of_a_number_words_raise_and_lower():
    def minutes(texts):
        return np.array([[20 + 5 * sum(WORTH.get(word, 0.0) for word in text.split())] for text in texts])

    wait = NumberTarget(names=("minutes",), mean=(20.0,), std=(5.0,))
    rows = chosen_texts(wait, minutes(TEXTS), np.full(len(TEXTS), 3))
    higher, lower = telling(minutes, TEXTS, rows[0], 0)
    assert (higher[0].word, higher[0].change) == ("card", pytest.approx(20.0))
    assert (lower[0].word, lower[0].change) == ("pin", pytest.approx(-15.0))


def test_of_several_labels_texts_are_taken_where_a_label_is_said():
    tags = CategoriesTarget(name="tags", vocab=("pin", "card"))
    both = np.array([[0.9, 0.8], [0.1, 0.2], [0.2, 0.6]])
    assert chosen_texts(tags, both, np.full(3, 4)) == {0: [0], 1: [0, 2]}


def test_many_categories_take_few_texts_of_each():
    many = CategoryTarget(name="t", vocab=tuple(f"k{at}" for at in range(200)))
    output = np.full((4000, 200), 0.001)
    output[np.arange(4000), np.arange(4000) % 200] = 0.5
    rows = chosen_texts(many, output / output.sum(1, keepdims=True), np.full(4000, 20))
    assert {len(own) for own in rows.values()} == {3}


def test_mistakes_are_told_with_what_would_turn_them():
    found = mistakes(answer, judged(), TEXTS)
    assert [one.text for one in found] == ["card and pin"], "copies are one mistake"
    (one,) = found
    assert one.output == 1 and one.turns == ("card", "pin")
    change = dict(zip([word.said for word in one.found.words], one.found.change(1), strict=True))
    assert max(change, key=change.__getitem__) == "card" and change["pin"] < 0 == change["and"]


def test_slices_have_the_scores_of_their_rows():
    table = judged()
    languages = ["en" if at % 2 else "de" for at in range(20)] + ["fr", "it", None, "fr"]
    found = slices(table, {"length": [len(text) for text in TEXTS], "language": languages}, METRICS["accuracy"])
    named = {(one.by, one.name): one.score for one in found}
    assert {name for by, name in named if by == "language"} == {"en", "de", "others"}
    assert named["language", "others"].n == 3
    for name in ("en", "de"):
        rows = [at for at, said in enumerate(languages) if said == name]
        assert named["language", name].value == pytest.approx(table.subset(rows).hits().mean())
    lengths = [name for by, name in named if by == "length"]
    assert lengths[0] == "up to 10" and lengths[-1].endswith("and more")
    assert sum(named["length", name].n for name in lengths) == len(TEXTS)
    assert slices(table, {"language": ["en"] * 24}, METRICS["accuracy"]) == [], "one slice is all"


def explained_texts(says):
    return [
        (text, 1, weighed(says, text, output=1)) for text in ["my card is lost", "card and pin blocked", "a b lost c"]
    ]


def test_marks_pass_where_they_follow_the_model_and_fail_where_they_do_not():
    found = explained_texts(answer)
    assert deletion_check(answer, found).passed
    backwards = [(text, output, weighed(lambda t: 1 - answer(t), text, output=1)) for text, output, _ in found]
    assert not deletion_check(answer, backwards).passed
    same = shuffled_check(found, [answer])
    assert not same.passed and "1.00" in same.said
    assert shuffled_check(found, []) is None and shuffled_check([("one", 1, weighed(answer, "one"))], [answer]) is None


class Line:
    """The line of `tiny` as a model in memory."""

    def __init__(self, target, n=60):
        rows = questions(n, seed=2)
        texts = np.array([text for text, _ in rows], object)
        values = [topic if target is TOPIC else float(10 + len(topic)) for _, topic in rows]
        values[0] = "money" if target is TOPIC else 99.0  # a wrong label: a mistake that is none of the model's
        inputs = Cells({"question": texts})
        valid = Examples(inputs, inputs.digests(), tuple(values), kind="texts")
        self.spec, self.metrics = SPEC, [METRICS["accuracy" if target is TOPIC else "rmse"]]
        self.data = SimpleNamespace(valid=valid, target=target, kind="texts", options={})

    def as_onnx(self):
        return line(self.data.target.n_outputs)

    def outputs(self, views):
        from drivetrain.runtime.onnx.engine import OnnxEngine

        return OnnxEngine(self.as_onnx(), threads=1)(*views)

    def predict_rows(self, rows):
        views = SPEC.stack([SPEC.view(SPEC.load(row)) for row in rows.inputs])
        return Predictions.of(rows, self.data.target, self.data.target.activate(self.outputs(views)))


@pytest.mark.parametrize("target", [TOPIC, WAIT], ids=["category", "number"])
def test_the_sections_of_a_report(target):
    sections = dict(model_sections(Line(target)))
    assert list(sections) == [
        "What it goes by",
        "Its mistakes, and the words behind them",
        "On which texts it does well",
    ]
    goes_by, wrong, well = sections.values()
    assert "card</bdi></b>" in goes_by and "95 %" in goes_by
    assert wrong.count("<mark") >= 1 and "labelled" in wrong and "shuffled parameters" in wrong
    assert "length, in words" in well and "<svg" in well
    if target is TOPIC:
        assert "<b>money</b>" in wrong and "Accuracy" in well.replace("accuracy", "Accuracy")


def test_copies_of_a_network_or_a_graph_answer_otherwise():
    model = Line(TOPIC)
    text = "hello, my card is lost thank you"
    said, others = answer_of(model, SPEC)([text]), shuffled_answers_of(model, SPEC)
    assert len(others) == 3
    assert all(np.abs(other([text]) - said).max() > 0.01 for other in others)
    assert shuffled_answers_of(SimpleNamespace(data=model.data), SPEC) == []


def test_a_model_that_does_not_say_how_it_reads_has_no_sections():
    model = Line(TOPIC)
    model.spec = None
    assert model_sections(model) == []


def test_html_and_scripts_in_texts_stay_text():
    model = Line(TOPIC)
    texts = model.data.valid.inputs.columns["question"]
    texts[0] = "my <script>alert(1)</script> card & <img src=x onerror=alert(1)>"
    model.spec = SPEC.model_copy(update={"html": False}).with_files(SPEC.files())
    for _, drawn in model_sections(model):
        assert "<script" not in drawn and "<img" not in drawn
