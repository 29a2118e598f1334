"""Annotations on disk."""

import json
from dataclasses import replace

import numpy as np
import pytest

from weclip_napari.errors import UserError
from weclip_napari.session.annotation import Annotation, AnnotationStore, Measures
from weclip_napari.session.atomic import write_bytes_atomically
from weclip_napari.session.masks import write_mask
from weclip_napari.session.states import State

SIZE = (5, 7)
MEASURES = Measures(0.25, 0.5, ("dog",), ("cat", "späte Katze"))


@pytest.fixture
def store(tmp_path):
    return AnnotationStore(tmp_path)


@pytest.fixture
def annotation():
    random = np.random.default_rng(0)
    mask = random.integers(0, 3, SIZE).astype(np.uint8)
    mask[0, 0] = 255
    human = random.random(SIZE) < 0.4
    words = ("dog", "chaise longue"), ("cat",)
    return Annotation(mask, human, *words, State.ACCEPTED, "abc123", MEASURES)


def blank(*tags, **fields):
    return Annotation(np.zeros(SIZE, np.uint8), np.zeros(SIZE, bool), tags, **fields)


def sidecar_of(store, image):
    return json.loads(store.sidecar_path(image).read_text("utf-8"))


def change_sidecar(store, image, **fields):
    content = sidecar_of(store, image) | fields
    store.sidecar_path(image).write_text(json.dumps(content))


def assert_same(loaded, annotation):
    np.testing.assert_array_equal(loaded.mask, annotation.mask)
    np.testing.assert_array_equal(loaded.human, annotation.human)
    for name in ("tags", "negative_tags", "state", "model", "measures"):
        assert getattr(loaded, name) == getattr(annotation, name), name


@pytest.mark.parametrize(
    "name",
    ["a.png", "sub folder/späte 'Katze'.jpg", '"quoted".png', "日本 語/写真 №1.jpg", "%s.tif"],
)
def test_an_annotation_survives_a_round_trip(store, annotation, tmp_path, name):
    path = store.save(tmp_path / name, annotation)
    assert path == tmp_path / "weclip_masks" / f"{name}.png"
    assert_same(AnnotationStore(tmp_path).load(tmp_path / name, SIZE), annotation)
    assert_same(AnnotationStore(tmp_path).load(tmp_path / name), annotation)


def test_the_sidecar_can_be_read_by_others(store, annotation, tmp_path):
    store.save(tmp_path / "a.png", annotation)
    content = sidecar_of(store, tmp_path / "a.png")
    assert (content["version"], content["image"]) == (2, "a.png")
    assert content["tags"] == ["dog", "chaise longue"]
    assert content["state"] == "accepted"
    assert content["label_ids"] == {
        str(label): int((annotation.mask == label).sum()) for label in (1, 2, 255)
    }
    assert sum(content["human_runs"]) == SIZE[0] * SIZE[1]


@pytest.mark.parametrize("fill", [False, True])
def test_human_pixels_may_be_none_or_all(store, annotation, tmp_path, fill):
    human = np.full(SIZE, fill)
    store.save(tmp_path / "a.png", Annotation(annotation.mask, human))
    assert np.array_equal(store.load(tmp_path / "a.png", SIZE).human, human)


def test_the_time_of_the_first_save_is_kept(store, annotation, tmp_path):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    change_sidecar(store, image, created="2001-01-01T00:00:00+00:00")
    store.save(image, annotation)
    loaded = store.load(image)
    assert loaded.created == "2001-01-01T00:00:00+00:00"
    assert loaded.saved > loaded.created


def test_tags_alone_make_no_mask(store, tmp_path):
    image = tmp_path / "a.png"
    path = store.save(image, blank("dog", negative_tags=("cat",), state=State.SKIPPED))
    assert path == store.sidecar_path(image)
    assert not store.mask_path(image).exists()
    loaded = store.load(image, SIZE)
    assert (loaded.tags, loaded.negative_tags, loaded.state) == (("dog",), ("cat",), "skipped")
    assert loaded.mask.shape == SIZE
    assert not loaded.human.any()
    assert store.load(image).mask.shape == SIZE


def test_a_mask_that_was_emptied_stays_a_mask(store, annotation, tmp_path):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    assert store.save(image, blank()) == store.mask_path(image)
    assert not store.load(image, SIZE).mask.any()


def test_erasing_is_work_of_a_person_worth_a_mask(store, tmp_path):
    image = tmp_path / "a.png"
    store.save(image, replace(blank(), human=np.ones(SIZE, bool)))
    assert store.mask_path(image).exists()
    assert store.load(image, SIZE).human.all()


