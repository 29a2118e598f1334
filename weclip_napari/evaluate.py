"""Scoring a model on a data set folder: tags by ROC AUC, every stage of the masks by mIoU."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from weclip_napari.core.metrics import class_iou, confusion_matrix, mean_iou, tag_auc
from weclip_napari.core.postprocess import dense_crf, require_crf, resize
from weclip_napari.core.predictor import Predictor
from weclip_napari.errors import UserError
from weclip_napari.session.images import read_image
from weclip_napari.session.masks import IGNORE, read_mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from weclip_napari.core.model import WeclipModel
    from weclip_napari.core.proposal import Proposal
    from weclip_napari.session.dataset import Dataset, Example

    LabelMap = NDArray[np.uint8]

STAGES = ("cam", "refined_cam", "pseudo_label", "decoder", "decoder_untagged")
BACKGROUND_NAME = "background"


@dataclass(frozen=True)
class EvaluationReport:
    """Scores of a model on a data set; None where there is nothing to score.

    Attributes
    ----------
    n_images
        Images scored.
    seconds
        Time taken for them, reading included.
    tag_auc
        Mean over the classes of the area under the ROC curve of their tag scores, in [0, 1].
    miou
        From stage to mean IoU in percent over the classes present, background included. ``cam``
        and ``refined_cam`` are cut at the thresholds of the model's configuration; ``decoder`` may
        only use the tags of the image, ``decoder_untagged`` all its classes.
    per_class
        From class to its IoU in percent for each stage, and its ``tag_auc``.
    problems
        One message for each image that could not be scored.
    """

    n_images: int
    seconds: float
    tag_auc: float | None
    miou: dict[str, float | None]
    per_class: dict[str, dict[str, float | None]]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the scores as plain JSON values."""
        return asdict(self)


def evaluate_dataset(
    model: WeclipModel,
    dataset: Dataset,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
    *,
    crf: bool = False,
) -> EvaluationReport:
    """Score every stage of a model on a data set.

    Parameters
    ----------
    model
        With or without decoder.
    dataset
        Its tags are given to the model; its masks are the truth.
    progress
        Wraps the numbers of the examples, for example in a progress bar.
    crf
        Whether a dense CRF sharpens what the decoder says.

    Raises
    ------
    UserError
        When not one image could be scored, or the dense CRF is not installed.
    """
    if crf:
        require_crf()
    start = time.perf_counter()
    predictor = Predictor(model)
    tally = _Tally(dataset.classes)
    problems = list(dataset.problems)
    for number in progress(range(len(dataset.examples))):
        try:
            _score(dataset.examples[number], predictor, model, tally, crf=crf)
        except UserError as error:
            problems.append(str(error))
    if not tally.n_images:
        reason = problems[0] if problems else "it is empty"
        raise UserError(f"'{dataset.folder}' has no image that can be scored: {reason}")
    return tally.report(time.perf_counter() - start, tuple(problems))


def _score(
    example: Example, predictor: Predictor, model: WeclipModel, tally: _Tally, *, crf: bool
) -> None:
    """Propose masks for one image and count them against its truth."""
    image, truth = read_image(example.image), read_mask(example.mask)
    if truth.shape != image.shape[:2]:
        height, width = image.shape[:2]
        raise UserError(f"mask '{example.mask}' is not {width} x {height} as its image; redraw it.")
    try:
        predictor.set_image(image)
        proposal = predictor.propose(example.tags)
        scores = predictor.tag_scores(tally.classes)
    except UserError as error:
        raise UserError(f"{example.image}: {error}") from error
    maps = label_maps(proposal, model, tally.classes, image if crf else None)
    tally.add(truth, maps, example.tags, scores)


