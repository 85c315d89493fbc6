"""Rows of similar length go together, and the order is still one of chance that can be had again."""

import numpy as np
import pytest

import drivetrain as dt
from drivetrain.data.cache.store import Store
from drivetrain.data.inputs import Cells
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.targets import NumberTarget
from drivetrain.training.lengths import lengths_of, steps_of
from tests.kinds.texts.tiny import SPEC
from tests.models.texts.conftest import frame


def test_every_row_once_and_steps_of_one_size():
    rng = np.random.default_rng(0)
    order, lengths = rng.permutation(1003), rng.integers(1, 200, 1003)
    parts = steps_of(order, lengths, 32, np.random.default_rng(1))
    assert sorted(np.concatenate(parts).tolist()) == list(range(1003))
    assert {len(part) for part in parts} == {31, 32}
    spread = np.mean([np.ptp(lengths[part]) for part in parts])
    assert spread < 0.25 * np.mean([np.ptp(lengths[part]) for part in np.array_split(order, 32)])
    again = steps_of(order, lengths, 32, np.random.default_rng(1))
    assert all((one == other).all() for one, other in zip(parts, again, strict=True))


def test_lengths_are_those_of_what_was_loaded():
    texts = np.array(["a", "abc", "ab"], object)
    store = Store(Cells({"question": texts}), SPEC)
    assert lengths_of(SPEC, store, [2, 0, 1]).tolist() == [2, 1, 3]


def test_where_views_are_of_one_size_they_do_not_matter():
    store = Store(Cells({"question": np.array(["a"], object)}), SPEC)
    fixed = type("Fixed", (), {"signature": lambda self: [("x", "float32", (3,), None)]})
    spec = fixed()
    spec.signature = lambda: [type("One", (), {"shape": (3,)})()]
    assert lengths_of(spec, store, [0]) is None


def test_answers_keep_the_order_of_the_rows():
    with dt.quiet():
        data = dt.texts(frame(60), target="topic", seed=1)
        learn = dt.Learner(data, "static", precision="fp32").fine_tune(0)
    together = learn.predict_rows(data.valid).output
    alone = [learn.predict_rows(data.valid.subset([row])).output[0] for row in range(len(data.valid))]
    assert together == pytest.approx(np.stack(alone), abs=1e-5)


def counting_predictor(seen):
    """Says how much each text weighs in all, and notes the batches that it is asked about."""

    def engine(ids, weights):
        seen.append(ids.shape)
        return weights.sum(axis=1, keepdims=True)

    return Predictor(SPEC, NumberTarget(names=("n",), mean=(0.0,), std=(1.0,)), engine)


def test_a_batch_is_answered_in_parts_of_similar_length():
    texts = ["the card", "the card is lost and the pin is blocked since yesterday in Bern " * 3] * 40
    seen = []
    predictor = counting_predictor(seen)
    found = predictor.run(*SPEC.stack([SPEC.view(SPEC.load(text)) for text in texts]))
    each = [SPEC.view(SPEC.load(text))[1].sum() for text in texts]
    assert found[:, 0] == pytest.approx(each, abs=1e-5)
    assert sum(rows for rows, _ in seen) == 80 and min(width for _, width in seen) < max(width for _, width in seen)


def test_texts_without_any_known_term_are_answered():
    seen = []
    predictor = counting_predictor(seen)
    found = predictor.run(*SPEC.stack([SPEC.view(SPEC.load("日本")) for _ in range(40)]))
    assert found.tolist() == [[0.0]] * 40 and all(width == 1 for _, width in seen)