def test_classes_are_stored_with_the_masks(store, annotation, tmp_path):
    assert store.ensure_class("dog").id == 1
    assert store.ensure_class("Dog").id == 1
    store.save(tmp_path / "a.png", annotation)
    assert AnnotationStore(tmp_path).classes.names == ("dog",)


def test_images_that_differ_in_their_suffix_do_not_share_a_mask(store, tmp_path):
    names = ["a.png", "a.jpg", "a.jpg.png", "b/a.png"]
    assert len({store.mask_path(tmp_path / name) for name in names}) == len(names)
    assert len({store.sidecar_path(tmp_path / name) for name in names}) == len(names)


def test_nothing_stored_is_none(store, tmp_path):
    assert store.load(tmp_path / "a.png", SIZE) is None


def test_a_mask_drawn_elsewhere_is_all_human_and_keeps_the_tags(store, annotation, tmp_path):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    write_mask(store.mask_path(image), np.zeros(SIZE, np.uint8))  # drawn over elsewhere
    loaded = store.load(image, SIZE)
    assert loaded.human.all()
    assert (loaded.tags, loaded.negative_tags) == (annotation.tags, annotation.negative_tags)
    assert (loaded.state, loaded.model, loaded.measures) == (State.EDITED, "", None)
    store.sidecar_path(image).unlink()
    assert store.load(image, SIZE).human.all()
    store.save(image, annotation)
    assert_same(store.load(image, SIZE), annotation)


def test_a_mask_that_was_taken_away_leaves_the_tags(store, annotation, tmp_path):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    store.mask_path(image).unlink()
    assert_same(store.load(image, SIZE), blank(*annotation.tags, negative_tags=("cat",)))
    store.save(image, annotation)
    assert_same(store.load(image, SIZE), annotation)


@pytest.mark.parametrize("runs", [[3, -1], [10**15], ["a"], None, {}])
def test_damaged_runs_count_as_all_human(store, annotation, tmp_path, runs):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    change_sidecar(store, image, human_runs=runs)
    assert store.load(image, SIZE).human.all()


def test_a_mask_of_another_size_is_refused_and_kept(store, annotation, tmp_path):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    with pytest.raises(UserError, match=r"a.png.png is 7 x 5 pixels, its image 7 x 6"):
        store.load(image, (6, 7))
    with pytest.raises(UserError, match=r"7 x 5 pixels is there, the new one is 7 x 6"):
        store.save(image, Annotation(np.ones((6, 7), np.uint8), np.ones((6, 7), bool)))
    assert_same(store.load(image, SIZE), annotation)


@pytest.mark.parametrize("content", ['{"version": 99}', "{", "[]", "", "\x00", '{"version": "x"}'])
def test_a_newer_or_broken_sidecar_is_named_and_kept(store, annotation, tmp_path, content):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    store.sidecar_path(image).write_text(content)
    before = store.mask_path(image).read_bytes()
    for attempt in (lambda: store.load(image, SIZE), lambda: store.save(image, blank())):
        with pytest.raises(UserError, match=r"a\.png\.json .*(Update|Move)"):
            attempt()
    assert store.sidecar_path(image).read_text() == content
    assert store.mask_path(image).read_bytes() == before


def test_a_damaged_mask_is_named_and_kept(store, annotation, tmp_path):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    store.mask_path(image).write_bytes(store.mask_path(image).read_bytes()[:60])
    for attempt in (lambda: store.load(image, SIZE), lambda: store.save(image, annotation)):
        with pytest.raises(UserError, match=r"a\.png\.png' cannot be read"):
            attempt()
    assert len(store.mask_path(image).read_bytes()) == 60


def test_a_folder_that_cannot_be_made_gives_the_reason(store, annotation, tmp_path):
    (tmp_path / "weclip_masks").write_text("a file is in the way")
    with pytest.raises(UserError, match="was not saved: .*Move away"):
        store.save(tmp_path / "a.png", annotation)


def test_a_name_that_leaves_no_room_for_ours_gives_the_reason(store, annotation, tmp_path):
    image = tmp_path / ("写" * 84 + ".p")
    (tmp_path / "weclip_masks").mkdir()
    for attempt in (lambda: store.load(image, SIZE), lambda: store.save(image, annotation)):
        with pytest.raises(UserError, match="shorter name"):
            attempt()


