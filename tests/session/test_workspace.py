"""A folder being worked on."""

import os
import threading
import time

import numpy as np
import pytest
from PIL import Image

from weclip_napari.errors import UserError
from weclip_napari.session.annotation import Annotation, Measures
from weclip_napari.session.class_edits import merge, rename
from weclip_napari.session.masks import write_mask
from weclip_napari.session.states import State
from weclip_napari.session.workspace import Workspace

SIZE = (6, 8)
MEASURES = Measures(0.5, 0.25, ("dog",), ())


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2, 10):
        Image.new("RGB", (8, 6), (number, 0, 0)).save(tmp_path / f"img{number}.png")
    return tmp_path


@pytest.fixture
def workspace(folder):
    workspace = Workspace(folder)
    yield workspace
    workspace.close()


def enter(workspace, row):
    image = workspace.read(row)
    assert workspace.enter(image)
    return image


def paint(image, label=1):
    """Draw a stroke as a person would."""
    image.mask[0, :3] = label
    image.provenance.draw(image.mask)
    return image.mask


def save(workspace, mask, tags=(), negative_tags=(), state=State.EDITED, **fields):
    snapshot = workspace.snapshot(mask, tags, negative_tags, state, **fields)
    path = workspace.write(snapshot)
    workspace.note_saved(snapshot)
    return path


def is_dirty(workspace, image, **changes):
    known = {"tags": image.tags, "negative_tags": image.negative_tags, "state": image.state}
    return workspace.is_dirty(image.mask, **(known | changes))


def test_images_are_listed_without_the_masks(folder, workspace):
    save(workspace, paint(enter(workspace, 0)), ("dog",))
    workspace.close()
    again = Workspace(folder)
    assert [again.name(row) for row in range(3)] == ["img1.png", "img2.png", "img10.png"]
    assert len(again.images) == 3


def test_reading_changes_nothing(folder, workspace):
    image = workspace.read(1)
    assert image.pixels.shape == (6, 8, 3)
    assert (image.row, image.path, image.size) == (1, folder / "img2.png", SIZE)
    assert (image.state, image.tags, image.model) == (State.TODO, (), "")
    assert workspace.current is None
    with pytest.raises(UserError, match="No image is open"):
        workspace.snapshot(image.mask, (), (), State.TODO)


def test_an_opened_image_is_clean_until_it_is_painted(workspace):
    image = enter(workspace, 0)
    assert not is_dirty(workspace, image)
    mask = paint(image)
    assert is_dirty(workspace, image)
    save(workspace, mask)
    assert not is_dirty(workspace, image, state=State.EDITED)


@pytest.mark.parametrize(
    "change", [{"tags": ("dog",)}, {"negative_tags": ("cat",)}, {"state": State.SKIPPED}]
)
def test_whatever_is_saved_can_be_dirty(workspace, change):
    image = enter(workspace, 0)
    assert is_dirty(workspace, image, **change)
    save(workspace, image.mask, **({"state": State.TODO} | change))
    assert not is_dirty(workspace, image, **change)
    assert not is_dirty(workspace, enter(workspace, 0))


def test_strokes_drawn_during_a_save_stay_dirty(workspace):
    image = enter(workspace, 0)
    snapshot = workspace.snapshot(paint(image, 1), (), (), State.EDITED)
    paint(image, 2)
    workspace.write(snapshot)
    workspace.note_saved(snapshot)
    assert is_dirty(workspace, image, state=State.EDITED)
    assert workspace.read(0).mask[0, 0] == 1
    box = image.provenance.undo()
    image.mask[box] = image.provenance.mask[box]
    assert not is_dirty(workspace, image, state=State.EDITED)


def test_a_change_that_nobody_told_of_is_dirty_and_becomes_a_persons(workspace):
    image = enter(workspace, 0)
    image.mask[3, 3] = 9
    assert is_dirty(workspace, image)
    save(workspace, image.mask)
    assert not is_dirty(workspace, image, state=State.EDITED)
    again = workspace.read(0)
    assert np.argwhere(again.provenance.human(again.mask)).tolist() == [[3, 3]]


