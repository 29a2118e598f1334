"""The journey on real photographs of many sizes, where ``WECLIP_VOC_ROOT`` names some."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt

from tests.gui.person import CTRL, Person
from weclip_napari.gui.result_panel import VIEWS
from weclip_napari.session.annotation import AnnotationStore
from weclip_napari.session.images import list_images, read_image
from weclip_napari.session.states import State

VOC = os.environ.get("WECLIP_VOC_ROOT")
COUNT = 12
STROKE = 200

pytestmark = pytest.mark.skipif(not VOC, reason="WECLIP_VOC_ROOT names no photographs")


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for path in sorted(Path(VOC, "JPEGImages").glob("*.jpg"))[:COUNT]:
        shutil.copy(path, folder)
    return folder


def test_the_journey_of_twelve_photographs(make_napari_viewer, qtbot, photographs):
    person = Person(make_napari_viewer(show=True), qtbot)
    person.open_folder(photographs)
    sizes = set()
    for row in range(COUNT):
        assert (person.annotator.index, person.state) == (row, "todo")
        person.type_tags("cat", "bicycle")
        sizes.add(person.mask.shape)
        for _ in VIEWS:  # CAM, refined CAM, affinity, uncertainty, all, and the mask again
            person.press(Qt.Key.Key_W)
        proposal = person.mask.copy()
        person.hover(60, 60)
        person.paint(100, 100, STROKE)
        assert person.mask[100, 100] == STROKE
        person.press(Qt.Key.Key_Z, CTRL)
        assert np.array_equal(person.mask, proposal)
        person.paint(100, 100, STROKE)
        if row < COUNT - 1:
            person.go(Qt.Key.Key_G)
    assert len(sizes) > 1
    assert person.failures == []
    person.close()
    check_disk(photographs)


def check_disk(folder):
    store = AnnotationStore(folder)
    for row, path in enumerate(list_images(folder)):
        annotation = store.load(path, read_image(path).shape[:2])
        assert annotation.state is (State.ACCEPTED if row < COUNT - 1 else State.EDITED)
        assert annotation.mask[100, 100] == STROKE
        assert np.array_equal(annotation.human, annotation.mask == STROKE)
        assert annotation.tags == ("cat", "bicycle")
