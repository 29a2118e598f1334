"""How long a reproduction still takes: measured at its start, corrected by every run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from weclip_napari.evaluate import evaluate_dataset
from weclip_training.budget import measure
from weclip_training.setup import set_up

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """

    def __init__(self, study: Study, items: Sequence[Item]) -> None:
        needed = {study.run_folder(run): run for item in items for run in item.runs(study)}
        waiting = [run for run in needed.values() if not study.is_done(run)]
        kinds = {run.supervision: run for run in waiting}
        costs = {kind: measure(_in_folder(study, run)) for kind, run in kinds.items()}
        self._guesses = [costs[run.supervision].seconds(run.fit.steps) for run in waiting]
        self._each = _scoring_seconds(study)
        self._besides = self._each * len(study.seeds) * sum(item.scorings for item in items)
        self._done, self._guessed, self._taken = 0, 0.0, 0.0

    def __str__(self) -> str:
        """Tell how many runs are left, and about how many minutes."""
        runs = len(self._guesses) - self._done
        word = "run" if runs == 1 else "runs"
        return f"{runs} {word} left, about {max(1, round(self.seconds / 60))} min"

    @property
    def seconds(self) -> float:
        """Time left, as far as can be told; scores kept from an earlier time are counted."""
        left = self._guesses[self._done :]
        pace = self._taken / self._guessed if self._guessed else 1.0
        return pace * sum(left) + self._each * len(left) + self._besides

    def after(self, seconds: float) -> str:
        """Take note that one more run is done, and tell what is left."""
        self._guessed += self._guesses[min(self._done, len(self._guesses) - 1)]
        self._taken += seconds
        self._done = min(self._done + 1, len(self._guesses))
        return str(self)


def _in_folder(study: Study, config: TrainConfig) -> TrainConfig:
    return replace(config, run=str(study.run_folder(config)))


def _scoring_seconds(study: Study) -> float:
    """Score one held-out image with an untrained decoder, and guess from it for all."""
    config = study.config(study.seeds[0])
    model = set_up(config).model(config)
    images = study.dataset("val", study.seeds[0])
    one = replace(images, examples=images.examples[:1])
    return evaluate_dataset(model, one).seconds * len(images.examples)
