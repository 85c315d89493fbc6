"""A saved model that answers with torch: `drivetrain.load` takes it where there is no ONNX file to run."""

from __future__ import annotations

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from drivetrain.errors import ArtefactError
from drivetrain.learner.saving.network_or_not import refuse_what_is_no_network
from drivetrain.runtime.artefact import GET_AGAIN, WEIGHTS, Artefact
from drivetrain.runtime.golden import read_golden
from drivetrain.runtime.predictor import Predictor
from drivetrain.runtime.spec import random_views
from drivetrain.runtime.trust.quarantine import ensure_tried
from drivetrain.training.fast.inference import TorchEngine, for_inference
from drivetrain.training.kind import rebuild_network, to_device
from drivetrain.training.network import Network
from drivetrain.training.place import Place, Precision, find_place
from drivetrain.training.shapes import check_shapes
from drivetrain.training.splitting import divided


def load_network(artefact: Artefact, place: Place) -> Network:
    """The trained network of an artefact, on the device of `place`, in evaluation mode.

    Raises:
        ArtefactError: The parameters do not fit the architecture that the manifest names.
    """
    refuse_what_is_no_network(artefact, "torch cannot answer with it")
    check_shapes(artefact)
    ensure_tried(artefact, "torch")
    with place.own_randomness():
        network = rebuild_network(artefact.manifest)
    load_parameters(network, artefact)
    to_device(network, place.device)
    return network.eval()


def load_parameters(network: Network, artefact: Artefact) -> None:
    """Give a network the parameters of an artefact; raises ArtefactError where they do not fit."""
    try:
        network.load_state_dict(divided(network, load_file(artefact.file(WEIGHTS))))
    except (SafetensorError, RuntimeError, ValueError, OSError) as error:
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise ArtefactError(
            f"{artefact.path / WEIGHTS} does not fit the manifest: {first_line.rstrip('.')}. {GET_AGAIN}"
        ) from error


def load_with_torch(artefact: Artefact, *, device: str, precision: Precision, top_k: int) -> Predictor:
    """A saved model that answers with torch; `drivetrain.load` calls this where there is no ONNX file to run.

    Args:
        artefact: Opened and verified.
        device: As of `Learner`.
        precision: ``auto`` takes fp32, in which the model was judged; another one is faster on some hardware, and
            answers a little otherwise.
        top_k: How many categories `Prediction.top` lists, at most.

    Raises:
        ArtefactError: The parameters do not fit the architecture that the manifest names.
    """
    manifest = artefact.manifest
    place = place_for(device, precision)
    network, folding = for_inference(load_network(artefact, place), place, random_views(manifest.input.signature(), 1))
    return Predictor(
        manifest.input,
        manifest.target,
        TorchEngine(network, place),
        top_k=top_k,
        decisions={"precision": place.precision, "folding": folding},
        manifest=manifest,
        calibration=manifest.calibration,
        golden=read_golden(artefact),
    )


def place_for(device: str | int | torch.device, precision: Precision | torch.dtype) -> Place:
    """Where a saved model answers: in fp32, as it was judged, unless another precision was asked for."""
    place = find_place(device, precision)
    return place.judging() if precision == "auto" else place
