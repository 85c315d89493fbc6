"""`drivetrain studio`: what it finds, what it shows, and what it keeps apart."""

import html
import json
import re
import shlex
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import typer.main

import drivetrain as dt
from drivetrain.cli.commands.studio import Studio, address_of
from drivetrain.cli.local_server import LocalServer
from drivetrain.cli.main import app
from drivetrain.cli.studio.finding import Finder, ask, page_of
from drivetrain.cli.studio.page import overview
from drivetrain.data.seals.project import Project
from drivetrain.errors import DrivetrainWarning, SettingError
from drivetrain.pages.html import tag
from drivetrain.pages.page import document, page_header
from tests.cli.test_review import ask as request


@pytest.fixture
def place(tmp_path, trained, monkeypatch):
    """A folder with a link-free copy of a model two folders deep, a page of ours and a page of somebody else's."""
    shutil.copytree(trained, tmp_path / "work" / "models" / "<b>fruit</b>.model")
    work = tmp_path / "work"
    title = "<b>fruit</b>.model: report"
    page = document(title, page_header("Of <i>fruit</i>", "class · 12 rows", skip="To it"), tag("main", "…", id="main"))
    (work / "report.html").write_text(page, encoding="utf-8")
    (work / "other.html").write_text("<!doctype html><title>mine</title><script>alert(1)</script>", encoding="utf-8")
    return work


@pytest.fixture
def finder(place, trained):
    return Finder(place, Project(trained.parent / ".drivetrain"))


def test_models_and_pages_are_found_by_what_they_hold(place, finder):
    found = finder.find()
    assert [model.folder.relative_to(place).as_posix() for model in found.models] == ["models/<b>fruit</b>.model"]
    assert [(page.file.name, page.title, page.said) for page in found.pages] == [
        ("report.html", "<b>fruit</b>.model: report", "class · 12 rows")
    ]


@pytest.mark.parametrize("inside", [".hidden", "node_modules", "a/b/c/d/e", "models/<b>fruit</b>.model"])
def test_folders_that_hold_no_work_of_the_project_are_passed_over(place, finder, inside):
    (place / inside).mkdir(parents=True, exist_ok=True)
    (place / inside / "late.html").write_bytes((place / "report.html").read_bytes())
    assert "late.html" not in [page.file.name for page in finder.find().pages]


def test_a_damaged_model_is_shown_as_one(place, finder):
    (place / "models" / "<b>fruit</b>.model" / "manifest.json").write_text("{", encoding="utf-8")
    found = finder.find()
    assert found.models[0].manifest is None
    assert "cannot be read as JSON" in found.models[0].problem
    studio = Studio(finder)
    assert "cannot be read" in studio.show("/").body.decode()
    assert "cannot be read as JSON" in studio.show(f"/model/{found.models[0].key}").body.decode()


def test_names_cannot_break_the_page(finder):
    page = overview(finder.find())
    assert "<b>fruit" not in page
    assert "&lt;b&gt;" in page


def test_the_numbers_are_those_of_the_manifest(trained, finder):
    page = Studio(finder).show(f"/model/{finder.find().models[0].key}").body.decode()
    first = next(iter(dt.load(trained).manifest.validation.values()))
    assert f"{100 * first.value:.1f} % [{100 * first.low:.1f}, {100 * first.high:.1f}]" in page


def test_an_empty_folder_says_what_to_do(tmp_path):
    page = overview(Finder(tmp_path, Project(tmp_path / ".drivetrain")).find())
    assert "No saved models." in page
    assert "drivetrain train YOUR_FOLDER --out your.model" in page


def test_commands_to_copy_are_understood(finder):
    page = Studio(finder).show(f"/model/{finder.find().models[0].key}").body.decode()
    commands = [shlex.split(html.unescape(each)) for each in re.findall(r"<code>(drivetrain .*?)</code>", page)]
    known = typer.main.get_command(app).commands
    assert len([words for words in commands if words[1] != "docs"]) == 5  # meanings of terms point to docs
    for _, name, *words in commands:
        known[name].make_context(name, words)


