"""What happens when a folder or an image has been read: show it, propose, get the next ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from weclip_napari.gui.image_filter import neighbour
from weclip_napari.gui.mask_layer import MaskLayer

if TYPE_CHECKING:
    from weclip_napari.gui.annotator import Annotator
    from weclip_napari.gui.resumption import ReadFolder
    from weclip_napari.session.workspace import OpenImage

AHEAD = (1, -1, 2)
"""Which neighbours are got ready, in this order."""


class Opening(QObject):
    """Shows what the navigator brings."""

    def __init__(self, annotator: Annotator) -> None:
        super().__init__(annotator)
        self._annotator = annotator
        self._to_tell = ""

    def show_folder(self, folder: ReadFolder) -> None:
        """Put a folder in the place of the one before."""
        annotator, before = self._annotator, self._annotator.workspace
        annotator.cancel()
        annotator.prefetcher.drop()
        annotator.index_reader.stop()
        if before is not None:
            annotator.class_work.store_now()
            annotator.resumption.store()
            annotator.files.run(before.close, _nothing, _nothing)
        annotator.workspace, annotator.index = folder.workspace, -1
        annotator.problems.clear()
        annotator.resumption.begin(folder.resume)
        annotator.folder_opened.emit()
        annotator.index_reader.start(folder.workspace.index)
        self._to_tell = f"{folder.workspace.read_only} {folder.workspace.problem}".strip()
        annotator.open_image(folder.row)

    def show_image(self, row: int, image: OpenImage | str) -> None:
        """Show an image, or say why it cannot be shown."""
        annotator = self._annotator
        annotator.jobs.cancel()
        annotator.index = row
        annotator.set_overrule(False)
        if isinstance(image, str):
            annotator.problems[row] = image
            annotator.layers.clear()
            self._begin(None)
        else:
            annotator.problems.pop(row, None)
            self._show_layers(image)
            self._begin(image)
        self._tell(image)
        self.look_ahead()

    def look_ahead(self) -> None:
        """Get the neighbours ready, once nothing is computed for the open image."""
        annotator, workspace = self._annotator, self._annotator.workspace
        if workspace is None or annotator.jobs.is_busy or annotator.navigator.is_moving:
            return
        order = annotator.row_order()
        found = (neighbour(order, annotator.index, offset) for offset in AHEAD)
        rows = [row for row in found if row is not None]
        recipe = annotator.proposer.recipe() if annotator.propose_on_open else None
        annotator.prefetcher.look_ahead(workspace, rows, recipe)

    def _show_layers(self, image: OpenImage) -> None:
        annotator = self._annotator
        assert annotator.workspace is not None  # noqa: S101
        classes = annotator.workspace.store.classes
        layer = annotator.layers.release_mask()
        mask = MaskLayer(image.mask, image.provenance, classes, annotator.work.note_mask, layer)
        mask.is_editable = not annotator.is_read_only
        annotator.layers.show_image(image.pixels, mask)

    def _begin(self, image: OpenImage | None) -> None:
        annotator = self._annotator
        annotator.work.begin(image)
        annotator.saver.begin(image)
        annotator.image_opened.emit(annotator.index)
        annotator.proposer.begin(image)
        if image is not None:
            annotator.resumption.take_up()
            annotator.resumption.store()

    def _tell(self, image: OpenImage | str) -> None:
        """Tell what is wrong with the folder, the first time, and with the image."""
        problem = image if isinstance(image, str) else ""
        text, self._to_tell = f"{self._to_tell} {problem}".strip(), ""
        if text:
            self._annotator.failed.emit(text)


def _nothing(_: object) -> None:
    pass
