"""How fast training is on this machine, with and without kept views."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from unittest.mock import patch

from weclip_napari.bench import vit_b16
from weclip_napari.core.device import pick_device
from weclip_napari.core.folders import HOME
from weclip_napari.core.peak_memory import peak_mib
from weclip_napari.core.storage import save_model
from weclip_napari.scenes import write_scenes
from weclip_training.config import RETRAIN_STEPS, DataConfig, FitConfig, TrainConfig, ViewConfig
from weclip_training.reproduce.adaptation import annotate
from weclip_training.retrain import retrain, retrain_config
from weclip_training.runs import train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weclip_training.engine import TrainStep

SCENES, HELD_OUT, RUN_STEPS, BATCH = 40, 30, 60, 8
LARGE_STEPS, LARGE_BATCH = 6, 4
"""With ViT-B/16; the batch is the published one."""
SEEDS = (6_000_000, 6_500_000)


def bench_train() -> dict[str, float]:
    """Time training on drawn scenes with the embedded model, and with a ViT-B/16.

    A run with kept views and one without see the same in the same order, weakly supervised, and
    take their steps in turn, so that whatever slows the machine slows both; views kept by earlier
    runs are not used. A step's time is the median over the second half of the steps, when most of
    the kept views are made.

    Returns
    -------
    dict
        ``step_ms_uncached``, ``step_ms_cached``, ``cached_speedup``, the mIoU of the decoder on
        held-out scenes in percent ``miou_uncached`` and ``miou_cached``, the time of a whole
        retraining from 40 accepted scenes ``retrain_40_seconds``, and ``peak_mib``, the most
        memory used so far. The first three again as ``vit_b16_...``: a ViT-B/16 with random
        weights, whose speed is that of the real one, and a decoder of published size.
    """
    with tempfile.TemporaryDirectory() as place, patch.dict(os.environ, {HOME: place}):
        folder = Path(place)
        write_scenes(folder / "train", SCENES, SEEDS[0])
        write_scenes(folder / "held-out", HELD_OUT, SEEDS[1])
        uncached, cached = _both_ways(
            TrainConfig(
                run=str(folder / "embedded"),
                data=DataConfig(str(folder / "train"), held_out=str(folder / "held-out")),
                fit=FitConfig(steps=RUN_STEPS, batch=BATCH),
                checkpoint_every=0,
            )
        )
        figures = {
            **_step_times(BATCH, uncached, cached),
            "miou_uncached": uncached[-1].metrics["decoder"],
            "miou_cached": cached[-1].metrics["decoder"],
            "retrain_40_seconds": _retrain_seconds(folder),
            "peak_mib": peak_mib(pick_device()),
        }
        large = _step_times(LARGE_BATCH, *_large(folder))
    return {**figures, **{f"vit_b16_{name}": value for name, value in large.items()}}


def _large(folder: Path) -> tuple[Sequence[TrainStep], Sequence[TrainStep]]:
    """Train with a ViT-B/16, on few enough scenes that all are kept after one step."""
    save_model(folder / "vit-b16", vit_b16(None))
    return _both_ways(
        TrainConfig(
            run=str(folder / "large"),
            data=DataConfig(str(folder / "train"), limit=LARGE_BATCH),
            model=str(folder / "vit-b16"),
            fit=FitConfig(steps=LARGE_STEPS, batch=LARGE_BATCH),
            views=ViewConfig(flip=False),
            checkpoint_every=0,
        )
    )


def _both_ways(config: TrainConfig) -> tuple[Sequence[TrainStep], Sequence[TrainStep]]:
    """Train without and with kept views, a step of each in turn."""
    anew = replace(config, run=f"{config.run}-anew", views=replace(config.views, cache_mib=0))
    steps = list(zip(train(anew), train(config), strict=True))
    return [uncached for uncached, _ in steps], [cached for _, cached in steps]


def _step_times(
    batch: int, uncached: Sequence[TrainStep], cached: Sequence[TrainStep]
) -> dict[str, float]:
    slow, fast = (
        1e3 * batch * median(1 / event.images_per_second for event in events[len(events) // 2 :])
        for events in (uncached, cached)
    )
    return {"step_ms_uncached": slow, "step_ms_cached": fast, "cached_speedup": slow / fast}


def _retrain_seconds(folder: Path) -> float:
    """Time a retraining as the button does it, loading and comparison included."""
    photos = annotate(folder / "train", folder / "photos")
    began = time.monotonic()
    for _ in retrain(retrain_config(photos, folder / "retrained", steps=RETRAIN_STEPS)):
        pass
    return time.monotonic() - began
