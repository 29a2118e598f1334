"""How long a reproduction still takes: measured at its start, corrected by every run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from weclip_napari.evaluate import evaluate_dataset
from weclip_training.budget import measure
from weclip_training.reproduce.study import STAGE
from weclip_training.setup import set_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from weclip_training.config import TrainConfig
    from weclip_training.reproduce.item import Item
    from weclip_training.reproduce.study import Study


class Outlook:
    """Counts the runs that are not done and guesses the time of the rest.

    Parameters
    ----------
    study
        What is reproduced.
    items
        Which items.

    Raises
    ------
    UserError
        When the data or the model cannot be used.
    """

    def __init__(self, study: Study, items: Sequence[Item]) -> None:
        self._study = study
        needed = {study.runs.folder(run): run for item in items for run in item.runs(study)}
        waiting = {place: run for place, run in needed.items() if not study.runs.is_done(run)}
        self._scoring = _scoring_seconds(study)
        self._training = _training_seconds(waiting)
        self._items = {
            item.name: item.scorings * len(study.seeds)
            for item in items
            if not study.is_scored(_mark(study, item.name))
        }
        self._guessed, self._taken = 0.0, 0.0

    def __str__(self) -> str:
        """Tell how many runs are left, and about how many minutes."""
        runs = len(self._training)
        minutes = max(1, round(self.seconds / 60))
        return f"{runs} {'run' if runs == 1 else 'runs'}, about {minutes} min"

    @property
    def seconds(self) -> float:
        """Time left, as far as can be told."""
        pace = self._taken / self._guessed if self._guessed else 1.0
        scorings = len(self._training) + sum(self._items.values())
        return pace * sum(self._training.values()) + self._scoring * scorings

    def trained(self, folder: Path, seconds: float) -> None:
        """Take note that a run is done, and what it took."""
        self._guessed += self._training.pop(folder, seconds)
        self._taken += seconds

    def finished(self, item: str) -> None:
        """Take note, for good, that all work of an item is done."""
        self._items.pop(item, None)
        self._study.scored(_mark(self._study, item), dict)


def _mark(study: Study, item: str) -> dict[str, object]:
    steps, batch = study.budget.steps, study.budget.batch
    return {"finished": item, "seeds": list(study.seeds), "steps": steps, "batch": batch}


def _training_seconds(runs: dict[Path, TrainConfig]) -> dict[Path, float]:
    """Guess the time of each run from a few steps of one run of each supervision."""
    kinds = {run.supervision: replace(run, run=str(place)) for place, run in runs.items()}
    costs = {kind: measure(run) for kind, run in kinds.items()}
    return {place: costs[run.supervision].seconds(run.fit.steps) for place, run in runs.items()}


def _scoring_seconds(study: Study) -> float:
    """Score one held-out image with an untrained decoder, and guess from it for all."""
    config = study.config(study.seeds[0])
    model = set_up(config).model(config)
    images = study.dataset("val", study.seeds[0])
    one = replace(images, examples=images.examples[:1])
    return evaluate_dataset(model, one, stages=(STAGE,)).seconds * len(images.examples)
