"""Names in any script: no boxes, no warnings, and a word where no font has their letters."""

import numpy as np
import pytest
from matplotlib.text import Text

from drivetrain.evaluation import Predictions, figures
from drivetrain.pages import fonts, raster
from drivetrain.runtime.targets import CategoryTarget

NAMES = ("çay", "чай", "ชา", "お茶", "茶", "tea 茶")


def table(names=NAMES):
    truth = np.arange(len(names)).repeat(3)
    target = CategoryTarget(name="drink", vocab=names)
    output = np.eye(len(names))[np.roll(truth, 1)] * 0.9 + 0.1 / len(names)
    return Predictions(ids=tuple(map(str, truth * 10 + np.arange(len(truth)))), target=target, truth=truth,
                       output=output / output.sum(axis=1, keepdims=True))  # fmt: skip


def drawn(figure, monkeypatch, folder):
    """Texts with their fonts, as they are drawn."""
    found = []
    monkeypatch.setattr(raster, "Text", lambda *a, **more: found.append(Text(*a, **more)) or found[-1])
    figure.save(folder / "figure.png")  # a missing glyph would warn, and warnings are errors here
    return {text.get_text(): text.get_fontfamily() for text in found}


@pytest.fixture
def dejavu_alone(monkeypatch):
    """As on a machine that has no other fonts."""
    usual = fonts._families()["DejaVu Sans"]
    monkeypatch.setattr(fonts, "_families", lambda: {"DejaVu Sans": usual})
    fonts.fonts_with.cache_clear()
    yield
    fonts.fonts_with.cache_clear()


@pytest.mark.usefixtures("dejavu_alone")
def test_names_that_no_font_has_are_numbered_and_told(capsys, monkeypatch, tmp_path):
    figure = figures.confusion_matrix(table())
    said = drawn(figure, monkeypatch, tmp_path)
    assert {"çay", "чай", "#1", "#2", "#3", "tea #3"} <= set(said)
    assert any("#3 = U+8336" in text and "no installed font" in text for text in said)
    told = capsys.readouterr().err
    assert "3 names" in told and "#1 = ชา, #2 = お茶, #3 = 茶" in told and "To fix: install a font" in told
    assert set(drawn(figure, monkeypatch, tmp_path)) == set(said)
    assert not capsys.readouterr().err, "told once, numbered once"
    figure.save(tmp_path / "figure.svg")
    assert "お茶" in (tmp_path / "figure.svg").read_text(encoding="utf-8"), "the reader's fonts draw an SVG"


def test_an_installed_font_that_has_the_letters_is_taken(monkeypatch, tmp_path):
    usual = fonts._letters_of("DejaVu Sans")
    others = {name: fonts._letters_of(name) - usual for name in ("STIXGeneral", "STIXSizeOneSym")}
    letter = next(min(has) for has in others.values() if has)
    found, unknown = fonts.fonts_with(frozenset(letter))
    assert not unknown and letter in fonts._letters_of(found[0])
    said = drawn(figures.confusion_matrix(table(("tea", f"x{letter}"))), monkeypatch, tmp_path)
    assert said[f"x{letter}"] == ["DejaVu Sans", found[0]]


def test_a_font_of_placeholders_has_no_letters():
    """matplotlib brings one: with it every name would seem to be drawn."""
    assert not any("resort" in name.lower() for name in fonts._families())
    _, unknown = fonts.fonts_with(frozenset("\ue0ff"))  # of private use
    assert unknown or not any("resort" in name.lower() for name in fonts.fonts_with(frozenset("\ue0ff"))[0])


def test_plain_names_cost_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(fonts, "fonts_with", lambda letters: pytest.fail("looked for fonts"))
    figures.confusion_matrix(table(("tea", "café"))).save(tmp_path / "figure.png")
