"""Trees in the style of PASCAL VOC."""

import numpy as np
import pytest

from weclip_napari.errors import UserError
from weclip_napari.session.images import write_image
from weclip_napari.session.masks import write_mask
from weclip_napari.session.voc_tree import is_voc_tree, read_voc_tree

CLASSES = ("cat", "dog", "stop sign")
PICTURE = np.zeros((8, 8, 3), np.uint8)


def add(top, name, ids, masks="SegmentationClass"):
    image, mask = top / "JPEGImages" / f"{name}.jpg", top / masks / f"{name}.png"
    for path in (image, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_image(image, PICTURE)
    drawn = np.zeros((8, 8), np.uint8)
    drawn[0, : len(ids)] = ids
    write_mask(mask, drawn)
    return image, mask


@pytest.fixture
def tree(tmp_path):
    add(tmp_path, "2007_01", [1, 3, 255])
    add(tmp_path, "2007_02", [2])
    return tmp_path


def tags(dataset):
    return [example.tags for example in dataset.examples]


def test_tags_come_from_the_masks(tree):
    assert is_voc_tree(tree)
    dataset = read_voc_tree(tree, CLASSES)
    assert tags(dataset) == [("cat", "stop sign"), ("dog",)]
    assert dataset.classes == CLASSES
    assert dataset.problems == ()


def test_ids_without_a_name_are_no_tags(tree):
    add(tree, "2007_03", [2, 200])
    assert tags(read_voc_tree(tree, CLASSES))[2] == ("dog",)


def test_listed_tags_win(tree):
    (tree / "tags.csv").write_text("image,tags\n2007_02,cat dog\n")
    assert tags(read_voc_tree(tree, CLASSES)) == [(), ("cat", "dog")]


def test_tags_come_from_the_objects_of_annotations(tree):
    (tree / "Annotations").mkdir()
    for name in ("2007_01", "2007_02"):
        objects = "".join(f"<object><name>{x}</name></object>" for x in ("dog", "dog", "cow"))
        (tree / "Annotations" / f"{name}.xml").write_text(f"<annotation>{objects}</annotation>")
    assert tags(read_voc_tree(tree, CLASSES)) == [("dog",), ("dog",)]
    (tree / "Annotations" / "2007_02.xml").write_text("<annotation>")
    with pytest.raises(UserError, match=r"2007_02\.xml"):
        read_voc_tree(tree, CLASSES).examples[1]


def test_augmented_masks_are_preferred(tree):
    _, mask = add(tree, "2007_01", [2], "SegmentationClassAug")
    dataset = read_voc_tree(tree, CLASSES)
    assert [example.mask for example in dataset.examples] == [mask]
    assert "2007_02" in dataset.problems[0]


@pytest.mark.parametrize(
    "line", ["2007_02", "/JPEGImages/2007_02.jpg /SegmentationClass/2007_02.png"]
)
def test_a_split_is_a_list(tree, line):
    (tree / "ImageSets" / "Segmentation").mkdir(parents=True)
    (tree / "ImageSets" / "Segmentation" / "val.txt").write_text(f"{line}\n\n")
    assert tags(read_voc_tree(tree, CLASSES, "val")) == [("dog",)]
    (tree / "ImageSets" / "Segmentation" / "val.txt").write_text("2007_09\n")
    with pytest.raises(UserError, match="2007_09"):
        read_voc_tree(tree, CLASSES, "val")
    (tree / "ImageSets" / "Segmentation" / "val.txt").write_text("\n")
    with pytest.raises(UserError, match=r"val\.txt' is empty"):
        read_voc_tree(tree, CLASSES, "val")


def test_a_split_is_a_folder(tmp_path):
    add(tmp_path, "train/COCO_1", [1])
    add(tmp_path, "val/COCO_2", [2])
    assert tags(read_voc_tree(tmp_path, CLASSES, "val")) == [("dog",)]
    assert tags(read_voc_tree(tmp_path, CLASSES)) == [("cat",), ("dog",)]
    with pytest.raises(UserError, match="test"):
        read_voc_tree(tmp_path, CLASSES, "test")


def test_masks_are_opened_when_asked_for(tree):
    (tree / "SegmentationClass" / "2007_02.png").write_bytes(b"broken")
    examples = read_voc_tree(tree, CLASSES).examples
    assert examples[0].tags == ("cat", "stop sign")
    assert len(examples[1:]) == 1
    with pytest.raises(UserError, match="2007_02"):
        examples[1]


def test_a_tree_without_masks_says_where_to_put_them(tree):
    for path in (tree / "SegmentationClass").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="has no mask"):
        read_voc_tree(tree, CLASSES)
    (tree / "SegmentationClass").rmdir()
    with pytest.raises(UserError, match="SegmentationClass"):
        read_voc_tree(tree, CLASSES)
