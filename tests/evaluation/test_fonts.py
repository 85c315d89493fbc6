"""Names in any script: no boxes, no warnings, and a word where no font has their letters."""

import io

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.text import Text

from drivetrain.evaluation import Predictions, figures
from drivetrain.evaluation.figures import _fonts
from drivetrain.runtime.targets import CategoryTarget

NAMES = ("çay", "чай", "ชา", "お茶", "茶", "tea 茶")


def table(names=NAMES):
    truth = np.arange(len(names)).repeat(3)
    target = CategoryTarget(name="drink", vocab=names)
    output = np.eye(len(names))[np.roll(truth, 1)] * 0.9 + 0.1 / len(names)
    return Predictions(ids=tuple(map(str, truth * 10 + np.arange(len(truth)))), target=target, truth=truth,
                       output=output / output.sum(axis=1, keepdims=True))  # fmt: skip


def words(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@pytest.fixture
def dejavu_alone(monkeypatch):
    """As on a machine that has no other fonts."""
    usual = _fonts._families()["DejaVu Sans"]
    monkeypatch.setattr(_fonts, "_families", lambda: {"DejaVu Sans": usual})
    _fonts.fonts_with.cache_clear()
    yield
    _fonts.fonts_with.cache_clear()


@pytest.mark.usefixtures("dejavu_alone")
def test_names_that_no_font_has_are_numbered_and_told(capsys):
    figure = figures.confusion_matrix(table())
    figure.savefig(io.BytesIO(), format="png")  # a missing glyph would warn, and warnings are errors here
    said = words(figure)
    assert {"çay", "чай", "#1", "#2", "#3", "tea #3"} <= set(said)
    assert any("#3 = U+8336" in text and "no installed font" in text for text in said)
    told = capsys.readouterr().err
    assert "3 names" in told and "#1 = ชา, #2 = お茶, #3 = 茶" in told and "To fix: install a font" in told
    figure.savefig(io.BytesIO(), format="svg")
    assert words(figure) == said and not capsys.readouterr().err, "told once, numbered once"


def test_an_installed_font_that_has_the_letters_is_taken():
    usual = _fonts._letters_of("DejaVu Sans")
    others = {name: _fonts._letters_of(name) - usual for name in ("STIXGeneral", "STIXSizeOneSym")}
    letter = next(min(has) for has in others.values() if has)
    fonts, unknown = _fonts.fonts_with(frozenset(letter))
    assert not unknown and letter in _fonts._letters_of(fonts[0])
    figure = figures.confusion_matrix(table(("tea", f"x{letter}")))
    figure.savefig(io.BytesIO(), format="png")
    label = next(text for text in figure.findobj(Text) if text.get_text() == f"x{letter}")
    assert fonts[0] in label.get_fontfamily() and "sans-serif" in label.get_fontfamily()[0].lower()


def test_a_font_of_placeholders_has_no_letters():
    """matplotlib brings one: with it every name would seem to be drawn."""
    assert not any("resort" in name.lower() for name in _fonts._families())
    _, unknown = _fonts.fonts_with(frozenset("\ue0ff"))  # of private use
    assert unknown or not any("resort" in name.lower() for name in _fonts.fonts_with(frozenset("\ue0ff"))[0])


def test_plain_names_cost_nothing(monkeypatch):
    monkeypatch.setattr(font_manager, "findfont", font_manager.findfont)
    monkeypatch.setattr(_fonts, "fonts_with", lambda letters: pytest.fail("looked for fonts"))
    figures.confusion_matrix(table(("tea", "café"))).savefig(io.BytesIO(), format="png")
