"""Retraining from the panel, in a real process, on eight small pictures."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from weclip_training.reproduce.adaptation import annotate

from tests.gui.person import Person
from weclip_napari.gui.annotator import Annotator
from weclip_napari.gui.engine import Engine
from weclip_napari.gui.retrain_panel import RetrainPanel
from weclip_napari.scenes import write_scenes
from weclip_napari.session.annotation import Annotation, AnnotationStore
from weclip_napari.session.folder_models import model_in_use, runs_folder
from weclip_napari.session.images import write_image
from weclip_napari.session.states import State

SIZE = (40, 48)
TIMEOUT = 60_000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A tiny model that knows "red" and "old", but not "blue"."""
    from weclip_napari.core.checkpoint import random_model, save_model

    folder = tmp_path_factory.mktemp("model") / "tiny"
    model = random_model(classes=("red", "old"))
    config = replace(model.config, input_long_side=6 * model.backbone.patch, par_iterations=2)
    save_model(folder, replace(model, config=config))
    return str(folder)


def make_folder(images, accepted):
    """Eight pictures, each half red or half blue; some accepted, the others with tags only."""
    images.mkdir()
    store = AnnotationStore(images)
    ids = {name: store.ensure_class(name) for name in ("red", "blue", "never")}
    ids = {name: store.classes.find(name).id for name in ids}
    for number in range(8):
        name = ("red", "blue")[number % 2]
        shown = np.zeros(SIZE, bool)
        shown[:, (number // 2 % 2) * 24 :][:, :24] = True
        picture = np.random.default_rng(number).integers(0, 60, (*SIZE, 3))
        picture[..., 0 if name == "red" else 2] += 150 * shown
        path = images / f"{number}.png"
        write_image(path, picture.astype(np.uint8))
        is_accepted = number >= 8 - accepted
        mask = np.where(shown & is_accepted, ids[name], 0).astype(np.uint8)
        state = State.ACCEPTED if is_accepted else State.TODO
        store.save(path, Annotation(mask, mask > 0, (name,), (), state))
    return images


@pytest.fixture
def pictures(tmp_path):
    return make_folder(tmp_path / "photos", accepted=5)


@pytest.fixture
def open_panel(base, qtbot, tmp_path, monkeypatch):
    """Open a folder in an annotator with a panel, without a viewer's window."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    opened = []

    def open_panel(images):
        engine = Engine(base, device="cpu", disk_mib=16)
        annotator = Annotator(ViewerModel(), engine)
        panel = RetrainPanel(annotator)
        qtbot.addWidget(panel)
        panel.resize(350, 700)
        panel.show()
        opened.append((annotator, panel))
        open_folder(annotator, images, qtbot)
        qtbot.waitUntil(lambda: panel.outlook is not None, timeout=TIMEOUT)
        panel.budget.setValue(8)
        return panel

    yield open_panel
    for annotator, panel in opened:
        panel.close_down()
        annotator.cancel()
        annotator.close()


def open_folder(annotator, images, qtbot):
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.open_folder(images)
    qtbot.waitUntil(lambda: annotator.is_idle, timeout=TIMEOUT)


@pytest.fixture
def panel(open_panel, pictures):
    return open_panel(pictures)


@pytest.fixture
def annotator(panel):
    return panel._annotator


def click(button, qtbot):
    assert button.isEnabled()
    qtbot.mouseClick(button, LEFT)


def wait_for_step(panel, step, qtbot):
    qtbot.waitUntil(
        lambda: bool(panel.curves.losses) and panel.curves.losses[-1][0] >= step, timeout=TIMEOUT
    )


def train(panel, qtbot):
    """Retrain until the comparison is shown."""
    click(panel.start_button, qtbot)
    qtbot.waitUntil(lambda: panel.result is not None or panel.error.isVisible(), timeout=TIMEOUT)
    assert not panel.error.message.text()


def masks(images):
    return {
        path.name: path.read_bytes()
        for path in (images / "weclip_masks").iterdir()
        if path.name.endswith((".png", ".png.json"))
    }


def logits(annotator, qtbot):
    """Propose for the open image and tell what the decoder says."""
    with qtbot.waitSignal(annotator.proposal_shown, timeout=TIMEOUT, check_params_cb=bool):
        annotator.propose()
    return annotator.proposal.decoder_logits


def settle(annotator, qtbot):
    qtbot.waitUntil(
        lambda: (
            annotator.is_idle
            and not annotator.batch.is_busy
            and not annotator.folder_model.jobs.is_busy
        ),
        timeout=TIMEOUT,
    )


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
    assert shown == ["mean IoU %", "background", "red", "old", "blue"]
    assert panel.table.item(3, 1).text() == "–"
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


def test_a_killed_training_is_told_leaves_everything_and_goes_on(panel, annotator, pictures, qtbot):
    annotator.layers.mask.propose(np.ones(SIZE, np.uint8))  # unsaved when the training starts
    panel.budget.setValue(60)
    click(panel.start_button, qtbot)
    wait_for_step(panel, 16, qtbot)
    assert not annotator.is_dirty  # the open image was saved first
    before = masks(pictures)
    os.kill(panel.process.process_id, signal.SIGKILL)
    qtbot.waitUntil(panel.error.isVisible, timeout=TIMEOUT)
    assert "killed" in panel.error.message.text()
    assert "memory" in panel.error.message.text()
    assert masks(pictures) == before
    assert annotator.step(1)  # it goes on
    settle(annotator, qtbot)
    reached = panel.curves.losses[-1][0]
    qtbot.waitUntil(panel.resume_button.isEnabled, timeout=TIMEOUT)
    click(panel.resume_button, qtbot)
    assert len(panel.curves.losses) >= reached - 1  # what was done before is shown
    qtbot.waitUntil(lambda: panel.result is not None, timeout=TIMEOUT)
    assert [step for step, _ in panel.curves.losses] == list(range(1, 61))


def test_a_cancelled_training_can_be_resumed(panel, annotator, qtbot):
    panel.budget.setValue(1000)
    click(panel.start_button, qtbot)
    wait_for_step(panel, 2, qtbot)
    assert "of 1000" in panel.progress.text()
    click(panel.cancel_button, qtbot)
    qtbot.waitUntil(lambda: not panel.process.is_running, timeout=TIMEOUT)
    assert "cancelled" in panel.error.message.text()
    qtbot.waitUntil(panel.resume_button.isEnabled, timeout=TIMEOUT)
    assert not panel.cancel_button.isEnabled()
    assert panel.start_button.isEnabled()


def test_what_a_failed_training_said_is_shown_whole_and_can_be_copied(
    panel, annotator, pictures, qtbot
):
    annotator.engine.choose_model("/nowhere/model")
    click(panel.start_button, qtbot)
    qtbot.waitUntil(panel.error.isVisible, timeout=TIMEOUT)
    assert "/nowhere/model" in panel.error.message.text()
    panel.error.copy_button.click()
    assert "/nowhere/model" in QApplication.clipboard().text()


def test_an_unforeseen_error_shows_its_traceback(panel, pictures, qtbot):
    run = runs_folder(pictures) / "1"
    run.mkdir(parents=True)
    (run / "config.json").write_text("[]")
    panel.refresh()
    qtbot.waitUntil(panel.resume_button.isEnabled, timeout=TIMEOUT)
    click(panel.resume_button, qtbot)
    qtbot.waitUntil(panel.error.isVisible, timeout=TIMEOUT)
    assert "Traceback" in panel.error.details.toPlainText()
    assert panel.error.details.isVisible()


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


def test_closing_ends_the_training_which_can_be_resumed(panel, annotator, qtbot):
    panel.budget.setValue(1000)
    click(panel.start_button, qtbot)
    wait_for_step(panel, 1, qtbot)
    number = panel.process.process_id
    panel.close_down()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    panel.refresh()
    qtbot.waitUntil(panel.resume_button.isEnabled, timeout=TIMEOUT)


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
    assert person.failures == []
    person.close()
