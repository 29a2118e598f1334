"""How our tables look and behave: whole rows, one at a time, and no keys taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView

from weclip_napari.gui.tooltips import explain

if TYPE_CHECKING:
    from qtpy.QtWidgets import QTableView


def style_table(table: QTableView, name: str, row_height: int = 24) -> None:
    """Set up a table of whole rows.

    Parameters
    ----------
    table
        With its model, if it has one of its own.
    name
        Its entry in the tooltips, which becomes its object name.
    row_height
        Height of every row, in pixels.
    """
    explain(table, name)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it would take our keys to search for names
    header = table.verticalHeader()
    header.hide()
    header.setMinimumSectionSize(row_height)
    header.setDefaultSectionSize(row_height)
    header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)  # rows are never measured
