"""Which images the table shows, in which order, and what it says of each."""

import time

import pytest
from PIL import Image
from qtpy.QtCore import Qt

from tests.gui.folder_stub import FolderStub
from weclip_napari.gui.image_filter import Show, Sort, Wanted, neighbour
from weclip_napari.gui.image_table import IMAGE, MEASURE, STATE, TAGS_ROLE, ImageTable
from weclip_napari.gui.state_style import PROBLEM_COLOR, STATE_COLORS
from weclip_napari.session.states import State

ROLE = Qt.ItemDataRole


@pytest.fixture
def annotator(qtbot, tmp_path):
    for name in ("a1.png", "a2.png", "a10.png", "dog.png", "e.png", "f.png"):
        Image.new("RGB", (8, 6)).save(tmp_path / name)
    stub = FolderStub()
    stub.table = ImageTable(stub)
    stub.open_folder(tmp_path)
    stub.know(0, State.ACCEPTED, ("cat", "potted plant"), uncertainty=0.2, disagreement=0.5)
    stub.know(1, State.PROPOSED, ("Dog",), uncertainty=0.4, tags_without_evidence=("Dog",))
    stub.know(2, State.SKIPPED, ("hot dog", "cat"), uncertainty=0.3, disagreement=0.9)
    stub.know(3, State.PROPOSED, ("cattle",), uncertainty=0.4, evidence_without_tag=("dog", "cat"))
    yield stub
    stub.table.thumbnails.stop()
    stub.workspace.close()


def shown(annotator, **wanted):
    annotator.table.want(Wanted(**wanted))
    assert annotator.order == annotator.table.order
    return annotator.table.order


def cell(table, line, column, role=ROLE.DisplayRole):
    return table.data(table.index(line, column), role)


@pytest.mark.parametrize(
    ("show", "rows"),
    [
        (Show.ALL, [0, 1, 2, 3, 4, 5]),
        (Show.UNREVIEWED, [1, 3, 4, 5]),
        (Show.TODO, [4, 5]),
        (Show.PROPOSED, [1, 3]),
        (Show.EDITED, []),
        (Show.ACCEPTED, [0]),
        (Show.SKIPPED, [2]),
        (Show.PROBLEMS, [1, 5]),
    ],
)
def test_only_some_states_are_shown(annotator, show, rows):
    annotator.workspace.index.set_problem(5, "It is broken; mend it.")
    annotator.problems[1] = "It was not saved; free some space."
    assert shown(annotator, show=show) == rows
    assert annotator.table.rowCount() == len(rows)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("A1", [0, 2]),
        ("dog", [1, 2, 3]),
        ("tag:dog", [1, 2]),
        ("TAG: do", [1, 2]),
        ("tag:cat", [0, 2, 3]),
        ("tag:plant", [0]),
        ("tag:lant", []),
        ("tag:potted plant", [0]),
        ("tag:dog, tag:cat", [2]),
        ("tag:cat, a1", [0, 2]),
        ("tag:", [0, 1, 2, 3]),
        (" , ", [0, 1, 2, 3, 4, 5]),
        ("zebra", []),
    ],
)
def test_names_and_tags_are_searched(annotator, text, rows):
    assert shown(annotator, text=text) == rows


@pytest.mark.parametrize(
    ("sort", "rows", "turned_round"),
    [
        (Sort.NAME, [0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]),
        (Sort.STATE, [4, 5, 1, 3, 0, 2], [2, 0, 1, 3, 4, 5]),
        (Sort.UNCERTAINTY, [1, 3, 2, 0, 4, 5], [0, 2, 1, 3, 4, 5]),
        (Sort.DISAGREEMENT, [2, 0, 1, 3, 4, 5], [0, 2, 1, 3, 4, 5]),
        (Sort.TAGS_WITHOUT_EVIDENCE, [1, 0, 2, 3, 4, 5], [0, 2, 3, 1, 4, 5]),
        (Sort.EVIDENCE_WITHOUT_TAG, [3, 0, 1, 2, 4, 5], [0, 1, 2, 3, 4, 5]),
    ],
)
def test_images_are_sorted_and_those_without_the_measure_come_last(
    annotator, sort, rows, turned_round
):
    assert shown(annotator, sort=sort) == rows
    assert shown(annotator, sort=sort, is_reversed=True) == turned_round


def test_filter_search_and_order_go_together(annotator):
    wanted = {"show": Show.UNREVIEWED, "text": "tag:", "sort": Sort.EVIDENCE_WITHOUT_TAG}
    assert shown(annotator, **wanted) == [3, 1]


