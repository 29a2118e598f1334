"""Going from image to image without waiting for the disk, and without losing a stroke."""

import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from PIL import Image

from weclip_napari.gui.annotator import Annotator
from weclip_napari.gui.save_state import SaveState
from weclip_napari.session.masks import read_mask
from weclip_napari.session.states import State
from weclip_napari.session.workspace import Workspace

TIMEOUT = 30_000


@pytest.fixture
def go(annotator, qtbot):
    """Do what opens another image, and wait until it is there."""

    def go(act, *args):
        with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
            assert act(*args)

    return go


@pytest.fixture
def settle(annotator, qtbot):
    return lambda: qtbot.waitUntil(lambda: annotator.is_idle, timeout=TIMEOUT)


@pytest.fixture
def open_window(engine, folder, qtbot):
    """Open the folder in one more window."""
    opened = []

    def open_window():
        window = Annotator(ViewerModel(), engine)
        window.propose_on_open = False
        opened.append(window)
        with qtbot.waitSignal(window.image_opened, timeout=TIMEOUT):
            window.open_folder(folder)
        return window

    yield open_window
    for window in opened:
        window.close()


def _paint(annotator, row, column, label=1):
    annotator.layers.mask.layer.paint((row, column), label)


def _saved(folder, name="img0.png"):
    return read_mask(folder / "weclip_masks" / f"{name}.png")


def _sidecar(folder, name="img0.png"):
    return json.loads((folder / "weclip_masks" / f"{name}.json").read_text(encoding="utf-8"))


def _hold(monkeypatch, owner, name):
    """Let a method wait until it may go on; returns (reached, may_go_on)."""
    method, reached, may_go_on = getattr(owner, name), threading.Event(), threading.Event()

    def held(*args):
        reached.set()
        assert may_go_on.wait(20)
        return method(*args)

    monkeypatch.setattr(owner, name, held)
    return reached, may_go_on


def test_reading_and_writing_happen_in_another_thread(annotator, go, monkeypatch):
    threads = []
    for name in ("read", "write"):
        method = getattr(annotator.workspace, name)

        def noting(*args, method=method):
            threads.append(threading.current_thread())
            return method(*args)

        monkeypatch.setattr(annotator.workspace, name, noting)
    annotator.prefetcher.drop()
    _paint(annotator, 5, 5)
    go(annotator.open_image, 2)
    assert len(threads) >= 2
    assert threading.main_thread() not in threads


def test_a_stroke_drawn_on_the_way_is_saved_before_the_image_is_left(
    annotator, folder, go, qtbot, monkeypatch
):
    annotator.prefetcher.drop()
    reached, may_go_on = _hold(monkeypatch, annotator.workspace, "read")

    def draw_on_the_way():
        annotator.open_image(2)
        qtbot.waitUntil(reached.is_set)
        _paint(annotator, 20, 30, 7)
        may_go_on.set()
        return True

    go(draw_on_the_way)
    assert annotator.index == 2
    assert _saved(folder)[20, 30] == 7


def test_a_stroke_drawn_during_the_write_is_saved_too(annotator, folder, go, qtbot, monkeypatch):
    reached, may_go_on = _hold(monkeypatch, annotator.workspace, "write")

    def draw_on_the_way():
        _paint(annotator, 5, 5, 3)
        annotator.open_image(2)
        qtbot.waitUntil(reached.is_set)
        assert annotator.save_state is SaveState.SAVING
        _paint(annotator, 20, 30, 7)
        may_go_on.set()
        return True

    go(draw_on_the_way)
    assert _saved(folder)[5, 5] == 3
    assert _saved(folder)[20, 30] == 7


def test_a_stroke_taken_back_during_the_write_is_not_on_the_disk(
    annotator, folder, go, qtbot, monkeypatch
):
    reached, may_go_on = _hold(monkeypatch, annotator.workspace, "write")

    def undo_on_the_way():
        _paint(annotator, 5, 5, 3)
        annotator.open_image(2)
        qtbot.waitUntil(reached.is_set)
        annotator.undo()
        may_go_on.set()
        return True

    go(undo_on_the_way)
    go(annotator.open_image, 0)
    assert not annotator.layers.mask.mask.any()


