"""Proposals for the open image: computed in the background, shown in the layers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from weclip_napari.gui.recipe import Recipe, make_recipe
from weclip_napari.gui.tag_result import Proposed, TagResult, with_label_ids
from weclip_napari.gui.tuning import Tuning
from weclip_napari.session.states import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.gui.engine import Report
    from weclip_napari.session.annotation import AnnotationStore
    from weclip_napari.session.workspace import OpenImage


class Proposer(QObject):
    """Proposes masks for the open image.

    A change of the tuning proposes again from what is known of the image. While that is computed,
    further changes wait; the newest one then counts, so a moving slider shows what it does.

    Signals
    -------
    shown(list of TagResult)
        A proposal is in the layers; an empty list when there is none.
    tuning_changed()
        The tuning is another one.
    suggested(list of (str, float))
        Classes of the folder and the decoder with their scores, best first.
    """

    shown = Signal(list)
    tuning_changed = Signal()
    suggested = Signal(list)

    def __init__(self, annotator: Annotator) -> None:
        super().__init__(annotator)
        self.tuning = Tuning()
        self.proposed: Proposed | None = None
        self.on_open = True
        self._annotator = annotator
        self._is_stale = False
        annotator.jobs.busy_changed.connect(self._on_busy_changed)

    @property
    def results(self) -> list[TagResult]:
        """The tags of the shown proposal."""
        return self.proposed.results if self.proposed else []

    def recipe(self) -> Recipe:
        """Note how to propose now."""
        workspace = self._annotator.workspace
        assert workspace is not None  # noqa: S101
        return make_recipe(self.tuning, workspace.store.classes)

    def begin(self, image: OpenImage | None) -> None:
        """Start with an image that was just opened: show what it needs, propose if it has tags."""
        self._is_stale = False
        self.proposed = None
        self.shown.emit([])
        if image is None:
            return
        ahead = self._annotator.prefetcher.proposed(image, self.recipe())
        if ahead is not None and self.on_open:
            self._show(ahead, is_written=self._is_due())
        elif image.tags and self.on_open:
            self._start(lambda proposed: self._show(proposed, is_written=self._is_due()))
        else:
            self._prepare(image)

    def propose(self) -> None:
        """Propose masks for the tags of the open image, at the user's command."""
        annotator = self._annotator
        if annotator.current is None:
            annotator.failed.emit(annotator.why_no_image)
        elif not annotator.tags and self.proposed is not None:
            self._take_away()
        elif not annotator.tags:
            annotator.failed.emit("Type at least one tag, such as 'dog', then propose.")
        else:
            self._start(lambda proposed: self._show(proposed, is_written=True))

    def propose_again(self) -> None:
        """Bring the shown proposal up to date; nothing happens where there is none."""
        if self.proposed is None or not self._annotator.tags:
            return
        if self._annotator.jobs.is_busy:
            self._is_stale = True
        else:
            self._start(lambda proposed: self._show(proposed, is_written=True, replace_last=True))

    def forget_waiting(self) -> None:
        """Compute nothing more for changes that still wait."""
        self._is_stale = False

    def tune(self, **changes: Any) -> None:
        """Change the tuning and bring the shown proposal up to date."""
        tuning = replace(self.tuning, **changes)
        if tuning != self.tuning:
            self.tuning = tuning
            self.tuning_changed.emit()
            self.propose_again()

    def set_threshold(self, store: AnnotationStore, tag: str, threshold: float) -> None:
        """Change the threshold of a tag's class, and bring the shown proposal up to date."""
        found = store.classes.find(tag)
        if found is not None and found.threshold != threshold:
            store.classes.replace(replace(found, threshold=threshold))
            self._annotator.class_work.store_later()
            self.propose_again()

    def suggest(self) -> None:
        """Rank the classes of the folder and the decoder for the open image."""
        annotator, image = self._annotator, self._annotator.current
        if image is None or annotator.workspace is None:
            annotator.failed.emit(annotator.why_no_image)
            return
        recipe, known = self.recipe(), annotator.workspace.store.classes.names

        def work(report: Report) -> dict[str, float]:
            engine = annotator.engine
            engine.prepare(recipe.request(image), report)
            names = _distinct((*known, *(engine.info.classes if engine.info else ())))
            return engine.tag_scores(recipe.request(image, names), names, report) if names else {}

        annotator.jobs.start(work, self._show_suggestions)

    def _is_due(self) -> bool:
        """Whether a proposal may be written without the user's command."""
        return self._annotator.state is State.TODO and not self._annotator.is_read_only

    def _prepare(self, image: OpenImage) -> None:
        engine, request = self._annotator.engine, self.recipe().request(image)
        self._annotator.jobs.start(lambda report: engine.prepare(request, report), _nothing)

    def _start(self, on_success: Callable[[Proposed], None]) -> None:
        annotator, image = self._annotator, self._annotator.current
        workspace = annotator.workspace
        assert workspace is not None  # noqa: S101
        assert image is not None  # noqa: S101
        request = self.recipe().request(image, annotator.tags, annotator.negative_tags)

        def work(report: Report) -> Proposed:
            proposal = annotator.engine.propose(request, report)
            report("Showing the proposal")  # unless it was cancelled
            return with_label_ids(proposal, workspace.store)

        self._is_stale = False
        annotator.jobs.start(work, on_success)

    def _show(self, proposed: Proposed, *, is_written: bool, replace_last: bool = False) -> None:
        annotator = self._annotator
        mask = annotator.layers.mask
        assert mask is not None  # noqa: S101
        self.proposed = proposed
        annotator.refresh_classes()
        annotator.layers.show_proposal(proposed.proposal)
        if is_written:
            mask.propose(proposed.mask, overrule=annotator.overrule, replace_last=replace_last)
            annotator.work.note_proposal(annotator.engine.fingerprint, proposed.proposal.measures)
        chosen = next(result for result in self.results if result.tag == annotator.layers.tag)
        annotator.choose_tag(chosen)
        self.shown.emit(self.results)
        annotator.noted.emit(" ".join(proposed.proposal.notes))

    def _take_away(self) -> None:
        """Empty the mask where the model drew it, after the last tag was taken away."""
        mask = self._annotator.layers.mask
        assert mask is not None  # noqa: S101
        self._annotator.jobs.cancel()
        self.proposed = None
        mask.propose(np.zeros_like(mask.mask), overrule=self._annotator.overrule)
        self._annotator.layers.blank_maps()
        self.shown.emit([])

    def _show_suggestions(self, scores: dict[str, float]) -> None:
        annotator = self._annotator
        known = {tag.casefold() for tag in (*annotator.tags, *annotator.negative_tags)}
        names = (name for name in scores if name.casefold() not in known)
        ranked = sorted(names, key=scores.__getitem__, reverse=True)
        self.suggested.emit([(name, scores[name]) for name in ranked])

    def _on_busy_changed(self, is_busy: bool) -> None:
        if not is_busy and self._is_stale:
            QTimer.singleShot(0, self._take_up)  # after the result has been shown

    def _take_up(self) -> None:
        if self._is_stale and not self._annotator.jobs.is_busy:
            self.propose_again()


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple({name.casefold(): name for name in reversed(names)}.values())[::-1]


def _nothing(_: object) -> None:
    pass
