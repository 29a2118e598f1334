"""A folder to retrain on, and what somebody does with the panel."""

from __future__ import annotations

import json

import numpy as np
from qtpy.QtCore import Qt

from tests.red_and_blue import paint
from weclip_napari.session.annotation import Annotation, AnnotationStore
from weclip_napari.session.folder_models import runs_folder
from weclip_napari.session.states import State

TIMEOUT = 60_000
LEFT = Qt.MouseButton.LeftButton


def make_folder(images, accepted):
    """Eight pictures, each half red or half blue; some accepted, the others with tags only."""
    images.mkdir()
    store = AnnotationStore(images)
    ids = {name: store.ensure_class(name) for name in ("red", "blue", "never")}
    ids = {name: store.classes.find(name).id for name in ids}
    for number in range(8):
        path = images / f"{number}.png"
        name, shown = paint(path, number)
        is_accepted = number >= 8 - accepted
        mask = np.where(shown & is_accepted, ids[name], 0).astype(np.uint8)
        state = State.ACCEPTED if is_accepted else State.TODO
        store.save(path, Annotation(mask, mask > 0, (name,), (), state))
    return images


def open_folder(annotator, images, qtbot):
    with qtbot.waitSignal(annotator.image_opened, timeout=TIMEOUT):
        annotator.open_folder(images)
    qtbot.waitUntil(lambda: annotator.is_idle, timeout=TIMEOUT)


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


def start_and_wait(panel, qtbot):
    click(panel.start_button, qtbot)
    qtbot.waitUntil(lambda: panel.process.process_id != 0, timeout=TIMEOUT)


def finished_run(images, name="2026-01-01"):
    """Leave a run that is done and not decided."""
    run = runs_folder(images) / name
    run.mkdir(parents=True)
    (run / "config.json").write_text("{}")
    scores = {"background": 90.0}
    means = {"mean_before": 90.0, "mean_after": 90.0}
    facts = {"images": 1, "before": scores, "after": scores, **means}
    (run / "result.json").write_text(json.dumps(facts))
    return run


def look_again(panel, qtbot):
    panel.refresh()
    qtbot.waitUntil(lambda: not panel.looking.is_busy, timeout=TIMEOUT)


def masks(images):
    return {
        path.name: path.read_bytes()
        for path in (images / "weclip_masks").iterdir()
        if path.name.endswith((".png", ".png.json"))
    }


def settle(annotator, qtbot):
    qtbot.waitUntil(
        lambda: (
            annotator.is_idle
            and not annotator.batch.is_busy
            and not annotator.folder_model.jobs.is_busy
        ),
        timeout=TIMEOUT,
    )
