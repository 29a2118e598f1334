"""How well frozen features tell classes apart: silhouette, linear probe, t-SNE (figure 2).

Everything is computed on patch tokens that are standardised channel by channel, so that the few
large channels that vision transformers have do not decide alone.
"""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from weclip_napari.errors import UserError
from weclip_napari.session.masks import BACKGROUND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from weclip_training.reproduce.patch_features import PatchFeatures

PURITY = 0.9
"""Least share of a patch that must show its class."""
PER_IMAGE, PER_CLASS = 20, 100
"""Patches of a class that are taken from one image, and in all."""
TOO_LITTLE = (
    "No two classes fill whole patches of two images at least; take more images, or larger ones."
)


@dataclass(frozen=True)
class Patches:
    """Patches with their classes.

    Attributes
    ----------
    features : ndarray of float32, shape (n, C)
        What a backbone says of them.
    labels : ndarray of int, shape (n,)
        Label ids of their classes.
    images : ndarray of int, shape (n,)
        Number of the image that each is from.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.intp]
    images: NDArray[np.intp]

    def __getitem__(self, chosen: NDArray[np.generic]) -> Patches:
        """Return some of them, by their numbers or a mask."""
        return Patches(self.features[chosen], self.labels[chosen], self.images[chosen])

    @property
    def classes(self) -> NDArray[np.intp]:
        """Label ids of the classes that there are, the most frequent first."""
        found, counts = np.unique(self.labels, return_counts=True)
        return found[np.argsort(-counts, kind="stable")]


def require_sklearn() -> None:
    """Make sure that scikit-learn is there.

    Raises
    ------
    UserError
        If it is not installed.
    """
    if importlib.util.find_spec("sklearn") is None:
        raise UserError(
            "Comparing features needs scikit-learn: pip install weclip-napari[reproduce]"
        )


def pure_cells(
    truth: NDArray[np.uint8], backbone: PatchFeatures, n_classes: int
) -> NDArray[np.intp]:
    """Name the class that a patch shows all over, or nearly.

    Parameters
    ----------
    truth
        (H, W) label ids.
    backbone
        Knows how it cuts an image into patches.
    n_classes
        Ids over this, such as 255, belong to no class.

    Returns
    -------
    ndarray of int, shape (h, w)
        Label ids; 0 where a patch shows the background, several classes or none.
    """
    from weclip_napari.core.network_input import input_size

    side = backbone.patch
    size = input_size(truth.shape[0], truth.shape[1], backbone.long_side, side)
    seen = np.asarray(Image.fromarray(truth).resize(size[::-1], Image.Resampling.NEAREST))
    rows, columns = size[0] // side, size[1] // side
    cells = seen[: rows * side, : columns * side].reshape(rows, side, columns, side)
    pure = np.zeros((rows, columns), np.intp)
    for label in np.unique(cells):
        if BACKGROUND < label <= n_classes:
            pure[(cells == label).mean(axis=(1, 3)) >= PURITY] = label
    return pure


def patches_of(
    backbone: PatchFeatures,
    image: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    n_classes: int,
    number: int,
    seed: int,
) -> Patches:
    """Pick patches of one image at random, at most `PER_IMAGE` of a class.

    Two backbones that cut the image alike are asked for the same patches.

    Parameters
    ----------
    backbone
        What the features are taken from.
    image, truth
        (H, W, 3) and (H, W), uint8.
    n_classes
        Larger label ids, such as 255, belong to no class.
    number, seed
        Of the image and of the choice.
    """
    cells = pure_cells(truth, backbone, n_classes).reshape(-1)
    generator = np.random.default_rng((seed, number))
    chosen = _some_of_each(cells, PER_IMAGE, generator)
    features = backbone(image).reshape(len(cells), -1)[chosen]
    return Patches(features, cells[chosen], np.full(len(chosen), number))


def joined(parts: Sequence[Patches], seed: int) -> Patches:
    """Put patches of many images together, at most `PER_CLASS` of a class.

    Raises
    ------
    UserError
        If they are not of two classes and two images at least, or no class has two.
    """
    if not parts:
        raise UserError(TOO_LITTLE)
    patches = Patches(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.images for part in parts]),
    )
    chosen = _some_of_each(patches.labels, PER_CLASS, np.random.default_rng(seed))
    patches = patches[chosen]
    kinds, images = len(np.unique(patches.labels)), len(np.unique(patches.images))
    if min(kinds, images) < 2 or len(patches.labels) == kinds:
        raise UserError(TOO_LITTLE)
    return patches


def silhouette(patches: Patches) -> float:
    """Return the mean silhouette of the patches by class, in [-1, 1], of cosine distances."""
    from sklearn.metrics import silhouette_score

    features = _standardised(patches.features)
    return float(silhouette_score(features, patches.labels, metric="cosine"))


def probe_accuracy(patches: Patches, seed: int) -> float:
    """Return how often a linear classifier names the class of a patch of an unseen image.

    It learns from the patches of one half of the images and is asked about the other half.
    Classes that the first half does not show are not asked for.

    Raises
    ------
    UserError
        If a half shows too little.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learned, asked = halves(patches, seed)
    asked = asked[np.isin(asked.labels, learned.labels)]
    if len(learned.classes) < 2 or not len(asked.labels):
        raise UserError("Too few images show the same classes for a linear probe; take more.")
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the accuracy has settled by then
        probe.fit(learned.features, learned.labels)
    return float(probe.score(asked.features, asked.labels))


def halves(patches: Patches, seed: int) -> tuple[Patches, Patches]:
    """Split patches by their images, half of the images each, at random."""
    images = np.random.default_rng(seed).permutation(np.unique(patches.images))
    first = np.isin(patches.images, images[: len(images) // 2])
    return patches[first], patches[~first]


def tsne(patches: Patches, seed: int) -> NDArray[np.float32]:
    """Lay patches out in the plane so that those alike lie close together, (n, 2)."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(patches.labels) - 1) / 3)
    layout = TSNE(perplexity=perplexity, metric="cosine", init="pca", random_state=seed)
    return np.asarray(layout.fit_transform(_standardised(patches.features)), np.float32)


def _some_of_each(
    labels: NDArray[np.intp], most: int, generator: np.random.Generator
) -> NDArray[np.intp]:
    """Return the numbers of at most so many of each label but 0, at random."""
    chosen = [
        generator.permutation(np.flatnonzero(labels == label))[:most]
        for label in np.unique(labels)
        if label != BACKGROUND
    ]
    return np.sort(np.concatenate([np.empty(0, np.intp), *chosen]))


def _standardised(features: NDArray[np.float32]) -> NDArray[np.float32]:
    deviation = features.std(axis=0)
    scaled: NDArray[np.float32] = (features - features.mean(axis=0)) / np.where(
        deviation > 0, deviation, 1
    )
    return scaled
