"""Training runs that are kept, each under a name that its settings decide."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from weclip_napari.console import say
from weclip_napari.core.storage import DECODER, load_decoder, read_manifest
from weclip_napari.session.atomic import write_text_atomically
from weclip_training.checkpoints import last_checkpoint, read_checkpoint
from weclip_training.recording import record
from weclip_training.reproduce.kept import digest
from weclip_training.runs import train

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from weclip_napari.core.model import WeclipModel
    from weclip_training.config import TrainConfig

    Watcher = Callable[[Path, float], None]

SECONDS = "seconds.json"


@dataclass(frozen=True)
class TrainedRuns:
    """Trains runs, goes on with them, or finds them done.

    Attributes
    ----------
    place : Path
        Holds one folder for each run.
    start : WeclipModel
        What all start from; some go on with its decoder.
    watchers : list of callable
        Told the folder and the seconds of every run that was trained, not of those found done.
    """

    place: Path
    start: WeclipModel
    watchers: list[Watcher] = field(default_factory=list)

    def folder(self, config: TrainConfig) -> Path:
        """Return where a run is kept: its settings and the model decide."""
        key = replace(config, run="").to_json()
        return self.place / digest(key | {"start": self.start.fingerprint})

    def is_done(self, config: TrainConfig) -> bool:
        """Whether a run was trained to its end.

        Raises
        ------
        UserError
            If its last checkpoint cannot be read.
        """
        last = last_checkpoint(self.folder(config))
        return last is not None and last.step >= config.fit.steps

    def finish(self, config: TrainConfig) -> Path:
        """Train a run to its end unless that was done, and return its last checkpoint.

        Raises
        ------
        UserError
            As :func:`~weclip_training.runs.train` does.
        """
        if not self.is_done(config):
            self._train(replace(config, run=str(self.folder(config))))
        last = last_checkpoint(self.folder(config))
        assert last is not None  # noqa: S101
        return last.path

    def model(self, config: TrainConfig) -> WeclipModel:
        """Return what a run made; see `finish`."""
        checkpoint = self.finish(config)
        decoder = load_decoder(checkpoint / DECODER, self.start.backbone)
        manifest = read_manifest(checkpoint)
        return replace(self.start, decoder=decoder, config=manifest.config, card=manifest.card)

    def metrics(self, config: TrainConfig) -> Mapping[str, float]:
        """Return the mIoU in percent by stage of a run that names held-out images; see `finish`."""
        return read_checkpoint(self.finish(config)).metrics

    def seconds(self, config: TrainConfig) -> float:
        """Return how long a run was trained, all its parts together."""
        path = self.folder(config) / SECONDS
        return float(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else 0.0

    def _train(self, config: TrainConfig) -> None:
        """Train to the end with a bar, and note the time with every checkpoint."""
        from tqdm import tqdm

        folder = self.folder(config)
        before, began = self.seconds(config), time.monotonic()
        bar = tqdm(total=config.fit.steps, unit="step", leave=False, file=sys.stderr, disable=None)
        with bar:
            for event in record(config, train(config)):
                bar.update(event.step - bar.n)
                for problem in event.problems:
                    say(f"note: {problem}")
                if event.checkpoint:
                    seconds = before + time.monotonic() - began
                    write_text_atomically(folder / SECONDS, json.dumps(round(seconds, 1)))
        for watcher in self.watchers:
            watcher(folder, time.monotonic() - began)
