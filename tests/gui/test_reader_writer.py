"""Masks and folders are opened, and labels written, through napari's plugin machinery."""

from pathlib import Path

import npe2
import numpy as np
import pytest
from napari.layers import Labels
from napari.plugins._npe2 import get_readers
from PIL import Image

from weclip_napari.errors import UserError
from weclip_napari.gui.launch import dock_annotator
from weclip_napari.session.class_file import write_class_table
from weclip_napari.session.class_table import ClassTable, LabelClass
from weclip_napari.session.images import IMAGE_SUFFIXES, MASK_FOLDER
from weclip_napari.session.masks import read_mask, write_mask

MANIFEST = Path(__file__).parents[2] / "napari.yaml"
PLUGIN = "weclip-napari"


@pytest.fixture
def plugin(npe2pm):
    npe2pm.register(npe2.PluginManifest.from_file(MANIFEST))
    return npe2pm


@pytest.fixture
def mask_path(tmp_path):
    """A stored mask of an image in a sub-folder, with its class table."""
    folder = tmp_path / MASK_FOLDER
    (folder / "a").mkdir(parents=True)
    classes = ClassTable([LabelClass(3, "zebra", (1, 2, 255)), LabelClass(7, "Ärger", (9, 9, 9))])
    write_class_table(folder / "classes.json", classes)
    path = folder / "a" / "my photo.jpg.png"
    write_mask(path, np.array([[0, 3], [255, 7]], np.uint8))
    return str(path)


def test_a_mask_opens_with_class_names_and_colours(plugin, mask_path):
    ((data, looks, kind),) = npe2.read([mask_path], stack=False, plugin_name=PLUGIN)
    layer = Labels(data, **looks)
    assert kind == "labels"
    assert layer.name == "my photo.jpg"
    assert data.tolist() == [[0, 3], [255, 7]]
    assert np.allclose(layer.get_color(3), [1 / 255, 2 / 255, 1, 1])
    assert layer.get_status((0, 1))["value"].endswith("class: zebra")
    assert "Ärger" in layer.get_status((1, 1))["value"]


def test_a_damaged_class_table_says_what_to_do(plugin, mask_path):
    (Path(mask_path).parents[1] / "classes.json").write_text("{")
    with pytest.raises(UserError, match=r"classes\.json.*Mend it"):
        npe2.read([mask_path], stack=False, plugin_name=PLUGIN)


def test_masks_from_elsewhere_and_stacks_are_left_to_others(plugin, mask_path, tmp_path):
    elsewhere = tmp_path / "other.jpg.png"
    elsewhere.write_bytes(Path(mask_path).read_bytes())
    for paths, stack in (([str(elsewhere)], False), ([mask_path, mask_path], True)):
        with pytest.raises(ValueError, match="refused"):
            npe2.read(paths, stack=stack, plugin_name=PLUGIN)


def test_masks_of_every_kind_of_image_are_offered_and_other_pictures_never(plugin):
    for suffix in IMAGE_SUFFIXES:
        assert PLUGIN in get_readers(f"/x/{MASK_FOLDER}/v1.2 cat{suffix.upper()}.png")
        assert PLUGIN not in get_readers(f"/x/cat{suffix}")


def test_a_folder_opens_in_the_annotator(make_napari_viewer, plugin, engine, folder, qtbot):
    viewer = make_napari_viewer()
    widget = dock_annotator(viewer, engine)
    with qtbot.waitSignal(widget.annotator.folder_opened):
        assert viewer.open(str(folder), plugin=PLUGIN) == []
    assert widget.annotator.workspace.folder == folder
    qtbot.waitUntil(lambda: "image" in viewer.layers)
    qtbot.waitUntil(lambda: not widget.annotator.jobs.is_busy)


def test_the_folder_of_masks_opens_the_images_around_it(
    make_napari_viewer, plugin, engine, folder, qtbot
):
    viewer = make_napari_viewer()
    widget = dock_annotator(viewer, engine)
    (folder / MASK_FOLDER).mkdir()
    with qtbot.waitSignal(widget.annotator.folder_opened):
        viewer.open(str(folder / MASK_FOLDER), plugin=PLUGIN)
    assert widget.annotator.workspace.folder == folder
    qtbot.waitUntil(lambda: not widget.annotator.jobs.is_busy)


def test_folders_without_images_and_without_a_window_are_refused(plugin, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    for path in (folder, tmp_path / "empty"):
        with pytest.raises(ValueError, match="refused"):
            npe2.read([str(path)], stack=False, plugin_name=PLUGIN)


def test_labels_are_written_as_a_palette_png(plugin, tmp_path):
    layer = Labels(np.array([[0, 1], [200, 255]], np.int32), name="mine")
    path = str(tmp_path / "mine.png")
    assert npe2.write(path, [layer], plugin_name=PLUGIN) == [path]
    assert read_mask(path).tolist() == [[0, 1], [200, 255]]
    with Image.open(path) as image:
        assert image.mode == "P"


def test_the_largest_level_of_a_pyramid_is_written(plugin, tmp_path):
    levels = [np.full((8, 8), 4), np.full((4, 4), 4)]
    npe2.write(str(tmp_path / "a.png"), [Labels(levels, multiscale=True)], plugin_name=PLUGIN)
    assert read_mask(tmp_path / "a.png").shape == (8, 8)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array([[0, 256]]), "label 256"),
        (np.array([[-1, 5]]), "label -1"),
        (np.zeros((2, 3, 4), int), "3 axes"),
    ],
)
def test_labels_that_do_not_fit_are_refused(plugin, tmp_path, labels, words):
    path = tmp_path / "mask.png"
    with pytest.raises(UserError, match=words) as caught:
        npe2.write(str(path), [Labels(labels, name="cells")], plugin_name=PLUGIN)
    assert "cells" in str(caught.value)
    assert "mask.png" in str(caught.value)
    assert not path.exists()
