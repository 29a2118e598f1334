"""Classes of a folder and typed tags."""

import json

import pytest

from weclip_napari.errors import UserError
from weclip_napari.session.class_table import (
    ClassTable,
    LabelClass,
    default_color,
    parse_tags,
    read_class_table,
    write_class_table,
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


def test_ids_and_colours_survive_a_round_trip(tmp_path):
    table = ClassTable([LabelClass(7, "chaise longue", (1, 2, 3))])
    table.ensure("犬")
    write_class_table(tmp_path / "classes.json", table)
    assert list(read_class_table(tmp_path / "classes.json")) == list(table)


def test_a_missing_file_is_an_empty_table(tmp_path):
    assert len(read_class_table(tmp_path / "classes.json")) == 0


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        '{"version": 1}',
        '{"version": 1, "classes": [{"id": 0, "name": "a", "color": [0, 0, 0]}]}',
        '{"version": 1, "classes": [{"id": 1, "name": "a", "color": [0, 0]}]}',
    ],
)
def test_a_broken_file_is_named_with_its_remedy(tmp_path, content):
    path = tmp_path / "classes.json"
    path.write_text(content)
    with pytest.raises(UserError, match="classes.json.*Mend it"):
        read_class_table(path)


def test_a_newer_file_asks_for_an_update(tmp_path):
    path = tmp_path / "classes.json"
    path.write_text(json.dumps({"version": 99, "classes": []}))
    with pytest.raises(UserError, match="newer"):
        read_class_table(path)


def test_a_full_table_says_so():
    table = ClassTable()
    for number in range(254):
        table.ensure(f"class {number}")
    with pytest.raises(UserError, match="254"):
        table.ensure("one more")


def test_every_id_has_a_colour_of_its_own():
    assert len({default_color(label_id) for label_id in range(1, 255)}) > 250
