"""The retrain button: go on with a model from what was annotated, and tell whether it helped."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from weclip_napari.core.storage import DECODER, load_decoder
from weclip_napari.errors import UserError
from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.folder_models import RUN_RESULT, runs_folder
from weclip_training.checkpoints import last_checkpoint
from weclip_training.comparison import compare
from weclip_training.config import DataConfig, FitConfig, TrainConfig, ViewConfig
from weclip_training.recording import record
from weclip_training.runs import train
from weclip_training.setup import set_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weclip_training.comparison import Comparison
    from weclip_training.config import Selection
    from weclip_training.engine import TrainStep

BATCH = 8
RATE = 1e-3
ROUNDS = 4
"""How often a retraining is scored on held-out images."""
MOST_BETWEEN = 50
"""Steps between two checkpoints, at most."""


def new_run(folder: str | Path) -> Path:
    """Name a run folder beside the images, after the present moment."""
    moment = datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S-%f")
    return runs_folder(folder) / moment


def retrain_config(
    folder: str | Path,
    run: str | Path,
    *,
    model: str = "embedded",
    selection: Selection = "all",
    steps: int,
    seed: int = 1,
    device: str | None = None,
    weights: str | None = None,
) -> TrainConfig:
    """Make the settings of a retraining.

    Parameters
    ----------
    folder
        Annotated images.
    run
        Folder of the run.
    model
        The checkpoint to go on with.
    selection
        "reviewed" images only, or "all" that are tagged.
    steps
        Optimiser steps.
    seed
        Of everything that is drawn by chance.
    device, weights
        As for `load_model`.
    """
    between = -(-steps // ROUNDS)
    return TrainConfig(
        run=str(run),
        data=DataConfig(str(folder), selection=selection),
        model=model,
        weights=weights,
        device=device,
        supervision="mixed",
        fit=retrain_fit(steps, seed),
        views=ViewConfig(),
        checkpoint_every=min(between, MOST_BETWEEN),
        evaluate_every=between,
    )


def retrain_fit(steps: int, seed: int, batch: int = BATCH) -> FitConfig:
    """Choose how a retraining is optimised: gently, and with pseudo labels that are agreed on."""
    return FitConfig(
        steps=steps,
        batch=batch,
        rate=RATE,
        warmup=min(50, steps // 4),
        seed=seed,
        ignore_margin=0.1,
        agreement=True,
    )


def retrain(config: TrainConfig) -> Iterator[TrainStep]:
    """Retrain, with all that `record` keeps; at the end, ``result.json`` has the `Comparison`.

    Raises
    ------
    UserError
        As `train` does.
    """
    yield from record(config, train(config))
    result = compare_run(config)
    text = json.dumps(result.to_json(), indent=1, ensure_ascii=False) + "\n"
    write_text_atomically(Path(config.run) / RUN_RESULT, text)


def compare_run(config: TrainConfig) -> Comparison:
    """Compare the model that a finished retraining made with the one that it began with.

    Raises
    ------
    UserError
        When the run has no checkpoint, or a model cannot be loaded.
    """
    last = last_checkpoint(config.run)
    if last is None:
        raise UserError(f"'{config.run}' has no checkpoint yet. Let it train first.")
    setup = set_up(config)
    before = replace(setup.base, config=setup.settings)  # as the annotator proposes in this folder
    after = replace(before, decoder=load_decoder(last.path / DECODER, before.backbone))
    assert setup.data.held_out is not None  # noqa: S101
    return compare(before, after, setup.data.held_out, setup.synonyms)