@pytest.mark.parametrize("steps_before", range(4))
def test_a_full_disk_keeps_the_annotation_before(
    store, annotation, tmp_path, monkeypatch, steps_before
):
    """Whichever of the files (classes, sidecar, mask) is the first that cannot be written."""
    image = tmp_path / "a.png"
    store.save(image, annotation)
    store.classes.ensure("dog")
    left = [steps_before]

    def fail(descriptor):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")

    other = Annotation(1 - annotation.mask, ~annotation.human, ("bird",), state=State.EDITED)
    monkeypatch.setattr("os.fsync", fail)
    if steps_before < 3:
        with pytest.raises(UserError, match="No space left.*Free some space"):
            store.save(image, other)
        assert_same(store.load(image, SIZE), annotation)
    else:
        store.save(image, other)
    monkeypatch.undo()
    store.save(image, other)
    assert_same(store.load(image, SIZE), other)
    assert not list(tmp_path.rglob("*.tmp"))


def test_two_failed_saves_in_a_row_still_keep_the_annotation(
    store, annotation, tmp_path, monkeypatch
):
    image = tmp_path / "a.png"
    store.save(image, annotation)

    def fail_at_masks(path, data):
        if path.suffix == ".png":
            raise OSError(28, "No space left on device")
        write_bytes_atomically(path, data)

    monkeypatch.setattr("weclip_napari.session.annotation.write_bytes_atomically", fail_at_masks)
    for label in (3, 4):
        with pytest.raises(UserError, match="No space left"):
            store.save(image, replace(annotation, mask=np.full(SIZE, label, np.uint8), tags=()))
        assert_same(store.load(image, SIZE), annotation)


def test_tags_survive_a_crash_before_the_first_mask(store, annotation, tmp_path):
    image = tmp_path / "a.png"
    store.save(image, blank("dog"))
    store.save(image, annotation)
    store.mask_path(image).unlink()  # as if only the sidecar had been written
    assert_same(store.load(image, SIZE), blank("dog"))


@pytest.mark.parametrize(
    ("field", "stored", "kept"),
    [
        ("tags", None, ()),
        ("tags", "dog", ()),
        ("tags", ["dog", 3], ("dog",)),
        ("negative_tags", 5, ()),
        ("state", "shiny", State.EDITED),
        ("state", [], State.EDITED),
        ("measures", {"uncertainty": "much"}, None),
        ("measures", [1], None),
        ("model", 5, ""),
        ("size", "big", None),
        ("label_ids", [4], None),
        ("before", "yesterday", None),
    ],
)
def test_a_damaged_entry_does_not_hide_the_mask(store, annotation, tmp_path, field, stored, kept):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    change_sidecar(store, image, **{field: stored})
    loaded = store.load(image, SIZE)
    np.testing.assert_array_equal(loaded.mask, annotation.mask)
    assert getattr(loaded, field, kept) == kept


@pytest.mark.parametrize(
    ("label", "runs", "state"),
    [(0, [35], State.TODO), (1, [35], State.PROPOSED), (1, [30, 5], State.EDITED)],
)
def test_files_of_version_1_open(store, tmp_path, label, runs, state):
    image = tmp_path / "a.png"
    store.save(image, Annotation(np.full(SIZE, label, np.uint8), np.ones(SIZE, bool)))
    digest = sidecar_of(store, image)["mask_sha256"]
    old = {"version": 1, "image": "a.png", "tags": ["dog"], "saved": "2026-01-01T00:00:00+00:00"}
    store.sidecar_path(image).write_text(
        json.dumps(old | {"mask_sha256": digest, "human_runs": runs})
    )
    loaded = store.load(image, SIZE)
    assert (loaded.tags, loaded.state, loaded.negative_tags) == (("dog",), state, ())
    assert loaded.human.sum() == (runs[1] if len(runs) > 1 else 0)


def test_rewriting_changes_what_is_stored(store, annotation, tmp_path):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    assert store.rewrite(image, lambda stored: replace(stored, tags=("bird",)))
    assert_same(store.load(image), replace(annotation, tags=("bird",)))


def test_rewriting_nothing_writes_nothing(store, annotation, tmp_path):
    image = tmp_path / "a.png"
    assert not store.rewrite(image, lambda stored: stored)
    assert not (tmp_path / "weclip_masks").exists()
    store.save(image, annotation)
    before = store.sidecar_path(image).read_bytes()
    assert not store.rewrite(image, lambda stored: None)
    assert store.sidecar_path(image).read_bytes() == before