def test_saving_and_opening_again_brings_everything_back(folder, workspace):
    mask = paint(enter(workspace, 0), 3)
    state = State.ACCEPTED
    save(workspace, mask, ("dog",), ("cat",), state, model="abc", measures=MEASURES)
    workspace.close()
    workspace = Workspace(folder)
    image = enter(workspace, 0)
    assert np.array_equal(image.mask, mask)
    assert (image.tags, image.negative_tags, image.state) == (("dog",), ("cat",), state)
    assert (image.model, image.measures) == ("abc", MEASURES)
    assert np.array_equal(image.provenance.human(image.mask), mask == 3)
    assert not is_dirty(workspace, image)


def test_painting_does_not_change_what_was_read(workspace):
    image = enter(workspace, 0)
    snapshot = workspace.snapshot(image.mask, (), (), State.TODO)
    paint(image)
    assert not snapshot.annotation.mask.any()
    assert not image.stored.annotation.mask.any()


def test_an_unreadable_image_leaves_the_one_before_open_and_is_noted(folder, workspace):
    (folder / "img2.png").write_bytes(b"no image")
    image = enter(workspace, 0)
    with pytest.raises(UserError, match=r"img2\.png.*damaged"):
        workspace.read(1)
    assert workspace.current is image
    assert "damaged" in workspace.index.summary(1).problem
    assert workspace.index.summary(2).problem == ""
    Image.new("RGB", (8, 6)).save(folder / "img2.png")
    workspace.read(1)
    assert workspace.index.summary(1).problem == ""
    workspace.leave()
    assert workspace.current is None


def test_a_truncated_image_is_noted(folder, workspace):
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    Image.fromarray(noise).save(folder / "img2.png")
    whole = (folder / "img2.png").read_bytes()
    (folder / "img2.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"img2\.png.*copy it again"):
        workspace.read(1)
    enter(workspace, 2)


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
    assert workspace.read(0).tags == ()
    assert workspace.index.summary(1).tags == workspace.read(1).tags == ("cat", "dog")
    image = enter(workspace, 1)
    assert not is_dirty(workspace, image)
    save(workspace, image.mask, (), state=State.TODO)  # a person took the tags away
    assert workspace.index.summary(1).tags == workspace.read(1).tags == ()
    workspace.close()


def test_an_empty_folder_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="no images"):
        Workspace(tmp_path)


def test_a_proposal_that_a_person_erased_is_work_to_keep(workspace):
    image = enter(workspace, 0)
    image.provenance.propose(np.ones(SIZE, np.uint8))
    image.mask[:] = image.provenance.mask
    assert is_dirty(workspace, image)
    image.mask[:] = 0
    image.provenance.draw(image.mask)
    assert is_dirty(workspace, image)
    save(workspace, image.mask, ("dog",))
    again = enter(workspace, 0)
    assert again.provenance.human(again.mask).all()


def test_a_proposal_that_was_taken_back_leaves_nothing_to_keep(workspace):
    image = enter(workspace, 0)
    image.provenance.propose(np.ones(SIZE, np.uint8))
    image.provenance.undo()
    assert not is_dirty(workspace, image)


def test_a_file_that_was_replaced_is_told_apart(folder, workspace):
    before = workspace.read(0).digest
    assert workspace.read(0).digest == before
    Image.new("RGB", (6, 8), (1, 0, 0)).save(folder / "img1.png")  # the same bytes, turned
    assert workspace.read(0).digest != before


def test_tags_that_cannot_be_read_do_not_close_the_folder(folder):
    (folder / "tags.csv").write_bytes(b"image,tags\nimg1.png,\xff\n")
    workspace = Workspace(folder)
    assert "tags.csv" in workspace.problem
    assert len(workspace.images) == 3
    assert workspace.read(0).tags == ()
    workspace.close()


def test_a_row_that_was_written_since_must_be_read_again(workspace):
    early = workspace.read(0)
    save(workspace, paint(enter(workspace, 0)))
    workspace.leave()
    assert not workspace.enter(early)
    assert workspace.current is None
    enter(workspace, 0)


def test_the_next_unreviewed_image(folder, workspace):
    def set_state(row, state):
        save(workspace, enter(workspace, row).mask, state=state)

    assert workspace.index.next_unreviewed(0) == 1
    assert workspace.index.next_unreviewed(2) == 0
    set_state(1, State.ACCEPTED)
    assert workspace.index.next_unreviewed(0) == 2
    set_state(2, State.SKIPPED)
    assert workspace.index.next_unreviewed(1) == 0
    assert workspace.index.next_unreviewed(0) is None
    (folder / "weclip_masks" / "index.sqlite").unlink()
    workspace.close()
    again = Workspace(folder)
    (folder / "img1.png").write_bytes(b"")
    with pytest.raises(UserError):
        again.read(0)
    assert again.index.next_unreviewed(1) is None
    again.close()


