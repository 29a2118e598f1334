"""Retraining from the panel, in a real process, on eight small pictures."""

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from weclip_training.reproduce.adaptation import annotate

from tests.gui.person import Person
from tests.gui.retraining import (
    TIMEOUT,
    click,
    make_folder,
    masks,
    open_folder,
    settle,
    train,
    wait_for_step,
)
from weclip_napari.scenes import write_scenes
from weclip_napari.session.folder_models import model_in_use
from weclip_napari.session.states import State


@pytest.fixture
def panel(open_panel, pictures):
    return open_panel(pictures)


@pytest.fixture
def annotator(panel):
    return panel._annotator


def logits(annotator, qtbot):
    """Propose for the open image and tell what the decoder says."""
    with qtbot.waitSignal(annotator.proposal_shown, timeout=TIMEOUT, check_params_cb=bool):
        annotator.propose()
    return annotator.proposal.decoder_logits


def test_what_will_be_used_is_told_and_follows_the_folder(panel, annotator, qtbot):
    assert panel.summary.text() == "3 accepted, 3 with tags only, 2 held out."
    assert "'never' has no example" in panel.notes.text()
    panel.selection.setCurrentIndex(1)
    qtbot.waitUntil(lambda: "0 with tags only" in panel.summary.text(), timeout=TIMEOUT)
    annotator.skip()
    panel.selection.setCurrentIndex(0)
    expected = "3 accepted, 2 with tags only, 2 held out."
    qtbot.waitUntil(lambda: panel.summary.text() == expected, timeout=TIMEOUT)


def test_a_kept_model_proposes_at_once_and_rolling_back_brings_the_old_one(
    panel, annotator, pictures, base, qtbot
):
    first = logits(annotator, qtbot)
    old_mask = annotator.layers.mask.mask.copy()
    train(panel, qtbot)
    assert [step for step, _ in panel.curves.losses] == list(range(1, 9))
    assert [step for step, _ in panel.curves.decoder] == [2, 4, 6, 8]
    shown = [panel.table.item(row, 0).text() for row in range(panel.table.rowCount())]
    assert shown == ["mean IoU %", "background", "red", "blue", "old"]
    assert panel.table.item(4, 1).text() == "–"  # in no held-out image: below what was scored
    assert panel.keep_button.y() < panel.table.y()
    assert annotator.engine.spec == base  # until it is kept

    with qtbot.waitSignal(annotator.proposal_shown, timeout=TIMEOUT, check_params_cb=bool):
        click(panel.keep_button, qtbot)
    settle(annotator, qtbot)
    kept = annotator.proposal.decoder_logits
    assert kept.shape[0] == first.shape[0] + 1  # it knows "blue" now
    assert not panel.keep_button.isVisible()
    assert annotator.engine.spec == str(model_in_use(pictures))
    summaries = [annotator.workspace.index.summary(row) for row in range(1, 3)]
    assert [summary.state for summary in summaries] == [State.PROPOSED] * 2

    with qtbot.waitSignal(annotator.proposal_shown, timeout=TIMEOUT, check_params_cb=bool):
        click(panel.roll_back_button, qtbot)
    settle(annotator, qtbot)
    np.testing.assert_array_equal(annotator.proposal.decoder_logits, first)
    np.testing.assert_array_equal(annotator.layers.mask.mask, old_mask)
    assert annotator.engine.spec == base
    assert model_in_use(pictures) is None


def test_accepted_images_are_not_touched_by_training_or_keeping(panel, annotator, pictures, qtbot):
    accepted = {f"{number}.png.png" for number in range(3, 8)}
    before = {name: data for name, data in masks(pictures).items() if name in accepted}
    assert len(before) == 5
    train(panel, qtbot)
    click(panel.keep_button, qtbot)
    qtbot.waitUntil(lambda: bool(annotator.folder_model.name), timeout=TIMEOUT)
    settle(annotator, qtbot)
    after = {name: data for name, data in masks(pictures).items() if name in accepted}
    assert after == before


def test_another_model_never_overrules_what_was_painted(panel, annotator, base, qtbot):
    mask = annotator.layers.mask
    mask.layer.paint((20, 20), 3)
    drawn, human = mask.mask.copy(), mask.provenance.human(mask.mask).copy()
    assert human.any()
    annotator.set_overrule(True)
    with qtbot.waitSignal(annotator.proposal_shown, timeout=TIMEOUT, check_params_cb=bool):
        annotator.folder_model.keep(Path(base), "another", {}, lambda: None)
    settle(annotator, qtbot)
    np.testing.assert_array_equal(mask.mask[human], drawn[human])
    assert not annotator.overrule


