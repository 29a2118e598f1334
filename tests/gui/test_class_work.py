"""Changes of classes in an annotator without a window."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from weclip_napari.session.class_edits import Touched, delete, merge, rename
from weclip_napari.session.class_file import read_class_table
from weclip_napari.session.class_table import PromptSettings
from weclip_napari.session.states import State

TIMEOUT = 60_000


@pytest.fixture
def drawn(annotator, qtbot):
    """The open image with an apple painted by a person and a star by the model, saved."""
    classes = annotator.workspace.store.classes
    for name in ("apple", "star", "fish"):
        classes.ensure(name)
    mask = annotator.layers.mask
    proposed = np.zeros(annotator.current.size, np.uint8)
    proposed[:10] = 2
    mask.propose(proposed)
    mask.layer.data_setitem(np.nonzero(np.arange(proposed.size).reshape(proposed.shape) > 2000), 1)
    annotator.type_tags(("apple", "star"))
    assert annotator.save_now()
    return annotator


def finish(annotator, edit, qtbot):
    """Make an edit and wait until the image is open again."""
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.class_work.edit(edit)
    qtbot.waitUntil(lambda: annotator.is_idle, timeout=TIMEOUT)


def stored(annotator):
    return annotator.workspace.store.load(annotator.current.path)


def test_a_merger_changes_files_and_the_open_image(drawn, qtbot):
    before = stored(drawn)
    classes = drawn.workspace.store.classes
    edit = merge(classes, 1, 2)
    assert drawn.class_work.count(edit) == Touched(1, 1)
    finish(drawn, edit, qtbot)
    after = stored(drawn)
    expected = np.where(before.mask == 1, 2, before.mask)
    assert np.array_equal(after.mask, expected)
    assert np.array_equal(after.human, before.human)
    assert np.array_equal(drawn.layers.mask.mask, expected)
    assert drawn.tags == after.tags == ("star",)
    assert not drawn.is_dirty
    assert classes.names == ("star", "fish")


def test_undo_does_not_bring_back_a_deleted_class(drawn, qtbot):
    finish(drawn, delete(drawn.workspace.store.classes, 1, 255), qtbot)
    drawn.undo()
    assert 1 not in drawn.layers.mask.mask
    assert drawn.layers.mask.is_editable


def test_strokes_that_are_not_saved_yet_follow_too(drawn, qtbot):
    drawn.layers.mask.layer.data_setitem((np.array([0]), np.array([0])), 1)
    assert drawn.is_dirty
    finish(drawn, merge(drawn.workspace.store.classes, 1, 3), qtbot)
    assert stored(drawn).mask[0, 0] == 3
    assert stored(drawn).human[0, 0]
    assert stored(drawn).state is State.EDITED


def test_nothing_typed_or_drawn_meanwhile_brings_the_old_class_back(drawn, qtbot):
    with qtbot.waitSignal(drawn.image_opened, timeout=TIMEOUT):
        drawn.class_work.edit(merge(drawn.workspace.store.classes, 1, 2))
        drawn.type_tags(("apple", "fish"))
        drawn.layers.mask.mask[:] = 1
        drawn.autosave()
    qtbot.waitUntil(lambda: drawn.is_idle, timeout=TIMEOUT)
    assert drawn.tags == stored(drawn).tags == ("star",)
    assert 1 not in stored(drawn).mask
    assert 1 not in drawn.layers.mask.mask


def test_nothing_is_edited_when_the_open_image_cannot_be_saved(drawn, qtbot, monkeypatch):
    def fail(snapshot):
        raise OSError("disk full")

    drawn.layers.mask.layer.data_setitem((np.array([0]), np.array([0])), 1)
    monkeypatch.setattr(drawn.workspace, "write", fail)
    with qtbot.waitSignal(drawn.failed, timeout=TIMEOUT):
        drawn.class_work.edit(rename(drawn.workspace.store.classes, 1, "pear"))
    monkeypatch.undo()
    qtbot.waitUntil(lambda: drawn.is_idle, timeout=TIMEOUT)
    assert drawn.workspace.store.classes.names == ("apple", "star", "fish")
    assert drawn.layers.mask.mask[0, 0] == 1
    assert drawn.layers.mask.is_editable


def test_a_failed_file_is_told(drawn, qtbot):
    stray = drawn.workspace.store.mask_path(drawn.workspace.folder / "gone.png")
    stray.write_bytes(b"no mask")
    told = []
    drawn.failed.connect(told.append)
    finish(drawn, delete(drawn.workspace.store.classes, 1, 0), qtbot)
    assert "gone.png" in told[0]
    assert "opened the next time" in told[0]


def test_a_changed_colour_is_seen_at_once_and_stored_soon(drawn, qtbot):
    table = drawn.workspace.store.classes
    with qtbot.waitSignal(drawn.classes_changed):
        drawn.class_work.replace(replace(table.by_id(1), color=(1, 2, 3)))
    shown = drawn.layers.mask.layer.colormap.color_dict[1]
    assert np.allclose(shown[:3], np.array([1, 2, 3]) / 255, atol=0.01)
    path = drawn.workspace.store.class_path
    qtbot.waitUntil(lambda: read_class_table(path).by_id(1).color == (1, 2, 3), timeout=5000)


@pytest.mark.parametrize("change", ["threshold", "words", "background", "template"])
def test_a_change_of_a_class_updates_the_proposal_without_encoding(
    drawn, propose, predictor, qtbot, monkeypatch, change
):
    propose("star", "apple")
    before = drawn.proposal
    encoded = []
    monkeypatch.setattr(predictor, "encode", encoded.append)
    classes = drawn.workspace.store.classes
    shown = np.bincount(before.label_map.ravel(), minlength=3)[1:].argmax()
    star = classes.find(before.tags[shown])
    assert (before.label_map == shown + 1).any()
    with qtbot.waitSignal(drawn.proposal_shown, timeout=TIMEOUT):
        if change == "threshold":
            drawn.class_work.replace(replace(star, threshold=0.99))
        elif change == "words":
            drawn.class_work.replace(replace(star, synonyms="twinkling star,sun"))
        else:
            own = {"background": ("water",), "template": "a photo of {}."}
            classes.prompts = PromptSettings(**{change: own[change]})
            drawn.class_work.changed()
    assert encoded == []
    same_scores = np.array_equal(before.scores, drawn.proposal.scores)
    same_labels = np.array_equal(before.label_map, drawn.proposal.label_map)
    assert not (same_scores and same_labels)


def test_number_keys_choose_the_class_to_paint_with(drawn):
    told = []
    drawn.noted.connect(told.append)
    drawn.class_work.paint_with_key("3")
    assert drawn.layers.mask.layer.selected_label == 3
    drawn.class_work.paint_with_key("9")
    assert drawn.layers.mask.layer.selected_label == 3
    assert "No class has the key 9" in told[-1]


def test_no_image_that_was_on_its_way_opens_before_the_edit_is_done(drawn, qtbot):
    may_go_on = threading.Event()
    drawn.prefetcher.drop()
    drawn.open_image(2)
    drawn.files.run_now(lambda: None)  # it was read, and nobody on this thread knows yet
    drawn.files.run(lambda: may_go_on.wait(20), lambda _: None, drawn.failed.emit)
    drawn.class_work.edit(delete(drawn.workspace.store.classes, 1, 255))
    qtbot.wait(100)
    assert drawn.current is None
    assert not drawn.layers.mask.is_editable
    may_go_on.set()
    qtbot.waitUntil(lambda: drawn.is_idle and drawn.current is not None, timeout=TIMEOUT)
    assert 1 not in drawn.layers.mask.mask
    assert drawn.layers.mask.is_editable


def test_a_class_is_rejected_however_its_tag_is_spelled(annotator):
    annotator.type_tags(("apple", "star"))
    annotator.reject_tag("Apple")
    assert (annotator.tags, annotator.negative_tags) == (("star",), ("Apple",))
    annotator.type_tags(("star", "APPLE"))
    assert annotator.negative_tags == ()
    annotator.reject_tag("star")
    annotator.unreject_tag("Star")
    assert (annotator.tags, annotator.negative_tags) == (("APPLE",), ())
