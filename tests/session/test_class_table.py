"""Classes of a folder and typed tags."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from weclip_napari.errors import UserError
from weclip_napari.session.class_table import (
    ClassTable,
    LabelClass,
    default_color,
    parse_tags,
)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("dog, person", ("dog", "person")),
        ("dog;person;", ("dog", "person")),
        ("  traffic   light ,dog", ("traffic light", "dog")),
        ("dog, Dog, DOG", ("dog",)),
        ("", ()),
        (" , ;", ()),
        ("犬, chaise longue", ("犬", "chaise longue")),
    ],
)
def test_typed_text_splits_into_tags(text, tags):
    assert parse_tags(text) == tags


def test_a_tag_takes_the_spelling_of_a_known_class():
    assert parse_tags("DOG, cat", known=["Dog"]) == ("Dog", "cat")


def test_a_new_word_becomes_a_class_with_the_next_id():
    table = ClassTable()
    assert [table.ensure(name).id for name in ("dog", "cat", "Dog")] == [1, 2, 1]
    assert table.names == ("dog", "cat")


def test_a_full_table_says_so():
    table = ClassTable()
    for number in range(254):
        table.ensure(f"class {number}")
    with pytest.raises(UserError, match="254"):
        table.ensure("one more")


def test_every_id_has_a_colour_of_its_own():
    assert len({default_color(label_id) for label_id in range(1, 255)}) > 250


def test_new_classes_take_the_number_keys_in_turn_until_none_is_left():
    table = ClassTable()
    keys = [table.ensure(f"class {number}").key for number in range(11)]
    assert keys == [*"123456789", "", ""]


def test_a_key_chosen_for_one_class_is_taken_from_the_other():
    table = ClassTable([LabelClass(1, "dog", (1, 2, 3), key="1")])
    table.replace(LabelClass(2, "cat", (1, 2, 3), key="1"))
    assert table.by_key("1").name == "cat"
    assert table.by_id(1).key == ""
    assert table.by_key("") is None


def test_a_class_cannot_take_the_name_of_another():
    table = ClassTable([LabelClass(1, "dog", (1, 2, 3)), LabelClass(2, "cat", (1, 2, 3))])
    with pytest.raises(UserError, match="'dog' is a class already"):
        table.replace(LabelClass(2, "Dog", (1, 2, 3)))
    table.replace(LabelClass(2, "Cat", (1, 2, 3)))  # its own name in another case
    with pytest.raises(UserError, match="needs a name"):
        table.replace(LabelClass(2, " ", (1, 2, 3)))
    assert table.names == ("dog", "Cat")


def test_only_classes_with_words_or_thresholds_of_their_own_are_told_to_the_model():
    table = ClassTable([LabelClass(1, "dog", (1, 2, 3)), LabelClass(2, "cat", (1, 2, 3))])
    assert (table.synonyms(), table.thresholds()) == ({}, {})
    table.replace(LabelClass(2, "cat", (1, 2, 3), synonyms="tabby,cat", threshold=0.25))
    assert table.synonyms() == {"cat": "tabby,cat"}
    assert table.thresholds() == {"cat": 0.25}


def test_the_id_of_a_removed_class_is_given_out_last():
    table = ClassTable()
    table.ensure("dog")
    table.ensure("cat")
    table.remove(1)
    assert table.ensure("bird").id == 3
    for number in range(4, 255):
        table.ensure(f"class {number}")
    assert table.ensure("fish").id == 1


def test_former_names_lead_to_what_their_classes_are_called_now():
    table = ClassTable()
    for name in ("dog", "cat"):
        table.ensure(name)
    table.replace(LabelClass(1, "puppy", (1, 2, 3)))
    table.forget_name("dog", "puppy")
    table.replace(LabelClass(1, "hound", (1, 2, 3)))
    table.forget_name("puppy", "hound")
    table.remove(2)
    table.forget_name("cat", "")
    assert table.present_names(["Dog", "cat", "bird", "puppy"]) == ("hound", "bird")
    table.ensure("dog")  # a class of that name is meant again
    assert table.present_names(["dog"]) == ("dog",)


def test_threads_that_add_at_once_agree():
    table = ClassTable()
    names = [f"class {number}" for number in range(60)] * 4
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda name: (name, table.ensure(name).id), names))
    assert len(set(added)) == len(table) == 60
    assert sorted(item.key for item in table if item.key) == [*"123456789"]
