import logging

import numpy as np
import open_clip
import pytest
import torch

from weclip_napari.core.architectures import (
    architecture_of,
    create_clip,
    list_architectures,
    names_that_fit,
    parameter_count,
    tokenizer_of,
)
from weclip_napari.core.checkpoint import random_model, tiny_architecture, untrained_twin
from weclip_napari.errors import UserError


@pytest.mark.parametrize("name", ["ViT-B-16-quickgelu", "ViT-B-32", "ViT-L-14-336", "weclip-mini"])
def test_plain_vits_are_known(name: str) -> None:
    config = architecture_of(name)
    assert config["vision_cfg"]["patch_size"] in (8, 14, 16, 32)
    assert config["quick_gelu"] == name.endswith("quickgelu")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("RN50", "ResNet"),
        ("ViT-B-16-SigLIP", "timm"),
        ("coca_ViT-B-32", "CoCa"),
        ("roberta-ViT-B-32", "Hugging Face"),
        ("ViT-L-14-CLIPA", "pools tokens"),
        ("ViT-X-99", "knows no model"),
        ("hf-hub:someone/something", "knows no model"),
    ],
)
def test_others_are_refused_with_a_reason(name: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        architecture_of(name)


def test_listed_models_can_be_used() -> None:
    names = list_architectures()
    assert "ViT-B-16-quickgelu" in names
    assert not any(name.startswith("weclip-") for name in names)


def test_create_clip_is_silent_and_leaves_logging_alone(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers = list(logging.getLogger().handlers)
    assert isinstance(create_clip(tiny_architecture()), open_clip.CLIP)
    assert (caplog.text, capsys.readouterr().err) == ("", "")
    assert logging.getLogger().handlers == handlers


def test_parameter_count() -> None:
    architecture = tiny_architecture(patch=14, layers=4)
    clip = create_clip(architecture)
    assert parameter_count(architecture) == sum(p.numel() for p in clip.parameters())


def test_shapes_tell_the_architecture_but_not_the_activation() -> None:
    with torch.device("meta"):
        state = open_clip.CLIP(**open_clip.get_model_config("ViT-S-32")).state_dict()
        other = open_clip.CLIP(**open_clip.get_model_config("ViT-B-32")).state_dict()
    assert names_that_fit(state) == ["ViT-S-32"]
    assert names_that_fit(other) == ["ViT-B-32", "ViT-B-32-quickgelu"]


def test_tokenizer_follows_the_vocabulary() -> None:
    small = tokenizer_of(tiny_architecture())
    large = tokenizer_of(tiny_architecture(vocabulary=49408))
    assert (small.vocab_size, large.vocab_size) == (2048, 49408)
    assert small(["a boat"]).shape == large(["a boat"]).shape == (1, 32)
    with pytest.raises(UserError, match="vocabulary of 999"):
        tokenizer_of(tiny_architecture(vocabulary=999))


@pytest.mark.parametrize("patch", [14, 16, 32])
@pytest.mark.parametrize("quick_gelu", [True, False])
def test_random_models_of_any_patch_see_any_size(patch: int, quick_gelu: bool) -> None:
    architecture = tiny_architecture(patch=patch, image_size=2 * patch, quick_gelu=quick_gelu)
    model = random_model(architecture)
    pixels = model.backbone.preprocess(np.zeros((3 * patch + 1, 4 * patch + 5, 3), np.uint8))
    features = model.backbone.encode(pixels)
    assert (model.backbone.patch, features.grid) == (patch, (3, 4))
    assert model.decoder(features.tokens[:, :, 1:], features.grid).logits.shape == (1, 4, 3, 4)


def test_activation_matters() -> None:
    pixels = torch.rand(1, 3, 32, 32)
    tokens = [
        random_model(tiny_architecture(quick_gelu=quick)).backbone.encode(pixels).tokens
        for quick in (True, False)
    ]
    assert not torch.allclose(*tokens)


def test_seed_decides_the_weights_and_the_global_state_stays() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    prints = [random_model(seed=seed).backbone.fingerprint for seed in (1, 1, 2)]
    assert prints[0] == prints[1] != prints[2]
    assert torch.equal(torch.get_rng_state(), before)


def test_untrained_twin_has_the_same_shapes() -> None:
    model = random_model(seed=1)
    twin = untrained_twin(model)
    assert twin.backbone.fingerprint != model.backbone.fingerprint
    assert twin.decoder.config == model.decoder.config
    assert twin.config.input_long_side == model.config.input_long_side
    assert untrained_twin(random_model(classes=())).decoder is None
