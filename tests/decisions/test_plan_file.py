"""A plan file: all that may stand in it, and a word about what may not."""

import pytest

from drivetrain.decisions.plan_file import read_file
from drivetrain.errors import SettingError

WHOLE = """
table = "quotes.csv"
logged = "log.parquet"
text = ["postcode"]
group = "customer"
risk = "cvar:0.1"
extrapolate = true
seed = 7
baseline = { price = 500 }

[objective]
name = "profit"
value = '''
cost = 300
accept * (price - claims - cost)
'''

[levers.price]
low = 100
high = 900
step = 50
randomised = true

[levers."offer, by post"]
options = ["none", "letter"]
cost = { none = 0, letter = 1.2 }
per_row = true

[models.accept]
outcome = "accepted"
features = ["age", "price"]
make = "linear"
n = 10

[models.claims]
path = "claims.model"

[[limits]]
at_most = "accept * claims"
over = "accept * price"
limit = 0.65

[[limits]]
at_least = "accept"
limit = 0.2
per = "mean"

[[limits]]
budget = { "offer, by post" = { letter = 1.2 } }
limit = 5000

[[limits]]
equal_share = { "offer, by post" = "letter" }
by = "sex"
within = 0.03
"""
LEAST = """
table = "t.csv"
objective = "accept * price"
[levers.price]
low = 1
high = 2
[models.accept]
path = "m"
"""


def write(folder, text):
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_all_that_may_stand_in_it(tmp_path):
    found = read_file(write(tmp_path, WHOLE))
    assert (found.table, found.logged) == (tmp_path / "quotes.csv", tmp_path / "log.parquet")
    assert (found.text, found.group, found.risk) == (("postcode",), "customer", "cvar:0.1")
    assert (found.extrapolate, found.seed, found.baseline) == (True, 7, {"price": 500})
    assert found.objective.name == "profit" and dict(found.objective.numbers) == {"cost": 300.0}
    price, offer = found.levers
    assert (price.name, price.low, price.high, price.step, price.randomised) == ("price", 100, 900, 50, True)
    assert (offer.name, offer.options, offer.cost) == ("offer, by post", ("none", "letter"), {"none": 0, "letter": 1.2})
    accept, claims = found.models
    assert (accept.outcome, accept.features, accept.make, accept.n) == ("accepted", ("age", "price"), "linear", 10)
    assert claims.path == tmp_path / "claims.model"
    assert [limit.said for limit in found.limits] == [
        "accept * claims / accept * price at most 0.65",
        "mean accept at least 0.2",
        "budget of 5,000",
        "equal offer, by post = letter by sex, within 0.03",
    ]


def test_the_least(tmp_path):
    found = read_file(write(tmp_path, LEAST))
    assert (found.logged, found.limits, found.risk, found.seed, found.extrapolate) == (None, (), "mean", 0, False)
    assert found.objective.said == "accept * price"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("table", "tabel", "Did you mean 'table'"),
        ('table = "t.csv"', "", "table in the file"),
        ('"t.csv"', "3", "expected a path"),
        ('objective = "accept * price"', "", "objective in the file"),
        ("accept * price", "accept * __import__('os')", "arithmetic alone"),
        ('objective = "accept * price"', "objective = 3", "a table of TOML"),
        ('objective = "accept * price"', 'objective = {valeu = "x"}', "Did you mean 'value'"),
        ('objective = "accept * price"', "objective = {value = 3}", "an expression"),
        ("low = 1", "lowest = 1", "Did you mean 'low'"),
        ("low = 1", "low = 3", "levers.price: "),
        ("low = 1", "options = 3", "a list of options"),
        ("[levers.price]", "[levers]", "a table of TOML"),
        ('path = "m"', "", "either path"),
        ('path = "m"', 'path = "m"\noutcome = "y"', "either path"),
        ('path = "m"', 'path = "m"\nn = 3', "path alone"),
        ('path = "m"', 'outcome = "y"\nmake = "tree"', "Did you mean 'trees'"),
        ('path = "m"', 'outcome = "y"\nn = 1', "models.accept.n=1"),
        ('path = "m"', 'outcome = "y"\nfeatures = [3]', "the name of a column"),
        ('path = "m"', 'path = "m"\n[[limits]]\nlimit = 3', "one of at_most, at_least, budget, equal_share"),
        ('path = "m"', 'path = "m"\n[[limits]]\nat_most = "price"', r"limits\[0\].limit"),
        ('path = "m"', 'path = "m"\n[[limits]]\nat_most = "price"\nlimit = "much"', r"limits\[0\].limit='much'"),
        ('path = "m"', 'path = "m"\n[[limits]]\nat_most = "price"\nlimit = 1\nfor = 2', "'for', which is not known"),
        ('path = "m"', 'path = "m"\n[[limits]]\nequal_share = "price"', "equal_share"),
        ('path = "m"', 'path = "m"\n[limits]\nat_most = "price"', r"begin with \[\[limits\]\]"),
        ('table = "t.csv"', 'table = "t.csv"\nseed = -1', "seed=-1"),
        ('table = "t.csv"', 'table = "t.csv"\nextrapolate = "no"', "expected True or False"),
        ('table = "t.csv"', 'table = "t.csv"\nrisk = 3', "risk=3"),
        ('table = "t.csv"', 'table = "t.csv', "cannot be read as a plan"),
        ('table = "t.csv"', 'table = "t.csv"\ntable = "t.csv"', "cannot be read as a plan"),
    ],
)
def test_what_may_not(tmp_path, old, new, said):
    assert old in LEAST
    with pytest.raises(SettingError, match=said) as caught:
        read_file(write(tmp_path, LEAST.replace(old, new, 1)))
    assert "To fix:" in str(caught.value) and str(caught.value).startswith(str(tmp_path / "plan.toml"))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\0", b"x" * 2_000_000], ids=["encoding", "null", "long"])
def test_what_is_no_toml(tmp_path, content):
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(SettingError, match="cannot be read as a plan"):
        read_file(tmp_path / "p")
    with pytest.raises(SettingError, match="cannot be read as a plan"):
        read_file(tmp_path / "none")
    with pytest.raises(SettingError, match="cannot be read as a plan"):
        read_file(tmp_path)
