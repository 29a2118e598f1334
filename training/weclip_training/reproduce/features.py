"""Figure 2: how the frozen features of classes lie, CLIP's and those of another backbone."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from weclip_napari.errors import UserError, naming
from weclip_napari.session.dataset import read_example
from weclip_training.reproduce.item import Item
from weclip_training.reproduce.kept import digest
from weclip_training.reproduce.pictures import draw_once
from weclip_training.reproduce.report import Row
from weclip_training.reproduce.scatter import Plot, scatter_plots
from weclip_training.reproduce.separation import (
    joined,
    patches_of,
    probe_accuracy,
    require_sklearn,
    silhouette,
    tsne,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weclip_training.reproduce.kept import Kept
    from weclip_training.reproduce.patch_features import PatchFeatures
    from weclip_training.reproduce.separation import Patches
    from weclip_training.reproduce.study import Study

ITEM = "figure2"
IMAGES = 200
"""Chosen at random, as in the paper."""
SHOWN_CLASSES = 20
MEASURES = {"silhouette": "silhouette × 100", "probe": "linear probe, % of patches right"}

STAND_IN = "random weights stand in for the paper's ImageNet ViT (--other, --other-weights); "


@dataclass
class _Side:
    """One of the two backbones.

    Attributes
    ----------
    title
        How to call it.
    key
        What it is, for what is kept of it.
    load
        Gives it for a seed.
    note
        What else to say of it.
    samples
        From seed to its patches, where they were needed.
    """

    title: str
    key: dict[str, object]
    load: Callable[[int], PatchFeatures]
    note: str = ""
    samples: dict[int, Patches] = field(default_factory=dict)


def rows(study: Study) -> Iterator[Row]:
    """Measure both backbones from every seed, and draw the first seed's t-SNE to ``figure2.png``.

    The paper shows the picture only and has no numbers for it.

    Raises
    ------
    UserError
        If scikit-learn is missing, or a model or the images cannot be used.
    """
    require_sklearn()
    sides = _sides(study)
    kept = [[_measured(study, side, seed) for seed in study.seeds] for side in sides]
    _draw(study, sides, [results[0] for results in kept])
    for name, measure in MEASURES.items():
        for side, results in zip(sides, kept, strict=True):
            yield Row(
                f"{measure}, {side.title}",
                values=tuple(100 * result.values[name] for result in results),
                seconds=sum(result.seconds for result in results) / len(MEASURES),
                remark=_remark(side, name, results[0]),
            )


def _sides(study: Study) -> tuple[_Side, _Side]:
    from weclip_training.reproduce.other_backbone import other_backbone
    from weclip_training.reproduce.patch_features import ClipFeatures

    base, other, weights = study.base(), study.other, study.other_weights
    own = _Side(
        f"CLIP ({base.name})", {"backbone": "own"}, lambda seed: ClipFeatures(base, base.config)
    )
    if other is None:
        key: dict[str, object] = {"backbone": None, "weights": weights}
        twin = partial(other_backbone, base, None, weights)
        return own, _Side("untrained twin", key, twin, STAND_IN)
    loaded = other_backbone(base, other, weights)
    key = {"backbone": other, "weights": loaded.fingerprint}  # a file may get another content
    return own, _Side(other, key, lambda seed: loaded)


def _remark(side: _Side, measure: str, first: Kept) -> str:
    """Say what a measure was taken on: the features, or the first seed's patches."""
    counts = {name: round(value) for name, value in first.values.items()}
    if measure == "silhouette":
        return (
            f"{side.note}{counts['width']} channels after {counts['blocks']} blocks, each "
            "standardised; cosine distances"
        )
    return (
        f"{counts['patches']} patches of {counts['classes']} classes (the first seed's); learned "
        f"from half of the {counts['images']} images, asked about the other half"
    )


def _measured(study: Study, side: _Side, seed: int) -> Kept:
    def measure() -> dict[str, float]:
        patches = _sample(study, side, seed)
        width, blocks = side.load(seed).size
        return {
            "silhouette": silhouette(patches),
            "probe": probe_accuracy(patches, seed),
            "patches": len(patches.labels),
            "classes": len(patches.classes),
            "images": len(np.unique(patches.images)),
            "width": width,
            "blocks": blocks,
        }

    study.note(f"{ITEM}: {side.title}, seed {seed}")
    return study.scored({"item": ITEM, "seed": seed} | side.key, measure)


def _sample(study: Study, side: _Side, seed: int) -> Patches:
    if seed not in side.samples:
        side.samples[seed] = _collect(study, side.load(seed), seed)
    return side.samples[seed]


def _collect(study: Study, backbone: PatchFeatures, seed: int) -> Patches:
    """Take patches from images at random; the same for any backbone that cuts them alike."""
    dataset = study.dataset("train", seed)
    numbers = np.random.default_rng(seed).permutation(len(dataset.examples))[:IMAGES]
    parts = []
    for number in np.sort(numbers).tolist():
        try:
            example = dataset.examples[number]
            image, truth = read_example(example)
            with naming(example.image):
                found = patches_of(backbone, image, truth, len(dataset.classes), number, seed)
            parts.append(found)
        except UserError as error:
            study.note(f"note: {error}")
    return joined(parts, seed)


def _draw(study: Study, sides: tuple[_Side, _Side], results: list[Kept]) -> None:
    """Draw the first seed's patches of the most frequent classes."""
    seed = study.seeds[0]
    names = study.dataset("train", seed).classes

    def plot(side: _Side, result: Kept) -> Plot:
        patches = _sample(study, side, seed)
        shown = patches[np.isin(patches.labels, patches.classes[:SHOWN_CLASSES])]
        values = (100 * result.values[name] for name in MEASURES)
        caption = "silhouette × 100: {:.1f}, linear probe: {:.1f} %".format(*values)
        return Plot(side.title, caption.replace("-", "−"), tsne(shown, seed), shown.labels)

    key = {"item": ITEM, "seed": seed, "sides": [side.key for side in sides]}
    draw_once(
        study.out / f"{ITEM}.png",
        digest(study.context() | key),
        lambda: scatter_plots([plot(*pair) for pair in zip(sides, results, strict=True)], names),
    )


FIGURE2 = Item(
    name=ITEM,
    about="Frozen features by t-SNE, CLIP's beside another backbone's: patches that lie inside "
    "one class, in the colour of the class.",
    heading="as the row says",
    rows=rows,
    scorings=2,
)
