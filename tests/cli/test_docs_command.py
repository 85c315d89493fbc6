"""`drivetrain docs`: pages by name, served to this machine alone."""

import threading
from pathlib import Path

import httpx
import pytest

from drivetrain.cli.commands.docs import documentation, page_of
from drivetrain.cli.main import main
from drivetrain.errors import DrivetrainError, SettingError


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in ("index", "terms", "reference/index", "reference/data"):
        page = tmp_path / f"{name}.html"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f"<title>{name}</title>", encoding="utf-8")
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
    with pytest.raises(SettingError, match=r"no page 'term'; expected one of index, terms\. Did you mean"):
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
