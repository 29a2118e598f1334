"""Classes from text files and other folders."""

import pytest

from weclip_napari.errors import UserError
from weclip_napari.session.class_file import write_class_table
from weclip_napari.session.class_import import (
    Imported,
    Template,
    import_classes,
    read_class_list,
    read_templates,
    write_class_list,
)
from weclip_napari.session.class_table import ClassTable, LabelClass, PromptSettings


def test_a_text_file_gives_names_and_words_for_the_prompt(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("\ufeffdog\n\n# animals\nperson: person with clothes,people\n犬 :  \ndog\n")
    assert read_class_list(path) == (
        Template("dog"),
        Template("person", "person with clothes,people"),
        Template("犬"),
    )


@pytest.mark.parametrize("line", ["dog, cat", ": words", ";"])
def test_a_line_that_is_no_class_is_named(tmp_path, line):
    path = tmp_path / "classes.txt"
    path.write_text(f"bird\n{line}\n")
    with pytest.raises(UserError, match="line 2 of .*classes.txt"):
        read_class_list(path)


@pytest.mark.parametrize(
    ("content", "message"), [(b"\n\n", "names no class"), (b"\xff\xfe\x00d", "UTF-8")]
)
def test_a_file_without_classes_is_refused(tmp_path, content, message):
    path = tmp_path / "classes.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_templates(path)


def test_what_is_exported_can_be_imported(tmp_path):
    table = ClassTable()
    for name in ("person", "traffic light", "a:b"):
        table.ensure(name)
    table.replace(LabelClass(1, "person", (0, 0, 0), synonyms="people,human"))
    write_class_list(tmp_path / "out.txt", table)
    other = ClassTable()
    templates, _ = read_templates(tmp_path / "out.txt")
    assert import_classes(other, templates) == Imported(added=3, changed=0)
    assert other.names == table.names
    assert other.synonyms() == table.synonyms()


def test_an_export_that_fails_names_the_file(tmp_path):
    with pytest.raises(UserError, match=r"no such folder.out.txt' was not written"):
        write_class_list(tmp_path / "no such folder" / "out.txt", ClassTable())


@pytest.mark.parametrize("chosen", ["", "weclip_masks/classes.json"])
def test_another_folder_gives_ids_colours_and_prompts_where_they_are_free(tmp_path, chosen):
    theirs = ClassTable(
        [
            LabelClass(3, "dog", (9, 8, 7), "puppy", "1", 0.4),
            LabelClass(5, "cat", (1, 1, 1), "tabby"),
            LabelClass(1, "bird", (2, 2, 2)),
        ],
        PromptSettings("a photo of {}.", ("sky",)),
    )
    (tmp_path / "weclip_masks").mkdir()
    write_class_table(tmp_path / "weclip_masks" / "classes.json", theirs)
    ours = ClassTable([LabelClass(1, "Cat", (4, 4, 4), key="1"), LabelClass(2, "fish", (5, 5, 5))])
    ours.remove(2)

    templates, prompts = read_templates(tmp_path / chosen)
    assert import_classes(ours, templates) == Imported(added=2, changed=1)

    assert prompts == theirs.prompts
    assert ours.by_id(3) == LabelClass(3, "dog", (9, 8, 7), "puppy", "2", 0.4)
    assert ours.by_id(1) == LabelClass(1, "Cat", (4, 4, 4), "tabby", "1")
    assert ours.find("bird") == LabelClass(4, "bird", (2, 2, 2), key="3")


def test_a_data_set_folder_gives_its_list_of_classes(tmp_path):
    (tmp_path / "classes.txt").write_text("dog\ncat\n")
    assert [item.name for item in read_templates(tmp_path)[0]] == ["dog", "cat"]


def test_a_folder_without_classes_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no classes"):
        read_templates(tmp_path)


def test_too_many_classes_change_nothing():
    table = ClassTable([LabelClass(1, "dog", (0, 0, 0))])
    templates = [Template("dog", "puppy"), *(Template(f"class {i}") for i in range(254))]
    with pytest.raises(UserError, match="254"):
        import_classes(table, templates)
    assert list(table) == [LabelClass(1, "dog", (0, 0, 0))]
