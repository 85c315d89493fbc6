"""Report, figures and audit of a kind of input that the package has never heard of: each row is drawn by its kind."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from drivetrain.auditing import rows as audit_rows
from drivetrain.auditing.audit import Audit
from drivetrain.auditing.columns import read_columns
from drivetrain.auditing.duplicates import copies_findings, find_copies
from drivetrain.auditing.findings import Finding, Pair, RowRef
from drivetrain.auditing.rows import AuditRows
from drivetrain.auditing.section import audit_page, report_findings
from drivetrain.auditing.shift import shift_findings
from drivetrain.data.check import CheckReport
from drivetrain.data.examples import Examples
from drivetrain.data.inputs import Files
from drivetrain.data.kind import Candidate
from drivetrain.evaluation import figures, score
from drivetrain.evaluation.report import ReportParts, render
from drivetrain.evaluation.report.showing import shown
from drivetrain.runtime.targets import CategoryTarget
from tests.evaluation import tables
from tests.evaluation.test_report import Page

pytestmark = pytest.mark.usefixtures("toys")


def curve(row):
    return np.sin(np.linspace(0, 6, 30) + row)


def test_a_report_draws_each_row(tmp_path):
    table = tables.category(60, 3, strength=0.5)
    parts = ReportParts("m", table, score(table), show=lambda row, alt: shown("toy", (curve(row),), alt=alt))
    html = render(parts)
    page = Page(html)
    cards = html.split('<ul class="gallery">', 1)[1].split("</section>")[0]
    assert cards.count("<li>") == cards.count("<svg") == cards.count("accent curve") >= 12
    assert page.all("img") == []
    assert "said k00" in cards and "labelled k00" in cards, "for who cannot see it"
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_figures_draw_each_row_also_as_pixels(tmp_path):
    table = tables.category(40, 3)
    figure = figures.results(table, lambda row: shown("toy", (curve(row),), side_px=224), n=4)
    assert figure.svg.count('class="accent curve"') == 4
    pixels = np.asarray(Image.open(figure.save(tmp_path / "f.png")).convert("RGB")).astype(int)
    blue = (np.abs(pixels - [10, 92, 173]).max(axis=2) < 40).sum()
    assert blue > 4 * 300, "curves of four rows"


@pytest.fixture
def pair(tmp_path):
    np.save(tmp_path / "a.npy", curve(0))
    refs = [RowRef(f"{name}.npy", "training", "sine", tmp_path / f"{name}.npy", kind="toy") for name in "ab"]
    return Finding("copies within a part", "warning", "2 curves", "text", pairs=(Pair(*refs, "alike"),))


def test_an_audit_draws_rows_and_says_which_cannot_be_read(pair):
    html = audit_page(Audit("curves", {"rows": 2}, (pair,), {}))
    assert html.count('class="accent curve"') == 1 and html.count("cannot be read any more") == 1
    ((drawn, caption),) = report_findings(Audit("curves", {"rows": 2}, (pair,), {}))[0].rows
    assert drawn.startswith("<svg") and caption == "a.npy (training, 'sine')"


class Near:
    """Curves show the same where they begin alike."""

    def fingerprints(self, inputs):
        return [f"{np.load(path)[0]:.3f}".encode() for path in inputs.paths]

    def candidates(self, fingerprints):
        n = len(fingerprints)
        return [
            Candidate(i, j, 0.0, "begin alike")
            for i in range(n)
            for j in range(i + 1, n)
            if fingerprints[i] == fingerprints[j]
        ]

    def tells(self, fingerprint):
        return bool(fingerprint)

    def same(self, one, other):
        return np.array_equal(np.load(one), np.load(other))


def rows_of(folder: Path, monkeypatch, near) -> AuditRows:
    kind = SimpleNamespace(
        noun="curves",
        near=near,
        contents=frozenset({"mean"}),
        metadata=lambda rows: {
            "length": [len(np.load(path)) for path in rows.inputs],
            "mean": [np.load(path).mean() for path in rows.inputs],
        },
    )
    monkeypatch.setattr(audit_rows, "source_kind", lambda name: {"toy": kind}[name])
    paths = []
    for row in range(60):
        paths.append(folder / f"{row:02}.npy")
        np.save(paths[-1], np.r_[row % 59, curve(row)[: 20 + (row >= 40)]])  # the last begins as the first
    parts = ("train",) * 40 + ("valid",) * 20
    examples = Examples(Files(paths), tuple(path.stem for path in paths), ("a", "b") * 30, kind="toy")
    return AuditRows(
        examples=examples,
        parts=parts,
        target=CategoryTarget(name="shape", vocab=("a", "b")),
        signatures=audit_rows.signatures_of(examples),
        report=CheckReport(60),
        source="curves",
        layout="folder",
        kind="toy",
    )


def test_an_audit_asks_the_kind_for_copies_and_speaks_of_curves(tmp_path, monkeypatch):
    rows = rows_of(tmp_path, monkeypatch, Near())
    assert find_copies(rows).pairs == (), "they begin alike, and are not the same on a second look"
    np.save(tmp_path / "59.npy", np.load(tmp_path / "00.npy"))
    found = find_copies(rows)
    assert [(copy.first, copy.second, copy.how) for copy in found.pairs] == [(0, 59, "begin alike")]
    titles = [finding.title for finding in copies_findings(rows, found)]
    assert titles[0] == "1 of 20 (5.0 %) validation curves has a copy in the training set"


def test_without_a_way_to_tell_near_ones_copies_are_those_of_content(tmp_path, monkeypatch):
    rows = rows_of(tmp_path, monkeypatch, None)
    assert rows.signatures == (b"",) * 60
    assert find_copies(rows).pairs == ()


def test_columns_come_from_the_kind_and_from_the_file(tmp_path, monkeypatch):
    rows = rows_of(tmp_path, monkeypatch, None)
    columns = read_columns(rows, np.arange(60))
    families = {column.name: column.family for column in columns}
    assert (families["length"], families["mean"], families["first number in name"]) == (
        "capture",
        "contents",
        "bookkeeping",
    )
    (finding,) = shift_findings(columns, rows.parts or (), "random", noun="curves")
    assert "the validation curves differ from the training curves" in finding.title
    assert "length" in finding.facts["columns"]
