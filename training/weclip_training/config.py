"""What decides a weakly supervised training run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainConfig:
    """Settings of :func:`weclip_training.engine.train`.

    Attributes
    ----------
    steps : int
        Optimiser steps; the schedule ends with them.
    batch : int
        Images per step; 4 in the published run.
    switch_step : int or None
        From this step on the pseudo labels use the learned affinity ("filter" variant); before
        it, the mean of the attention maps. None never switches.
    affinity_weight : float
        Weight lambda of the affinity loss (supplement, table 4).
    ignore_margin : float
        Pixels whose best pseudo label score is less than this above the second best are
        ignored, in [0, 1]; 0 ignores none, as published.
    rate : float
        Peak learning rate of the decoder.
    flip : bool
        Train on mirrored images as well.
    seed : int
        Seed of the decoder's start, its dropout and the order of the images.
    """

    steps: int = 2000
    batch: int = 4
    switch_step: int | None = None
    affinity_weight: float = 0.1
    ignore_margin: float = 0.0
    rate: float = 2e-3
    flip: bool = True
    seed: int = 1
