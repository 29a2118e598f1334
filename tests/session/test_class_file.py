"""The stored classes of a folder."""

import json

import pytest

from weclip_napari.errors import UserError
from weclip_napari.session.class_file import read_class_table, write_class_table
from weclip_napari.session.class_table import ClassTable, LabelClass, PromptSettings


def test_ids_and_colours_survive_a_round_trip(tmp_path):
    first = LabelClass(7, "chaise longue", (1, 2, 3), "sofa,couch", "4", 0.3)
    table = ClassTable([first], PromptSettings("a photo of {}.", ("wall", "floor")))
    table.ensure("犬")
    table.ensure("cat")
    table.remove(2)
    table.forget_name("cat", "")
    write_class_table(tmp_path / "classes.json", table)
    read = read_class_table(tmp_path / "classes.json")
    assert list(read) == list(table)
    assert (read.prompts, read.former, read.retired) == (table.prompts, {"cat": ""}, {2})


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
        '{"version": 2, "classes": [], "former": 3}',
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


def test_a_table_of_version_1_gets_the_number_keys_by_label_id(tmp_path):
    entries = [{"id": i, "name": f"class {i}", "color": [i, 0, 0]} for i in range(20, 9, -1)]
    path = tmp_path / "classes.json"
    path.write_text(json.dumps({"version": 1, "classes": entries}))
    table = read_class_table(path)
    assert [item.key for item in table] == [*"123456789", "", ""]
    assert table.by_id(10) == LabelClass(10, "class 10", (10, 0, 0), key="1")
    assert table.prompts == PromptSettings()


def test_a_strange_key_or_threshold_is_made_harmless(tmp_path):
    entry = {"id": 1, "name": "dog", "color": [0, 0, 0], "key": "x", "threshold": 7}
    path = tmp_path / "classes.json"
    path.write_text(json.dumps({"version": 2, "classes": [entry]}))
    assert read_class_table(path).by_id(1) == LabelClass(1, "dog", (0, 0, 0), threshold=1.0)
