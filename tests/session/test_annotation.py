"""Annotations on disk."""

import json

import numpy as np
import pytest

from weclip_napari.errors import UserError
from weclip_napari.session.annotation import Annotation, AnnotationStore
from weclip_napari.session.masks import write_mask

SIZE = (5, 7)


@pytest.fixture
def store(tmp_path):
    return AnnotationStore(tmp_path)


@pytest.fixture
def annotation():
    random = np.random.default_rng(0)
    mask = random.integers(0, 3, SIZE).astype(np.uint8)
    mask[0, 0] = 255
    return Annotation(mask, random.random(SIZE) < 0.4, ("dog", "chaise longue"))


def test_an_annotation_survives_a_round_trip(store, annotation, tmp_path):
    image = tmp_path / "sub folder" / "späte 'Katze'.jpg"
    path = store.save(image, annotation)
    assert path == tmp_path / "weclip_masks" / "sub folder" / "späte 'Katze'.jpg.png"
    loaded = AnnotationStore(tmp_path).load(image, SIZE)
    np.testing.assert_array_equal(loaded.mask, annotation.mask)
    np.testing.assert_array_equal(loaded.human, annotation.human)
    assert loaded.tags == annotation.tags


@pytest.mark.parametrize("fill", [False, True])
def test_human_pixels_may_be_none_or_all(store, annotation, tmp_path, fill):
    human = np.full(SIZE, fill)
    store.save(tmp_path / "a.png", Annotation(annotation.mask, human, ()))
    assert np.array_equal(store.load(tmp_path / "a.png", SIZE).human, human)


def test_classes_are_stored_with_the_masks(store, annotation, tmp_path):
    store.classes.ensure("dog")
    store.save(tmp_path / "a.png", annotation)
    assert AnnotationStore(tmp_path).classes.names == ("dog",)


def test_images_that_differ_in_their_suffix_do_not_share_a_mask(store, tmp_path):
    names = ["a.png", "a.jpg", "a.jpg.png", "b/a.png"]
    assert len({store.mask_path(tmp_path / name) for name in names}) == len(names)


def test_nothing_stored_is_none(store, tmp_path):
    assert store.load(tmp_path / "a.png", SIZE) is None
    assert not store.is_saved(tmp_path / "a.png")


def test_a_mask_without_its_sidecar_is_all_human(store, annotation, tmp_path):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    write_mask(store.mask_path(image), np.zeros(SIZE, np.uint8))  # drawn over elsewhere
    assert store.load(image, SIZE).human.all()
    store.sidecar_path(image).unlink()
    assert store.load(image, SIZE).human.all()


def test_damaged_runs_count_as_all_human(store, annotation, tmp_path):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    sidecar = json.loads(store.sidecar_path(image).read_text())
    store.sidecar_path(image).write_text(json.dumps(sidecar | {"human_runs": [3, -1]}))
    assert store.load(image, SIZE).human.all()


def test_a_mask_of_another_size_is_refused(store, annotation, tmp_path):
    store.save(tmp_path / "a.png", annotation)
    with pytest.raises(UserError, match=r"a.png.png is 7 x 5 pixels, its image 7 x 6"):
        store.load(tmp_path / "a.png", (6, 7))


def test_a_newer_sidecar_is_refused(store, annotation, tmp_path):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    store.sidecar_path(image).write_text('{"version": 99}')
    with pytest.raises(UserError, match="newer"):
        store.load(image, SIZE)


def test_a_broken_sidecar_is_named(store, annotation, tmp_path):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    store.sidecar_path(image).write_text("{")
    with pytest.raises(UserError, match=r"a.png.json"):
        store.load(image, SIZE)


def test_a_folder_that_cannot_be_made_gives_the_reason(store, annotation, tmp_path):
    (tmp_path / "weclip_masks").write_text("a file is in the way")
    with pytest.raises(UserError, match="was not saved"):
        store.save(tmp_path / "a.png", annotation)


def test_a_full_disk_keeps_the_mask_before(store, annotation, tmp_path, monkeypatch):
    image = tmp_path / "a.png"
    store.save(image, annotation)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(UserError, match="No space left"):
        store.save(image, Annotation(1 - annotation.mask, annotation.human, ()))
    monkeypatch.undo()
    np.testing.assert_array_equal(store.load(image, SIZE).mask, annotation.mask)


@pytest.mark.parametrize(
    ("tags", "kept"), [(None, ()), ("dog", ()), (5, ()), (["dog", 3], ("dog",))]
)
def test_damaged_tags_do_not_hide_the_mask(store, annotation, tmp_path, tags, kept):
    image = tmp_path / "a.png"
    store.save(image, annotation)
    sidecar = json.loads(store.sidecar_path(image).read_text())
    store.sidecar_path(image).write_text(json.dumps(sidecar | {"tags": tags}))
    assert store.load(image, SIZE).tags == kept


def test_two_windows_on_a_folder_never_share_a_label_id(store, annotation, tmp_path):
    other = AnnotationStore(tmp_path)
    store.classes.ensure("dog")
    store.save(tmp_path / "a.png", annotation)
    other.classes.ensure("cat")
    with pytest.raises(UserError, match="Label id 1 is 'cat' here.*1 as 'dog'"):
        other.save(tmp_path / "b.png", annotation)
    assert AnnotationStore(tmp_path).classes.names == ("dog",)


def test_classes_of_another_window_are_taken_over(store, annotation, tmp_path):
    other = AnnotationStore(tmp_path)
    store.classes.ensure("dog")
    store.save(tmp_path / "a.png", annotation)
    other.save(tmp_path / "b.png", annotation)
    assert AnnotationStore(tmp_path).classes.names == ("dog",)


def test_a_class_is_known_to_other_windows_at_once(store, annotation, tmp_path):
    other = AnnotationStore(tmp_path)
    assert [store.ensure_class(name).id for name in ("dog", "bird")] == [1, 2]
    assert other.ensure_class("cat").id == 3
    assert other.ensure_class("Bird").id == 2
    store.save(tmp_path / "a.png", annotation)
    other.save(tmp_path / "b.png", annotation)
    assert AnnotationStore(tmp_path).classes.names == ("dog", "bird", "cat")


def test_a_class_is_there_though_it_cannot_be_stored(store, tmp_path):
    (tmp_path / "weclip_masks").write_text("a file is in the way")
    assert store.ensure_class("dog").id == 1
    assert store.ensure_class("dog").id == 1