def test_an_image_stays_in_the_list_when_its_state_changes(annotator):
    assert shown(annotator, show=Show.TODO) == [4, 5]
    annotator.know(4, State.ACCEPTED)
    assert annotator.order == [4, 5]
    assert cell(annotator.table, 0, STATE) == "accepted"
    assert shown(annotator, show=Show.TODO) == [5]


def test_changes_of_many_images_arrange_them_anew(annotator, qtbot):
    shown(annotator, sort=Sort.UNCERTAINTY)
    annotator.know(5, State.PROPOSED, uncertainty=0.9)
    with qtbot.waitSignal(annotator.table.modelReset):
        annotator.rows_changed.emit()
    assert annotator.order[0] == 5
    with qtbot.assertNotEmitted(annotator.table.modelReset):
        annotator.rows_changed.emit()


def test_each_row_tells_name_tags_state_and_measure(annotator):
    table = annotator.table
    shown(annotator, sort=Sort.UNCERTAINTY)
    assert cell(table, 3, IMAGE) == "a1.png"
    assert cell(table, 3, IMAGE, TAGS_ROLE) == "cat, potted plant"
    assert cell(table, 3, STATE) == "accepted"
    assert cell(table, 3, STATE, ROLE.ForegroundRole).name() == STATE_COLORS[State.ACCEPTED]
    assert cell(table, 3, MEASURE) == "0.20"
    assert cell(table, 5, MEASURE) == ""
    shown(annotator, sort=Sort.EVIDENCE_WITHOUT_TAG)
    assert cell(table, 0, MEASURE) == "dog, cat"


def test_unsaved_changes_of_the_open_image_are_marked(annotator):
    annotator.open_image(1)
    annotator.dirty_changed.emit(True)
    assert cell(annotator.table, 1, STATE) == "proposed *"
    assert cell(annotator.table, 0, STATE) == "accepted"
    annotator.dirty_changed.emit(False)
    assert cell(annotator.table, 1, STATE) == "proposed"


def test_a_problem_is_red_with_the_remedy_as_tooltip(annotator):
    annotator.workspace.index.set_problem(4, "'<e>' is broken; mend it.")
    table = annotator.table
    assert cell(table, 4, IMAGE, ROLE.ForegroundRole).name() == PROBLEM_COLOR
    assert "&lt;e&gt;' is broken; mend it." in cell(table, 4, IMAGE, ROLE.ToolTipRole).replace(
        "&#x27;", "'"
    )
    assert cell(table, 3, IMAGE, ROLE.ForegroundRole) is None
    assert table.count_problems() == 1


def test_a_broken_image_is_found_when_its_row_is_looked_at(annotator, qtbot):
    (annotator.workspace.folder / "e.png").write_bytes(b"no picture")
    with qtbot.waitSignal(annotator.row_changed) as changed:
        cell(annotator.table, 4, IMAGE, ROLE.DecorationRole)
    assert changed.args == [4]
    assert shown(annotator, show=Show.PROBLEMS) == [4]
    assert "copy it again" in cell(annotator.table, 0, IMAGE, ROLE.ToolTipRole)


def test_thumbnails_arrive_in_their_rows(annotator, qtbot):
    shown(annotator, is_reversed=True)
    with qtbot.waitSignal(annotator.table.dataChanged) as changed:
        assert cell(annotator.table, 1, IMAGE, ROLE.DecorationRole) is None
    assert changed.args[0].row() == 1
    assert not cell(annotator.table, 1, IMAGE, ROLE.DecorationRole).isNull()


@pytest.mark.parametrize(
    ("row", "offset", "found"),
    [(4, 1, 0), (4, 2, 9), (0, -1, 4), (9, 1, None), (4, -1, None), (7, 1, 9), (7, -1, 0)],
)
def test_the_way_follows_the_order(row, offset, found):
    assert neighbour([4, 0, 9], row, offset) == found


def test_from_a_hidden_image_one_comes_into_the_list_again():
    assert neighbour([2, 3], 8, 1) == 2
    assert neighbour([2, 3], 8, 2) == 3
    assert neighbour([2, 3], 0, -1) == 3
    assert neighbour([], 0, 1) is None


def test_ten_thousand_images_are_arranged_in_an_instant(annotator, monkeypatch):
    count = 10_000
    monkeypatch.setattr(annotator.workspace, "name", lambda row: f"image{row}.png")
    known = [annotator.workspace.index.summary(row) for row in range(6)]
    monkeypatch.setattr(annotator, "summary", lambda row: known[row % 6])
    monkeypatch.setattr(annotator.workspace, "images", range(count))
    for wanted in ({}, {"sort": Sort.UNCERTAINTY}, {"text": "tag:dog"}, {"text": "99"}):
        start = time.perf_counter()
        assert shown(annotator, **wanted)
        assert time.perf_counter() - start < 0.5  # a tenth of it on a machine that is not busy
