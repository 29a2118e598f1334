"""One training run, from its settings to its last checkpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from accelerate.utils import gather_object

from weclip_napari.core.feature_store import FeatureStore
from weclip_napari.core.folders import views_folder
from weclip_napari.core.losses import IGNORE
from weclip_napari.core.postprocess import require_crf
from weclip_napari.errors import UserError
from weclip_napari.evaluate import evaluate_dataset
from weclip_training.augment import UNKNOWN, RandomCrop
from weclip_training.checkpoints import (
    classes_of,
    own_checkpoint,
    restore,
    save_checkpoint,
    tidy,
)
from weclip_training.engine import fit, make_accelerator
from weclip_training.ordering import strata_of
from weclip_training.schedule import make_optimizer
from weclip_training.setup import set_up
from weclip_training.view_cache import ViewCache
from weclip_training.view_sources import CropViews, KeptViews, TolerantViews

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch.optim import Optimizer

    from weclip_napari.session.dataset import Dataset
    from weclip_training.config import FitConfig, TrainConfig
    from weclip_training.engine import TrainStep
    from weclip_training.setup import Setup
    from weclip_training.view_sources import ViewSource
    from weclip_training.views import ViewBuilder

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
    if config.crf:
        require_crf()
    last = own_checkpoint(config)
    if last is not None and last.step >= config.fit.steps:
        tidy(config.run)
        return
    setup = set_up(config, None if last is None else classes_of(last))
    optimizer = make_optimizer(setup.decoder, config.fit.rate)
    if last is not None:
        restore(last, setup.decoder, optimizer, setup.base.backbone)
    accelerator = make_accelerator(config.fit, setup.base.backbone.device)
    views = TolerantViews(open_views(config, setup))
    fitted = fit(
        setup.decoder,
        views,
        setup.builder,
        _fit_config(config),
        accelerator=accelerator,
        optimizer=optimizer,
        start=0 if last is None else last.step,
        unseen=setup.unseen,
    )
    notes, told = setup.data.notes, set[str]()
    for event in fitted:
        problems = gather_object(list(views.new_problems()))  # each process opens its own images
        event = replace(event, problems=(*notes, *problems))
        notes = ()
        if accelerator.is_main_process:
            event = _look_back(event, config, setup, optimizer)
        new = tuple(x for x in dict.fromkeys(event.problems) if x not in told)
        event = replace(event, problems=new)
        told.update(new)
        accelerator.wait_for_everyone()
        yield event


def _fit_config(config: TrainConfig) -> FitConfig:
    """Leave A_f alone where masks are known: there is nothing to refine (supplement, 3)."""
    if config.supervision == "full":
        return replace(config.fit, affinity_weight=0.0, switch_step=None)
    return config.fit


def open_views(config: TrainConfig, setup: Setup) -> ViewSource:
    """Open the images of a run as its settings show them to the backbone."""
    settings, data, builder = config.views, setup.data, setup.builder
    strata = strata_of(data.drawn, len(data.images))
    if settings.crop is not None:
        padding = IGNORE if config.supervision == "full" else UNKNOWN
        least, greatest = settings.scales
        crop = RandomCrop(settings.crop, (least, greatest), settings.flip, padding)
        return CropViews(data.images, strata, builder, crop)
    cache = _open_cache(settings.cache_mib, builder)
    is_final = config.fit.switch_step is None
    margin = config.fit.ignore_margin
    return KeptViews(data.images, strata, builder, settings, cache, margin, is_final)


def _open_cache(most_mib: int, builder: ViewBuilder) -> ViewCache | None:
    if not most_mib:
        return None
    store = FeatureStore(views_folder(), most_mib * 2**20)
    return ViewCache(builder.signature, store, most_mib, builder.device)


def _look_back(
    event: TrainStep, config: TrainConfig, setup: Setup, optimizer: Optimizer
) -> TrainStep:
    """Score and keep the model where that is due."""
    if setup.data.held_out is not None and _is_due(event, config.evaluate_every):
        event = _scored(event, config, setup, setup.data.held_out)
    if _is_due(event, config.checkpoint_every):
        model = setup.model(config)
        path = save_checkpoint(config, model, optimizer, event.step, event.metrics)
        event = replace(event, checkpoint=path)
    if event.step == event.steps:
        tidy(config.run)
    return event


def _scored(event: TrainStep, config: TrainConfig, setup: Setup, held_out: Dataset) -> TrainStep:
    """Add the scores; held-out images that got lost or damaged must not cost what was trained."""
    try:
        report = evaluate_dataset(setup.model(config), held_out, stages=SCORED, crf=config.crf)
    except UserError as error:
        return replace(event, problems=(*event.problems, str(error)))
    metrics = {stage: value for stage, value in report.miou.items() if value is not None}
    return replace(event, metrics=metrics, problems=(*event.problems, *report.problems))


def _is_due(event: TrainStep, every: int) -> bool:
    return event.step == event.steps or (every > 0 and event.step % every == 0)
