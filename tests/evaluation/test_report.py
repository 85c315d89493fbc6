"""The report page: whole without the network, safe with hostile names, readable with 2 and with 81 categories."""

import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from drivetrain.errors import DataError
from drivetrain.evaluation import Predictions, Score, score, wilson_interval
from drivetrain.evaluation.report import Finding, Look, ReportParts, Seal, render
from drivetrain.evaluation.report.gallery import worst_rows
from drivetrain.evaluation.report.showing import shown
from drivetrain.evaluation.report.tallies import tallies
from drivetrain.kinds.images.show import MOST_BYTES, thumbnail
from drivetrain.pages.html import Html, escape, tag
from drivetrain.runtime.decisions import Decision
from drivetrain.runtime.targets import CategoriesTarget, CategoryTarget

from . import tables

VOID = {"meta", "img", "br", "input", "hr", "link", "wbr"}
HOSTILE = ("<script>alert(1)</script>", '"onload="alert(1)', "</style><b>", "</title>", "a & b", "\u202egpj.exe\x00")
COPIES = ((1, "a.jpg"), (2, "b.jpg"))
HISTORY = [
    {
        "epoch": e,
        "phase": "all",
        "train_loss": 2 / e,
        "valid_loss": 2.2 / e,
        "accuracy": 1 - 1 / (e + 1),
        "seconds": 1.5,
    }
    for e in range(1, 6)
]


