"""Weakly supervised training of the decoder, as a generator of events."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from weclip_napari.core.losses import total_loss
from weclip_napari.errors import UserError
from weclip_training.schedule import make_optimizer, make_scheduler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from weclip_napari.core.decoder import WeclipDecoder
    from weclip_training.config import TrainConfig
    from weclip_training.views import View, ViewBuilder


@dataclass(frozen=True)
class TrainStep:
    """What happened in one optimiser step.

    Attributes
    ----------
    step, steps : int
        Number of this step, from 1, and of all.
    segmentation, affinity, total : float
        Losses before the step.
    rate : float
        Learning rate used.
    images_per_second : float
        Throughput of this step, pseudo labels included.
    """

    step: int
    steps: int
    segmentation: float
    affinity: float
    total: float
    rate: float
    images_per_second: float


def train(
    decoder: WeclipDecoder, views: Sequence[View], builder: ViewBuilder, config: TrainConfig
) -> Iterator[TrainStep]:
    """Train a decoder in place from views of tagged images.

    Parameters
    ----------
    decoder : WeclipDecoder
        Left in eval mode at the end.
    views : sequence of View
        All of one size, since they are stacked to batches. Settled views keep their label
        whatever ``switch_step`` says.
    builder : ViewBuilder
        That made the views.
    config : TrainConfig
        The run.

    Yields
    ------
    TrainStep
        After every optimiser step.

    Raises
    ------
    UserError
        If there is not one view.

    Notes
    -----
    Dropout draws from torch's global generator, which is seeded here.
    """
    if not views:
        raise UserError("There are no images to train on. Give at least one with its tags.")
    torch.manual_seed(config.seed)
    order = _batches(len(views), config)
    optimizer = make_optimizer(decoder, config.rate)
    scheduler = make_scheduler(optimizer, config.steps)
    decoder.train()
    for step in range(config.steps):
        began = time.monotonic()
        batch = [views[i] for i in next(order)]
        output = decoder(torch.stack([v.tokens for v in batch]).float(), batch[0].grid)
        switched = config.switch_step is not None and step >= config.switch_step
        label = _labels(batch, builder, config, output.affinity.detach() if switched else None)
        losses = total_loss(output.logits, output.affinity, label, config.affinity_weight)
        rate = optimizer.param_groups[0]["lr"]
        optimizer.zero_grad()
        losses.total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        scheduler.step()
        yield TrainStep(
            step=step + 1,
            steps=config.steps,
            segmentation=float(losses.segmentation.detach()),
            affinity=float(losses.affinity.detach()),
            total=float(losses.total.detach()),
            rate=rate,
            images_per_second=len(batch) / (time.monotonic() - began),
        )
    decoder.eval()


def _labels(
    batch: Sequence[View], builder: ViewBuilder, config: TrainConfig, learned: Tensor | None
) -> Tensor:
    """Return pseudo labels, (b, H, W), made with A_f, (b, n, n), if given."""
    affinities = [None] * len(batch) if learned is None else list(learned)
    return torch.stack(
        [
            builder.pseudo_label(view, affinity, config.ignore_margin)
            for view, affinity in zip(batch, affinities, strict=True)
        ]
    )


def _batches(count: int, config: TrainConfig) -> Iterator[list[int]]:
    """Yield indices without end, each view once an epoch."""
    rng = np.random.default_rng(config.seed)
    queue: list[int] = []
    while True:
        while len(queue) < config.batch:
            queue += rng.permutation(count).tolist()
        yield queue[: config.batch]
        queue = queue[config.batch :]
