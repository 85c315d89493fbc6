"""Golden examples for an artefact: inputs that are small, and what the exported model says of them."""

from __future__ import annotations

from collections.abc import Sequence

from drivetrain.notices import warn
from drivetrain.runtime.artefact import GOLDEN
from drivetrain.runtime.golden import EXPECTED, Expected
from drivetrain.runtime.predictor import Engine
from drivetrain.runtime.spec import Arrays, InputSpec, random_views

ROUNDING = {"fp32": 0.05, "int8": 0.15, "bf16": 0.05, "fp16": 0.05}
"""Share of the outputs' spread up to which they count as the same: versions of JPEG decoders differ by a level or two
in a few pixels, processors add in another order. Anything that is wrong (the order of channels, the size) moves outputs
by their spread."""


def golden_files(engine: Engine, spec: InputSpec, loaded: Sequence[Arrays], precision: str) -> dict[str, bytes]:
    """Files of the folder: inputs encoded anew (nothing of the original file but what was loaded), and the answers.

    Args:
        engine: Runs the exported model.
        spec: Reads what is encoded here, as a server will.
        loaded: Inputs as the spec loads them, at least one.
        precision: Of the exported model.
    """
    inputs = {f"{i}{suffix}": encoded for i, (encoded, suffix) in enumerate(map(spec.encode, loaded))}
    outputs_NK = engine(*spec.stack([spec.view(spec.load(encoded)) for encoded in inputs.values()]))
    expected = Expected(
        inputs=tuple(inputs),
        outputs=tuple(tuple(row) for row in outputs_NK.tolist()),
        tolerance=max(ROUNDING[precision] * float(outputs_NK.std()), 1e-3),
    )
    files = {f"{GOLDEN}/{name}": encoded for name, encoded in inputs.items()}
    return {**files, EXPECTED: (expected.model_dump_json(indent=1) + "\n").encode()}


def may_travel(spec: InputSpec, loaded: Sequence[Arrays]) -> list[Arrays]:
    """The inputs that go with a model; made-up ones in place of those that hold personal data, which is told.

    Args:
        spec: Its ``personal(loaded)``, where it has it, says what of that sort seems to be in an input.
        loaded: Inputs of rows.
    """
    look = getattr(spec, "personal", None)
    found = [frozenset[str]() if look is None else look(one) for one in loaded]
    held = sorted(frozenset[str]().union(*found))
    if not held:
        return list(loaded)
    kept = [one for one, holds in zip(loaded, found, strict=True) if not holds]
    n = len(loaded) - len(kept)
    warn(
        f"{n} of the {len(loaded)} validation rows that would go with the model as golden examples seem to hold "
        f"{', '.join(held)}: made-up ones go instead. To fix: nothing, or save with golden=0 to send none of your rows."
    )
    return [*kept, *made_up(spec, n)]


def made_up(spec: InputSpec, n: int) -> Sequence[Arrays]:
    """Loaded inputs that show nothing, where no real one may travel with the model."""
    own = getattr(spec, "made_up", None)
    if own is not None:
        return own(n)
    views = random_views(spec.signature(), n)
    return [tuple(array[i] for array in views) for i in range(n)]
