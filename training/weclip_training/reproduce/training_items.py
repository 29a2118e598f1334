"""Items that train: tables 2, 3 and 4, and the fully supervised framework of figure 3."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from weclip_training.reproduce.item import Item
from weclip_training.reproduce.report import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weclip_training.config import AffinityTarget, TrainConfig
    from weclip_training.reproduce.study import Study

    Settings = Callable[[Study, int], list["Setting"]]

PAPER_DEPTH = 12
PAPER_LAYERS = {1: "74.9", 5: "74.7", 8: "74.6", 11: "74.5", 12: "74.3"}
PAPER_TARGETS: dict[AffinityTarget, tuple[str, str]] = {
    "label": ("M_p", "74.9"),
    "prediction": ("argmax P", "74.6"),
    "both": ("M_p and argmax P where they agree", "74.8"),
}
PAPER_WEIGHTS = {0.0: "73.3", 0.1: "74.9", 0.5: "73.6", 1.0: "72.9"}


@dataclass(frozen=True)
class Setting:
    """One row to be: its name, the paper's figure, and the run that makes ours."""

    name: str
    paper: str
    config: TrainConfig
    remark: str = ""


def first_layers(study: Study, seed: int) -> list[Setting]:
    """Vary the first block N0 that the decoder reads, at the paper's shares of the depth."""
    base, depth = study.config(seed), study.base().backbone.depth
    settings: dict[int, Setting] = {}
    for number, paper in PAPER_LAYERS.items():
        first = max(1, number * depth // PAPER_DEPTH)
        name, remark = f"N0 = {first}", ""
        if depth != PAPER_DEPTH:
            name += f" of {depth}"
            remark = f"the paper's N0 = {number} of {PAPER_DEPTH}, at the same share of the depth"
        config = replace(base, first_layer=first)
        settings.setdefault(first, Setting(name, paper, config, remark))
    return list(settings.values())


def affinity_targets(study: Study, seed: int) -> list[Setting]:
    """Vary what supervises the learned affinity A_f."""
    base = study.config(seed)
    return [
        Setting(name, paper, replace(base, fit=replace(base.fit, affinity_target=target)))
        for target, (name, paper) in PAPER_TARGETS.items()
    ]


def affinity_weights(study: Study, seed: int) -> list[Setting]:
    """Vary the weight lambda of the affinity loss."""
    base = study.config(seed)

    def weighted(weight: float) -> TrainConfig:
        return replace(base, fit=replace(base.fit, affinity_weight=weight))

    return [Setting(f"λ = {w:g}", paper, weighted(w)) for w, paper in PAPER_WEIGHTS.items()]


def supervisions(study: Study, seed: int) -> list[Setting]:
    """Train from the masks, with tags alone beside it."""
    base = study.config(seed)
    full = replace(base, supervision="full")
    return [Setting("masks", "", full), Setting("tags alone", "74.9", base)]


def _rows(study: Study, settings: Settings) -> Iterator[Row]:
    """Train and score every setting with every seed."""
    by_seed = [settings(study, seed) for seed in study.seeds]
    for same in zip(*by_seed, strict=True):
        scores = [study.miou(setting.config) for setting in same]
        values, seconds = zip(*scores, strict=True)
        yield Row(same[0].name, same[0].paper, values, sum(seconds), same[0].remark)


def _runs(study: Study, settings: Settings) -> list[TrainConfig]:
    return [setting.config for seed in study.seeds for setting in settings(study, seed)]


def _item(name: str, about: str, settings: Settings) -> Item:
    rows, runs = partial(_rows, settings=settings), partial(_runs, settings=settings)
    return Item(name, about, "mIoU %, val", rows, runs)


TABLE2 = _item("table2", "Frozen features that the decoder reads: from block N0 on.", first_layers)
TABLE3 = _item("table3", "What supervises the learned affinity A_f.", affinity_targets)
TABLE4 = _item("table4", "The weight λ of the affinity loss.", affinity_weights)
FIGURE3 = _item("figure3", "The fully supervised framework.", supervisions)