def test_pages_of_the_folder_are_kept_apart(finder):
    studio = Studio(finder)
    address = f"/page/{studio.found.pages[0].key}"
    with LocalServer("studio", studio.show) as server:
        status, headers, body = request(server, "GET", address)
        assert status == 200
        assert headers["Content-Security-Policy"].startswith("sandbox allow-scripts")
        assert b"Of &lt;i&gt;fruit&lt;/i&gt;" in body
        assert request(server, "GET", "/")[0] == 200
        for strange in ("/page/1", "/page/-1", "/page/../x", "/model/9", f"{address}/0", "/etc/passwd", "/page/%C2%B2"):
            assert request(server, "GET", strange)[0] == 404
        assert request(server, "GET", address, Cookie=None)[0] == 403
        assert request(server, "POST", address, body={})[0] == 404


def test_a_page_that_is_gone_says_so(place, finder):
    studio = Studio(finder)
    address = f"/page/{studio.found.pages[0].key}"
    (place / "report.html").unlink()
    with LocalServer("studio", studio.show) as server:
        status, _, body = request(server, "GET", address)
    assert (status, "cannot be read any more" in json.loads(body)["error"]) == (422, True)


def test_a_page_of_ours_is_known_by_its_mark(place):
    assert page_of(place / "other.html") is None
    assert page_of(place / "not-there.html") is None


@pytest.fixture
def service():
    said = {"/about": b'{"model": "fruit.model", "shadow": {"model": "new.model"}}', "/odd/about": b"[]"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path in said else 404)
            self.end_headers()
            self.wfile.write(said.get(self.path, b""))

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_services_are_asked_what_they_serve(service, tmp_path):
    assert ask(service).about["model"] == "fruit.model"
    assert ask(f"{service}/odd").problem == "what answers there is no service of drivetrain"
    assert ask(f"{service}/missing").about is None
    page = overview(Finder(tmp_path, Project(tmp_path / ".drivetrain"), [service]).find())
    assert "fruit.model" in page
    assert "new.model" in page


def test_an_address_without_a_scheme_is_refused():
    with pytest.raises(SettingError, match="give the scheme too"):
        address_of("127.0.0.1:8000")


def test_a_folder_that_is_not_there_is_refused(run):
    done = run("studio", "no-such", "--no-browser")
    assert done.code == 1
    assert "there is no such folder" in done.err


def test_a_link_leads_to_the_same_model_whatever_came_meanwhile(place, trained, finder):
    studio = Studio(finder)
    link = re.search(r'href="(/model/[^"]+)"', studio.show("/").body.decode())[1]
    shutil.copytree(trained, place / "aaa.model")
    manifest = place / "aaa.model" / "manifest.json"
    written = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(written | {"created": "9999-01-01T00:00:00+00:00"}), encoding="utf-8")
    studio.show("/")  # in another tab
    assert studio.found.models[0].folder.name == "aaa.model"
    assert "&lt;b&gt;fruit" in studio.show(link).body.decode()


def test_a_model_is_shown_as_it_is_now(place, finder):
    studio = Studio(finder)
    (place / "models" / "<b>fruit</b>.model" / "manifest.json").write_text("{", encoding="utf-8")
    assert "cannot be read as JSON" in studio.show(f"/model/{studio.found.models[0].key}").body.decode()


def test_trainings_that_cannot_be_read_are_told(tmp_path):
    project = Project(tmp_path / ".drivetrain")
    for name in ("20261129-101046405-f7c2", "20261129-101046406-f7c2"):
        (project.runs / name).mkdir(parents=True)
        (project.runs / name / "run.json").write_text("{", encoding="utf-8")
    with pytest.warns(DrivetrainWarning, match="passed over"):
        found = Finder(tmp_path, project).find()
    assert found.problems == [
        "2 trainings on record cannot be read, so that less is shown here than there was: drivetrain runs says which."
    ]
