"""Type tags, take suggestions, propose, watch it work, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from weclip_napari.gui.buttons import button, row_of
from weclip_napari.gui.suggestions import Suggestions
from weclip_napari.gui.tag_chips import Chip, TagChips
from weclip_napari.gui.tag_entry import TagEntry
from weclip_napari.gui.tooltips import explain

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator


class TagPanel(QWidget):
    """The tags of the open image and the button that proposes masks for them.

    The line holds what is being typed; a comma, Enter or leaving the line makes chips of it.

    Signals
    -------
    tag_clicked(str)
        The user wants to look at a tag.
    """

    tag_clicked = Signal(str)

    def __init__(self, annotator: Annotator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._annotator = annotator
        self._finished: tuple[str, ...] = ()
        self._is_typing = False
        self.entry = TagEntry()
        explain(self.entry, "tags")
        self.chips, self.suggestions = TagChips(), Suggestions()
        self.propose_button = button("Propose", "propose", self.propose)
        self.suggest_button = button("Suggest tags", "suggest", self.suggest)
        self.cancel_button = button("Cancel", "cancel", annotator.jobs.cancel)
        self.stage, self.progress = QLabel(), QProgressBar()
        self._lay_out()
        self._listen()
        self._show_busy(False)
        self._show_chips()

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags: the chips, and what is typed and not finished yet."""
        return _joined(self._finished, self.entry.tags)

    def set_tags(self, tags: tuple[str, ...]) -> None:
        """Take these tags in place of all others."""
        self.entry.set_tags(())
        self._finish(tags)

    def propose(self) -> None:
        """Propose masks for the tags."""
        self.entry.completer().popup().hide()
        self.entry.clearFocus()  # so that Ctrl+Z and the tools' keys reach the picture
        self._finish_typing()
        self._annotator.propose()

    def suggest(self) -> None:
        """Ask which classes the image may show."""
        self._finish_typing()
        self._annotator.suggest_tags()

    def show_chosen(self, tag: str) -> None:
        """Mark the tag that is being looked at."""
        self.chips.show_chosen(tag)

    def update_known(self) -> None:
        """Offer the classes of the model and of the folder as completions."""
        info, workspace = self._annotator.engine.info, self._annotator.workspace
        names = list(workspace.store.classes.names) if workspace else []
        self.entry.set_known([*names, *(info.classes if info else ())])

    def _lay_out(self) -> None:
        self.progress.setTextVisible(False)
        self.progress.setFixedSize(60, 8)
        policy = self.progress.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(policy)
        self.stage.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        typing = row_of(self.entry, self.propose_button)
        working = row_of(self.suggest_button, self.stage, self.progress, self.cancel_button)
        working.setStretchFactor(self.stage, 1)
        layout.addLayout(typing)
        layout.addWidget(self.chips)
        layout.addLayout(working)
        layout.addWidget(self.suggestions)

    def _listen(self) -> None:
        annotator = self._annotator
        self.entry.edited.connect(self._on_typed)
        self.entry.editingFinished.connect(self._finish_typing)
        self.entry.submitted.connect(self.propose)
        self.entry.erased.connect(self._take_back)
        self.chips.clicked.connect(self.tag_clicked)
        self.chips.removed.connect(self._remove)
        self.chips.unrejected.connect(annotator.unreject_tag)
        self.suggestions.accepted.connect(self._accept)
        self.suggestions.rejected.connect(annotator.reject_tag)
        annotator.image_opened.connect(self._show_image)
        annotator.tags_changed.connect(self._show_tags)
        annotator.proposal_shown.connect(lambda _: self._show_chips())
        annotator.classes_changed.connect(self._show_classes)
        annotator.suggestions_shown.connect(self.suggestions.show_ranking)
        annotator.jobs.stage.connect(self.stage.setText)
        annotator.jobs.busy_changed.connect(self._show_busy)

    def _on_typed(self) -> None:
        """Make chips of the tags before a comma, and keep the last one in the line."""
        finished = self.entry.take_finished()
        if finished:
            self._finish(_joined(self._finished, finished))
        else:
            self._tell()

    def _finish_typing(self) -> None:
        """Make chips of everything that is typed."""
        tags = self.tags
        if self.entry.text():
            self.entry.set_tags(())
            self._finish(tags)

    def _take_back(self) -> None:
        """Put the last chip back into the line, to be changed."""
        if self._finished:
            *others, last = self._finished
            self.entry.set_tags([last])
            self._finish(tuple(others))

    def _remove(self, tag: str) -> None:
        self._finish(tuple(other for other in self._finished if other != tag))
        if self._annotator.proposal is not None:
            self._annotator.propose()

    def _accept(self, tag: str) -> None:
        self._finish(_joined(self._finished, (tag,)))
        self._annotator.propose()

    def _finish(self, tags: tuple[str, ...]) -> None:
        self._finished = tags
        self._tell()
        self._show_chips()

    def _tell(self) -> None:
        """Pass on even what is half typed, so that no word is lost when the image is left."""
        self._is_typing = True
        self._annotator.type_tags(self.tags)
        self._is_typing = False

    def _show_image(self, row: int) -> None:
        self.entry.set_tags(())
        self.suggestions.clear()
        for widget in (self.entry, self.suggest_button):
            widget.setEnabled(not self._annotator.is_read_only)
        self.update_known()
        self._show_tags()

    def _show_tags(self) -> None:
        """Show tags that were changed elsewhere."""
        if not self._is_typing:
            typed = self.entry.tags
            self._finished = tuple(tag for tag in self._annotator.tags if tag not in typed)
        self._show_chips()

    def _show_classes(self) -> None:
        self.update_known()
        self._show_chips()

    def _show_chips(self) -> None:
        annotator = self._annotator
        scores = {result.tag: result.score for result in annotator.results}
        classes = annotator.workspace.store.classes if annotator.workspace else None
        chips = []
        for tag in self._finished:
            found = classes.find(tag) if classes else None
            chips.append(Chip(tag, False, found.color if found else None, scores.get(tag)))
        chips += [Chip(tag, is_rejected=True) for tag in annotator.negative_tags]
        self.chips.show_chips(chips, is_fixed=annotator.is_read_only)
        self.suggestions.drop((*self._finished, *annotator.negative_tags))

    def _show_busy(self, is_busy: bool) -> None:
        self.cancel_button.setEnabled(is_busy)
        self.progress.setRange(0, 0 if is_busy else 1)
        self.progress.setVisible(is_busy)
        self.stage.setText("Waiting" if is_busy else "Ready")
        self.update_known()


def _joined(tags: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    """Add tags that are not there yet, upper and lower case alike."""
    folded = {tag.casefold() for tag in tags}
    return (*tags, *(tag for tag in more if tag.casefold() not in folded))
