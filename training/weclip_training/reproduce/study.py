"""What the items of a reproduction are given: images, models, trained runs, kept scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from weclip_napari.console import say
from weclip_napari.errors import UserError
from weclip_napari.evaluate import evaluate_dataset
from weclip_training.reproduce.figures import DECODER, figures_of
from weclip_training.reproduce.kept import Kept, is_kept, keep
from weclip_training.reproduce.places import Places
from weclip_training.reproduce.progress import counted
from weclip_training.reproduce.source import default_run
from weclip_training.reproduce.trained_runs import TrainedRuns
from weclip_training.setup import load_base, with_test_views

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from weclip_napari.core.model import WeclipModel
    from weclip_napari.session.dataset import Dataset
    from weclip_training.config import TrainConfig
    from weclip_training.reproduce.source import Budget, Part, Source

STAGE = "decoder_untagged"
"""What the paper's figures on val are compared with: no tags are known at test time."""


@dataclass(frozen=True)
class Study:
    """One reproduction: a data set, a model, a budget, and the folder where all of it is kept.

    Attributes
    ----------
    source : Source
        The data set and its published settings.
    root : Path or None
        Where it lies; None for drawn scenes.
    seeds : tuple of int
        Of the training runs and, for drawn scenes, of the images trained on.
    out : Path
        Gets the tables, ``runs/``, ``scores/`` and ``data/``.
    budget : Budget
        How large it is.
    model, weights, device
        As for `load_model`.
    other, other_weights
        What figure 2 compares the frozen features with; as for
        :func:`~weclip_training.reproduce.other_backbone.other_backbone`.
    """

    source: Source
    root: Path | None
    seeds: tuple[int, ...]
    out: Path
    budget: Budget
    model: str = "embedded"
    weights: str | None = None
    device: str | None = None
    other: str | None = None
    other_weights: str | None = None

    def config(self, seed: int) -> TrainConfig:
        """Return the weakly supervised run that everything else is compared with.

        Its folder is left open; `trained` chooses it.
        """
        folder, split = self.places.find("train", seed)
        run = default_run(self.source, self.budget, str(folder), split, seed)
        return replace(run, model=self.model, weights=self.weights, device=self.device)

    @cached_property
    def places(self) -> Places:
        """Where the images lie."""
        return Places(self.source, self.root, self.out / "data", self.budget)

    def dataset(self, part: Part, seed: int) -> Dataset:
        """List the images of a part with masks and tags, no more than the budget allows.

        Raises
        ------
        UserError
            If they cannot be found.
        """
        return self.places.read(part, seed)

    def base(self) -> WeclipModel:
        """Return the frozen model as the source configures it, without a decoder.

        Raises
        ------
        UserError
            If it cannot be loaded.
        """
        return self._base

    @cached_property
    def _start(self) -> WeclipModel:
        return load_base(self.config(self.seeds[0]))

    @cached_property
    def _base(self) -> WeclipModel:
        settings = with_test_views(self._start.config, self.config(self.seeds[0]))
        return replace(self._start, decoder=None, config=settings)

    @cached_property
    def runs(self) -> TrainedRuns:
        """What was trained."""
        return TrainedRuns(self.out / "runs", self._start)

    def trained(self, config: TrainConfig) -> WeclipModel:
        """Train a run, or go on with it, or find it done.

        Parameters
        ----------
        config
            From :meth:`config`, with any changes but its folder; nothing is scored.

        Raises
        ------
        UserError
            As :func:`~weclip_training.runs.train` does.
        """
        return self.runs.model(config)

    def context(self) -> dict[str, object]:
        """Return what decides all numbers: the data set, its size, the backbone and settings."""
        return {
            "dataset": self.source.name,
            "root": None if self.root is None else str(self.root.resolve()),
            "images": self.budget.images,
            "held_out": self.budget.held_out,
            "base": self.base().fingerprint,
        }

    def scored(self, key: Mapping[str, object], score: Callable[[], Mapping[str, float]]) -> Kept:
        """Work out some numbers, or read them where that was done before.

        Parameters
        ----------
        key
            What else decides the numbers than the :meth:`context`, as plain JSON values.
        score
            Gives the numbers by name.

        Raises
        ------
        UserError
            If a kept file cannot be read.
        """
        return keep(self.out / "scores", self.context() | dict(key), score)

    def is_scored(self, key: Mapping[str, object]) -> bool:
        """Whether numbers were worked out before; see `scored`."""
        return is_kept(self.out / "scores", self.context() | dict(key))

    def miou(
        self,
        config: TrainConfig,
        stage: str = STAGE,
        *,
        part: Part = "val",
        crf: bool = False,
        scales: tuple[float, ...] | None = None,
        flip: bool | None = None,
    ) -> tuple[float, float]:
        """Train a run and score it.

        Parameters
        ----------
        config
            As for :meth:`trained`.
        stage
            One of :data:`weclip_napari.evaluate.STAGES`.
        part
            Of the data set; "train" is what the seed of the run is trained on.
        crf
            Whether a dense CRF sharpens what the decoder says.
        scales, flip
            Test-time views in place of those of the run.

        Returns
        -------
        float
            mIoU in percent.
        float
            Seconds that training and scoring took.

        Raises
        ------
        UserError
            If the run cannot be trained, or not one image be scored.
        """
        images = self.dataset(part, config.fit.seed)
        stages = DECODER if stage in DECODER and not crf else (stage,)  # a CRF is run for each
        kept = self.scores(config, images, stages, part=part, crf=crf, scales=scales, flip=flip)
        return kept.values[stage], kept.seconds

    def scores(
        self,
        config: TrainConfig,
        images: Dataset,
        stages: Sequence[str],
        *,
        part: str,
        crf: bool = False,
        scales: tuple[float, ...] | None = None,
        flip: bool | None = None,
    ) -> Kept:
        """Train a run and score it on images of any kind, which `part` names.

        Returns
        -------
        Kept
            What :meth:`evaluated` gives, and the seconds that training and scoring took.

        Raises
        ------
        UserError
            As :meth:`miou` does.
        """
        own = with_test_views(self.base().config, config)
        scales = tuple(sorted(scales or own.scales))
        flip = own.flip if flip is None else flip

        def score() -> dict[str, float]:
            model = self.trained(config)
            seen = replace(model, config=replace(model.config, scales=scales, flip=flip))
            return self.evaluated(seen, images, stages, crf=crf)

        self.runs.finish(config)
        views = {"crf": crf, "scales": scales, "flip": flip}
        key = {"run": self.runs.folder(config).name, "part": part, "stages": list(stages), **views}
        kept = self.scored(key, score)
        return replace(kept, seconds=kept.seconds + self.runs.seconds(config))

    def evaluated(
        self, model: WeclipModel, images: Dataset, stages: Sequence[str], *, crf: bool = False
    ) -> dict[str, float]:
        """Score a model here and now, and tell about images that cannot be scored.

        Returns
        -------
        dict
            As :func:`~weclip_training.reproduce.figures.figures_of` gives them.

        Raises
        ------
        UserError
            If not one image, or not one pixel, can be scored.
        """
        progress = partial(counted, label="scoring")
        report = evaluate_dataset(model, images, progress, stages=stages, crf=crf)
        for problem in report.problems:
            self.note(f"note: {problem}")
        if None in report.miou.values():
            raise UserError(f"'{images.folder}' has no pixel whose class is known; correct it.")
        return figures_of(report, stages)

    def note(self, text: str) -> None:
        """Tell the person a line."""
        say(text)
