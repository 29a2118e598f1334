"""Scoring a model on a data set folder: tags by ROC AUC, every stage of the masks by mIoU."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from weclip_napari.errors import UserError, naming
from weclip_napari.session.dataset import read_example
from weclip_napari.stages import STAGES, StageMaps
from weclip_napari.tally import EvaluationReport, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from weclip_napari.core.model import WeclipModel
    from weclip_napari.session.dataset import Dataset, Example

__all__ = ["STAGES", "EvaluationReport", "evaluate_dataset"]


def evaluate_dataset(
    model: WeclipModel,
    dataset: Dataset,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
    *,
    stages: Sequence[str] | None = None,
    crf: bool = False,
) -> EvaluationReport:
    """Score stages of a model on a data set.

    Parameters
    ----------
    model
        With or without decoder; its configuration gives the test-time scales and the thresholds.
    dataset
        Its tags are given to the model; its masks are the truth.
    progress
        Wraps the numbers of the examples, for example in a progress bar.
    stages
        Which of `weclip_napari.stages.STAGES` and ``CLIP_ES`` to score; nothing else is computed.
        By default those of ``STAGES`` that the model has, and the tags.
    crf
        Whether a dense CRF sharpens what the decoder says.

    Raises
    ------
    UserError
        When not one image could be scored, or a dense CRF is wanted but not installed.
    """
    start = time.perf_counter()
    wanted = STAGES if stages is None else stages
    maps = StageMaps(model, dataset.classes, wanted, crf=crf)
    tally = Tally(dataset.classes, wanted)
    problems = list(dataset.problems)
    for number in progress(range(len(dataset.examples))):
        try:
            _score(dataset.examples[number], maps, tally, tags=stages is None)
        except UserError as error:
            problems.append(str(error))
    if not tally.n_images:
        reason = problems[0] if problems else "it is empty"
        raise UserError(f"'{dataset.folder}' has no image that can be scored: {reason}")
    return tally.report(time.perf_counter() - start, tuple(problems))


def _score(example: Example, maps: StageMaps, tally: Tally, *, tags: bool) -> None:
    """Make the masks of one image and count them against its truth."""
    image, truth = read_example(example)
    with naming(example.image):
        encoded = maps.encode(image)
        found = maps.maps(encoded, image, example.tags)
        scores = maps.tag_scores(encoded) if tags else None
    tally.add(truth, found, example.tags, scores)