def test_a_failed_save_keeps_the_image_open_and_dirty(annotator, folder, go, settle, qtbot):
    in_the_way = folder / "weclip_masks" / "img0.png.png"
    in_the_way.mkdir()
    _paint(annotator, 5, 5)
    with qtbot.waitSignals([annotator.stayed, annotator.failed], timeout=TIMEOUT):
        annotator.open_image(2)
    assert annotator.index == 0
    assert annotator.is_dirty
    assert annotator.save_state is SaveState.FAILED
    assert "img0.png.png" in annotator.save_problem
    assert annotator.problems[0] == annotator.save_problem
    in_the_way.rmdir()
    go(annotator.open_image, 2)
    assert _saved(folder)[5, 5] == 1
    assert 0 not in annotator.problems


def test_a_folder_that_is_read_as_the_annotator_closes_is_let_go_of(folder, engine, qtbot):
    annotator = Annotator(ViewerModel(), engine)
    annotator.open_folder(folder)
    annotator.close()  # the folder is read by now, and nobody was told of it yet
    with qtbot.captureExceptions() as exceptions:
        qtbot.wait(100)
    assert not exceptions
    assert annotator.workspace is None
    assert not Workspace(folder).read_only


def test_the_newest_wish_counts(annotator, qtbot):
    opened = []
    annotator.image_opened.connect(opened.append)
    annotator.prefetcher.drop()
    annotator.step(1)
    annotator.step(1)  # counts from where the first one goes
    qtbot.waitUntil(lambda: opened == [2], timeout=TIMEOUT)
    assert not annotator.step(1)


def test_an_unreadable_image_is_told_and_left_again(annotator, go, qtbot):
    with qtbot.waitSignal(annotator.failed, timeout=TIMEOUT) as failed:
        go(annotator.step, 1)
    assert "img1.png" in failed.args[0]
    assert annotator.current is None
    assert annotator.save_state is SaveState.EMPTY
    assert not annotator.layers.mask
    go(annotator.step, 1)
    assert annotator.index == 2
    assert annotator.current is not None


def test_an_image_that_can_be_read_again_has_no_problem(annotator, folder, go):
    go(annotator.step, 1)
    Image.new("RGB", (64, 48)).save(folder / "img1.png")
    go(annotator.open_image, 1)
    assert annotator.problems == {}
    assert annotator.summary(1).problem == ""


def test_a_picture_that_was_replaced_after_it_was_read_ahead_is_read_anew(
    annotator, folder, go, qtbot
):
    go(annotator.open_image, 2)
    go(annotator.open_image, 0)
    Image.new("RGB", (30, 20), "red").save(folder / "img2.png")
    go(annotator.open_image, 2)
    assert annotator.current.size == (20, 30)


def test_accepting_goes_on_and_is_stored(annotator, folder, go, qtbot):
    _paint(annotator, 5, 5)
    assert annotator.state is State.EDITED
    qtbot.waitUntil(lambda: bool(annotator.summary(1).problem), timeout=TIMEOUT)
    go(annotator.accept_and_next)
    assert annotator.index == 2  # the one between cannot be read
    assert annotator.summary(0).state is State.ACCEPTED
    assert _sidecar(folder)["state"] == "accepted"
    assert _saved(folder)[5, 5] == 1


def test_skipping_the_last_one_says_that_nothing_is_left(annotator, folder, go, settle, qtbot):
    qtbot.waitUntil(lambda: bool(annotator.summary(1).problem), timeout=TIMEOUT)
    go(annotator.skip)
    with qtbot.waitSignal(annotator.noted, timeout=TIMEOUT) as noted:
        annotator.accept_and_next()
    assert "left to review" in noted.args[0]
    settle()
    assert _sidecar(folder, "img2.png")["state"] == "accepted"
    assert _sidecar(folder)["state"] == "skipped"


def test_an_edit_of_an_accepted_image_is_an_edit_until_it_is_taken_back(annotator, go):
    go(annotator.accept_and_next)
    go(annotator.open_image, 0)
    assert annotator.state is State.ACCEPTED
    _paint(annotator, 5, 5)
    assert annotator.state is State.EDITED
    annotator.undo()
    assert annotator.state is State.ACCEPTED
    assert not annotator.is_dirty


@pytest.mark.parametrize(("text", "row"), [("3", 2), ("IMG2", 2)])
def test_jumping(annotator, go, text, row):
    go(annotator.jump_to, text)
    assert annotator.index == row


def test_jumping_to_nowhere_is_told(annotator, qtbot):
    with qtbot.waitSignal(annotator.failed):
        assert not annotator.jump_to("zebra")
    assert annotator.index == 0


