"""Where the images of a reproduction lie; scenes are drawn there when they are first needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from weclip_napari.errors import UserError
from weclip_napari.scenes import DRAWN, write_scenes
from weclip_napari.session.dataset import CLASSES
from weclip_napari.session.voc_tree import LISTS, PICTURES, is_voc_tree
from weclip_training.data import open_dataset

if TYPE_CHECKING:
    from pathlib import Path

    from weclip_napari.scenes import Domain
    from weclip_napari.session.dataset import Dataset
    from weclip_training.reproduce.source import Budget, Part, Source

TRAIN_SEED, HELD_OUT_SEED = 5_000_000, 5_500_000
"""Of the drawn scenes; the number of the run's own seed is added to the first."""


class Place(NamedTuple):
    """Where a part of a data set lies.

    Attributes
    ----------
    folder : Path
        A data set folder, or a tree like PASCAL VOC's.
    split : str or None
        The list in such a tree; None is all of it.
    """

    folder: Path
    split: str | None


def draw(folder: Path, count: int | None, seed: int, domain: Domain = DRAWN) -> Path:
    """Draw scenes into a folder unless they are there; their number becomes part of its name.

    Raises
    ------
    UserError
        If no number is given.
    """
    if count is None:
        raise UserError("Say how many scenes to draw (--images, --held-out).")
    folder = folder.with_name(f"{folder.name}-{count}")
    if not (folder / CLASSES).exists():  # written last
        write_scenes(folder, count, seed, domain=domain)
    return folder


@dataclass(frozen=True)
class Places:
    """Finds the parts of a data set.

    Attributes
    ----------
    source : Source
        The data set.
    root : Path or None
        Where it lies; None for drawn scenes.
    data : Path
        Where scenes are drawn.
    budget : Budget
        How many images.
    """

    source: Source
    root: Path | None
    data: Path
    budget: Budget

    def find(self, part: Part, seed: int) -> Place:
        """Return where images lie; scenes are drawn if they are not there yet.

        Raises
        ------
        UserError
            If the root is not given or no tree like PASCAL VOC's.
        """
        if not self.source.is_drawn:
            return self._split(part)
        if part == "val":
            return Place(draw(self.data / "held-out", self.budget.held_out, HELD_OUT_SEED), None)
        folder = self.data / f"train-{seed}"
        return Place(draw(folder, self.budget.images, TRAIN_SEED + seed), None)

    def read(self, part: Part, seed: int) -> Dataset:
        """List the images of a part with masks and tags, no more than the budget allows.

        Raises
        ------
        UserError
            If they cannot be found.
        """
        folder, split = self.find(part, seed)
        most = self.budget.images if part == "train" else self.budget.held_out
        found = open_dataset(folder, split, self.source.classes)
        return replace(found, examples=found.examples[:most])

    def _split(self, part: Part) -> Place:
        """Find the list of a tree that holds a part."""
        if self.root is None:
            raise UserError(f"Name the folder of {self.source.title} (--root).")
        if not is_voc_tree(self.root):
            raise UserError(
                f"'{self.root}' is not laid out like PASCAL VOC: it has no folder {PICTURES}. "
                "Name the folder that has (--root)."
            )
        root = self.root
        return Place(root, next((s for s in self.source.splits[part] if _has(root, s)), None))


def _has(root: Path, split: str) -> bool:
    lists = (root / place / f"{split}.txt" for place in LISTS)
    return any(path.is_file() for path in lists) or (root / PICTURES / split).is_dir()
