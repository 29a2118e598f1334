"""Edits of classes in a whole folder, also when they are killed in the middle."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from weclip_napari.errors import UserError
from weclip_napari.session.annotation import Annotation, AnnotationStore
from weclip_napari.session.class_edits import delete, merge, rename
from weclip_napari.session.class_file import read_class_table
from weclip_napari.session.class_journal import apply_edit, finish_pending
from weclip_napari.session.masks import read_mask, write_mask
from weclip_napari.session.workspace import Workspace

NAMES = ("a.png", "in a folder/b.jpg", "c.png")

# Applies an edit and dies, as by a power cut, before the file given by its number takes effect.
KILLED = """
import os, signal, sys
from weclip_napari.session.annotation import AnnotationStore
from weclip_napari.session.class_edits import delete, merge, rename
from weclip_napari.session.class_journal import apply_edit

left = int(sys.argv[3])

def die(event, arguments):
    global left
    if event in ("os.rename", "os.remove") and "weclip_masks" in str(arguments):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

store = AnnotationStore(sys.argv[1])
edits = {"rename": lambda c: rename(c, 1, "puppy"), "merge": lambda c: merge(c, 1, 2),
         "delete": lambda c: delete(c, 1, 255)}
edit = edits[sys.argv[2]](store.classes)
sys.addaudithook(die)
apply_edit(store, edit)
"""


def annotated(seed):
    random = np.random.default_rng(seed)
    mask = random.choice(np.array([0, 1, 2, 255], np.uint8), (6, 8))
    return Annotation(mask, random.random((6, 8)) < 0.5, ("dog", "cat"), ("bird",))


def fill_folder(folder, names=NAMES):
    folder.mkdir()
    store = AnnotationStore(folder)
    for name in ("dog", "cat", "bird"):
        store.ensure_class(name)
    for seed, name in enumerate(names):
        store.save(folder / name, annotated(seed))
    return store


@pytest.fixture
def store(tmp_path):
    return fill_folder(tmp_path / "images")


def content(store, names=NAMES):
    """What a reader finds in a folder: masks, who drew them, tags, and the classes."""
    loaded = [store.load(store.folder / name) for name in names]
    masks = [(a.mask.tolist(), a.human.tolist(), a.tags, a.negative_tags, a.state) for a in loaded]
    return masks, read_class_table(store.class_path).names


def journal(store):
    return store.class_path.with_name("pending_edit.json")


EDITS = {
    "rename": lambda classes: rename(classes, 1, "puppy"),
    "merge": lambda classes: merge(classes, 1, 2),
    "delete": lambda classes: delete(classes, 1, 255),
}


def test_masks_sidecars_and_table_follow_a_merger(store):
    before = [store.load(store.folder / name) for name in NAMES]
    steps = []
    outcome = apply_edit(
        store, merge(store.classes, 1, 2), lambda done, of: steps.append((done, of))
    )
    assert (outcome.masks, outcome.sidecars, outcome.problems) == (3, 3, {})
    assert set(outcome.images) == set(NAMES)
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    for name, old in zip(NAMES, before, strict=True):
        new = store.load(store.folder / name)
        assert np.array_equal(new.mask, np.where(old.mask == 1, 2, old.mask))
        assert np.array_equal(new.human, old.human)
        assert (new.tags, new.state) == (("cat",), old.state)
    assert read_class_table(store.class_path).names == ("cat", "bird")
    assert not journal(store).exists()


def test_renaming_leaves_the_mask_files_alone(store):
    times = [store.mask_path(store.folder / name).stat().st_mtime_ns for name in NAMES]
    outcome = apply_edit(store, rename(store.classes, 1, "puppy"))
    assert (outcome.masks, outcome.sidecars) == (0, 3)
    assert times == [store.mask_path(store.folder / name).stat().st_mtime_ns for name in NAMES]
    assert store.load(store.folder / "a.png").tags == ("puppy", "cat")


def test_files_that_an_edit_does_not_concern_are_not_written(store):
    before = content(store)[0]
    times = {p: p.stat().st_mtime_ns for p in store.class_path.parent.rglob("*.*g.*")}
    store.ensure_class("fish")
    assert apply_edit(store, delete(store.classes, 4, 0)).images == []
    assert content(store)[0] == before
    assert times == {p: p.stat().st_mtime_ns for p in store.class_path.parent.rglob("*.*g.*")}


def test_a_mask_from_elsewhere_and_tags_without_a_mask_are_edited_too(store):
    foreign = store.mask_path(store.folder / "foreign.tif")
    write_mask(foreign, np.array([[1, 3]], np.uint8))
    empty = np.zeros((2, 2), np.uint8)
    store.save(store.folder / "only tags.png", Annotation(empty, empty > 0, ("dog",)))
    apply_edit(store, delete(store.classes, 1, 0))
    assert read_mask(foreign).tolist() == [[0, 3]]
    assert store.load(store.folder / "only tags.png").tags == ()


@pytest.mark.parametrize("kind", EDITS)
def test_a_process_killed_at_any_file_leaves_an_edit_that_is_finished_later(tmp_path, store, kind):
    whole = tmp_path / "whole"
    shutil.copytree(store.folder, whole)
    apply_edit(AnnotationStore(whole), EDITS[kind](store.classes))
    expected = content(AnnotationStore(whole))
    before = content(store)
    for number in range(20):
        folder = tmp_path / f"killed {number}"
        shutil.copytree(store.folder, folder)
        command = [sys.executable, "-c", KILLED, str(folder), kind, str(number)]
        code = subprocess.run(command, timeout=60).returncode
        found = content(AnnotationStore(folder))  # every file opens, whatever came of it
        assert all(mask in (before[0][i], expected[0][i]) for i, mask in enumerate(found[0]))
        after = AnnotationStore(folder)
        finish_pending(after)
        assert content(after) == (before if number == 0 else expected)
        assert after.classes.names == content(after)[1]
        assert not journal(after).exists()
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert code == 0
    assert number >= 5


def test_killing_a_long_edit_from_outside_loses_nothing(tmp_path):
    names = [f"{i}.png" for i in range(60)]
    store = fill_folder(tmp_path / "images", names)
    before = content(store, names)[0]
    script = KILLED.replace(
        "apply_edit(store, edit)", "apply_edit(store, edit, lambda *d: print(*d, flush=True))"
    )
    command = [sys.executable, "-c", script, str(store.folder), "merge", "-1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert any(line.startswith("20 ") for line in child.stdout)
        os.kill(child.pid, signal.SIGKILL)
        child.stdout.read()
    store = AnnotationStore(store.folder)
    assert journal(store).exists()
    outcome = finish_pending(store)
    assert 0 < len(outcome.images) <= 41
    for old, new in zip(before, content(store, names)[0], strict=True):
        assert new[0] == np.where(np.array(old[0]) == 1, 2, old[0]).tolist()
        assert new[1] == old[1]


def test_opening_the_folder_finishes_the_edit_before_anything_is_read(tmp_path):
    names = ["a.png", "b.png", "c.png"]
    store = fill_folder(tmp_path / "images", names)
    for name in names:
        Image.new("RGB", (8, 6)).save(store.folder / name)
    expected = [np.where(annotated(i).mask == 1, 2, annotated(i).mask) for i in range(3)]
    command = [sys.executable, "-c", KILLED, str(store.folder), "merge", "3"]
    assert subprocess.run(command, timeout=60).returncode == -signal.SIGKILL
    assert read_class_table(store.class_path).names == ("dog", "cat", "bird")

    workspace = Workspace(store.folder)
    assert workspace.store.classes.names == ("cat", "bird")
    for row, mask in enumerate(expected):
        image = workspace.read(row)
        assert np.array_equal(image.mask, mask)
        assert np.array_equal(image.provenance.human(image.mask), annotated(row).human)
        assert (image.tags, workspace.index.refresh(row).tags) == (("cat",), ("cat",))
    workspace.close()


def test_an_image_that_cannot_be_edited_does_not_stop_the_others(store):
    broken = store.mask_path(store.folder / "a.png")
    whole = broken.read_bytes()
    broken.write_bytes(whole[:30])
    newer = store.sidecar_path(store.folder / "c.png")
    sidecar = newer.read_text()
    newer.write_text(json.dumps({**json.loads(sidecar), "version": 99}))

    outcome = apply_edit(store, merge(store.classes, 1, 2))
    assert outcome.images == ["in a folder/b.jpg"]
    assert set(outcome.problems) == {"a.png", "c.png"}
    assert "Merging 'dog' into 'cat' is not finished" in outcome.problems["a.png"]
    assert "newer" in outcome.problems["c.png"]

    broken.write_bytes(whole)  # mended; the next opening finishes it
    outcome = finish_pending(AnnotationStore(store.folder))
    assert (outcome.images, set(outcome.problems)) == (["a.png"], {"c.png"})
    newer.unlink()
    store.mask_path(store.folder / "c.png").unlink()  # given up; nothing is left to do
    assert finish_pending(store).problems == {}
    assert not journal(store).exists()


def test_edits_pile_up_in_their_order_while_an_image_cannot_be_edited(store):
    broken = store.mask_path(store.folder / "a.png")
    whole = broken.read_bytes()
    before = read_mask(broken)
    broken.write_bytes(b"")
    apply_edit(store, merge(store.classes, 1, 2))
    apply_edit(store, merge(store.classes, 2, 3))
    broken.write_bytes(whole)
    assert finish_pending(store).problems == {}
    expected = np.where((before == 1) | (before == 2), 3, before)
    assert np.array_equal(read_mask(broken), expected)
    assert store.load(store.folder / "a.png").tags == ("bird",)


@pytest.mark.parametrize("text", ["no json", '{"version": 99, "edits": []}', '{"version": 1}'])
def test_a_journal_that_cannot_be_read_is_named_with_its_remedy(store, text):
    journal(store).write_text(text)
    with pytest.raises(UserError, match=r"pending_edit.json.*move the file away"):
        finish_pending(store)


def test_nothing_changes_when_the_journal_cannot_be_written(store, monkeypatch):
    before = content(store)

    def full_disk(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("weclip_napari.session.class_journal.write_text_atomically", full_disk)
    with pytest.raises(UserError, match="no class was edited"):
        apply_edit(store, merge(store.classes, 1, 2))
    assert content(store) == before


def test_a_pending_image_takes_no_part_of_the_table_back(store):
    """The name that was chosen last is the class's name, however late an image follows."""
    broken = store.mask_path(store.folder / NAMES[0])
    whole = broken.read_bytes()
    broken.write_bytes(b"damaged")
    for name in ("puppy", "dog"):
        assert list(apply_edit(store, rename(store.classes, 1, name)).problems) == [NAMES[0]]
    broken.write_bytes(whole)
    anew = AnnotationStore(store.folder)
    finish_pending(anew)
    masks, names = content(anew)
    assert names == ("dog", "cat", "bird")
    assert [tags for _, _, tags, _, _ in masks] == [("dog", "cat")] * 3
    assert not journal(anew).exists()