def label_maps(
    proposal: Proposal,
    model: WeclipModel,
    classes: Sequence[str],
    crf_image: NDArray[np.uint8] | None = None,
) -> dict[str, LabelMap]:
    """Return the label map of every stage that the model has.

    Parameters
    ----------
    proposal
        Of `model`, for tags among `classes`.
    model
        Its configuration holds the thresholds of the CAMs.
    classes
        Label id i + 1 means ``classes[i]``; ``len(classes) + 1`` stands for any other class.
    crf_image
        The image, (H, W, 3), along whose edges a dense CRF sharpens what the decoder says.

    Returns
    -------
    dict
        From stage to label ids, uint8, (H, W).
    """
    ids = {name: label for label, name in enumerate(classes, start=1)}
    of_tags = np.array([0, *(ids[tag] for tag in proposal.tags)], np.uint8)
    config, tags = model.config, range(len(proposal.tags))
    cams = np.stack([proposal.cam_at_image_size(i) for i in tags])
    refined = np.stack([proposal.refined_cam_at_image_size(i) for i in tags])
    maps = {
        "cam": of_tags[_cut(cams, config.cam_threshold)],
        "refined_cam": of_tags[_cut(refined, config.refined_cam_threshold)],
        "pseudo_label": of_tags[proposal.pseudo_label],
    }
    if model.decoder is not None and proposal.decoder_logits is not None:
        known = model.decoder.config.classes
        of_decoder = np.array([0, *(ids.get(name, len(classes) + 1) for name in known)], np.uint8)
        tagged = [0, *(index for index, name in enumerate(known, start=1) if name in proposal.tags)]
        logits = _enlarge(proposal.decoder_logits, proposal.image_size)
        maps["decoder"] = of_decoder[np.array(tagged)[_decide(logits[tagged], crf_image)]]
        maps["decoder_untagged"] = of_decoder[_decide(logits, crf_image)]
    return maps


def _cut(cams: NDArray[np.float32], threshold: float) -> NDArray[np.intp]:
    """Return 0 where no map of (K, H, W) is over the threshold, else 1 + the highest one."""
    return np.where(cams.max(axis=0) > threshold, cams.argmax(axis=0) + 1, 0)


def _decide(logits: NDArray[np.float32], crf_image: NDArray[np.uint8] | None) -> NDArray[np.intp]:
    """Return the best channel of (c, H, W) logits at every pixel, sharpened if asked for."""
    if crf_image is not None:
        probabilities = torch.from_numpy(logits).softmax(dim=0).numpy()
        logits = dense_crf(crf_image, probabilities)
    best: NDArray[np.intp] = logits.argmax(axis=0)
    return best


def _enlarge(logits: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(resize(torch.from_numpy(logits)[None], size)[0])


class _Tally:
    """Counts over the images of a data set."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes
        self._size = len(classes) + 2  # background, classes, "any other class"
        self._matrices: dict[str, NDArray[np.int64]] = {}
        self._scores: list[list[float]] = []
        self._present: list[list[bool]] = []

    @property
    def n_images(self) -> int:
        return len(self._scores)

    def add(
        self,
        truth: LabelMap,
        maps: dict[str, LabelMap],
        tags: Sequence[str],
        scores: dict[str, float],
    ) -> None:
        """Count one image."""
        truth = np.where(truth > len(self.classes), np.uint8(IGNORE), truth)
        for stage, labels in maps.items():
            matrix = confusion_matrix(truth, labels, self._size)
            self._matrices[stage] = self._matrices.get(stage, 0) + matrix
        self._scores.append([scores[name] for name in self.classes])
        self._present.append([name in tags for name in self.classes])

    def report(self, seconds: float, problems: tuple[str, ...]) -> EvaluationReport:
        """Turn the counts into scores."""
        auc = tag_auc(self._scores, self._present)
        names = (BACKGROUND_NAME, *self.classes)
        per_class: dict[str, dict[str, float | None]] = {name: {} for name in names}
        for stage in STAGES:
            matrix = self._matrices.get(stage)
            iou = np.full(self._size, np.nan) if matrix is None else class_iou(matrix)
            for name, value in zip(names, iou, strict=False):
                per_class[name][stage] = _percent(value)
        for name, value in zip(self.classes, auc, strict=True):
            per_class[name]["tag_auc"] = _number(value)
        return EvaluationReport(
            n_images=self.n_images,
            seconds=round(seconds, 3),
            tag_auc=_number(float(np.nanmean(auc))) if np.isfinite(auc).any() else None,
            miou={stage: self._mean(stage) for stage in STAGES},
            per_class=per_class,
            problems=problems,
        )

    def _mean(self, stage: str) -> float | None:
        matrix = self._matrices.get(stage)
        return None if matrix is None or not matrix.any() else _percent(mean_iou(matrix))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _percent(share: float) -> float | None:
    return None if np.isnan(share) else round(100 * float(share), 2)
