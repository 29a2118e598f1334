"""Studies: one thing is varied, every setting is trained from several seeds, a table comes out.

A study is a folder. Each of its runs is a run folder in it, so a study that was broken off goes on
where it stood.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from statistics import mean, stdev
from typing import TYPE_CHECKING

from weclip_napari.scenes import SHIFTED, write_scenes
from weclip_napari.session.annotation import Annotation, AnnotationStore
from weclip_napari.session.atomic import write_text_atomically
from weclip_napari.session.dataset import read_dataset
from weclip_napari.session.masks import read_mask
from weclip_napari.session.states import State
from weclip_training.checkpoints import last_checkpoint
from weclip_training.config import DataConfig, FitConfig, TrainConfig
from weclip_training.recording import record
from weclip_training.runs import train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from weclip_napari.scenes import Domain
    from weclip_training.engine import TrainStep

WEIGHTS = (0.0, 0.1, 0.5, 1.0)
TRAIN_SEED, HELD_OUT_SEED = 5_000_000, 5_500_000
CORRECTED = 20
SECONDS = "seconds.json"

Settings = dict[str, TrainConfig]


@dataclass(frozen=True)
class Budget:
    """How large a study is.

    Attributes
    ----------
    scenes, held_out
        How many scenes are drawn to train on and to score on.
    steps, batch
        Of each run.
    """

    scenes: int = 200
    held_out: int = 60
    steps: int = 300
    batch: int = 4


@dataclass(frozen=True)
class Row:
    """What came out for one setting.

    Attributes
    ----------
    setting
        Its name.
    scores
        From stage to the mIoU in percent of each seed on held-out images.
    seconds
        Time of all its runs.
    """

    setting: str
    scores: Mapping[str, tuple[float, ...]]
    seconds: float

    def cell(self, stage: str) -> str:
        """Give mean and standard deviation over the seeds as text."""
        values = self.scores.get(stage, ())
        if not values:
            return "-"
        spread = stdev(values) if len(values) > 1 else 0.0
        return f"{mean(values):.1f} ± {spread:.1f}"


def affinity_weights(out: Path, seed: int, budget: Budget) -> Settings:
    """Vary lambda, with pseudo labels from A_f in the second half (supplement, table 4)."""
    base = _weak(out, seed, budget)
    base = replace(base, fit=replace(base.fit, switch_step=budget.steps // 2))
    return {
        f"λ = {weight:g}": replace(base, fit=replace(base.fit, affinity_weight=weight))
        for weight in WEIGHTS
    }


def first_layers(out: Path, seed: int, budget: Budget) -> Settings:
    """Vary the first block N0 that the decoder reads (supplement, table 2)."""
    base = _weak(out, seed, budget)
    return {f"N0 = {first}": replace(base, first_layer=first) for first in (1, 2, 4, 5, 6)}


def adaptation(out: Path, seed: int, budget: Budget) -> Settings:
    """Go on with the embedded model in a shifted domain: corrected images, tags, both, all masks.

    20 of the images are corrected, of the others only the tags are known. Every setting starts
    from the embedded decoder and is scored on the same held-out images of the domain.
    """
    folder = out / "data" / f"shifted-{seed}"
    truth = _scenes(out, f"truth-{seed}", budget.scenes, TRAIN_SEED + seed, SHIFTED)
    held_out = _scenes(out, "shifted-held-out", budget.held_out, HELD_OUT_SEED, SHIFTED)
    kinds = {"corrected only": CORRECTED, "tags only": 0, "both": CORRECTED, "all masks": None}
    return {
        name: TrainConfig(
            run="",
            data=DataConfig(
                str(annotate(truth, folder.with_name(f"{folder.name}-{corrected}"), corrected)),
                held_out=str(held_out),
                selection="reviewed" if name == "corrected only" else "all",
            ),
            supervision="mixed",
            fit=FitConfig(
                steps=budget.steps, batch=budget.batch, rate=1e-3, seed=seed, ignore_margin=0.1
            ),
            checkpoint_every=0,
        )
        for name, corrected in kinds.items()
    }


STUDIES: dict[str, Callable[[Path, int, Budget], Settings]] = {
    "affinity-weight": affinity_weights,
    "first-layer": first_layers,
    "adaptation": adaptation,
}


def run_study(
    name: str, out: Path, seeds: Sequence[int], budget: Budget
) -> Iterator[tuple[str, int, TrainStep]]:
    """Train all settings of a study from all seeds.

    Parameters
    ----------
    name
        One of `STUDIES`.
    out
        Folder of the study; runs that are done there are not done again.
    seeds
        Of the runs.
    budget
        How large.

    Yields
    ------
    str, int, TrainStep
        Setting, seed, and what happened.

    Raises
    ------
    UserError
        As `train` does.
    """
    for seed in seeds:
        for number, (setting, config) in enumerate(STUDIES[name](out, seed, budget).items()):
            run = _run_folder(out, number, seed)
            config = replace(config, run=str(run))
            began = time.monotonic()
            for event in record(config, train(config)):
                yield setting, seed, event
                if event.step == event.steps:
                    _note_seconds(run, time.monotonic() - began)


def rows(name: str, out: Path, seeds: Sequence[int], budget: Budget) -> list[Row]:
    """Collect what the runs of a study brought; runs that are not done are left out."""
    collected = []
    for number, setting in enumerate(STUDIES[name](out, seeds[0], budget)):
        runs = [_run_folder(out, number, seed) for seed in seeds]
        done = [last for run in runs if (last := last_checkpoint(run)) and last.metrics]
        stages = dict.fromkeys(stage for checkpoint in done for stage in checkpoint.metrics)
        scores = {stage: tuple(c.metrics[stage] for c in done) for stage in stages}
        collected.append(Row(setting, scores, sum(_seconds(run) for run in runs)))
    return collected


def table(found: Sequence[Row]) -> str:
    """Lay the rows out in Markdown: mIoU in percent, mean and standard deviation over seeds."""
    stages = list(dict.fromkeys(stage for row in found for stage in row.scores))
    lines = [f"| | {' | '.join(stages)} |", "|---" * (len(stages) + 1) + "|"]
    lines += [
        f"| {row.setting} | {' | '.join(row.cell(stage) for stage in stages)} |" for row in found
    ]
    return "\n".join(lines) + "\n"


def _weak(out: Path, seed: int, budget: Budget) -> TrainConfig:
    data = _scenes(out, "train", budget.scenes, TRAIN_SEED)
    held_out = _scenes(out, "held-out", budget.held_out, HELD_OUT_SEED)
    return TrainConfig(
        run="",
        data=DataConfig(str(data), held_out=str(held_out)),
        fit=FitConfig(steps=budget.steps, batch=budget.batch, seed=seed),
        checkpoint_every=0,
    )


def _scenes(out: Path, name: str, count: int, seed: int, domain: Domain | None = None) -> Path:
    folder = out / "data" / name
    if not (folder / "classes.txt").exists():  # written last
        if domain is None:
            write_scenes(folder, count, seed)
        else:
            write_scenes(folder, count, seed, domain=domain)
    return folder


def annotate(truth: Path, folder: Path, corrected: int | None = None) -> Path:
    """Make a folder as the annotator leaves it: some images accepted, of the others the tags.

    Parameters
    ----------
    truth
        A data set folder.
    folder
        To be made.
    corrected
        How many images are accepted; all by default.
    """
    done = folder / "done"
    if done.exists():
        return folder
    dataset = read_dataset(truth)
    folder.mkdir(parents=True, exist_ok=True)
    store = AnnotationStore(folder)
    for name in dataset.classes:
        store.ensure_class(name)
    for number, example in enumerate(dataset.examples):
        image = folder / example.image.name
        image.write_bytes(example.image.read_bytes())
        mask = read_mask(example.mask)
        if corrected is None or number < corrected:
            annotation = Annotation(mask, mask > 0, example.tags, (), State.ACCEPTED)
        else:
            annotation = Annotation(mask * 0, mask < 0, example.tags)
        store.save(image, annotation)
    done.touch()
    return folder


def _run_folder(out: Path, setting: int, seed: int) -> Path:
    return out / "runs" / f"setting-{setting}-seed-{seed}"


def _note_seconds(run: Path, seconds: float) -> None:
    write_text_atomically(run / SECONDS, json.dumps(round(_seconds(run) + seconds, 1)))


def _seconds(run: Path) -> float:
    path = run / SECONDS
    return float(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else 0.0
