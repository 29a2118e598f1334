"""How the parts of the annotator tell each other what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator


def connect(annotator: Annotator) -> None:
    """Connect the signals of an annotator's parts."""
    for part in (annotator.jobs, annotator.batch, annotator.saver):
        part.failed.connect(annotator.failed)
    _connect_work(annotator)
    _connect_saver(annotator)
    annotator.navigator.folder_read.connect(annotator.opening.show_folder)
    annotator.navigator.image_read.connect(annotator.opening.show_image)
    annotator.navigator.stayed.connect(annotator.stayed)
    annotator.proposer.shown.connect(annotator.proposal_shown)
    annotator.proposer.tuning_changed.connect(annotator.tuning_changed)
    annotator.proposer.suggested.connect(annotator.suggestions_shown)
    annotator.index_reader.rows_read.connect(annotator.rows_changed)
    annotator.folder_batch.row_done.connect(lambda row, problem: _on_row(annotator, row, problem))
    annotator.jobs.busy_changed.connect(lambda _: annotator.opening.look_ahead())


def _connect_work(annotator: Annotator) -> None:
    def on_change() -> None:
        annotator.dirty_changed.emit(annotator.is_dirty)
        annotator.save_state_changed.emit()
        annotator.row_changed.emit(annotator.index)

    annotator.work.tags_changed.connect(annotator.tags_changed)
    annotator.work.mask_changed.connect(annotator.mask_changed)
    annotator.work.changed.connect(on_change)


def _connect_saver(annotator: Annotator) -> None:
    def on_change() -> None:
        annotator.dirty_changed.emit(annotator.is_dirty)
        annotator.save_state_changed.emit()

    annotator.saver.changed.connect(on_change)
    annotator.saver.saved.connect(lambda _: annotator.row_changed.emit(annotator.index))


def _on_row(annotator: Annotator, row: int, problem: str) -> None:
    """Take over what the work on the whole folder did to an image."""
    annotator.prefetcher.forget(row)
    if problem:
        annotator.problems[row] = problem
    annotator.row_changed.emit(row)
