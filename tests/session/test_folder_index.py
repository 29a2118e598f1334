"""What is known of every image of a folder."""

import json
import sqlite3
import threading
import time

import numpy as np
import pytest
from PIL import Image

from weclip_napari.session import folder_index
from weclip_napari.session.annotation import Annotation, AnnotationStore, Measures
from weclip_napari.session.masks import write_mask
from weclip_napari.session.states import State
from weclip_napari.session.workspace import Workspace

SIZE = (6, 8)
NAMES = ["a.png", "b 'quoted' \"twice\".png", "日本/写真.png", "日本/第二.png"]
MEASURES = Measures(0.5, None, ("dog",), ("cat", "späte Katze"))


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 6)).save(tmp_path / name)
    return tmp_path


@pytest.fixture
def saved(folder):
    """The folder with work on its second and third image, never opened with an index."""
    store = AnnotationStore(folder)
    mask = np.zeros(SIZE, np.uint8)
    mask[0, 0], mask[1, 1] = 3, 255
    human = mask == 3
    words = ("dog",), ("bird",)
    store.save(folder / NAMES[1], Annotation(mask, human, *words, State.ACCEPTED, "x", MEASURES))
    store.save(folder / NAMES[2], Annotation(mask * 0, human & False, ("Cat",)))
    return folder


def index_path(folder):
    return folder / "weclip_masks" / "index.sqlite"


def refresh_all(workspace):
    for row in workspace.index.unread_rows():
        workspace.index.refresh(row)


def read_and_close(folder):
    """Open a folder once so that its index is written."""
    workspace = Workspace(folder)
    refresh_all(workspace)
    workspace.close()


def assert_known(workspace):
    index = workspace.index
    second = index.summary(1)
    assert (second.state, second.tags, second.negative_tags) == ("accepted", ("dog",), ("bird",))
    assert (second.measures, second.label_ids, second.problem) == (MEASURES, (3, 255), "")
    assert (index.summary(2).state, index.summary(2).tags) == ("todo", ("Cat",))
    assert index.counts() == {State.ACCEPTED: 1, State.TODO: 3}


def test_rows_are_unread_until_they_are_read(saved):
    workspace = Workspace(saved)
    assert workspace.index.unread_rows() == [1, 2]
    assert workspace.index.summary(1).state is State.TODO
    assert workspace.index.refresh(1) == workspace.index.summary(1)
    assert workspace.index.unread_rows() == [2]
    refresh_all(workspace)
    assert_known(workspace)
    workspace.close()


def test_the_next_opening_knows_all_at_once(saved):
    read_and_close(saved)
    workspace = Workspace(saved)
    assert workspace.index.unread_rows() == []
    assert_known(workspace)
    workspace.close()


def test_a_folder_without_work_gets_no_index(folder):
    Workspace(folder).close()
    assert not (folder / "weclip_masks").exists()


def test_the_index_can_be_deleted(saved):
    read_and_close(saved)
    index_path(saved).unlink()
    workspace = Workspace(saved)
    assert workspace.index.unread_rows() == [1, 2]
    refresh_all(workspace)
    assert_known(workspace)
    workspace.close()


def damage_summaries(path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE summaries SET summary = '[1, 2]'")
    connection.close()


def set_version(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"no database"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(path.read_bytes()[:5000] + b"\xff" * 8192),
        lambda path: (path.unlink(), path.mkdir()),
        damage_summaries,
        set_version,
    ],
)
def test_a_damaged_index_is_made_anew(saved, damage):
    read_and_close(saved)
    damage(index_path(saved))
    read_and_close(saved)
    workspace = Workspace(saved)
    refresh_all(workspace)
    assert_known(workspace)
    if index_path(saved).is_file():
        assert workspace.index.unread_rows() == []
    workspace.close()


@pytest.mark.parametrize("touched", ["mask", "sidecar", "both gone"])
def test_files_that_changed_are_read_again(saved, touched):
    read_and_close(saved)
    store = AnnotationStore(saved)
    image = saved / NAMES[1]
    if touched == "mask":
        write_mask(store.mask_path(image), np.full(SIZE, 9, np.uint8))
    elif touched == "sidecar":
        store.rewrite(image, lambda stored: Annotation(stored.mask, stored.human, ("new",)))
    else:
        store.mask_path(image).unlink()
        store.sidecar_path(image).unlink()
    workspace = Workspace(saved)
    refresh_all(workspace)
    summary = workspace.index.summary(1)
    if touched == "mask":
        assert (summary.state, summary.label_ids, summary.tags) == ("edited", (9,), ("dog",))
    elif touched == "sidecar":
        assert (summary.state, summary.label_ids, summary.tags) == ("todo", (3, 255), ("new",))
    else:
        assert (summary.state, summary.label_ids, summary.tags) == ("todo", (), ())
    assert summary.tags == workspace.read(1).tags
    assert summary.state == workspace.read(1).state
    workspace.close()


def test_a_mask_without_sidecar_keeps_the_listed_tags(folder):
    (folder / "tags.csv").write_text("image,tags\na.png,dog\n")
    store = AnnotationStore(folder)
    store.mask_path(folder / "a.png").parent.mkdir()
    write_mask(store.mask_path(folder / "a.png"), np.full(SIZE, 2, np.uint8))
    workspace = Workspace(folder)
    refresh_all(workspace)
    summary = workspace.index.summary(0)
    assert (summary.tags, summary.state, summary.label_ids) == (("dog",), "edited", (2,))
    assert workspace.read(0).tags == ("dog",)
    workspace.close()


