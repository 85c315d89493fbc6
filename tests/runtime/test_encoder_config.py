"""A description of an encoder is plain data: nothing in it names a file, code or another model."""

import pytest

from drivetrain.runtime.manifest import Architecture
from drivetrain.runtime.trust.encoder_config import check_config, plain_config

PLAIN = {"hidden_size": 384, "hidden_act": "gelu_new", "layer_norm_eps": 1e-12, "use_bias": False, "depths": [1, 2]}


def test_plain_values_are_kept():
    assert (
        plain_config({**PLAIN, "model_type": "bert", "_commit_hash": "ab", "auto_map": {"AutoModel": "a.B"}}) == PLAIN
    )
    check_config(PLAIN)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auto_map", {"AutoModel": "evil.Model"}),
        ("_name_or_path", "/etc"),
        ("backbone", "resnet18"),
        ("use_pretrained_backbone", True),
        ("attn_implementation", "somebody/kernel"),
        ("quantization_config", {"load_in_4bit": True}),
        ("hidden_act", "../../other.py"),
        ("hidden_act", "https://example.org"),
        ("hidden_size", 10**9),
        ("hidden_size", float("nan")),
        ("num_hidden_layers", 100_000),
        ("layers", {"a": {"b": {"c": {"d": 1}}}}),
        ("rope", {"auto_map": 1}),
        ("list", [1] * 1000),
        ("object", object()),
        ("with blank", 1),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else "",
)
def test_all_else_is_refused(name, value):
    with pytest.raises(ValueError, match="setting"):
        check_config({name: value})
    assert name not in plain_config({name: value})
    if not isinstance(value, object().__class__) or isinstance(value, str):
        with pytest.raises(ValueError, match="setting"):
            Architecture(name="bert", config={name: value}, pretrained_from=None, features=8, dropout=0)


def test_an_architecture_without_one_is_written_as_before():
    said = Architecture(name="resnet18", pretrained_from=None, features=8, dropout=0).model_dump()
    assert "config" not in said
    said = Architecture(name="bert", config=PLAIN, pretrained_from=None, features=8, dropout=0).model_dump_json()
    assert Architecture.model_validate_json(said).config == PLAIN