def test_previous_and_next_follow_the_order_of_the_table(annotator, go):
    annotator.row_order = lambda: [2, 0]
    go(annotator.step, -1)
    assert annotator.index == 2
    notes = []
    annotator.noted.connect(notes.append)
    assert not annotator.step(-1)
    assert notes == ["This is the first image."]


def test_the_timer_saves(annotator, folder, qtbot):
    annotator.saver.set_period(0.05)
    _paint(annotator, 5, 5)
    qtbot.waitUntil(lambda: annotator.save_state is SaveState.SAVED, timeout=TIMEOUT)
    assert _saved(folder)[5, 5] == 1


def test_the_second_window_reads_only_until_the_first_is_closed(
    annotator, folder, open_window, qtbot
):
    second = open_window()
    assert second.is_read_only
    assert second.save_state is SaveState.READ_ONLY
    with qtbot.waitSignal(second.failed) as failed:
        second.type_tags(("apple",))
    assert failed.args[0] == second.workspace.read_only
    assert second.tags == ()
    assert not second.layers.mask.layer.editable
    annotator.close()
    with qtbot.waitSignal(second.image_opened, timeout=TIMEOUT):
        second.try_again()
    assert not second.is_read_only
    _paint(second, 5, 5)
    assert second.save_now()
    assert _saved(folder)[5, 5] == 1


def test_a_folder_is_resumed_where_it_was_left(annotator, go, open_window):
    _paint(annotator, 5, 5)
    go(annotator.open_image, 2)
    annotator.show_view("affinity")
    annotator.tune(branch="cam")
    annotator.viewport.camera = ((11.0, 22.0), 3.5)
    annotator.close()
    again = open_window()
    assert again.index == 2
    assert again.view == "affinity"
    assert again.tuning.branch == "cam"
    assert again.viewport.camera == ((11.0, 22.0), 3.5)


def test_another_folder_takes_the_place_of_the_first(annotator, folder, tmp_path, go, qtbot):
    other = tmp_path / "other place"
    other.mkdir()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(other / "über.png")
    _paint(annotator, 5, 5)
    go(annotator.open_folder, other)
    assert annotator.workspace.name(0) == "über.png"
    assert _saved(folder)[5, 5] == 1


def test_a_folder_without_images_leaves_the_open_one(annotator, tmp_path, qtbot):
    empty = tmp_path / "empty"
    empty.mkdir()
    before = annotator.workspace
    with qtbot.waitSignals([annotator.failed, annotator.stayed], timeout=TIMEOUT):
        annotator.open_folder(empty)
    assert annotator.workspace is before
    assert annotator.open_image(2)
    qtbot.waitUntil(lambda: annotator.index == 2, timeout=TIMEOUT)


def test_closing_during_a_write_saves_the_newest_strokes(annotator, folder, qtbot, monkeypatch):
    reached, may_go_on = _hold(monkeypatch, annotator.workspace, "write")
    _paint(annotator, 5, 5, 3)
    annotator.save()
    qtbot.waitUntil(reached.is_set)
    _paint(annotator, 20, 30, 7)
    may_go_on.set()
    assert annotator.close()
    assert _saved(folder)[5, 5] == 3
    assert _saved(folder)[20, 30] == 7
    assert annotator.save_now()


def test_trying_again_keeps_the_tags_that_came_with_a_data_set(annotator, tmp_path, qtbot):
    (tmp_path / "set" / "images").mkdir(parents=True)
    Image.new("RGB", (8, 6)).save(tmp_path / "set" / "images" / "a.png")
    (tmp_path / "set" / "tags.csv").write_text("image,tags\na.png,owl\n")
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.open_folder(tmp_path / "set")
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        assert annotator.try_again()
    assert annotator.tags == ("owl",)


def test_a_class_changed_on_the_way_to_the_same_folder_stays_changed(
    annotator, folder, qtbot, monkeypatch
):
    classes = annotator.workspace.store.classes
    found = classes.ensure("owl")
    _paint(annotator, 5, 5)
    reached, may_go_on = _hold(monkeypatch, annotator.workspace, "write")
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.open_folder(folder)
        assert reached.wait(20)
        annotator.class_work.replace(replace(found, synonyms="big bird"))
        may_go_on.set()
    assert annotator.workspace.store.classes is not classes
    assert annotator.workspace.store.classes.synonyms() == {"owl": "big bird"}
