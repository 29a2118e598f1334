"""One training run, from its settings to its last checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from weclip_napari.core.checkpoint import load_model
from weclip_napari.core.config import DecoderConfig
from weclip_napari.core.decoder import WeclipDecoder
from weclip_napari.core.feature_store import FeatureStore
from weclip_napari.core.folders import user_folder
from weclip_napari.core.losses import IGNORE
from weclip_napari.core.model import WeclipModel
from weclip_napari.core.typed_tags import prompt_words
from weclip_napari.errors import UserError
from weclip_napari.evaluate import evaluate_dataset
from weclip_training.augment import UNKNOWN, RandomCrop
from weclip_training.checkpoints import last_checkpoint, restore, save_checkpoint
from weclip_training.data import open_data
from weclip_training.engine import fit, make_accelerator
from weclip_training.schedule import make_optimizer
from weclip_training.view_cache import ViewCache
from weclip_training.view_sources import CropViews, KeptViews, TolerantViews
from weclip_training.views import ViewBuilder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch.optim import Optimizer

    from weclip_training.config import FitConfig, TrainConfig
    from weclip_training.data import TrainData
    from weclip_training.engine import TrainStep
    from weclip_training.view_sources import ViewSource

PUBLISHED_WIDTH = 256
SCORED = ("pseudo_label", "decoder", "decoder_untagged")


def train(config: TrainConfig) -> Iterator[TrainStep]:
    """Train a decoder and keep its checkpoints.

    A run that was broken off, however hard, goes on from its last checkpoint as if it had not
    been. Several processes, started by ``accelerate launch``, share the work.

    Parameters
    ----------
    config : TrainConfig
        Everything about the run.

    Yields
    ------
    TrainStep
        After every optimiser step; none if the run is done.

    Raises
    ------
    UserError
        If the data, the model or the run's folder cannot be used, or the loss is no number; the
        checkpoints written so far stay.
    """
    data = open_data(config.data, config.supervision)
    model, decoder = _start(config, data.classes)
    optimizer = make_optimizer(decoder, config.fit.rate)
    done = _resume(config, decoder, optimizer)
    builder = ViewBuilder(
        model.backbone, decoder.config, {name: prompt_words(name) for name in data.classes}
    )
    accelerator = make_accelerator(config.fit, model.backbone.device)
    views = TolerantViews(_views(config, data, builder))
    fitted = fit(
        decoder,
        views,
        builder,
        _fit_config(config),
        accelerator=accelerator,
        optimizer=optimizer,
        start=done,
    )
    for event in fitted:
        event = replace(event, problems=views.new_problems())
        if accelerator.is_main_process:
            event = _look_back(event, config, model, optimizer, data)
        accelerator.wait_for_everyone()
        yield event


def _fit_config(config: TrainConfig) -> FitConfig:
    """Leave A_f alone where masks are known: there is nothing to refine (supplement, 3)."""
    if config.supervision == "full":
        return replace(config.fit, affinity_weight=0.0)
    return config.fit


def _start(config: TrainConfig, classes: tuple[str, ...]) -> tuple[WeclipModel, WeclipDecoder]:
    """Load the backbone and make a new decoder, the same for the same seed."""
    weights = None if config.weights is None else Path(config.weights)
    base = load_model(config.model, config.device, weights=weights)
    known = None if base.decoder is None else base.decoder.config
    depth = base.backbone.depth
    first = config.first_layer or (known.taps[0] if known else 1)
    if first > depth:
        raise UserError(f"The backbone has {depth} blocks; N0 cannot be {first}.")
    shape = DecoderConfig(
        classes,
        base.backbone.width,
        (first, max(first, depth - 1)),
        width=config.width or (known.width if known else PUBLISHED_WIDTH),
    )
    with torch.random.fork_rng():
        torch.manual_seed(config.fit.seed)
        decoder = WeclipDecoder(shape)
    decoder = decoder.to(base.backbone.device).eval()
    card = {"training": config.to_json()}
    name = Path(config.run).name
    model = WeclipModel(base.backbone, decoder, base.config, name, base.architecture, card)
    return model, decoder


def _resume(config: TrainConfig, decoder: WeclipDecoder, optimizer: Optimizer) -> int:
    """Put the decoder where the run stood; returns the steps done."""
    last = last_checkpoint(config.run)
    if last is None:
        return 0
    if replace(last.config, run=config.run) != config:
        raise UserError(
            f"'{config.run}' holds a run with other settings. Name another folder, or give the "
            "settings of its config.json to go on with it."
        )
    restore(last, decoder, optimizer)
    return last.step


def _views(config: TrainConfig, data: TrainData, builder: ViewBuilder) -> ViewSource:
    settings = config.views
    if settings.crop is not None:
        padding = UNKNOWN if config.supervision == "weak" else IGNORE
        least, greatest = settings.scales
        crop = RandomCrop(settings.crop, (least, greatest), settings.flip, padding)
        return CropViews(data.images, builder, crop)
    store = FeatureStore(user_folder() / "cache" / "views", settings.cache_mib * 2**20)
    cache = ViewCache(builder.signature, store, settings.cache_mib, builder.device)
    is_final = config.fit.switch_step is None
    margin = config.fit.ignore_margin
    return KeptViews(data.images, builder, settings, cache, margin, is_final)


def _look_back(
    event: TrainStep,
    config: TrainConfig,
    model: WeclipModel,
    optimizer: Optimizer,
    data: TrainData,
) -> TrainStep:
    """Score and keep the model where that is due."""
    if data.held_out is not None and _is_due(event, config.evaluate_every):
        report = evaluate_dataset(model, data.held_out)
        scores = {stage: report.miou[stage] for stage in SCORED}
        metrics = {stage: value for stage, value in scores.items() if value is not None}
        event = replace(event, metrics=metrics)
    if _is_due(event, config.checkpoint_every):
        path = save_checkpoint(config, model, optimizer, event.step, event.metrics)
        event = replace(event, checkpoint=path)
    return event


def _is_due(event: TrainStep, every: int) -> bool:
    return event.step == event.steps or (every > 0 and event.step % every == 0)
