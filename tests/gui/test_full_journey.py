"""The whole work on a folder of six drawn scenes: in a real window, with keys and mouse."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt

from tests.gui.person import CTRL, TIMEOUT, Person
from weclip_napari.scenes import write_scenes
from weclip_napari.session.annotation import AnnotationStore
from weclip_napari.session.images import list_images
from weclip_napari.session.masks import read_mask
from weclip_napari.session.states import State

STROKE = 200
"""A label id that no class has, so that strokes are told from proposals."""


@pytest.fixture
def folder(tmp_path):
    """Six scenes without tags, the first with an apple, in a folder with a difficult name."""
    write_scenes(tmp_path / "drawn", 6, seed=0)
    folder = tmp_path / "it's a «Größe» 图"
    shutil.move(tmp_path / "drawn" / "images", folder)
    return folder


@pytest.fixture
def arrive(make_napari_viewer, qtbot):
    """Somebody opens a window."""
    people = []

    def arrive():
        people.append(Person(make_napari_viewer(show=True), qtbot))
        return people[-1]

    yield arrive
    for person in people:
        person.annotator.cancel()


def test_the_whole_journey_of_six_scenes(arrive, folder):
    person = arrive()
    person.open_folder(folder)
    assert person.widget.folder_panel.table.model().rowCount() == 6
    assert (person.annotator.index, person.state) == (0, "todo")

    person.type_tags("apple", "zebra")
    assert person.state == "proposed"
    apple = person.class_id("apple")
    proposal = person.mask.copy()
    assert {0, apple} <= {*np.unique(proposal)}
    assert "zebra" in person.widget.status_panel.message.text()  # it comes from the CAM

    look_at_the_maps(person)
    thresholded = change_a_threshold(person, apple)
    correct_and_undo(person, thresholded)
    drawn = person.mask.copy()
    assert person.state == "edited"

    person.go(Qt.Key.Key_G)
    assert (person.annotator.index, person.state) == (1, "todo")
    assert not person.mask.any()
    person.press(Qt.Key.Key_Z, CTRL)  # reaches no other image
    assert not person.mask.any()
    check_the_first_image_on_disk(folder, drawn)

    person.type_tags("star")
    proposed = person.mask.copy()
    person.go(Qt.Key.Key_K)
    assert person.annotator.index == 2
    person.go(Qt.Key.Key_A)
    assert (person.annotator.index, person.state) == (1, "skipped")
    assert np.array_equal(person.mask, proposed)
    person.press(Qt.Key.Key_W)
    person.viewer.scene.camera.zoom *= 2
    person.viewer.scene.camera.center = (0, 100, 120)
    place = camera(person)
    shown = person.shown()
    person.close()
    assert person.viewer.layers == []

    check_states_on_disk(folder)
    resume_in_another_window(arrive(), folder, place, shown, proposed)


def look_at_the_maps(person):
    for shown in ("CAM · apple", "refined CAM · apple", "affinity"):
        person.press(Qt.Key.Key_W)
        assert shown in person.shown()
        assert person.viewer.layers[shown].data.max() > 0
    maps = []
    for place in ((40, 40), (150, 120), (40, 40)):
        person.hover(*place)
        maps.append(person.viewer.layers["affinity"].data.copy())
    assert not np.array_equal(maps[0], maps[1])
    assert np.array_equal(maps[0], maps[2])
    for _ in range(3):  # uncertainty, all, and the mask again
        person.press(Qt.Key.Key_W)
    assert "affinity" not in person.shown()
    assert "proposal" in person.shown()


def change_a_threshold(person, apple):
    before = person.mask.copy()
    slider = person.widget.result_panel.threshold("apple")
    with person.qtbot.waitSignal(person.annotator.proposal_shown, timeout=TIMEOUT):
        person.press(Qt.Key.Key_End, on=slider)
    person.settle()
    after = person.mask.copy()
    assert np.count_nonzero(after == apple) < np.count_nonzero(before == apple)
    with person.qtbot.waitSignal(person.annotator.proposal_shown, timeout=TIMEOUT):
        person.press(Qt.Key.Key_Home, on=slider)
    person.settle()
    assert np.array_equal(person.mask, before)
    return before


def correct_and_undo(person, proposal):
    person.canvas.setFocus()
    person.paint(40, 30, STROKE)
    stroke = person.mask == STROKE
    assert stroke[40, 30]
    assert np.array_equal(person.mask[~stroke], proposal[~stroke])
    person.press(Qt.Key.Key_Z, CTRL)
    assert np.array_equal(person.mask, proposal)
    person.paint(40, 30, STROKE)
    assert np.array_equal(person.mask == STROKE, stroke)
    with person.qtbot.waitSignal(person.annotator.proposal_shown, timeout=TIMEOUT):
        person.press(Qt.Key.Key_R)
    person.settle()
    assert np.array_equal(person.mask == STROKE, stroke)


def check_the_first_image_on_disk(folder, drawn):
    masks = folder / "weclip_masks"
    with Image.open(masks / "scene_0000.png.png") as image:
        assert image.mode == "P"
    assert np.array_equal(read_mask(masks / "scene_0000.png.png"), drawn)
    sidecar = json.loads((masks / "scene_0000.png.json").read_text(encoding="utf-8"))
    assert sidecar["version"] == 2
    assert sidecar["tags"] == ["apple", "zebra"]
    assert sidecar["state"] == "accepted"
    assert sidecar["model"]
    store = AnnotationStore(folder)
    annotation = store.load(folder / "scene_0000.png")
    assert np.array_equal(annotation.human, drawn == STROKE)
    assert {"apple", "zebra"} <= {*store.classes.names}


def check_states_on_disk(folder):
    store, images = AnnotationStore(folder), list_images(folder)
    states = [
        annotation.state if annotation else State.TODO for annotation in map(store.load, images)
    ]
    assert states == [State.ACCEPTED, State.SKIPPED, *[State.TODO] * 4]
    assert not (folder / "weclip_masks" / ".lock").exists()
    assert not list(folder.rglob("*.tmp"))


def resume_in_another_window(person, folder, place, shown, mask):
    person.open_folder(folder)
    assert (person.annotator.index, person.state) == (1, "skipped")
    assert person.annotator.tags == ("star",)
    assert np.allclose(camera(person), place)
    assert person.shown() == shown
    assert np.array_equal(person.mask, mask)
    assert not person.annotator.is_dirty
    assert person.failures == []
    counts = person.annotator.workspace.index.counts()
    assert (counts[State.ACCEPTED], counts[State.SKIPPED], counts[State.TODO]) == (1, 1, 4)
    person.close()


def camera(person):
    scene = person.viewer.scene.camera
    return (*scene.center[-2:], scene.zoom)
