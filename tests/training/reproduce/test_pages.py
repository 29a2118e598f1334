"""The files of an item, and all of them together."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from weclip_training.reproduce import items as items_module
from weclip_training.reproduce import pages
from weclip_training.reproduce.cli import build_parser, main
from weclip_training.reproduce.item import Item
from weclip_training.reproduce.report import Row
from weclip_training.reproduce.source import Budget

from weclip_napari.core import download

README = Path(__file__).parents[3] / "training" / "README.md"


def item(name, datasets=("scenes", "voc", "coco")):
    def rows(study):
        (study.out / f"{name}.png").write_bytes(b"picture")
        yield Row("one", "1.0", (2.0,), 60.0)

    return Item(name, f"About {name}.", "number", rows, datasets=datasets)


def test_all_joins_what_the_data_set_is_made_for(tmp_path, tiny, tree, monkeypatch):
    known = {"first": item("first"), "second": item("second"), "drawn": item("drawn", ("scenes",))}
    monkeypatch.setattr(items_module, "ITEMS", known)
    out = tmp_path / "out"
    words = ["--dataset", "voc", "--root", str(tree), "--out", str(out), "--model", str(tiny)]
    assert main(["all", *words, "--images", "2", "--device", "cpu"]) == 0
    text = (out / "reproduction.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\w+) on", text, flags=re.MULTILINE) == ["first", "second"]
    assert text.count(pages.UNPUBLISHED) == 2
    assert "![first](first.png)" in text
    assert "weclip-reproduce second --dataset voc" in text  # not "all": this table alone


def test_the_images_are_named(make_study, tree):
    def facts(study, **changes):
        return pages.item_text(study, replace(item("one"), **changes), [], "").split("; ")[1]

    study = make_study("voc", root=tree)
    assert facts(study) == "3 images to train on (list `train`), 2 held out (list `val`)"
    (tree / "ImageSets" / "Segmentation" / "val.txt").unlink()
    assert "2 held out (all there are, for want of a list)" in facts(study)
    drawn = make_study()
    assert facts(drawn) == facts(drawn, images=9) == "3 images to train on, 2 held out"
    assert facts(drawn, images=2) == "2 images to train on, 2 held out"
    everything = replace(study, budget=Budget(None, None, 1, 1))
    assert facts(everything).startswith("all images to train on")


@pytest.mark.parametrize("dataset", ["voc", "coco"])
def test_only_the_published_weights_make_a_result(make_study, tmp_path, monkeypatch, dataset):
    study = replace(make_study(dataset), model="ViT-B-16-quickgelu/openai")
    assert not pages.is_unpublished(study)  # found where they belong, or not loaded at all
    other = tmp_path / "weights.pt"
    other.write_bytes(b"random")
    given = replace(study, weights=str(other))
    assert pages.is_unpublished(given)
    monkeypatch.setattr(download, "_sha256", lambda *_: download.OPENAI_VIT_B_16_SHA256)
    assert not pages.is_unpublished(given)
    assert pages.is_unpublished(make_study(dataset))  # a folder with weights of its own
    assert pages.is_unpublished(replace(study, model="ViT-B-16/laion2b_s34b_b88k"))


def test_commands_in_the_readme_are_understood():
    lines = README.read_text(encoding="utf-8").splitlines()
    found = [shlex.split(x, comments=True) for x in lines if x.startswith("weclip-reproduce ")]
    commands = [words[1:] for words in found]
    assert len(commands) >= 4
    for words in commands:
        if words != ["--help"]:
            assert build_parser().parse_args(words).out
