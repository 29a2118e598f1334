"""The optimisation of the decoder, as a generator of events.

What happens in a step depends on its number and the seed alone: the images, their augmentation
and the dropout are drawn anew from both for every slot of the batch. So a run that was broken off
goes on as if it had not been, and any number of processes works on the same batch.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate import Accelerator, PartialState

from weclip_napari.core.device import pick_device
from weclip_napari.core.losses import combine
from weclip_napari.core.peak_memory import peak_mib
from weclip_napari.errors import UserError
from weclip_training.batches import (
    GroupedDecoder,
    count,
    draw_slot,
    group_by_size,
    sum_up,
)
from weclip_training.labelling import Labelling
from weclip_training.schedule import make_optimizer, rate_factor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import Tensor
    from torch.optim import Optimizer

    from weclip_napari.core.decoder import WeclipDecoder
    from weclip_napari.core.losses import Losses
    from weclip_training.batches import Slot
    from weclip_training.config import FitConfig
    from weclip_training.view_sources import ViewSource
    from weclip_training.views import ViewBuilder


@dataclass(frozen=True)
class TrainStep:
    """What happened in one optimiser step.

    Attributes
    ----------
    step, steps : int
        Number of this step, from 1, and of all.
    segmentation, affinity, total : float
        Losses of the whole batch before the step.
    rate : float
        Learning rate used.
    images_per_second : float
        Throughput of this step, pseudo labels included.
    memory_mib : float
        Most memory used so far, of the GPU or of the process.
    metrics : mapping
        Scores on held-out images in percent, in the steps that were scored.
    checkpoint : Path or None
        Where a checkpoint was written after this step.
    problems : tuple of str
        What is new since the step before: images left out, and why; classes without examples.
    """

    step: int
    steps: int
    segmentation: float
    affinity: float
    total: float
    rate: float
    images_per_second: float
    memory_mib: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    checkpoint: Path | None = None
    problems: tuple[str, ...] = ()


def processes(device: str | None) -> PartialState:
    """Tell which of the processes that train together this one is.

    Parameters
    ----------
    device
        As for `pick_device`; without a GPU, Accelerate finds the others only if told so.

    Raises
    ------
    UserError
        If the device cannot be used.
    """
    return PartialState(cpu=pick_device(device).type == "cpu")


def make_accelerator(config: FitConfig, device: torch.device) -> Accelerator:
    """Return what carries devices, precision and processes.

    Raises
    ------
    UserError
        If this process has trained with another precision before.
    """
    try:
        return Accelerator(
            cpu=device.type == "cpu",
            mixed_precision=config.precision,
            gradient_accumulation_steps=config.accumulate,
        )
    except ValueError as error:
        raise UserError(
            f"Precision {config.precision!r} cannot be used here: {error}. A process trains with "
            "one precision; start another one, as weclip-train does."
        ) from error


def fit(
    decoder: WeclipDecoder,
    views: ViewSource,
    builder: ViewBuilder,
    config: FitConfig,
    *,
    accelerator: Accelerator | None = None,
    optimizer: Optimizer | None = None,
    start: int = 0,
    unseen: tuple[int, ...] = (),
) -> Iterator[TrainStep]:
    """Train a decoder in place.

    Parameters
    ----------
    decoder : WeclipDecoder
        On the device to train on; it stays in eval mode, dropout is drawn here.
    views : ViewSource
        What to train on.
    builder : ViewBuilder
        Makes the pseudo labels of these views.
    config : FitConfig
        How.
    accelerator : Accelerator, optional
        Of this process.
    optimizer : Optimizer, optional
        Of the decoder's parameters, where a run goes on.
    start : int
        Steps already done.
    unseen : tuple of int
        As for `Labelling`.

    Yields
    ------
    TrainStep
        After every optimiser step.

    Raises
    ------
    UserError
        If there is nothing to train on, the batch cannot be shared out evenly, an image cannot be
        used, or the loss is no number; the decoder is then as it was before that step. If its
        weights themselves became no numbers, that step is not yielded.
    """
    if not len(views):
        raise UserError("There are no images to train on. Give at least one with its tags.")
    accelerator = accelerator or make_accelerator(config, next(decoder.parameters()).device)
    shares = config.accumulate * accelerator.num_processes
    if config.batch % shares:
        raise UserError(
            f"A batch of {config.batch} images cannot be shared out to {shares} equal parts "
            f"({accelerator.num_processes} processes, {config.accumulate} parts each). Make the "
            f"batch a multiple of {shares}."
        )
    optimizer = optimizer or make_optimizer(decoder, config.rate)
    module = accelerator.prepare_model(GroupedDecoder(decoder.eval()))
    prepared = accelerator.prepare_optimizer(optimizer)
    labelling = Labelling(module, builder, config, unseen)
    for step in range(start, config.steps):
        began = time.monotonic()
        rate = config.rate * rate_factor(step, config.steps, warmup=config.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate
        parts = [
            [draw_slot(views, decoder, config, step, slot) for slot in slots]
            for slots in _own_slots(config, accelerator)
        ]
        losses = _add_gradients(labelling, parts, step, accelerator)
        if not np.isfinite(losses.total.item()):
            raise _lost(f"The loss is not a number any more at step {step + 1}", config)
        prepared.step()
        prepared.zero_grad()
        if not _is_finite(decoder):  # or they would take the place of the last good checkpoint
            raise _lost(
                f"The decoder's weights are not numbers any more after step {step + 1}", config
            )
        yield TrainStep(
            step=step + 1,
            steps=config.steps,
            segmentation=losses.segmentation.item(),
            affinity=losses.affinity.item(),
            total=losses.total.item(),
            rate=rate,
            images_per_second=config.batch / (time.monotonic() - began),
            memory_mib=peak_mib(accelerator.device),
        )


def _is_finite(decoder: WeclipDecoder) -> bool:
    """Look at all weights at once: every look by itself would wait for the GPU."""
    return bool(torch.stack([weights.isfinite().all() for weights in decoder.parameters()]).all())


def _lost(what: str, config: FitConfig) -> UserError:
    return UserError(
        f"{what}. Train with a lower rate than {config.rate:g} in another folder; the checkpoints "
        "so far stay."
    )


def _own_slots(config: FitConfig, accelerator: Accelerator) -> list[range]:
    """Return this process's places in a batch, in the parts that it works on in turn."""
    parts = [range(config.batch)[part :: config.accumulate] for part in range(config.accumulate)]
    return [slots[accelerator.process_index :: accelerator.num_processes] for slots in parts]


def _add_gradients(
    labelling: Labelling, parts: list[list[Slot]], step: int, accelerator: Accelerator
) -> Losses:
    """Add up the gradients of the whole batch's loss; returns that loss."""
    module, config = labelling.module, labelling.config
    groups = [group_by_size(slots) for slots in parts]
    targets = [labelling.targets(part, step) for part in groups]
    counts = torch.stack([count(target) for target in targets]).sum(dim=0)
    counts = _over_processes(counts, accelerator)
    shares = config.accumulate * accelerator.num_processes
    sums = torch.zeros(4, device=counts.device)
    for part, target in zip(groups, targets, strict=True):
        with accelerator.accumulate(module):
            own = sum_up(module(part), target)
            loss = combine(own, counts, config.affinity_weight).total
            accelerator.backward(loss * shares)  # parts and processes are averaged
        sums += own.detach()
    return combine(_over_processes(sums, accelerator), counts, config.affinity_weight)


def _over_processes(values: Tensor, accelerator: Accelerator) -> Tensor:
    """Add up values of all processes."""
    added: Tensor = accelerator.reduce(values, "sum")
    return added