class Page(HTMLParser):
    """A page taken apart; fails on tags that are not closed in order."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.texts, self.by_tag = [], [], [], {}
        self.feed(html)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, name, attributes):
        assert len({key for key, _ in attributes}) == len(attributes), attributes
        self.tags.append((name, dict(attributes)))
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, text):
        if self.open and self.open[-1] not in {"style", "script"}:
            self.texts.append(text)
        self.by_tag.setdefault(self.open[-1] if self.open else "", []).append(text)

    def all(self, name):
        return [attributes for tag_name, attributes in self.tags if tag_name == name]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def noise(row):
    return np.random.default_rng(row).integers(0, 255, (300, 260, 3), dtype=np.uint8)


def show(row, alt):
    return shown("images", (noise(row),), alt=alt)


def named(table, vocab, **changed):
    target = CategoryTarget(name="kind", vocab=vocab)
    fields = {"ids": table.ids, "truth": table.truth, "output": table.output, "loss": table.loss}
    return Predictions(**{**fields, "target": target, **changed})


def parts_of(predictions, **more):
    return ReportParts("fruit.model", predictions, score(predictions), **more)


def full(predictions):
    headline = next(iter(score(predictions).values()))
    return parts_of(
        predictions,
        baselines=[headline.model_copy(update={"value": 0.2, "low": 0.15, "high": 0.3, "label": "majority class"})],
        decisions={"precision": Decision(value="bf16", reason="native"), "lr": Decision(value=0.002, reason="default")},
        history=HISTORY,
        verdict="Still improving.",
        show=show,
        audit=[
            Finding("warning", "2 copies across parts", "a = b", "remove one", [(show(i, n), n) for i, n in COPIES]),
        ],
        seal=Seal(40, [Look("2026-01-02T03:04:05+00:00", headline, "70 to 80 %; it held")]),
        n={"train": 100, "valid": len(predictions), "test": 40},
        facts={"split": "stratified, identity 0123", "versions": "drivetrain 0.1.0"},
        created="2026-01-01T00:00:00+00:00",
        warnings=["3 of 203 rows could not be found."],
    )


@pytest.fixture(scope="module", params=["category", "categories", "number"])
def page(request):
    table = {"category": tables.category, "categories": tables.categories, "number": tables.number}[request.param](200)
    return Page(render(full(table)))


def test_nothing_is_loaded_from_anywhere(page):
    html_attributes = [(name, key, value) for name, attributes in page.tags for key, value in attributes.items()]
    for name, key, value in html_attributes:
        assert not key.startswith("on") and key != "style", (name, key)
        if key in {"src", "href", "action", "srcset", "data", "xlink:href"}:
            assert value.startswith(("data:image/jpeg;base64,", "#")), value
    assert not page.all("link") and not page.all("iframe")
    css = "".join(page.by_tag["style"])
    assert "url(" not in css and "@import" not in css


def test_policy_allows_this_style_and_this_script_alone(page):
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy and "http" not in policy
    for name in ("style", "script"):
        assert len(page.all(name)) == 1
        digest = base64.b64encode(hashlib.sha256(page.by_tag[name][0].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy


def test_ids_are_unique_and_references_lead_somewhere(page):
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for name in attributes.get("aria-labelledby", "").split():
            assert name in ids
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids


def test_drawings_and_pictures_have_text_alternatives(page):
    for svg in page.all("svg"):
        assert svg.get("aria-hidden") == "true" or (svg["role"] == "img" and svg["aria-labelledby"]), svg
    assert page.all("img") and all(img["alt"] for img in page.all("img"))
    assert all(region.get("tabindex") == "0" for _, region in page.tags if region.get("class", "").startswith("scroll"))


def test_headings_go_down_one_level_at_a_time(page):
    levels = [int(name[1]) for name, _ in page.tags if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_all_parts_are_shown(page):
    for said in (
        "majority class",
        "bf16",
        "native",
        "Still improving.",
        "2 copies across parts",
        "To fix: remove one",
        "it held",
        "stratified, identity 0123",
        "3 of 203 rows could not be found.",
    ):
        assert said in page.text, said


@pytest.mark.parametrize("k", [2, 7, 20, 21, 81])
def test_pages_of_few_and_many_categories(k):
    table = named(tables.category(400, k), tuple(f"a rather long name of category {i}" for i in range(k)))
    html = render(full(table))
    page = Page(html)
    assert len(html) < 3_000_000
    rows = html.split("<caption>Every category</caption>")[1].split("</table>")[0]
    assert rows.count("<tr>") == k + 1
    drawn = html.split('id="matrix-title"')[1].split("</svg>")[0]
    assert drawn.count('class="label end"') == (k if k <= 20 else 10), "a matrix that can be read"
    assert ("All 81 categories" in page.text) == (k == 81)
    assert ("all others" in page.text) == (k > 20)


def test_tables_count_as_scikit_learn_does():
    table = tables.category(300, 6, strength=1.0)
    precision, recall, _, n = precision_recall_fscore_support(table.truth, table.chosen(), zero_division=np.nan)
    for k, found in enumerate(tallies(table)):
        assert found.true == n[k] and found.recall == pytest.approx(recall[k])
        assert found.precision == pytest.approx(precision[k])
        assert found.recall_interval() == wilson_interval(found.right, found.true)
    several = tables.categories(300, 6)
    precision, recall, _, n = precision_recall_fscore_support(several.truth, several.chosen(), zero_division=np.nan)
    for k, found in enumerate(tallies(several)):
        assert (found.true, found.recall, found.precision) == (
            n[k],
            pytest.approx(recall[k]),
            pytest.approx(precision[k]),
        )


def test_categories_without_rows_have_no_number():
    target = CategoryTarget(name="c", vocab=("a", "b", "c"))
    table = Predictions(ids=("1", "2"), target=target, truth=[0, 0], output=[[1, 0, 0], [0, 1, 0]])
    page = Page(render(parts_of(table)))
    assert "nan" not in page.text.lower()
    _, b, c = tallies(table)
    assert b.recall is None and b.precision == 0 and c.precision is None


def test_hostile_text_stays_text():
    table = tables.category(60, len(HOSTILE))
    names = tuple(f"{HOSTILE[i % len(HOSTILE)]}/{i}.jpg" for i in range(60))
    parts = full(named(table, HOSTILE, names=names))
    hostile = HOSTILE[0]
    parts = ReportParts(
        hostile,
        parts.predictions,
        parts.scores,
        baselines=[Score(name="accuracy", label=hostile, value=0.5, low=0.4, high=0.6, n=9, note=hostile)],
        decisions={hostile: Decision(value=hostile, reason=hostile)},
        history=[{hostile: 1.0, "epoch": 1, "phase": hostile, "train_loss": 1.0}],
        verdict=hostile,
        show=show,
        audit=[Finding("stop", hostile, hostile, hostile, [(show(0, hostile), hostile)])],
        seal=Seal(1, [Look(hostile, None, hostile)], hostile),
        n={hostile: 1},
        facts={hostile: hostile},
        warnings=[hostile],
        created=hostile,
        use=hostile,
    )
    html = render(parts)
    page = Page(html)
    assert len(page.all("script")) == 1 and len(page.all("style")) == 1 and len(page.all("title")) > 1
    assert html.count("<script") == 1
    assert "<script>alert(1)</script>" in page.text, "shown as it is called"
    assert "\x00" not in html and "\u202e" not in html
    assert not any(key.startswith("onload") for _, attributes in page.tags for key in attributes)


def test_text_is_escaped_wherever_it_is_put():
    assert tag("p", "<b>", title='"<') == '<p title="&quot;&lt;">&lt;b&gt;</p>'
    joined = Html("<b>") + "<i>"
    assert not isinstance(joined, Html) and escape(joined) == "&lt;b&gt;&lt;i&gt;"


def test_what_is_absent_is_left_out():
    page = Page(render(parts_of(tables.category(50, 3))))
    assert {section["id"] for section in page.all("section") if "id" in section} == {"result", "mistakes", "confidence"}
    assert not page.all("img")


def test_a_picture_that_is_gone_is_left_out():
    table = tables.category(50, 3)
    gone = worst_rows(table)["Most confident mistakes"][0]
    page = Page(render(parts_of(table, show=lambda row, alt: None if row == gone else show(row, alt))))
    shown = sum(len(rows) for rows in worst_rows(table).values())
    assert len(page.all("img")) == shown - 1
    assert Page(render(parts_of(table, show=lambda row, alt: None))).all("img") == []


def test_the_table_of_epochs_says_metrics_as_the_charts_do():
    history = [{"epoch": 1, "lr": 0.002, "train_loss": 0.5, "valid_loss": 0.25, "accuracy": 13 / 15, "r2": -0.5}]
    page = Page(render(parts_of(tables.category(50, 3), history=history)))
    cells = [text for name in ("th", "td", "button") for text in page.by_tag[name]]
    assert {"learning rate", "accuracy", "R²"} <= set(cells)
    assert "training loss" in page.text and "validation loss" in page.text
    assert {"86.7 %", "−0.5", "0.002"} <= set(cells)


def test_numbers_below_zero_have_a_minus_sign_everywhere():
    table = tables.number(200)
    off = replace(table, output=table.output - 500)
    page = Page(render(parts_of(off, show=show, seal=Seal(40, [Look("2026-01-02", score(off, ["r2"])["r2"])]))))
    assert re.search(r"R² −\d", page.text) and re.search(r"\[−[\d,.]+, −[\d,.]+\]", page.text)
    assert re.search(r"−\d+ … −\d+", page.text) and re.search(r"said −\d", page.text)
    words = [word for word in page.text.split() if re.match(r"[(\[]?-\d", word)]
    assert words == []


def test_long_names_can_be_broken_at_their_seams():
    table = tables.category(20, 2)
    names = tuple(f"valid/<b>_{i}_of-it.jpg" for i in range(20))
    html = render(parts_of(replace(table, names=names), show=show))
    assert re.search(r"valid/<wbr>&lt;b&gt;_<wbr>\d+_<wbr>of-<wbr>it.jpg</span>", html)


def test_galleries_hold_the_worst_rows_once():
    table = tables.category(200, 4)
    found = worst_rows(table, most=5)
    confident, besides = found["Most confident mistakes"], found["Other rows that cost most"]
    wrong = np.flatnonzero(~table.hits())
    assert set(confident) <= set(wrong.tolist())
    assert min(table.confidence()[confident]) >= max(
        np.delete(table.confidence(), confident)[~np.delete(table.hits(), confident)]
    )
    assert not set(confident) & set(besides)
    rest = [row for row in np.argsort(-table.loss) if row not in confident]
    assert besides == rest[:5]


@pytest.mark.parametrize(
    "shape", [(1, 1, 3), (400, 20, 3), (64, 64), (50, 50, 1), (50, 50, 4), (50, 50, 7), (1000, 900, 3)]
)
def test_pictures_of_any_shape_stay_small(shape):
    picture = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    assert len(thumbnail(picture)) <= MOST_BYTES


def test_what_is_no_picture_is_refused():
    with pytest.raises(DataError, match="no picture"):
        thumbnail(np.zeros((3, 3), dtype=np.float32))


def test_a_model_that_is_always_right_and_one_epoch():
    target = CategoryTarget(name="c", vocab=("a", "b"))
    table = Predictions(ids=tables.ids(4), target=target, truth=[0, 1, 0, 1], output=[[1, 0], [0, 1], [1, 0], [0, 1]])
    page = Page(render(parts_of(table, history=HISTORY[:1], show=show)))
    assert "100.0 %" in page.text and "Most confident mistakes" not in page.text


def test_labels_that_are_never_true():
    target = CategoriesTarget(name="tags", vocab=("x", "y"))
    output = np.array([[0.9, 0.1], [0.2, 0.3], [0.8, 0.1]])
    truth = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    Page(render(parts_of(Predictions(ids=tables.ids(3), target=target, truth=truth, output=output))))


def test_unlabelled_rows_cannot_be_reported_on():
    table = tables.category(20, 3)
    unlabelled = Predictions(ids=table.ids, target=table.target, truth=None, output=table.output)
    with pytest.raises(DataError, match="unlabelled"):
        render(ReportParts("m", unlabelled, score(table)))


def test_the_report_brings_no_torch_and_no_matplotlib():
    libraries = "{'torch', 'matplotlib', 'sklearn', 'pandas'}"
    code = f"import drivetrain.evaluation.report, sys; print({libraries} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