def test_a_sidecar_of_version_1_is_completed_from_the_mask(saved):
    path = AnnotationStore(saved).sidecar_path(saved / NAMES[1])
    content = json.loads(path.read_text("utf-8"))
    kept = {name: content[name] for name in ("image", "tags", "saved", "mask_sha256", "human_runs")}
    path.write_text(json.dumps({"version": 1, **kept}))
    workspace = Workspace(saved)
    summary = workspace.index.refresh(1)
    assert (summary.state, summary.tags, summary.label_ids) == ("edited", ("dog",), (3, 255))
    workspace.close()


@pytest.mark.parametrize(
    ("content", "remedy"), [('{"version": 99}', "Update the plugin"), ("{", "Move it away")]
)
def test_a_sidecar_that_cannot_be_used_is_a_problem_of_its_row(saved, content, remedy):
    path = AnnotationStore(saved).sidecar_path(saved / NAMES[1])
    good = path.read_bytes()
    path.write_text(content)
    read_and_close(saved)
    workspace = Workspace(saved)
    refresh_all(workspace)
    assert remedy in workspace.index.summary(1).problem
    assert workspace.index.summary(2).tags == ("Cat",)
    assert workspace.index.next_unreviewed(0) == 2
    assert not workspace.index.summary(0).problem
    assert path.read_text() == content
    path.write_bytes(good)
    assert workspace.index.refresh(1).problem == ""
    workspace.close()


def test_damaged_masks_and_masks_of_a_wrong_size_are_problems_of_their_rows(saved):
    store = AnnotationStore(saved)
    write_mask(store.mask_path(saved / NAMES[1]), np.ones((3, 3), np.uint8))
    store.mask_path(saved / NAMES[3]).write_bytes(b"no mask")
    workspace = Workspace(saved)
    refresh_all(workspace)
    assert "第二.png.png" in workspace.index.summary(3).problem
    with pytest.raises(Exception, match="3 x 3 pixels, its image 8 x 6"):
        workspace.read(1)
    assert "Move the mask away" in workspace.index.summary(1).problem
    assert workspace.read(0).path.name == "a.png"
    workspace.close()


def test_problems_of_images_last_as_long_as_the_folder_is_open(saved):
    workspace = Workspace(saved)
    workspace.index.set_problem(3, "Copy it again.")
    assert workspace.index.summary(3).problem == "Copy it again."
    workspace.index.set_problem(3, "")
    assert workspace.index.summary(3).problem == ""
    workspace.close()


def test_a_full_disk_leaves_the_index_in_memory(saved, monkeypatch):
    class Full:
        def execute(self, *_):
            raise sqlite3.OperationalError("database or disk is full")

        def close(self):
            pass

    monkeypatch.setattr(sqlite3, "connect", lambda *_, **__: Full())
    workspace = Workspace(saved)
    refresh_all(workspace)
    assert_known(workspace)
    workspace.close()
    assert not index_path(saved).exists()


def test_a_reader_does_not_write_the_index(saved):
    read_and_close(saved)
    first, second = Workspace(saved), Workspace(saved)
    before = index_path(saved).read_bytes()
    assert_known(second)
    second.index.refresh(1)
    second.close()
    assert index_path(saved).read_bytes() == before
    first.close()


def test_what_a_killed_window_had_read_is_kept(saved, monkeypatch):
    monkeypatch.setattr(folder_index, "PENDING", 1)
    workspace = Workspace(saved)
    workspace.index.refresh(1)
    workspace.lock.release()  # and never closed
    again = Workspace(saved)
    assert again.index.unread_rows() == [2]
    again.close()
    workspace.close()


def test_reading_in_the_background_never_hides_a_save(folder):
    workspace = Workspace(folder)
    stop = threading.Event()

    def refresh():
        while not stop.is_set():
            workspace.index.refresh(0)

    thread = threading.Thread(target=refresh)
    thread.start()
    try:
        for number in range(40):
            image = workspace.read(0)
            assert workspace.enter(image)
            snapshot = workspace.snapshot(image.mask, (f"tag {number}",), (), State.TODO)
            workspace.write(snapshot)
            assert workspace.index.summary(0).tags == (f"tag {number}",)
    finally:
        stop.set()
        thread.join()
    workspace.close()


def test_ten_thousand_images_open_at_once(tmp_path):
    """With an index; the limits leave room for a busy computer."""
    top = tmp_path / "weclip_masks"
    top.mkdir()
    sidecar = {"version": 2, "tags": ["dog"], "state": "accepted", "mask_sha256": None}
    text = json.dumps(sidecar)
    for number in range(10_000):
        (tmp_path / f"{number}.jpg").touch()
        (top / f"{number}.jpg.json").write_text(text)
    start = time.perf_counter()
    workspace = Workspace(tmp_path)
    listed = time.perf_counter() - start
    refresh_all(workspace)
    workspace.close()
    start = time.perf_counter()
    again = Workspace(tmp_path)
    opened = time.perf_counter() - start
    assert again.index.counts() == {State.ACCEPTED: 10_000}
    again.close()
    assert listed < 2
    assert opened < 2
