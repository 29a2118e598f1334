"""Folders of the annotator as data to train on."""

import numpy as np
import pytest
from weclip_training.annotated import AnnotatedImages, plan_folder, require_usable, write_held_out
from weclip_training.augment import UNKNOWN

from weclip_napari.errors import UserError
from weclip_napari.session.annotation import Annotation, AnnotationStore
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import read_mask
from weclip_napari.session.states import State

SIZE = (8, 10)


@pytest.fixture
def folder(tmp_path):
    for number in range(12):
        write_image(tmp_path / f"{number}.png", np.full((*SIZE, 3), number, np.uint8))
    return tmp_path


def annotate(folder, number, state, tags=(), mask=None, human=None, negative=()):
    store = AnnotationStore(folder)
    for tag in tags:
        store.ensure_class(tag)
    mask = np.zeros(SIZE, np.uint8) if mask is None else mask
    human = np.zeros(SIZE, bool) if human is None else human
    store.save(folder / f"{number}.png", Annotation(mask, human, tags, negative, state))
    store.write_classes()
    return store


def drawn(value):
    mask = np.zeros(SIZE, np.uint8)
    mask[:4] = value
    return mask


def numbers(images):
    return sorted(int(image.path.stem) for image in images)


@pytest.fixture
def annotated(folder):
    """Classes cat (1), dog (2) and ox (3), of which nothing is shown."""
    AnnotationStore(folder)
    annotate(folder, 0, State.EDITED, ("cat",), drawn(1), drawn(1) > 0)
    for number in range(1, 6):
        annotate(folder, number, State.ACCEPTED, ("dog",), drawn(2))
    annotate(folder, 6, State.TODO, ("cat", "dog"), negative=("dog",))
    annotate(folder, 7, State.SKIPPED, ("ox",))
    annotate(folder, 8, State.PROPOSED, ("dog",), drawn(2))
    return folder


def test_a_plan_tells_what_would_be_used(annotated):
    plan = plan_folder(annotated)
    assert numbers((*plan.accepted, *plan.held_out)) == [1, 2, 3, 4, 5]
    assert 1 <= len(plan.held_out) < 5
    assert numbers(plan.edited) == [0]
    assert numbers(plan.tagged) == [6, 8]
    assert plan.classes == ("cat", "dog")
    assert plan.without_example == ("ox",)
    assert "'ox' has no example" in plan.notes[0]
    assert f"{len(plan.accepted)} accepted" in plan.summary()
    assert "2 with tags only" in plan.summary()


def test_reviewed_images_can_do_without_the_others(annotated):
    plan = plan_folder(annotated, "reviewed")
    assert plan.tagged == ()
    assert numbers(plan.edited) == [0]


def test_what_is_held_out_stays_held_out(annotated):
    before = {image.path for image in plan_folder(annotated).held_out}
    for number in (8, 9, 10, 11):
        annotate(annotated, number, State.ACCEPTED, ("dog",), drawn(2))
    after = {image.path for image in plan_folder(annotated).held_out}
    assert before <= after or len(before) == 1


def test_negative_tags_are_no_tags(annotated):
    (image,) = [image for image in plan_folder(annotated).tagged if image.path.stem == "6"]
    assert image.tags == ("cat",)


def targets(folder, classes):
    images = AnnotatedImages(plan_folder(folder), classes)
    return {int(image.path.stem): image for image in images}


def test_people_count_where_they_drew_and_everywhere_once_they_accept(annotated):
    images = targets(annotated, ("dog", "cat"))
    edited = images[0].read_target(SIZE, 2)
    assert (edited[:4] == 2).all()
    assert (edited[4:] == UNKNOWN).all()
    assert not images[0].is_complete
    accepted = images[plan_number(annotated)].read_target(SIZE, 2)
    assert (accepted[:4] == 1).all()
    assert (accepted[4:] == 0).all()
    assert (images[6].read_target(SIZE, 2) == UNKNOWN).all()
    assert (images[8].read_target(SIZE, 2) == UNKNOWN).all()
    assert not images[6].has_target


def plan_number(folder):
    return numbers(plan_folder(folder).accepted)[0]


def test_drawn_classes_that_the_decoder_does_not_know_are_ignored(annotated):
    image = targets(annotated, ("cat",))[plan_number(annotated)]
    assert (image.read_target(SIZE, 1)[:4] == 255).all()


def test_the_truth_of_held_out_images_is_kept_in_the_decoders_ids(annotated, tmp_path):
    plan = plan_folder(annotated)
    dataset = write_held_out(plan, ("dog", "cat"), tmp_path / "run" / "held_out")
    assert len(dataset.examples) == len(plan.held_out)
    mask = read_mask(dataset.examples[0].mask)
    assert set(np.unique(mask)) == {0, 1}
    assert dataset.examples[0].tags == ("dog",)


def test_fewer_than_two_accepted_images_are_too_few(folder):
    annotate(folder, 0, State.TODO, ("cat",))
    with pytest.raises(UserError, match="No image is accepted"):
        require_usable(plan_folder(folder))
    annotate(folder, 1, State.ACCEPTED, ("cat",), drawn(1))
    with pytest.raises(UserError, match="Only one image is accepted"):
        require_usable(plan_folder(folder))
    annotate(folder, 2, State.ACCEPTED, ("cat",), drawn(1))
    plan = plan_folder(folder)
    require_usable(plan)
    assert (len(plan.accepted), len(plan.held_out)) == (1, 1)


def test_accepted_images_without_any_class_are_nothing_to_learn_from(folder):
    for number in range(3):
        annotate(folder, number, State.ACCEPTED)
    with pytest.raises(UserError, match="No class"):
        require_usable(plan_folder(folder))
