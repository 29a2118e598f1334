import json

import pytest
import torch

from weclip_napari.core.classes import COCO_CLASSES, VOC_CLASSES, ClassSet, published_entry
from weclip_napari.core.config import AffinityConfig, DecoderConfig, WeclipConfig
from weclip_napari.core.device import pick_device
from weclip_napari.errors import UserError


@pytest.mark.parametrize(
    "config",
    [
        WeclipConfig(affinity=AffinityConfig(variant="mean", layers=(1, 2)), scales=(1.0, 0.75)),
        WeclipConfig(background_words=()),
        DecoderConfig(classes=("a", "b"), in_width=32, taps=(1, 3)),
        AffinityConfig(),
    ],
)
def test_configs_survive_json(config) -> None:
    assert type(config).from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        (WeclipConfig, {"colour": 1}, "unknown key colour"),
        (WeclipConfig, {"affinity": {"maps": 1}}, "AffinityConfig: unknown key maps"),
        (WeclipConfig, {"affinity": {"variant": "median"}}, "variant 'median'"),
        (WeclipConfig, {"template": "a photo"}, "has no {}"),
        (WeclipConfig, {"scales": []}, r"scales \(\)"),
        (WeclipConfig, {"scales": [float("nan")]}, r"scales \(nan,\)"),
        (WeclipConfig, {"pixel_mean": [0]}, "not of RGB"),
        (WeclipConfig, {"pixel_std": [1, 1, 0]}, "pixel_std"),
        (WeclipConfig, {"affinity": {"layers": [0, 1]}}, r"layers \(0, 1\)"),
        (DecoderConfig, {"classes": ["a"]}, "in_width"),
        (DecoderConfig, {"classes": ["a", "a"], "in_width": 8, "taps": [1, 2]}, "twice"),
        (DecoderConfig, {"classes": ["a"], "in_width": 8, "taps": [3, 2]}, "taps"),
    ],
)
def test_bad_json_is_explained(kind, data, message: str) -> None:
    with pytest.raises(UserError, match=message):
        kind.from_json(data)


def test_class_ids_start_at_one_and_ignore_case() -> None:
    assert (len(VOC_CLASSES), len(COCO_CLASSES)) == (20, 80)
    assert VOC_CLASSES.label_id(" Dog") == 12
    assert "dog" in VOC_CLASSES
    assert "zebra" not in VOC_CLASSES
    with pytest.raises(UserError, match="'zebra'"):
        VOC_CLASSES.label_id("zebra")


def test_classes_must_differ() -> None:
    with pytest.raises(UserError, match="twice"):
        ClassSet.from_names(["dog", "Dog "])


def test_published_words_stand_for_known_tags() -> None:
    assert published_entry("Person").prompts == ("person with clothes,people,human",)
    assert published_entry("snowboard").prompts == ("sknowboard",)
    assert published_entry(" red panda ").prompts == ("red panda",)


def test_device_by_name() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    with pytest.raises(UserError, match="'abacus'"):
        pick_device("abacus")


@pytest.mark.parametrize("name", ["meta", "nonsense", "", "cuda:99"])
def test_devices_that_cannot_compute(name: str) -> None:
    with pytest.raises(UserError, match="cannot be used"):
        pick_device(name)
