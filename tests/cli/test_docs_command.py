"""`drivetrain docs`: pages by name, served to this machine alone."""

import re
import threading
from pathlib import Path

import httpx
import pytest

from drivetrain.cli.commands.docs import address_of, asked_term, documentation, page_of
from drivetrain.cli.main import main
from drivetrain.errors import DrivetrainError, SettingError


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in ("index", "terms", "reference/index", "reference/data"):
        page = tmp_path / f"{name}.html"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f'<title>{name}</title><h3 id="log-loss-cross-entropy">', encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "page"),
    [
        ("index", "index.html"),
        ("terms", "terms.html"),
        ("docs/terms.md", "terms.html"),
        ("terms.html", "terms.html"),
        ("reference", "reference/index.html"),
        ("reference/data", "reference/data.html"),
    ],
)
def test_a_page_goes_by_the_names_that_people_give_it(site, asked, page):
    assert page_of(site, asked) == page


def test_a_page_that_is_not_there_is_told_with_the_one_that_was_meant(site):
    with pytest.raises(
        SettingError, match=r"no page 'term'; expected one of index, reference, terms, or a term\. Did you mean 'terms'"
    ):
        page_of(site, "term")


def test_the_folder_is_served_to_this_machine_alone(site):
    with documentation(site, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert server.server_address[0] == "127.0.0.1"
            address = f"http://127.0.0.1:{server.server_port}"
            assert "reference/data" in httpx.get(f"{address}/reference/data.html").text
            assert httpx.get(f"{address}/../../etc/passwd").status_code == 404
        finally:
            server.shutdown()
            thread.join()


def test_a_copy_without_its_documentation_says_how_to_get_it(tmp_path):
    with pytest.raises(DrivetrainError, match=r"came without its documentation.*To fix: in a clone run make docs"):
        documentation(tmp_path, 0)


def test_a_port_that_is_taken_is_told(site):
    with (
        documentation(site, 0) as server,
        pytest.raises(SettingError, match=f"port {server.server_port} cannot be had.*leave --port out"),
    ):
        documentation(site, server.server_port)


def test_the_command_ends_with_one_line_where_there_is_nothing_to_open(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("drivetrain.cli.commands.docs.SITE", tmp_path)
    assert main(["docs", "--no-browser"]) == 1
    assert "came without its documentation" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "address"),
    [
        ("terms#log-loss", "terms.html#log-loss-cross-entropy"),
        ("docs/terms.md#log-loss-cross-entropy", "terms.html#log-loss-cross-entropy"),
        ("reference/data#Log-Loss-cross-entropy", "reference/data.html#log-loss-cross-entropy"),
        ("reference", "reference/index.html"),
    ],
)
def test_a_place_on_a_page_goes_by_its_anchor_or_by_its_term(site, asked, address):
    assert address_of(site, asked) == address


def test_a_place_that_is_not_there_is_told_with_the_one_that_was_meant(site):
    with pytest.raises(SettingError, match=r"'reference' has no place 'log-los-cross'.*Did you mean 'log-loss-cross-"):
        address_of(site, "reference#log-los-cross")


@pytest.mark.parametrize(
    ("asked", "heading"),
    [
        ("log loss", "Log loss, cross-entropy"),
        ("Log_Losses", "Log loss, cross-entropy"),
        ("terms#cross-entropy", "Log loss, cross-entropy"),
        ("ece", "Calibration"),
        ("R²", "Variance explained"),
        ("precision-recall", "Precision, recall"),
        ("reference#recall", None),
        ("terms", None),
        ("soup", None),
    ],
)
def test_a_term_goes_by_each_of_its_names(asked, heading):
    term = asked_term(asked)
    assert (term.heading if term else None) == heading


def test_a_term_is_printed_even_where_the_site_was_not_built(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("drivetrain.cli.commands.docs.SITE", tmp_path)
    assert main(["docs", "log", "loss"]) == 0
    assert capsys.readouterr().out.startswith(
        "Log loss, cross-entropy\n  How surprised the model is by the true answers"
    )
    assert main(["docs", "wieghts"]) == 1
    assert re.search(
        r"there is no term 'wieghts'; expected one .*Did you mean 'weights'\? To fix", capsys.readouterr().err
    )
    assert main(["docs", "banana"]) == 1
    assert "there is no term 'banana'" in capsys.readouterr().err
