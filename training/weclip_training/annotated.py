"""A folder that someone is annotating, as images to train on and to be scored on.

Of an accepted image every pixel counts as the person left it. Of any other image only the pixels
that a person drew count; the pseudo label, restricted to the image's tags, decides the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from weclip_napari.errors import UserError
from weclip_napari.session.annotation import AnnotationStore
from weclip_napari.session.dataset import Dataset, Example
from weclip_napari.session.masks import BACKGROUND, IGNORE, write_mask
from weclip_napari.session.states import State
from weclip_napari.session.workspace import Workspace
from weclip_training.augment import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from weclip_napari.session.class_table import ClassTable, PromptSettings
    from weclip_napari.session.summary import Summary
    from weclip_training.config import Selection

HELD_OUT_SHARE = 0.2
LEAST_ACCEPTED = 2


@dataclass(frozen=True)
class LabelledImage:
    """What the folder says of one image: its path, state, tags, and which classes are drawn."""

    path: Path
    state: State
    tags: tuple[str, ...]
    drawn: tuple[str, ...]

    @property
    def shown(self) -> tuple[str, ...]:
        """Everything that the image is known to show, each once."""
        return tuple(dict.fromkeys((*self.tags, *self.drawn)))


@dataclass(frozen=True)
class FolderPlan:
    """What a retraining would use.

    Attributes
    ----------
    folder : Path
        Where the images lie.
    accepted, edited, tagged : tuple of LabelledImage
        Accepted images to train on, others in which a person drew, and those with tags alone.
    held_out : tuple of LabelledImage
        Accepted images that are only scored on; an image once held out stays held out.
    classes : tuple of str
        Classes of the folder that have an example to train on.
    without_example : tuple of str
        Those that have none.
    label_ids : mapping
        From class name to its label id in the folder's masks.
    synonyms : mapping
        From class name to the words for its prompt.
    prompts : PromptSettings
        Of the folder.
    problems : tuple of str
        Images that cannot be used, and why.
    """

    folder: Path
    accepted: tuple[LabelledImage, ...]
    edited: tuple[LabelledImage, ...]
    tagged: tuple[LabelledImage, ...]
    held_out: tuple[LabelledImage, ...]
    classes: tuple[str, ...]
    without_example: tuple[str, ...]
    label_ids: Mapping[str, int]
    synonyms: Mapping[str, str]
    prompts: PromptSettings
    problems: tuple[str, ...]

    @property
    def images(self) -> tuple[LabelledImage, ...]:
        """All images to train on."""
        return self.accepted + self.edited + self.tagged

    @property
    def notes(self) -> tuple[str, ...]:
        """What the person should know: classes without an example, images with problems."""
        missing = [
            f"'{name}' has no example: training leaves it as it was."
            for name in self.without_example
        ]
        return (*missing, *self.problems)

    def summary(self) -> str:
        """Say in a line what would be used."""
        parts = [f"{len(self.accepted)} accepted"]
        parts += [f"{len(self.edited)} corrected in part"] if self.edited else []
        parts += [f"{len(self.tagged)} with tags only", f"{len(self.held_out)} held out"]
        return ", ".join(parts)


def plan_folder(
    folder: str | Path, selection: Selection = "all", *, hold_out: bool = True
) -> FolderPlan:
    """Look up what a folder has to train on; no image is opened.

    Parameters
    ----------
    folder
        A folder of images that is, or was, open in the annotator.
    selection
        "reviewed" takes accepted images and those in which a person drew, "all" those with tags
        alone as well.
    hold_out
        Whether some accepted images are only to be scored on.

    Raises
    ------
    UserError
        When the folder cannot be read.
    """
    with closing(Workspace(folder)) as workspace:
        for row in workspace.index.unread_rows():
            workspace.index.refresh(row)
        return plan_workspace(workspace, selection, hold_out=hold_out)


def plan_workspace(
    workspace: Workspace, selection: Selection = "all", *, hold_out: bool = True
) -> FolderPlan:
    """Look up what an open folder has to train on, as far as it has been read; see `plan_folder`.

    It takes no time to speak of, and may be called from any thread.
    """
    classes, top = workspace.store.classes, workspace.folder
    rows = [(path, workspace.index.summary(row)) for row, path in enumerate(workspace.images)]
    names = {label_class.id: label_class.name for label_class in classes}
    known = [_labelled(path, summary, names, classes) for path, summary in rows]
    accepted = [image for image in known if image.state == State.ACCEPTED]
    held_out = set(_held_out(accepted, top)) if hold_out else set()
    edited = [image for image in known if image.state == State.EDITED]
    tagged = [x for x in known if x.state in (State.TODO, State.PROPOSED) and x.tags]
    trained = [image for image in accepted if image not in held_out] + edited
    trained += tagged if selection == "all" else []
    shown = {name for image in trained for name in image.shown}
    return FolderPlan(
        folder=top,
        accepted=tuple(image for image in accepted if image not in held_out),
        edited=tuple(edited),
        tagged=tuple(tagged) if selection == "all" else (),
        held_out=tuple(image for image in accepted if image in held_out),
        classes=tuple(name for name in classes.names if name in shown),
        without_example=tuple(name for name in classes.names if name not in shown),
        label_ids={label_class.name: label_class.id for label_class in classes},
        synonyms=classes.synonyms(),
        prompts=classes.prompts,
        problems=tuple(f"{path}: {s.problem}" for path, s in rows if s.problem),
    )


def require_usable(plan: FolderPlan, *, hold_out: bool = True) -> None:
    """Make sure that a plan can be trained on and, where images are held out, scored.

    Raises
    ------
    UserError
        When there are not at least two accepted images, or there is nothing to train on.
    """
    accepted = len(plan.accepted) + len(plan.held_out)
    if hold_out and accepted < LEAST_ACCEPTED:
        count = "No image is" if not accepted else "Only one image is"
        raise UserError(
            f"{count} accepted in '{plan.folder}'. Accept at least two: one is held out, to tell "
            "whether the new model is better."
        )
    if not plan.classes:
        raise UserError(
            f"No class of '{plan.folder}' has an example. Accept images that show something, or "
            "tag some."
        )


def _labelled(
    path: Path, summary: Summary, names: Mapping[int, str], classes: ClassTable
) -> LabelledImage:
    known = {name.casefold(): name for name in classes.names}
    denied = {tag.casefold() for tag in summary.negative_tags}
    tags = [known[tag.casefold()] for tag in summary.tags if tag.casefold() in known]
    drawn = tuple(names[i] for i in summary.label_ids if i in names)
    kept = tuple(tag for tag in tags if tag.casefold() not in denied)
    return LabelledImage(path, summary.state, kept, drawn if summary.state in _DRAWN else ())


_DRAWN = (State.ACCEPTED, State.EDITED)


def _held_out(accepted: Sequence[LabelledImage], top: Path) -> list[LabelledImage]:
    """Choose by the names' digests, so that the choice stays as more images are accepted."""

    def place(image: LabelledImage) -> float:
        name = image.path.relative_to(top).as_posix()
        return int(hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8], 16) / 2**32

    ordered = sorted(accepted, key=place)
    count = sum(place(image) < HELD_OUT_SHARE for image in ordered)
    return ordered[: max(1, min(count, len(ordered) - 1))]


