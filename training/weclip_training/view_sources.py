"""Which view a slot of a batch gets: random crops encoded anew, or a fixed set that is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from weclip_napari.core.postprocess import long_side_size
from weclip_napari.errors import UserError, naming
from weclip_napari.session.images import read_image
from weclip_training.augment import Picture, RandomCrop, resized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weclip_training.config import ViewConfig
    from weclip_training.data import TrainImage
    from weclip_training.view_cache import ViewCache
    from weclip_training.views import View, ViewBuilder


class ViewSource(Protocol):
    """Gives the views of a run; what it gives depends on its arguments alone."""

    def __len__(self) -> int:
        """Count the images."""

    @property
    def strata(self) -> tuple[range, ...]:
        """Numbers of the images in groups that a batch is drawn from in turn."""

    def view(self, index: int, rng: np.random.Generator) -> View:
        """Give a view of one of them."""


@dataclass(frozen=True)
class GivenViews:
    """Views that were made before."""

    views: Sequence[View]

    def __len__(self) -> int:
        """Count the views."""
        return len(self.views)

    @property
    def strata(self) -> tuple[range, ...]:
        """All of them."""
        return (range(len(self)),)

    def view(self, index: int, rng: np.random.Generator) -> View:
        """Give one view."""
        return self.views[index]


@dataclass(frozen=True)
class _ImageViews:
    """Images, the groups that a batch is drawn from, and the builder that encodes them."""

    images: Sequence[TrainImage]
    strata: tuple[range, ...]
    builder: ViewBuilder

    def __len__(self) -> int:
        """Count the images."""
        return len(self.images)


@dataclass(frozen=True)
class CropViews(_ImageViews):
    """Random crops of images, encoded anew each time.

    Images larger than the model's own input size are reduced to it first: training would else
    see other scales than later use.
    """

    crop: RandomCrop

    def view(self, index: int, rng: np.random.Generator) -> View:
        """Encode a random crop of one image.

        Raises
        ------
        UserError
            When its files cannot be used.
        """
        image = self.images[index]
        pixels = read_image(image.path)
        size = (pixels.shape[0], pixels.shape[1])
        target = image.read_target(size, self.builder.classes)
        largest = self.builder.input_long_side
        if max(size) > largest:
            size = long_side_size(*size, largest)
        picture = self.crop(resized(Picture(pixels, target), size), rng)
        with naming(image.path):
            view = self.builder.crop(picture.image, _tags_for_labels(image))
        return self.builder.with_target(view, picture.target)


@dataclass(frozen=True)
class KeptViews(_ImageViews):
    """Whole images at a few sizes, and their mirror images; each is encoded once.

    Attributes
    ----------
    config : ViewConfig
        The sizes, and whether to mirror.
    cache : ViewCache or None
        Where encoded views are kept; None encodes them anew each time.
    ignore_margin : float
        Of the pseudo labels.
    is_final : bool
        Whether the pseudo labels never change, so that they are kept too.
    """

    config: ViewConfig
    cache: ViewCache | None
    ignore_margin: float
    is_final: bool

    def view(self, index: int, rng: np.random.Generator) -> View:
        """Give one image in one of its ways.

        Raises
        ------
        UserError
            When its files cannot be used.
        """
        image = self.images[index]
        way = _Way(float(rng.choice(self.config.scales)), self.config.flip and rng.random() > 0.5)
        view = self._encoded(image, way)
        if not image.has_target:
            return view
        target = image.read_target(view.image_size, self.builder.classes)
        return self.builder.with_target(view, target[:, ::-1] if way.is_mirrored else target)

    def _encoded(self, image: TrainImage, way: _Way) -> View:
        tags = _tags_for_labels(image)

        def make() -> View:
            pixels = read_image(image.path)
            seen = np.ascontiguousarray(pixels[:, ::-1]) if way.is_mirrored else pixels
            with naming(image.path):
                view = self.builder.build(seen, tags, way.scale)
            return self.builder.settle(view, self.ignore_margin) if self.is_final else view

        if self.cache is None:
            return make()
        facts = (tags, *way, self.ignore_margin, self.is_final)
        return self.cache.get(image.path, facts, make)


def _tags_for_labels(image: TrainImage) -> tuple[str, ...]:
    """Give the tags of pseudo labels; none where every pixel is known."""
    return () if image.is_complete else image.tags


class _Way(NamedTuple):
    """One way to see an image."""

    scale: float
    is_mirrored: bool


class TolerantViews:
    """Leaves out images that cannot be used: the next one takes their place.

    Parameters
    ----------
    views
        Some of whose images may be damaged.
    """

    def __init__(self, views: ViewSource) -> None:
        self._views = views
        self._problems: dict[int, str] = {}
        self._told = 0

    def __len__(self) -> int:
        """Count all images."""
        return len(self._views)

    @property
    def strata(self) -> tuple[range, ...]:
        """Those of the views."""
        return self._views.strata

    def view(self, index: int, rng: np.random.Generator) -> View:
        """Give a view of an image, or of the next one that can be used.

        Raises
        ------
        UserError
            When not one can; says what is wrong with the first.
        """
        count, seed = len(self._views), int(rng.integers(2**62))
        for number in (index + offset for offset in range(count)):
            place = number % count
            if place not in self._problems:
                try:
                    return self._views.view(place, np.random.default_rng(seed))
                except UserError as error:
                    self._problems[place] = str(error)
        reason = next(iter(self._problems.values()))
        raise UserError(f"Not one of the {count} images can be used. {reason}")

    def new_problems(self) -> tuple[str, ...]:
        """Return why images were left out, since this was asked last."""
        new = list(self._problems.values())[self._told :]
        self._told = len(self._problems)
        return tuple(new)
