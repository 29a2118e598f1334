"""What renaming, merging and deleting do to one annotation and to the table."""

import numpy as np
import pytest

from weclip_napari.errors import UserError
from weclip_napari.session.annotation import Annotation, Measures
from weclip_napari.session.class_edits import (
    Touched,
    annotation_after,
    change_table,
    count,
    delete,
    merge,
    rename,
)
from weclip_napari.session.class_table import ClassTable

MASK = np.array([[0, 1, 1], [2, 2, 255]], np.uint8)
HUMAN = np.array([[True, True, False], [False, True, False]])


@pytest.fixture
def classes():
    table = ClassTable()
    for name in ("dog", "cat", "bird"):
        table.ensure(name)
    return table


def annotated(tags=("dog", "cat"), negative=("bird",)):
    return Annotation(MASK.copy(), HUMAN.copy(), tags, negative)


def test_a_new_name_follows_into_tags_but_not_into_the_mask(classes):
    edit = rename(classes, 1, " puppy ")
    after = annotation_after(edit, annotated(("cat", "Dog")))
    assert after.tags == ("cat", "puppy")
    assert np.array_equal(after.mask, MASK)
    assert annotation_after(rename(classes, 3, "parrot"), annotated()).negative_tags == ("parrot",)
    change_table(edit, classes)
    assert classes.names == ("puppy", "cat", "bird")
    assert classes.present_names(["DOG"]) == ("puppy",)


def test_merging_moves_pixels_and_keeps_who_drew_them(classes):
    after = annotation_after(merge(classes, 1, 2), annotated())
    assert after.mask.tolist() == [[0, 2, 2], [2, 2, 255]]
    assert np.array_equal(after.human, HUMAN)
    assert after.tags == ("cat",)


@pytest.mark.parametrize("fill", [0, 255])
def test_deleting_turns_pixels_into_background_or_ignore(classes, fill):
    edit = delete(classes, 1, fill)
    after = annotation_after(edit, annotated())
    assert after.mask.tolist() == [[0, fill, fill], [2, 2, 255]]
    assert np.array_equal(after.human, HUMAN)
    assert after.tags == ("cat",)
    change_table(edit, classes)
    assert classes.names == ("cat", "bird")
    assert classes.present_names(["dog"]) == ()


def test_a_merged_tag_is_not_rejected_and_said_at_once(classes):
    after = annotation_after(merge(classes, 3, 2), annotated())
    assert (after.tags, after.negative_tags) == (("dog", "cat"), ())
    rejected = annotated(tags=("dog",), negative=("cat",))
    after = annotation_after(merge(classes, 1, 2), rejected)
    assert (after.tags, after.negative_tags) == (("cat",), ())


def test_tags_are_merged_however_they_are_spelled(classes):
    after = annotation_after(merge(classes, 1, 2), annotated(("Cat", "Dog"), ("CAT", "bird")))
    assert (after.tags, after.negative_tags) == (("Cat",), ("bird",))


def test_the_model_s_doubts_follow_the_names(classes):
    doubts = Measures(0.5, None, ("dog",), ("bird", "dog"))
    annotation = Annotation(MASK, HUMAN, measures=doubts)
    after = annotation_after(rename(classes, 1, "puppy"), annotation)
    assert after.measures == Measures(0.5, None, ("puppy",), ("bird", "puppy"))


@pytest.mark.parametrize("plan", ["rename", "merge", "delete"])
def test_doing_it_twice_is_doing_it_once(classes, plan):
    edits = {
        "rename": rename(classes, 1, "puppy"),
        "merge": merge(classes, 1, 2),
        "delete": delete(classes, 1, 255),
    }
    edit = edits[plan]
    assert annotation_after(edit, annotation_after(edit, annotated())) is None
    change_table(edit, classes)
    once = (list(classes), classes.former, classes.retired)
    change_table(edit, classes)
    assert (list(classes), classes.former, classes.retired) == once


def test_an_annotation_without_the_class_stays(classes):
    other = Annotation(np.full((2, 2), 3, np.uint8), np.ones((2, 2), bool), ("bird",))
    assert annotation_after(merge(classes, 1, 2), other) is None


def test_what_an_edit_touches_is_counted_beforehand(classes):
    known = [
        (annotated(), (1, 2)),  # mask and tags
        (annotated(tags=("cat",)), (1, 2)),  # mask only
        (annotated(tags=("dog",)), ()),  # tags only
        (annotated(tags=("cat",)), (2,)),
    ]
    assert count(rename(classes, 1, "puppy"), known) == Touched(masks=2, sidecars=2)
    assert count(merge(classes, 1, 3), known) == Touched(masks=2, sidecars=3)
    assert count(delete(classes, 1, 0), known) == Touched(masks=2, sidecars=3)


@pytest.mark.parametrize("name", ["", "a, b", "a;b", " ; "])
def test_a_name_must_be_one_tag(classes, name):
    with pytest.raises(UserError, match="not one name"):
        rename(classes, 1, name)


def test_a_name_that_is_taken_suggests_merging(classes):
    with pytest.raises(UserError, match="'cat' is a class already. Merge"):
        rename(classes, 1, "CAT")
    assert rename(classes, 1, "DOG").into == "DOG"


def test_a_class_that_is_gone_cannot_be_edited(classes):
    classes.remove(1)
    with pytest.raises(UserError, match="no class with label id 1"):
        delete(classes, 1, 0)
    with pytest.raises(UserError, match="into itself"):
        merge(classes, 2, 2)