def propose(workspace, row, label=4, tags=("dog",)):
    return workspace.update_unopened(row, np.full(SIZE, label, np.uint8), tags, "abc", MEASURES)


def tag(workspace, row, *tags, state=State.TODO):
    save(workspace, enter(workspace, row).mask, tags, state=state)
    workspace.leave()


def test_a_proposal_for_an_image_that_is_not_open(workspace):
    tag(workspace, 1, "dog")
    early = workspace.read(1)
    assert propose(workspace, 1)
    image = workspace.read(1)
    assert (image.mask == 4).all()
    assert not image.provenance.human(image.mask).any()
    assert (image.state, image.model, image.measures) == (State.PROPOSED, "abc", MEASURES)
    assert workspace.index.summary(1).state == State.PROPOSED
    assert workspace.index.summary(1).label_ids == (4,)
    assert not workspace.enter(early)
    assert propose(workspace, 1, label=5)
    assert (workspace.read(1).mask == 5).all()


def test_a_proposal_leaves_pixels_of_a_person_alone(workspace):
    human = np.zeros(SIZE, bool)
    human[2] = True
    stored = Annotation(np.full(SIZE, 7, np.uint8), human, ("dog",), state=State.PROPOSED)
    workspace.store.save(workspace.images[1], stored)
    assert propose(workspace, 1)
    image = workspace.read(1)
    assert np.array_equal(image.mask == 7, human)
    assert np.array_equal(image.provenance.human(image.mask), human)


@pytest.mark.parametrize("state", [State.EDITED, State.ACCEPTED, State.SKIPPED])
def test_work_of_a_person_gets_no_proposal(workspace, state):
    tag(workspace, 1, "dog", state=state)
    before = workspace.store.sidecar_path(workspace.images[1]).read_bytes()
    assert not propose(workspace, 1)
    assert workspace.store.sidecar_path(workspace.images[1]).read_bytes() == before


def test_the_open_image_and_one_with_other_tags_get_no_proposal(workspace):
    tag(workspace, 0, "dog")
    tag(workspace, 1, "cat")
    enter(workspace, 0)
    assert not propose(workspace, 0)
    assert not propose(workspace, 1)
    assert propose(workspace, 1, tags=("cat",))


def test_proposals_in_the_background_never_undo_the_work_of_a_person(workspace):
    for row in range(3):
        tag(workspace, row, "dog")
    is_done = threading.Event()
    written = []

    def propose_all():
        while not is_done.is_set():
            written.extend(row for row in range(3) if propose(workspace, row))

    thread = threading.Thread(target=propose_all)
    thread.start()
    try:
        for row in range(3):
            image = workspace.read(row)
            while not workspace.enter(image):
                image = workspace.read(row)
            save(workspace, paint(image, 9), ("dog",))
            written.clear()
            time.sleep(0.03)
            assert row not in written
    finally:
        is_done.set()
        thread.join()
    for row in range(3):
        image = workspace.read(row)
        assert (image.mask[0, :3] == 9).all()
        assert image.provenance.human(image.mask)[0, :3].all()
        assert workspace.index.summary(row).state == State.EDITED


def test_renaming_a_class_reaches_files_index_and_listed_tags(folder):
    (folder / "tags.csv").write_text("image,tags\nimg1.png,dog\nimg2.png,dog\n")
    workspace = Workspace(folder)
    dog = workspace.store.ensure_class("dog")
    save(workspace, paint(enter(workspace, 0), dog.id), ("dog",), ("cat",))
    early = workspace.read(1)
    outcome = workspace.edit_classes(rename(workspace.store.classes, dog.id, "hound"))
    assert outcome.images == ["img1.png"]
    assert workspace.index.summary(0).tags == workspace.read(0).tags == ("hound",)
    assert workspace.index.summary(1).tags == workspace.read(1).tags == ("hound",)
    assert not workspace.enter(early)
    workspace.close()
    again = Workspace(folder)
    assert again.index.summary(1).tags == again.read(1).tags == ("hound",)
    assert again.index.unread_rows() == []
    again.close()


