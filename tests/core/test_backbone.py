import numpy as np
import open_clip
import pytest
import torch

from weclip_napari.core.backbone import FrozenClip
from weclip_napari.core.checkpoint import random_model, tiny_architecture
from weclip_napari.core.config import AffinityConfig, WeclipConfig
from weclip_napari.errors import UserError


def backbone_of(**sizes) -> FrozenClip:
    return random_model(tiny_architecture(**sizes), classes=()).backbone


def pixels_of(height: int, width: int) -> torch.Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "sizes", [{}, {"patch": 14, "image_size": 42}, {"patch": 32, "quick_gelu": False}]
)
def test_tokens_and_attention_are_those_of_open_clip(sizes: dict[str, int]) -> None:
    backbone = backbone_of(**sizes)
    side = backbone.visual.image_size[0]
    pixels = pixels_of(side, side)
    features = backbone.encode(pixels)
    expected = []
    for block in backbone.visual.transformer.resblocks:
        block.register_forward_hook(lambda _block, _inputs, x: expected.append(x))
    with torch.no_grad():
        backbone.visual(pixels)
        normed = backbone.visual.transformer.resblocks[1].ln_1(expected[0])
        attention = backbone.visual.transformer.resblocks[1].attn(normed, normed, normed)[1]
    assert torch.allclose(features.tokens, torch.stack(expected[:-1], dim=1), atol=1e-5)
    assert torch.allclose(features.attention[:, 1], attention, atol=1e-6)


@pytest.mark.parametrize("size", [(8, 8), (8, 300), (61, 37), (32, 152)])
def test_any_size_of_at_least_a_patch(size: tuple[int, int]) -> None:
    """Among them 4 x 19 patches: 77 tokens, the length of a text."""
    backbone = backbone_of()
    features = backbone.encode(pixels_of(*size))
    rows, columns = size[0] // 8, size[1] // 8
    assert features.grid == (rows, columns)
    length = rows * columns + 1
    assert features.tokens.shape == (1, backbone.depth - 1, length, backbone.width)
    assert features.attention.shape == (1, backbone.depth - 1, length, length)
    assert torch.allclose(features.attention.sum(dim=-1), torch.tensor(1.0), atol=1e-5)


def test_pixels_beyond_the_last_patch_are_not_seen() -> None:
    pixels = pixels_of(21, 30)
    cut = backbone_of().encode(pixels[:, :, :16, :24])
    assert torch.equal(backbone_of().encode(pixels).tokens, cut.tokens)


def test_a_side_under_a_patch_is_refused() -> None:
    with pytest.raises(UserError, match="7 x 40 pixels"):
        backbone_of().encode(pixels_of(7, 40))


def test_images_of_a_batch_do_not_mix() -> None:
    backbone = backbone_of()
    pixels = torch.cat([pixels_of(24, 24), 1 - pixels_of(24, 24)])
    both, second = backbone.encode(pixels), backbone.encode(pixels[1:])
    assert torch.allclose(both.tokens[1], second.tokens[0], atol=1e-6)
    assert torch.allclose(both.attention[1], second.attention[0], atol=1e-6)


def test_attention_can_be_left_out() -> None:
    backbone = backbone_of()
    features = backbone.encode(pixels_of(24, 24), attention=False)
    assert features.attention.shape[1] == 0
    assert torch.allclose(features.tokens, backbone.encode(pixels_of(24, 24)).tokens, atol=1e-5)


def test_taps_may_end_with_the_last_block() -> None:
    backbone = backbone_of()
    features = backbone.encode(pixels_of(24, 24))
    tokens = backbone.tapped_tokens(features, (2, backbone.depth))
    assert torch.equal(tokens[:, 0], features.tokens[:, 1, 1:])
    with torch.no_grad():
        last = backbone.visual.transformer.resblocks[-1](features.tokens[:, -1])
    assert torch.equal(tokens[:, -1], last[:, 1:])
    assert torch.equal(backbone.tapped_tokens(features, (2, 2))[:, 0], tokens[:, 0])


def test_nothing_requires_a_gradient() -> None:
    backbone = backbone_of()
    assert not any(p.requires_grad for p in backbone.clip.parameters())
    assert not backbone.encode(pixels_of(16, 16)).tokens.requires_grad


def test_preprocessing_normalises_then_resizes() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    image[..., 1] = 255
    pixels = backbone_of().preprocess(image, (8, 5))
    assert pixels.shape == (1, 3, 8, 5)
    config = WeclipConfig()
    green = (255 - config.pixel_mean[1]) / config.pixel_std[1]
    assert torch.allclose(pixels[0, 1], torch.tensor(green))
    assert torch.allclose(pixels[0, 0], torch.tensor(-config.pixel_mean[0] / config.pixel_std[0]))


def test_fingerprint_tells_weights_apart() -> None:
    assert backbone_of().fingerprint == backbone_of().fingerprint
    other = random_model(seed=1, classes=()).backbone
    assert backbone_of().fingerprint != other.fingerprint


def test_affinity_layers_beyond_the_tower_are_refused() -> None:
    config = WeclipConfig(backbone="tiny", affinity=AffinityConfig(layers=(1, 4)))
    with pytest.raises(UserError, match=r"layers \(1, 4\) .* 3 blocks of 'tiny'"):
        random_model(config=config)


def test_other_towers_are_refused() -> None:
    clip = open_clip.CLIP(
        embed_dim=8,
        vision_cfg={"layers": [1, 1, 1, 1], "width": 8, "image_size": 32, "head_width": 8},
        text_cfg={"vocab_size": 16, "width": 16, "heads": 2, "layers": 1},
    )
    with pytest.raises(UserError, match="RN-tiny.*ViT-B-16"):
        FrozenClip(clip, str, WeclipConfig(backbone="RN-tiny"), torch.device("cpu"))
