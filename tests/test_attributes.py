"""Names that people type from memory: each is answered with what it is called here, and that is there."""

import copy
import pickle
import re

import pytest

import drivetrain as dt
from drivetrain import attributes
from drivetrain.attributes import DATA, LEARNER, MODULE, PREDICTION, PREDICTOR, Told
from drivetrain.errors import InputError


@pytest.fixture(scope="module")
def data():
    return dt.table({"size": [20.5 + 7 * i % 90 for i in range(60)], "kind": list("xyz" * 20)}, target="kind")


class Guess(dt.ModelBase):
    def predict_rows(self, rows):
        return dt.Predictions.of(rows, self.data.target, [[0.4, 0.3, 0.3]] * len(rows))

    def identity(self):
        return "guess"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lr_find", r"has no attribute 'lr_find'\. To fix: write learn\.find_lr\(\)\."),
        ("export", r"To fix: write learn\.save\(folder\)\."),
        ("compile", r"To fix: leave it out; loss and metrics follow from the data\."),
        ("classes_", r"To fix: write learn\.data\.target\.vocab\."),
        ("plot_confusoin", r"has no attribute 'plot_confusoin'\. Did you mean 'plot_confusion'\?"),
        ("soup", r"has no attribute 'soup'$"),
    ],
)
def test_a_learner_says_what_another_library_calls_so(data, name, said):
    with pytest.raises(AttributeError, match=said):
        getattr(Guess(data), name)


@pytest.mark.parametrize(
    ("name", "said"),
    [("train_ds", r"write data\.train and data\.valid"), ("vocab", r"data\.target\.vocab"), ("trian", "mean 'train'")],
)
def test_data_says_where_its_rows_are(data, name, said):
    with pytest.raises(AttributeError, match=said):
        getattr(data, name)


def test_an_answer_says_that_it_has_names():
    answer = dt.Prediction(label="pear", probability=0.8)
    with pytest.raises(AttributeError, match=r"'probs'\. To fix: write answer\.top\."):
        answer.probs  # noqa: B018 - asked for on purpose
    with pytest.raises(InputError, match=r"unpacked.*To fix: write answer\.label, answer\.probability"):
        _label, _index, _chances = answer
    with pytest.raises(InputError, match=r"\[0\]"):
        answer[0]


def test_a_model_that_is_called_as_a_function_names_its_methods():
    model = object.__new__(dt.Predictor)
    with pytest.raises(InputError, match=r"with 'pear\.jpg': .*write model\.predict\(picture\)\.label"):
        model("pear.jpg", size=224)
    with pytest.raises(InputError, match=r"with nothing: "):
        model()


def test_every_remedy_is_there(data):
    """What a message tells to write must be an attribute of what it names."""
    learn_class, guess = dt.Learner, Guess(data)
    owners = {"learn": (learn_class, guess), "data": (data,), "model": (dt.Predictor,), "answer": (dt.Prediction(),)}
    set_by_init = {"learn": {"network", "loss", "settings", "callbacks"}, "model": {"target", "engine", "manifest"}}
    for remedy in {*MODULE.values(), *LEARNER.values(), *DATA.values(), *PREDICTOR.values(), *PREDICTION.values()}:
        found = re.findall(r"\b(learn|data|model|answer|dt)\.(\w+)", remedy)
        assert found or remedy.startswith(("nothing: ", "print(", "len(")), remedy
        for owner, name in found:
            if owner == "dt":
                assert name in dt.__all__, remedy
            else:
                there = any(hasattr(each, name) for each in owners[owner])
                assert there or name in set_by_init.get(owner, ()), remedy
    assert not set(LEARNER) & {name for name in dir(learn_class) if not name.startswith("_")}
    assert not set(PREDICTOR) & set(dir(dt.Predictor))
    assert not set(DATA) & set(dir(data))


class Owner(Told, elsewhere={"other": "owner.mine"}):
    @property
    def broken(self):
        return {}.missing

    mine = 3


def test_the_error_of_a_property_stays_its_own():
    with pytest.raises(AttributeError, match=r"'dict' object has no attribute 'missing'"):
        Owner().broken  # noqa: B018 - asked for on purpose


def test_tools_that_look_for_hidden_names_are_told_that_they_are_not_there():
    assert not hasattr(Owner(), "__array__")
    assert copy.deepcopy(Owner()).mine == pickle.loads(pickle.dumps(Owner())).mine == 3
    with pytest.raises(AttributeError, match=r"has no attribute '_mine'$"):
        Owner()._mine  # noqa: B018 - asked for on purpose


def test_a_name_of_the_module_that_another_library_has_is_answered():
    assert attributes.MODULE["ImageDataLoaders"] == "dt.images(folder)"
    with pytest.raises(AttributeError, match=r"write dt\.images\(folder, valid_pct=0\.2, test_pct=0\.2\)"):
        dt.train_test_split  # noqa: B018 - asked for on purpose