def test_files_that_a_killed_program_left_unfinished_are_removed(folder):
    (folder / "weclip_masks" / "sub").mkdir(parents=True)
    leftover = folder / "weclip_masks" / "sub" / ".a.png.0123.tmp"
    leftover.write_bytes(b"half")
    Workspace(folder).close()
    assert leftover.exists()  # somebody may be writing it
    os.utime(leftover, (0, 0))
    Workspace(folder).close()
    assert not leftover.exists()


def test_is_dirty_is_quick_on_a_large_mask(folder):
    Image.new("RGB", (4000, 3000)).save(folder / "large.png")
    workspace = Workspace(folder)
    image = enter(workspace, 3)
    start = time.perf_counter()
    for _ in range(10):
        assert not is_dirty(workspace, image)
    assert (time.perf_counter() - start) / 10 < 0.03
    workspace.close()


def test_a_sidecar_of_version_1_wins_over_listed_tags(folder):
    """It says nothing of when it was saved."""
    masks = folder / "weclip_masks"
    masks.mkdir()
    write_mask(masks / "img1.png.png", np.ones(SIZE, np.uint8))
    (masks / "img1.png.json").write_text('{"version": 1, "image": "img1.png", "tags": ["dog"]}')
    (folder / "tags.csv").write_text("image,tags\nimg1.png,cat\nimg2.png,cat\n")
    workspace = Workspace(folder)
    assert workspace.read(0).tags == ("dog",)
    assert workspace.index.summary(0).tags == ("dog",)
    assert workspace.read(1).tags == ("cat",)
    workspace.close()


def test_a_folder_that_was_renamed_is_not_made_anew(folder, workspace):
    image = enter(workspace, 0)
    save(workspace, paint(image))
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    mask = paint(image, 2)
    with pytest.raises(UserError, match="move it back"):
        save(workspace, mask)
    assert not folder.exists()
    assert is_dirty(workspace, image, state=State.EDITED)
    elsewhere.rename(folder)
    save(workspace, mask)
    np.testing.assert_array_equal(workspace.read(0).mask, mask)


def test_the_index_follows_files_that_were_changed_by_hand(workspace):
    image = enter(workspace, 0)
    save(workspace, paint(image), ("dog",))
    sidecar = workspace.store.sidecar_path(image.path)
    content = sidecar.read_text()
    sidecar.write_text("{")
    assert workspace.index.refresh(0).problem
    sidecar.write_text(content)
    workspace.read(0)
    assert not workspace.index.summary(0).problem
    workspace.store.mask_path(image.path).unlink()
    workspace.read(0)
    assert workspace.index.summary(0).state is State.TODO
    assert workspace.index.summary(0).label_ids == ()


def test_listed_tags_reach_a_mask_without_a_sidecar_through_everything(folder):
    masks = folder / "weclip_masks"
    masks.mkdir()
    write_mask(masks / "img1.png.png", np.ones(SIZE, np.uint8))
    (folder / "tags.csv").write_text("image,tags\nimg1.png,dog\n")
    (folder / "classes.txt").write_text("dog\ncat\n")
    workspace = Workspace(folder)
    workspace.index.refresh(0)
    workspace.edit_classes(merge(workspace.store.classes, 1, 2))
    assert workspace.read(0).mask.max() == 2
    assert workspace.read(0).tags == workspace.index.summary(0).tags == ("cat",)
    workspace.close()
    (folder / "tags.csv").write_text("image,tags\nimg1.png,owl\n")
    workspace = Workspace(folder)
    assert workspace.index.unread_rows() == []
    assert workspace.read(0).tags == workspace.index.summary(0).tags == ("owl",)
    workspace.close()


def test_a_new_class_does_not_name_pixels_that_have_none(folder, workspace):
    """Napari's key for a new label paints with an id that no class has."""
    save(workspace, paint(enter(workspace, 0), 1))
    assert workspace.store.ensure_class("dog").id == 2
    workspace.close()
    (folder / "weclip_masks" / "classes.json").unlink()
    anew = Workspace(folder)
    assert anew.store.ensure_class("cat").id == 2
    anew.close()


def test_nothing_that_was_read_before_an_edit_of_classes_is_entered(workspace):
    image = workspace.read(0)
    workspace.outdate()
    assert not workspace.enter(image)
    assert workspace.enter(workspace.read(0))
