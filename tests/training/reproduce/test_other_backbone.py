"""Backbones that CLIP is compared with: its twin, another CLIP, a ViT of timm from a file."""

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from weclip_training.reproduce.other_backbone import other_backbone
from weclip_training.reproduce.patch_features import ClipFeatures

from weclip_napari.core.checkpoint import random_model, save_model
from weclip_napari.core.network_input import network_input
from weclip_napari.errors import UserError

VIT = "test_vit"
IMAGE = np.random.default_rng(0).integers(0, 256, (100, 150, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    return random_model(classes=())


@pytest.fixture(scope="module")
def vit():
    torch.manual_seed(0)
    return timm.create_model(VIT, pretrained=False, dynamic_img_size=True).eval()


@pytest.fixture(params=["model.safetensors", "model.pth"])
def file(request, vit, tmp_path):
    path = tmp_path / request.param
    if path.suffix == ".pth":
        torch.save({"model": vit.state_dict()}, path)
    else:
        save_file(vit.state_dict(), path)
    return str(path)


def test_clip_gives_the_tokens_of_its_last_block(model):
    clip = ClipFeatures(model, model.config)
    tokens = clip(IMAGE)
    assert tokens.shape == (5, 8, model.backbone.width)  # 42 x 64 pixels
    assert clip.size == (model.backbone.width, model.backbone.depth)
    features = model.backbone.encode(network_input(model.backbone, IMAGE, model.config))
    last = model.backbone.visual.transformer.resblocks[-1](features.tokens[:, -1])
    np.testing.assert_allclose(tokens.reshape(40, -1), last[0, 1:], atol=1e-5)


def test_the_twin_is_of_the_same_shape_and_differs_by_the_seed(model):
    own = ClipFeatures(model, model.config)
    twins = [other_backbone(model, None, None, seed) for seed in (5, 5, 6)]
    assert all(twin.size == own.size for twin in twins)
    tokens = [twin(IMAGE) for twin in twins]
    np.testing.assert_array_equal(tokens[0], tokens[1])
    assert np.abs(tokens[0] - tokens[2]).max() > 0.1
    assert np.abs(tokens[0] - own(IMAGE)).max() > 0.1


def test_another_clip_sees_images_at_the_same_size(model, tmp_path):
    save_model(tmp_path / "other", random_model(seed=3, classes=()))
    other = other_backbone(model, str(tmp_path / "other"), None)
    expected = random_model(seed=3, classes=())
    assert other.long_side == model.config.input_long_side
    np.testing.assert_allclose(
        other(IMAGE), ClipFeatures(expected, model.config)(IMAGE), rtol=1e-3, atol=1e-3
    )


def test_a_vit_of_timm_comes_from_a_file(model, vit, file):
    other = other_backbone(model, f"timm/{VIT}", file)
    assert other.patch == vit.patch_embed.patch_size[0] == 16
    assert other.size == (vit.embed_dim, len(vit.blocks))
    tokens = other(IMAGE)
    assert tokens.shape == (2, 4, vit.embed_dim)
    mean, std = (torch.tensor(vit.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    pixels = torch.from_numpy(IMAGE).permute(2, 0, 1) / 255
    pixels = torch.nn.functional.interpolate(
        ((pixels - mean) / std)[None], size=(42, 64), mode="bilinear"
    )[..., :32, :]
    seen = {}
    vit.blocks[-1].register_forward_hook(lambda *args: seen.update(last=args[-1]))
    with torch.no_grad():
        vit(pixels)
    np.testing.assert_allclose(tokens.reshape(8, -1), seen["last"][0, -8:], atol=1e-4)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_of_another_model_is_refused(model, tmp_path, suffix):
    path = tmp_path / f"wrong{suffix}"
    state = {"blocks.0.weight": torch.zeros(2)}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    with pytest.raises(UserError, match=f"{path.name} belongs to another architecture"):
        other_backbone(model, f"timm/{VIT}", str(path))


def test_a_damaged_or_missing_file_is_refused(model, tmp_path):
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(b"\x10" * 100)
    with pytest.raises(UserError, match="damaged"):
        other_backbone(model, f"timm/{VIT}", str(path))
    with pytest.raises(UserError, match="missing"):
        other_backbone(model, f"timm/{VIT}", str(tmp_path / "none.pth"))
    with pytest.raises(UserError, match="--other-weights"):
        other_backbone(model, f"timm/{VIT}", None)


@pytest.mark.parametrize("name", ["timm/resnet18", "timm/swin_tiny_patch4_window7_224"])
def test_what_is_no_plain_vit_is_refused(model, name):
    with pytest.raises(UserError, match="no plain vision transformer"):
        other_backbone(model, name, "file.pth")


def test_unknown_names_and_weights_without_a_model_are_refused(model):
    with pytest.raises(UserError, match="timm knows no model 'vit_of_nobody'"):
        other_backbone(model, "timm/vit_of_nobody", "file.pth")
    with pytest.raises(UserError, match="--other"):
        other_backbone(model, None, "file.pth")
    with pytest.raises(UserError):
        other_backbone(model, "./nowhere", None)
