"""A service of a model of texts, and a text of its kind."""

import pytest

from drivetrain.serving.settings import Limits, Settings
from tests.kinds.texts.tiny import make_artefact
from tests.serving.conftest import running

LIMITS = Limits(picture_bytes=50_000, request_bytes=200_000)


@pytest.fixture(scope="session")
def model_path(tmp_path_factory):
    return make_artefact(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def service(model_path, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "answers.jsonl"
    with running(model_path, Settings(threads=1, limits=LIMITS, log_predictions=log)) as live:
        live.log = log
        yield live