def test_a_folder_opens_with_its_own_model_and_others_without(
    panel, annotator, tmp_path, base, pictures, qtbot
):
    train(panel, qtbot)
    click(panel.keep_button, qtbot)
    qtbot.waitUntil(lambda: bool(annotator.folder_model.name), timeout=TIMEOUT)
    settle(annotator, qtbot)
    name, own = annotator.folder_model.name, annotator.engine.spec
    open_folder(annotator, make_folder(tmp_path / "others", accepted=0), qtbot)
    assert (annotator.folder_model.name, annotator.engine.spec) == ("", base)
    assert annotator.engine.info.classes == ("red", "old")
    open_folder(annotator, pictures, qtbot)
    assert (annotator.folder_model.name, annotator.engine.spec) == (name, own)
    assert annotator.engine.info.classes == ("red", "old", "blue")


def test_a_discarded_model_is_not_offered_again(panel, annotator, base, pictures, qtbot):
    train(panel, qtbot)
    click(panel.discard_button, qtbot)
    assert not panel.table.isVisible()
    open_folder(annotator, pictures, qtbot)
    qtbot.waitUntil(lambda: panel.outlook is not None, timeout=TIMEOUT)
    assert panel.result is None
    assert annotator.engine.spec == base


def test_too_few_accepted_images_are_told_at_once(open_panel, tmp_path, qtbot):
    panel = open_panel(make_folder(tmp_path / "few", accepted=1))
    assert "Only one image is accepted" in panel.notes.text()
    told = []
    panel._annotator.failed.connect(told.append)
    click(panel.start_button, qtbot)
    qtbot.waitUntil(lambda: bool(told), timeout=TIMEOUT)
    assert "Accept at least two" in told[0]
    assert not panel.process.is_running


def test_minutes_are_turned_into_steps(panel, qtbot):
    panel.unit.setCurrentText("minutes")
    panel.budget.setValue(0.5)
    click(panel.start_button, qtbot)
    wait_for_step(panel, 1, qtbot)
    assert panel.bar.maximum() >= 10
    panel.process.stop()


def test_one_key_retrains_in_a_window_while_somebody_annotates(
    make_napari_viewer, qtbot, tmp_path, monkeypatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_scenes(tmp_path / "truth", 8, seed=8_000_000, size=96)
    scenes = annotate(tmp_path / "truth", tmp_path / "scenes", corrected=6)
    person = Person(make_napari_viewer(show=True), qtbot)
    person.open_folder(scenes)
    panel, annotator = person.widget.retrain_panel, person.annotator
    annotator.open_image(7)
    qtbot.waitUntil(lambda: annotator.index == 7, timeout=TIMEOUT)
    person.settle()
    before = logits(annotator, qtbot)
    panel.budget.setValue(8)

    person.press(Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    wait_for_step(panel, 1, qtbot)
    person.paint(40, 40, 1)
    drawn = person.mask.copy()
    assert annotator.is_dirty
    qtbot.waitUntil(lambda: panel.result is not None, timeout=TIMEOUT)
    assert panel.isVisible()
    np.testing.assert_array_equal(person.mask, drawn)

    human = annotator.layers.mask.provenance.human(person.mask).copy()
    assert human.any()
    with qtbot.waitSignal(annotator.proposal_shown, timeout=TIMEOUT, check_params_cb=bool):
        click(panel.keep_button, qtbot)
    settle(annotator, qtbot)
    assert not np.array_equal(annotator.proposal.decoder_logits, before)
    np.testing.assert_array_equal(person.mask[human], drawn[human])
    assert person.widget.status_panel.model.text().startswith("Retrained on this folder")
    dock, area = person.widget.parentWidget(), panel.parentWidget().parentWidget()
    window = person.viewer.window._qt_window
    window.resizeDocks([dock], [1], Qt.Orientation.Horizontal)
    qtbot.waitUntil(lambda: person.widget.width() == person.widget.minimumWidth())
    assert area.verticalScrollBar().isVisible()
    assert panel.width() <= area.viewport().width()  # nothing is cut off
    assert person.failures == []
    person.close()
