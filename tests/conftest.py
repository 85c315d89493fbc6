"""For all tests: figures need no display, and tests on the shared pictures are skipped where those are absent."""

import itertools
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")
settings.register_profile("drivetrain", deadline=None)  # how long an example takes says nothing on a busy machine
settings.load_profile("drivetrain")
if "PYTEST_XDIST_WORKER" in os.environ:  # processes share the cores already; threads on top only get in their way
    os.environ.setdefault("OMP_NUM_THREADS", "1")
SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def _own_project_of_the_session(tmp_path_factory):
    """What is made once for many tests keeps its seals and trials apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRIVETRAIN_PROJECT", str(tmp_path_factory.mktemp("project") / ".drivetrain"))
        patch.setenv("DRIVETRAIN_INDEX_DIR", str(tmp_path_factory.mktemp("index")))
        yield


@pytest.fixture(autouse=True)
def _own_project(request, tmp_path_factory, monkeypatch):
    """Every test is a project of its own: none meets the test sets that another has sealed."""
    folder = tmp_path_factory.getbasetemp() / "projects" / f"{abs(hash(request.node.nodeid)):x}"
    monkeypatch.setenv("DRIVETRAIN_PROJECT", str(folder))
    monkeypatch.setenv("DRIVETRAIN_INDEX_DIR", str(folder.with_name(folder.name + "-index")))


@pytest.fixture
def forgetful(tmp_path_factory, monkeypatch):
    """No split remembers what another has sealed: for tests that draw many from the same pictures."""
    from drivetrain.data.seals.project import Project

    folder = tmp_path_factory.mktemp("forgotten")
    folders = (folder / str(i) for i in itertools.count())
    find = Project.find
    monkeypatch.setattr(Project, "find", lambda project=None: find(next(folders) if project is None else project))


@pytest.fixture(scope="session", autouse=True)
def _own_picture_cache(tmp_path_factory):
    """Decoded pictures of tests never go to the cache of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRIVETRAIN_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("DRIVETRAIN_CACHE_GB", "1")
        yield


def pytest_collection_modifyitems(items):
    if not (SHARED / "data").is_dir() or not (SHARED / "weights").is_dir():
        absent = pytest.mark.skip(reason="needs the pictures and weights of ../shared, which are not here")
        for item in items:
            if "shared_data" in item.keywords:
                item.add_marker(absent)


@pytest.fixture(scope="module")
def chromium():
    """A headless browser, where there is one. For one file at a time: Playwright keeps an event loop running, and
    the tests of other files start their own."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("there is no Chromium here")
    with playwright.sync_playwright() as driver:
        arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        try:
            browser = driver.chromium.launch(executable_path=program, args=arguments)
        except playwright.Error as error:
            pytest.skip(f"{program} does not start here: {error}")
        yield browser
        browser.close()
