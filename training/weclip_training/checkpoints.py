"""Checkpoints of a run: a whole model, with all that it takes to go on from there.

``RUN/checkpoints/step-000500`` is a model folder as `load_model` reads it, and holds besides

``optimizer.safetensors``
    AdamW's moments of each of the decoder's parameters; not in a run that is done.
``training.json``
    The step, the run's settings, the scores, and the checkpoint before it.

A checkpoint appears in one step, under its final name, when all of it is on the disk.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from weclip_napari.core.checkpoint import is_fetchable
from weclip_napari.core.storage import (
    DECODER,
    load_decoder,
    read_manifest,
    save_model,
    write_tensors,
)
from weclip_napari.core.weights import load_state, read_state
from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_text_atomically
from weclip_training.config import TrainConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor
    from torch.optim import Optimizer

    from weclip_napari.core.backbone import FrozenClip
    from weclip_napari.core.decoder import WeclipDecoder
    from weclip_napari.core.model import WeclipModel

FOLDER, OPTIMIZER, STATE = "checkpoints", "optimizer.safetensors", "training.json"
KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """Where a run stood.

    Attributes
    ----------
    path : Path
        Its folder.
    step : int
        Steps done.
    config : TrainConfig
        Of the run.
    metrics : mapping
        Scores in percent; empty where it was not scored.
    parent : str or None
        The checkpoint before it, or what the run started from.
    """

    path: Path
    step: int
    config: TrainConfig
    metrics: Mapping[str, float]
    parent: str | None


def save_checkpoint(
    config: TrainConfig,
    model: WeclipModel,
    optimizer: Optimizer,
    step: int,
    metrics: Mapping[str, float],
) -> Path:
    """Write a checkpoint of a run and let go of old ones.

    Returns
    -------
    Path
        Its folder.

    Raises
    ------
    UserError
        When it cannot be written; those before it are still there.
    """
    folder = Path(config.run) / FOLDER
    before = last_checkpoint(config.run)
    state = {
        "step": step,
        "config": config.to_json(),
        "metrics": dict(metrics),
        "parent": before.path.name if before else config.model,
    }
    path = folder / f"step-{step:06d}"
    temporary = folder / f".{path.name}.{uuid.uuid4().hex}"
    try:
        save_model(temporary, model, clip=not is_fetchable(model.config), half=False)
        write_tensors(temporary / OPTIMIZER, _moments(optimizer), None, half=False)
        write_text_atomically(temporary / STATE, json.dumps(state, indent=1) + "\n")
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        reason = error.strerror or str(error)
        raise UserError(
            f"{path} was not written: {reason}. Free some space or allow writing, then go on; "
            "the checkpoints before it are still there."
        ) from error
    _let_go(folder)
    return path


def tidy(run: str | Path) -> None:
    """Leave of a run that is done the last checkpoint alone, without the optimiser's state."""
    *others, last = sorted((Path(run) / FOLDER).glob("step-*"))
    for path in others:
        shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        (last / OPTIMIZER).unlink()


def last_checkpoint(run: str | Path) -> Checkpoint | None:
    """Find where a run stood last; None if it has no checkpoint.

    Raises
    ------
    UserError
        When the checkpoint's description cannot be read.
    """
    found = sorted((Path(run) / FOLDER).glob("step-*"))
    return read_checkpoint(found[-1]) if found else None


def own_checkpoint(config: TrainConfig) -> Checkpoint | None:
    """Find where a run stood last; None if it has no checkpoint.

    Raises
    ------
    UserError
        If its folder holds another run, or the checkpoint's description cannot be read.
    """
    last = last_checkpoint(config.run)
    if last is not None and replace(last.config, run=config.run) != config:
        raise UserError(
            f"'{config.run}' holds a run with other settings. Name another folder, or go on with "
            f"that one: weclip-train resume '{config.run}'."
        )
    return last


def read_checkpoint(path: Path) -> Checkpoint:
    """Read what a checkpoint says about itself.

    Raises
    ------
    UserError
        When that cannot be read.
    """
    file = path / STATE
    try:
        state: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        step, metrics, parent = int(state["step"]), dict(state["metrics"]), state["parent"]
        return Checkpoint(path, step, TrainConfig.from_json(state["config"]), metrics, parent)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} cannot be read ({error}). Delete {path} to go on from the one before."
        ) from error


def classes_of(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return what the decoder of a checkpoint knows."""
    manifest = read_manifest(checkpoint.path)
    return manifest.decoder.classes if manifest.decoder else ()


def restore(
    checkpoint: Checkpoint, decoder: WeclipDecoder, optimizer: Optimizer, backbone: FrozenClip
) -> None:
    """Put a decoder and its optimiser where a run stood.

    Raises
    ------
    UserError
        When a file cannot be read or does not fit, or the run's backbone was another one.
    """
    file = checkpoint.path / DECODER
    load_state(decoder, load_decoder(file, backbone).state_dict(), file)
    moments = read_state(checkpoint.path / OPTIMIZER)
    parameters = optimizer.param_groups[0]["params"]
    for number, parameter in enumerate(parameters):
        entry = {
            name.partition(".")[2]: value
            for name, value in moments.items()
            if name.partition(".")[0] == str(number)
        }
        if entry.get("exp_avg", torch.empty(0)).shape != parameter.shape:
            raise UserError(
                f"{checkpoint.path / OPTIMIZER} does not fit the decoder. Start a new run."
            )
        optimizer.state[parameter] = {
            name: value if name == "step" else value.to(parameter.device)
            for name, value in entry.items()
        }


def _moments(optimizer: Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's state, named by the number of the parameter."""
    parameters = optimizer.param_groups[0]["params"]
    return {
        f"{number}.{name}": value
        for number, parameter in enumerate(parameters)
        for name, value in optimizer.state[parameter].items()
    }


def _let_go(folder: Path) -> None:
    """Delete all but the last checkpoints, and what broken-off writing left behind."""
    for path in [*sorted(folder.glob("step-*"))[:-KEPT], *folder.glob(".step-*")]:
        shutil.rmtree(path, ignore_errors=True)
