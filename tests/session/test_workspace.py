"""A folder being worked on."""

import numpy as np
import pytest
from PIL import Image

from weclip_napari.errors import UserError
from weclip_napari.session.workspace import Workspace


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2, 10):
        Image.new("RGB", (8, 6), (number, 0, 0)).save(tmp_path / f"img{number}.png")
    return tmp_path


def _paint(workspace, label=1):
    mask = workspace.current.mask.copy()
    mask[0, :3] = label
    workspace.current.provenance.stroke_drawn()
    return mask


def test_images_are_listed_without_the_masks(folder):
    workspace = Workspace(folder)
    workspace.open(0)
    workspace.save(_paint(workspace), ("dog",))
    again = Workspace(folder)
    assert [again.name(row) for row in range(3)] == ["img1.png", "img2.png", "img10.png"]
    assert len(again.images) == 3
    assert again.first_unsaved() == 1


def test_an_opened_image_is_clean_until_it_is_painted(folder):
    workspace = Workspace(folder)
    image = workspace.open(0)
    assert image.pixels.shape == (6, 8, 3)
    assert image.size == (6, 8)
    assert not workspace.is_dirty(image.mask, image.tags)
    mask = _paint(workspace)
    assert workspace.is_dirty(mask, ())
    workspace.save(mask, ())
    assert not workspace.is_dirty(mask, ())


def test_saving_and_opening_again_brings_mask_tags_and_provenance_back(folder):
    workspace = Workspace(folder)
    workspace.open(0)
    mask = _paint(workspace, 3)
    workspace.save(mask, ("dog",))
    workspace.open(1)
    image = workspace.open(0)
    assert np.array_equal(image.mask, mask)
    assert image.tags == ("dog",)
    assert np.array_equal(image.provenance.human(image.mask), mask == 3)
    assert not workspace.is_dirty(image.mask, image.tags)


def test_an_unreadable_image_leaves_none_open(folder):
    (folder / "img2.png").write_bytes(b"no image")
    workspace = Workspace(folder)
    workspace.open(0)
    with pytest.raises(UserError, match="img2.png"):
        workspace.open(1)
    assert workspace.current is None
    with pytest.raises(UserError, match="No image is open"):
        workspace.save(np.zeros((6, 8), np.uint8), ())


def test_tags_and_classes_of_a_data_set_are_taken_over(folder):
    data = folder / "data"
    (data / "images").mkdir(parents=True)
    for path in folder.glob("*.png"):
        path.rename(data / "images" / path.name)
    (data / "tags.csv").write_text("image,tags\nimg2.png,cat;dog\n")
    (data / "classes.txt").write_text("cat\nbird\ndog\n")
    workspace = Workspace(data)
    assert workspace.folder == data / "images"
    assert workspace.store.classes.find("dog").id == 3
    assert workspace.open(0).tags == ()
    assert workspace.open(1).tags == ("cat", "dog")


def test_an_empty_folder_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="no images"):
        Workspace(tmp_path)


def test_a_proposal_that_a_person_erased_is_work_to_keep(folder):
    workspace = Workspace(folder)
    image = workspace.open(0)
    before, proposed = image.mask.copy(), np.ones_like(image.mask)
    image.provenance.proposal_written(before, proposed)
    assert workspace.is_dirty(proposed, ())
    image.provenance.stroke_drawn()
    assert workspace.is_dirty(before, ())
    workspace.save(before, ("dog",))
    assert workspace.open(0).provenance.human(before).all()


def test_a_proposal_that_was_taken_back_leaves_nothing_to_keep(folder):
    workspace = Workspace(folder)
    image = workspace.open(0)
    before = image.mask.copy()
    image.provenance.proposal_written(before, np.ones_like(before))
    image.provenance.undone(before)
    assert not workspace.is_dirty(before, ())


def test_tags_are_work_to_keep_even_without_a_mask(folder):
    workspace = Workspace(folder)
    image = workspace.open(0)
    assert workspace.is_dirty(image.mask, ("dog",))
    workspace.save(image.mask, ("dog",))
    assert not workspace.is_dirty(image.mask, ("dog",))
    assert workspace.is_dirty(image.mask, ())
    again = Workspace(folder).open(0)
    assert again.tags == ("dog",)
    assert not again.provenance.human(again.mask).any()


def test_a_file_that_was_replaced_is_told_apart(folder):
    workspace = Workspace(folder)
    before = workspace.open(0).digest
    assert workspace.open(0).digest == before
    Image.new("RGB", (6, 8), (1, 0, 0)).save(folder / "img1.png")  # the same bytes, turned
    assert workspace.open(0).digest != before


def test_tags_that_cannot_be_read_do_not_close_the_folder(folder):
    (folder / "tags.csv").write_bytes(b"image,tags\nimg1.png,\xff\n")
    workspace = Workspace(folder)
    assert "tags.csv" in workspace.problem
    assert len(workspace.images) == 3
    assert workspace.open(0).tags == ()
