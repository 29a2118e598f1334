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

from weclip_napari.core.device import pick_device
from weclip_napari.core.peak_memory import peak_mib
from weclip_napari.scenes import write_scenes
from weclip_training.config import RETRAIN_STEPS, DataConfig, FitConfig, TrainConfig, ViewConfig
from weclip_training.reproduce.adaptation import annotate
from weclip_training.retrain import retrain, retrain_config
from weclip_training.runs import train

if TYPE_CHECKING:
    from weclip_training.engine import TrainStep

SCENES, HELD_OUT, RUN_STEPS, BATCH = 40, 30, 60, 8
SEEDS = (6_000_000, 6_500_000)
HOME = "WECLIP_NAPARI_HOME"


def bench_train() -> dict[str, float]:
    """Time training on drawn scenes with the embedded model.

    Both runs see the same views in the same order, weakly supervised; views kept by earlier
    runs are not used. A step's time is the median
    over the steps; with kept views, over those after the views were made.

    Returns
    -------
    dict
        ``step_ms_uncached``, ``step_ms_cached``, ``cached_speedup``, the mIoU of the decoder on
        held-out scenes in percent ``miou_uncached`` and ``miou_cached``, the time of a whole
        retraining from 40 accepted scenes ``retrain_40_seconds``, and ``peak_mib``, the most
        memory used.
    """
    with tempfile.TemporaryDirectory() as place, patch.dict(os.environ, {HOME: place}):
        folder = Path(place)
        write_scenes(folder / "train", SCENES, SEEDS[0])
        write_scenes(folder / "held-out", HELD_OUT, SEEDS[1])
        config = TrainConfig(
            run=str(folder / "kept"),
            data=DataConfig(str(folder / "train"), held_out=str(folder / "held-out")),
            fit=FitConfig(steps=RUN_STEPS, batch=BATCH),
            checkpoint_every=0,
        )
        anew = replace(config, run=str(folder / "anew"), views=ViewConfig(cache_mib=0))
        uncached, cached = list(train(anew)), list(train(config))
        seconds = _retrain_seconds(folder)
    slow, fast = _step_ms(uncached), _step_ms(cached[RUN_STEPS // 2 :])
    return {
        "step_ms_uncached": slow,
        "step_ms_cached": fast,
        "cached_speedup": slow / fast,
        "miou_uncached": uncached[-1].metrics["decoder"],
        "miou_cached": cached[-1].metrics["decoder"],
        "retrain_40_seconds": seconds,
        "peak_mib": peak_mib(pick_device()),
    }


def _step_ms(events: list[TrainStep]) -> float:
    return 1e3 * median(BATCH / event.images_per_second for event in events)


def _retrain_seconds(folder: Path) -> float:
    """Time a retraining as the button does it, loading and comparison included."""
    photos = annotate(folder / "train", folder / "photos")
    began = time.monotonic()
    for _ in retrain(retrain_config(photos, folder / "retrained", steps=RETRAIN_STEPS)):
        pass
    return time.monotonic() - began
