"""The recipe for KServe says nothing that InferenceService of v1beta1 does not know, and lacks nothing that it needs.

`kserve_v1beta1.json` holds the classes that the recipe uses, as KServe's own Python package and that of Kubernetes
describe them; where they are installed, it is compared with them. `python -m tests.test_recipe_kserve` writes it anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

RECIPE = Path(__file__).parents[1] / "recipes" / "kserve.yaml"
SCHEMA = Path(__file__).with_name("kserve_v1beta1.json")
ROOT = "V1beta1InferenceService"
PLAIN: dict[str, type | tuple[type, ...]] = {
    "str": str, "int": int, "bool": bool, "float": (int, float), "object": object,
}  # fmt: skip

Schema = dict[str, dict[str, dict[str, Any]]]
"""Class → name of a field → its type, and whether it is needed."""


def parts(kind: str) -> tuple[str, str]:
    """What holds, and what is held: list[X], dict(str, X) or X alone."""
    found = re.fullmatch(r"(?i:list\[(\w+)\]|dict[(\[]str, (\w+)[)\]])", kind)
    if found is None:
        return "", kind
    return ("list", found[1]) if found[1] else ("dict", found[2])


def faults(value: Any, kind: str, schema: Schema, place: str = "") -> Iterator[str]:
    holds, of = parts(kind)
    if holds:
        if not isinstance(value, {"list": list, "dict": dict}[holds]):
            yield f"{place} is no {holds}"
            return
        for at, each in enumerate(value) if holds == "list" else value.items():
            yield from faults(each, of, schema, f"{place}[{at}]")
    elif of in PLAIN:
        if not isinstance(value, PLAIN[of]) or (of == "int" and isinstance(value, bool)):
            yield f"{place} is no {of}"
    elif not isinstance(value, dict):
        yield f"{place} is no {of}"
    elif of not in schema:
        yield f"{place} is of {of}, which {SCHEMA.name} lacks"
    else:
        known = schema[of]
        yield from (f"{place} has no {name}" for name in value.keys() - known.keys())
        yield from (f"{place} lacks {name}" for name, field in known.items() if field["needed"] and name not in value)
        for name in value.keys() & known.keys():
            yield from faults(value[name], known[name]["type"], schema, f"{place}.{name}")


def classes(value: Any, kind: str, find: Callable[[str], Any], schema: Schema) -> None:
    """Add the classes that a value has, as the packages describe them."""
    holds, of = parts(kind)
    if holds:
        for each in value if holds == "list" else value.values():
            classes(each, of, find, schema)
    elif of not in PLAIN:
        found = find(of)
        schema[of] = {
            found.attribute_map[name]: {"type": kind_of_field, "needed": needed(found, name)}
            for name, kind_of_field in sorted(found.openapi_types.items())
        }
        for name in value.keys() & schema[of].keys():
            classes(value[name], schema[of][name]["type"], find, schema)


def needed(found: Any, name: str) -> bool:
    """Whether a class refuses to be without a field; those of Kubernetes are pydantic's, those of KServe are not."""
    if fields := getattr(found, "model_fields", None):
        field = fields.get(name) or fields[f"var{name}"]  # a word of Python's, such as exec
        return bool(field.is_required())
    from kubernetes.client import Configuration

    empty = found.__new__(found)
    empty.local_vars_configuration = Configuration()
    try:
        setattr(empty, name, None)
    except ValueError:
        return True
    return False


def described() -> Schema:
    """The classes of the recipe, by the packages that are installed."""
    from kserve import models
    from kubernetes import client

    schema: Schema = {}
    classes(recipe(), ROOT, lambda name: getattr(models, name, None) or getattr(client, name), schema)
    return dict(sorted(schema.items()))


def recipe() -> Any:
    return yaml.safe_load(RECIPE.read_text(encoding="utf-8"))


def schema() -> Schema:
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


def test_the_recipe_fits() -> None:
    service = recipe()
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert list(faults(service, ROOT, schema())) == []
    (container,) = service["spec"]["predictor"]["containers"]
    assert container["name"] == "kserve-container"  # which KServe looks for where it brings no container of its own
    storage = {each["name"]: each for each in container["env"]}["STORAGE_URI"]["value"]
    assert storage.startswith("s3://")
    assert "/mnt/models" in container["command"]  # where KServe unpacks it


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda predictor, container: predictor.update(storageUri="s3://x"), ".spec.predictor has no storageUri"),
        (lambda predictor, container: predictor.update(minReplicas="1"), ".spec.predictor.minReplicas is no int"),
        (lambda predictor, container: container["env"][0].pop("name"), "containers[0].env[0] lacks name"),
        (lambda predictor, container: container["ports"][0].pop("containerPort"), "ports[0] lacks containerPort"),
        (lambda predictor, container: container.update(command="drivetrain serve"), "command is no list"),
        (lambda predictor, container: container["readinessProbe"].update(path="/readyz"), "Probe has no path"),
        (lambda predictor, container: container["resources"]["limits"].update(cpu=2), "limits[cpu] is no str"),
    ],
    ids=["unknown", "text", "without name", "without port", "no list", "misplaced", "number"],
)
def test_what_does_not_fit_is_found(change: Any, said: str) -> None:
    service = recipe()
    predictor = service["spec"]["predictor"]
    change(predictor, predictor["containers"][0])
    (fault,) = faults(service, ROOT, schema())
    assert said in fault


def test_the_schema_is_that_of_the_packages() -> None:
    pytest.importorskip("kserve", reason="kserve is not installed: it needs older versions of pandas and protobuf")
    assert described() == schema()


if __name__ == "__main__":
    lines = [f" {json.dumps(name)}: {json.dumps(fields)}" for name, fields in described().items()]
    SCHEMA.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