@dataclass(frozen=True)
class AnnotatedImage:
    """One image of an annotated folder; see `weclip_training.data.TrainImage`.

    Attributes
    ----------
    path, tags
        The image, and what it shows.
    store
        Holds its annotation.
    ids : ndarray of int16
        (256,), from the folder's label ids to those of the decoder.
    is_complete
        Whether it is accepted, so that every pixel counts.
    has_target
        Whether a person drew anything.
    """

    path: Path
    tags: tuple[str, ...]
    store: AnnotationStore
    ids: NDArray[np.int16]
    is_complete: bool
    has_target: bool

    def read_target(self, size: tuple[int, int], classes: int) -> NDArray[np.int16]:
        """Read the annotation; see `TrainImage.read_target`."""
        annotation = self.store.load(self.path, size)
        if annotation is None:  # taken away since the folder was looked up
            return np.full(size, IGNORE if self.is_complete else UNKNOWN, np.int16)
        labels = self.ids[annotation.mask]
        if self.is_complete:
            return labels
        return np.where(annotation.human, labels, np.int16(UNKNOWN))


class AnnotatedImages(Sequence[AnnotatedImage]):
    """The images of a plan, for a decoder of the given classes.

    Parameters
    ----------
    plan
        Of the folder.
    classes
        What the decoder knows; other classes of the folder are ignored where they are drawn.
    """

    def __init__(self, plan: FolderPlan, classes: Sequence[str]) -> None:
        self._images = plan.images
        self._store = AnnotationStore(plan.folder)
        self._ids = label_table(plan, classes)

    def __len__(self) -> int:
        """Count the images."""
        return len(self._images)

    def __getitem__(self, index: int) -> AnnotatedImage:  # type: ignore[override]
        """Give one image."""
        image = self._images[index]
        return AnnotatedImage(
            image.path,
            image.shown,
            self._store,
            self._ids,
            is_complete=image.state == State.ACCEPTED,
            has_target=image.state in _DRAWN,
        )


def label_table(plan: FolderPlan, classes: Sequence[str]) -> NDArray[np.int16]:
    """Return, (256,) int16, the decoder's label id of each label id of the folder."""
    ids = {name.casefold(): number for number, name in enumerate(classes, start=1)}
    table = np.full(256, IGNORE, np.int16)
    table[BACKGROUND] = BACKGROUND
    for name, label_id in plan.label_ids.items():
        table[label_id] = ids.get(name.casefold(), IGNORE)
    return table


def write_held_out(plan: FolderPlan, classes: Sequence[str], folder: Path) -> Dataset:
    """Keep the truth of the held-out images as it is now, in the decoder's label ids.

    Parameters
    ----------
    plan
        Of the annotated folder.
    classes
        What the decoder knows.
    folder
        Where the masks are written.

    Raises
    ------
    UserError
        When an annotation cannot be read.
    """
    store, table = AnnotationStore(plan.folder), label_table(plan, classes)
    folder.mkdir(parents=True, exist_ok=True)
    examples = []
    for number, image in enumerate(plan.held_out):
        annotation = store.load(image.path)
        if annotation is None:
            continue
        path = folder / f"{number:04d}.png"
        write_mask(path, table[annotation.mask].astype(np.uint8))
        examples.append(Example(image.path, path, image.shown))
    return Dataset(plan.folder, tuple(classes), tuple(examples), ())
