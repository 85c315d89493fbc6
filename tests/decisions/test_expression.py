"""Arithmetic as text: what it may hold, what its names stand for, and that nothing of it is ever run."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from drivetrain.decisions.expression import Expression
from drivetrain.errors import SettingError

ROWS = pd.DataFrame(
    {
        "claims": [100.0, 200.0, 400.0],
        "age of car": [1, 5, 9],
        "region": ["north", "south", None],
        "kind": pd.Categorical(["a", "b", "a"]),
        "price": [10.0, 20.0, 30.0],
        "smoker": [True, False, True],
        "count": pd.array([1, None, 3], dtype="Int64"),
        "max": [7.0, 8.0, 9.0],
        "ﬁt": [1.0, 1.0, 2.0],
        "when": pd.to_datetime(["2020-01-01"] * 3),
        "lambda": [1.0, 2.0, 3.0],
        "a`b": [1.0, 2.0, 3.0],
        "5% off": ["yes", "no", "yes"],
        "odd\nname": [1.0, 2.0, 3.0],
    }
)
LEVERS = {"price": np.array([11.0, 22.0, 33.0]), "offer": np.array(["letter", "none", "letter"], dtype=object)}
PREDICT = {"accept": np.array([0.5, 0.25, 0.1]), "claims": np.array([90.0, 210.0, 380.0])}


def value(text, **numbers):
    return np.broadcast_to(Expression.parse(text).value(ROWS, LEVERS, PREDICT, numbers), 3).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("price", [11, 22, 33]),
        ("claims", [90, 210, 380]),
        ("rows.price + today.claims", [110, 220, 430]),
        ("levers.price - predict.claims", [-79, -188, -347]),
        ("`age of car` * 2", [2, 10, 18]),
        ("rows.`age of car`", [1, 5, 9]),
        ("price // 10 + price % 10 - +price ** 2", [-119, -480, -1083]),
        ("2 ** 3 ** 0 * price", [22, 44, 66]),
        ("-price", [-11, -22, -33]),
        ("max(price, 25)", [25, 25, 33]),
        ("max", [7, 8, 9]),
        ("min(max, price, 20)", [7, 8, 9]),
        ("clip(price, 12, 30)", [12, 22, 30]),
        ("abs(0 - price)", [11, 22, 33]),
        ("log(exp(price)) + sqrt(price * price)", [22, 44, 66]),
        ("where(region == 'north', price, 0)", [11, 0, 0]),
        ("where(region != 'north', 1, 0)", [0, 1, 1]),
        ("where(region == None, 1, 0)", [0, 0, 1]),
        ("where(region != None, 1, 0)", [1, 1, 0]),
        ('1 if offer == "letter" else 0', [1, 0, 1]),
        ("where(kind in ('a', 'c'), 1, 2)", [1, 2, 1]),
        ("where(kind not in ['a'], 1, 2)", [2, 1, 2]),
        ("where(10 < price <= 22 and not smoker, price, 0)", [0, 22, 0]),
        ("where((price > 20) & ~smoker | (claims > 300), 1, 0)", [0, 1, 1]),
        ("smoker * 3", [3, 0, 3]),
        ("where(smoker == True, 5, 6)", [5, 6, 5]),
        ("where(price >= 22 or smoker, 1, 0)", [1, 1, 1]),
        ("`lambda` + 0", [1, 2, 3]),
        ("where(`5% off` == 'yes', 1, 0)", [1, 0, 1]),
        ("ﬁt + 1", [2, 2, 3]),
        ("fee = 5 ; margin = price - fee\nmargin * accept  # as ever", [3, 4.25, 2.8]),
        ("\n  price\n  ", [11, 22, 33]),
        ("where(region == '`# no name`', 1, price)  # `a comment`", [11, 22, 33]),
    ],
)
def test_values(text, expected):
    assert value(text) == pytest.approx(expected)


def test_missing_numbers_stay_missing_for_who_asked_to_tell():
    found = value("count + 1")
    assert found[0] == 2 and np.isnan(found[1]) and found[2] == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an expression, such as"),
        ("# only a comment", "an expression, such as"),
        ("3 * 4", "at least one name"),
        ("price +", "invalid syntax"),
        ("price price", "invalid syntax"),
        ("(price", "never closed"),
        ("`price", "between two backticks"),
        ("``", "between two backticks"),
        ("price.real", "a dot"),
        ("rows.price.values", "a dot"),
        ("().__class__.__bases__[0]", "subscript"),
        ("__import__('os').system('true')", "a call of __import__"),
        ("price.__class__()", "a call of price.__class__"),
        ("eval('1') + price", "a call of eval"),
        ("(lambda: price)()", "a call of"),
        ("[x for x in price]", "listcomp"),
        ("price[0]", "subscript"),
        ("f'{price}'", "joinedstr"),
        ("price := 3", "invalid syntax"),
        ("(price := 3) + 1", "namedexpr"),
        ("await price", "'await' outside function|await"),
        ("yield price", "yield"),
        ("import os", "lines such as"),
        ("price; claims", "lines such as"),
        ("a = 3", "at least one name"),
        ("price = 2; price = 3", "one value for each name"),
        ("a = b = 3; price", "lines such as"),
        ("a.b = 3; price", "lines such as"),
        ("a = 3; a = 4; price * a", "one value for each name"),
        ("1j * price", "the constant 1j"),
        ("1e999 * price", "the constant inf"),
        ("10 ** 2 * price * " + "9" * 400, "the constant 999"),
        ("b'x' == price", "the constant b'x'"),
        ("... + price", "the constant Ellipsis"),
        ("maximum(price, 3)", "a call of maximum"),
        ("mox(price, 3)", "Did you mean 'max'"),
        ("max(price)", r"max\(\) of 1: it takes at least 2"),
        ("clip(price, 3)", r"clip\(\) of 2: it takes 3"),
        ("exp(x=price)", "a call of exp"),
        ("max(*price, 3)", "a call of max"),
        ("{price}", "set"),
        ("price @ price", "matmult"),
        ("price << 3", "lshift"),
        ("price is None", "is"),
        ("price\0", "arithmetic"),
        ("(" * 300 + "price" + ")" * 300, "arithmetic"),
        ("-" * 400 + "price", "inside each other"),
        ("+".join(["price"] * 1000), "inside each other"),
        ("price" * 3000, "at most 10,000 letters"),
    ],
)
def test_refused_before_anything_is_computed(text, said):
    with pytest.raises(SettingError, match=said) as caught:
        Expression.parse(text, "objective")
    assert "To fix:" in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clams * 2", "Did you mean 'claims'"),
        ("predict.price * 1", "no such prediction"),
        ("rows.offer + price", "no such column"),
        ("levers.claims + price", "no such lever"),
        ("region * 2", "holds 'north', which cannot be computed with"),
        ("region + 'x'", "cannot be computed with"),
        ("region", "cannot be computed with"),
        ("where(region == 3, 1, 2)", "never equal"),
        ("where(price == '3', 1, 2)", "never equal"),
        ("where(region < 'b', 1, 2)", "compared with == and != alone"),
        ("where(price, 1, 2)", "is no condition, it holds 11"),
        ("price and smoker", "is no condition"),
        ("where(price in 3, 1, 2)", "a list is expected"),
        ("where(price in (), 1, 2)", "a list is expected"),
        ("(price, 3)", "after `in` alone"),
        ("when + 1", "datetime"),
        ("max((price, 3), 2)", "after `in` alone"),
    ],
)
def test_told_when_it_is_computed(text, said):
    with pytest.raises(SettingError, match=said) as caught:
        value(text)
    assert "To fix:" in str(caught.value)


def test_a_name_of_two_columns_is_told():
    twice = pd.DataFrame([[1.0, 2.0]], columns=["a", "a"])
    with pytest.raises(SettingError, match="the name of 2 columns"):
        Expression.parse("a + 1").value(twice, {}, {})


def test_numbers_are_what_may_be_otherwise():
    parsed = Expression.parse(
        "cost = 300; rate = -0.5; keep = 1\naccept * (price - cost - 25) * (1 - 0.2) ** 2 + rate * keep"
    )
    assert dict(parsed.numbers) == {
        "cost": 300,
        "rate": -0.5,
        "keep": 1,
        "25 in price - cost - 25": 25,
        "0.2 in 1 - 0.2": 0.2,
    }
    assert parsed.value(ROWS, LEVERS, PREDICT, {"cost": 0, "25 in price - cost - 25": 1, "rate": 0})[
        0
    ] == pytest.approx(0.5 * 10 * 0.64)


def test_two_numbers_in_the_same_place_have_names_of_their_own():
    parsed = Expression.parse("price - 3 + where(smoker, price - 3, 0)")
    assert len(parsed.numbers) == 2
    first, second = (parsed.value(ROWS, LEVERS, PREDICT, {name: 1.0}).tolist() for name in parsed.numbers)
    assert first != second and {tuple(first), tuple(second)} == {(18, 21, 62), (18, 19, 62)}


def test_names_are_those_from_outside():
    parsed = Expression.parse("a = `x y` * 2; b = a + max(rows.z, 1); b * price")
    assert parsed.names == {"x y", "z", "price"}
    assert parsed.unknown({"x y": "column", "z": "column", "prize": "lever"}) == (
        "'price' is no lever, prediction or column. Did you mean 'prize'?"
    )
    assert parsed.unknown(dict.fromkeys(("x y", "z", "price"), "column")) == ""


def test_the_hash_is_of_what_it_says():
    one, same, other = (Expression.parse(text) for text in ("price*2", " price * 2  # x", "price * 3"))
    assert one.sha256 == same.sha256 != other.sha256
    assert Expression.parse("`price` * 2").value(ROWS, LEVERS, PREDICT).tolist() == [22, 44, 66]


def test_words_that_stand_for_quoted_names_do_not_meet_others():
    rows = pd.DataFrame({"quoted0": [1.0], "a b": [5.0]})
    parsed = Expression.parse("quoted0 + `a b`")
    assert parsed.value(rows, {}, {}).tolist() == [6.0] and parsed.names == {"quoted0", "a b"}


class Computes(Mapping):
    """Predictions as they are computed when asked for: one that is not there is an error of its own."""

    def __getitem__(self, name):
        if name != "accept":
            raise SettingError("no such model")
        return PREDICT["accept"]

    def __iter__(self):
        return iter(["accept"])

    def __len__(self):
        return 1


def test_predictions_are_asked_for_what_they_have_alone():
    assert Expression.parse("accept * max").value(ROWS, LEVERS, Computes()).tolist() == pytest.approx([3.5, 2.0, 0.9])


def test_the_last_line_may_name_the_value():
    parsed = Expression.parse("cost = 3; `net, in €` = price - cost")
    assert parsed.title == "net, in €" and parsed.value(ROWS, LEVERS, PREDICT).tolist() == [8, 19, 30]
    assert parsed.sha256 == Expression.parse("cost = 3; price - cost").sha256 and dict(parsed.numbers) == {"cost": 3}
