"""Recipes for other engines: the commands in them are understood."""

from pathlib import Path

import typer.main
import yaml

from drivetrain.cli.main import app
from drivetrain.serving.guard import OPEN_PATHS

RECIPES = Path(__file__).parents[1] / "recipes"


def test_kserve_starts_a_service_that_there_is():
    service = yaml.safe_load((RECIPES / "kserve.yaml").read_text(encoding="utf-8"))
    (container,) = service["spec"]["predictor"]["containers"]
    program, name, *words = container["command"]
    context = typer.main.get_command(app).commands[name].make_context(name, words)
    assert program == "drivetrain"
    assert context.params["port"] == container["ports"][0]["containerPort"]
    assert "DRIVETRAIN_TOKEN" in {variable["name"] for variable in container["env"]}
    probes = {container[each]["httpGet"]["path"] for each in ("readinessProbe", "livenessProbe")}
    assert probes <= OPEN_PATHS
