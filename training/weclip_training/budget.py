"""How many steps fit into the minutes that someone has, measured on their own images."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError
from weclip_napari.evaluate import evaluate_dataset
from weclip_napari.session.folder_models import RUN_CONFIG
from weclip_training.config import TrainConfig
from weclip_training.engine import fit
from weclip_training.runs import SCORED, open_views
from weclip_training.setup import set_up

if TYPE_CHECKING:
    from weclip_napari.session.dataset import Dataset
    from weclip_training.config import FitConfig
    from weclip_training.setup import Setup
    from weclip_training.view_sources import ViewSource

LEAST_STEPS = 10
_REPEATS = 4
_SET_UPS = 3
"""How often a run loads its model and looks its folder up, the comparison included."""
_COMPARED = 2


@dataclass(frozen=True)
class Costs:
    """What a run takes, in seconds.

    Attributes
    ----------
    fixed
        Whatever its length: loading, and scoring on held-out images.
    step
        One step whose views are known.
    view
        Making one view, which is then kept.
    views
        How many there are: images times sizes, and mirrored or not.
    batch
        Images per step.
    """

    fixed: float
    step: float
    view: float
    views: int
    batch: int

    def seconds(self, steps: int) -> float:
        """Tell how long a run of so many steps takes; views are drawn by chance."""
        unseen: float = (1 - 1 / self.views) ** (steps * self.batch)
        return self.fixed + steps * self.step + self.view * self.views * (1 - unseen)

    def steps_within(self, seconds: float) -> int:
        """Return the most steps that fit, and never fewer than `LEAST_STEPS`."""
        least, most = LEAST_STEPS, LEAST_STEPS + int(seconds / max(self.step, 1e-6))
        while least < most:
            middle = (least + most + 1) // 2
            if self.seconds(middle) <= seconds:
                least = middle
            else:
                most = middle - 1
        return least


def steps_within(config: TrainConfig, minutes: float) -> int:
    """Choose the number of steps of a retraining from a few that are done on its own images.

    A run that is there already keeps its number, and with it its schedule.

    Parameters
    ----------
    config
        Of the retraining; its own number of steps does not count.
    minutes
        What the whole run may take, this measurement included.

    Raises
    ------
    UserError
        When the data or the model cannot be used.
    """
    known = _steps_of(Path(config.run))
    if known is not None:
        return known
    began = time.monotonic()
    costs = measure(config)
    return costs.steps_within(60 * minutes - (time.monotonic() - began))


def measure(config: TrainConfig) -> Costs:
    """Do a step of a retraining several times over, with a copy of the decoder, and time it.

    Raises
    ------
    UserError
        When the data or the model cannot be used.
    """
    began = time.monotonic()
    setup = set_up(config)
    loading = time.monotonic() - began
    views = open_views(config, setup)
    fit_config = replace(config.fit, steps=1, warmup=0)
    first, *others = (_time_step(setup, views, fit_config) for _ in range(1 + _REPEATS))
    step = median(others)
    made = min(config.fit.batch, len(views))
    ways = len(config.views.scales) * (1 + config.views.flip)
    return Costs(
        fixed=_SET_UPS * loading + _scoring_seconds(config, setup),
        step=step,
        view=max(0.0, first - step) / made,
        views=len(views) * ways,
        batch=config.fit.batch,
    )


def _time_step(setup: Setup, views: ViewSource, config: FitConfig) -> float:
    """Time the first step, which always draws the same images."""
    (event,) = fit(copy.deepcopy(setup.decoder), views, setup.builder, config)
    return config.batch / event.images_per_second


def _scoring_seconds(config: TrainConfig, setup: Setup) -> float:
    """Estimate from one held-out image how long all scoring takes."""
    held_out: Dataset | None = setup.data.held_out
    if held_out is None or not held_out.examples:
        return 0.0
    one = replace(held_out, examples=held_out.examples[:1])
    report = evaluate_dataset(setup.model(config), one, stages=SCORED, crf=config.crf)
    every = config.evaluate_every
    rounds = (-(-config.fit.steps // every) if every else 1) + _COMPARED
    return report.seconds * len(held_out.examples) * rounds


def _steps_of(run: Path) -> int | None:
    """Return the number of steps of a run that is there already."""
    path = run / RUN_CONFIG
    if not path.exists():
        return None
    try:
        return TrainConfig.from_json(json.loads(path.read_text(encoding="utf-8"))).fit.steps
    except (OSError, ValueError) as error:
        raise UserError(f"'{path}' cannot be read ({error}); name another folder.") from error
