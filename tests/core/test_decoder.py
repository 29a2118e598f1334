from pathlib import Path

import pytest
import torch

from weclip_napari.core.classes import COCO_CLASSES, VOC_CLASSES
from weclip_napari.core.config import DecoderConfig
from weclip_napari.core.decoder import WeclipDecoder
from weclip_napari.core.published import (
    published_configs,
    state_dict_from_published,
    state_dict_to_published,
)
from weclip_napari.errors import UserError

SMALL = DecoderConfig(("a", "b"), in_width=12, taps=(2, 4), width=8, layers=2, heads=2)
GRID = (3, 5)


@pytest.fixture
def decoder() -> WeclipDecoder:
    torch.manual_seed(0)
    return WeclipDecoder(SMALL).eval()


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randn(2, 3, 15, 12, generator=torch.Generator().manual_seed(1))


def test_published_size_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        decoder = WeclipDecoder(DecoderConfig(VOC_CLASSES.names, in_width=768, taps=(1, 11)))
    assert sum(p.numel() for p in decoder.parameters()) == 5_985_045


def test_output_shapes(decoder: WeclipDecoder, tokens: torch.Tensor) -> None:
    output = decoder(tokens, GRID)
    assert output.logits.shape == (2, 3, *GRID)
    assert output.fused.shape == (2, 8, *GRID)
    assert output.affinity.shape == (2, 15, 15)


def test_patches_keep_their_place(decoder: WeclipDecoder, tokens: torch.Tensor) -> None:
    changed = tokens.clone()
    changed[0, :, 7] += 1
    difference = (decoder(changed, GRID).fused - decoder(tokens, GRID).fused).abs().sum(dim=1)
    assert difference.nonzero().tolist() == [[0, 1, 2]]


def test_wrong_number_of_taps_is_an_error(decoder: WeclipDecoder, tokens: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="zip"):
        decoder(tokens[:, :2], GRID)


def test_affinity_is_of_the_features_after_dropout(
    decoder: WeclipDecoder, tokens: torch.Tensor
) -> None:
    mask = torch.zeros(2, 8)
    mask[:, 3] = 2
    plain, masked = decoder(tokens, GRID), decoder(tokens, GRID, mask)
    channel = 2 * plain.fused[:, 3].flatten(1)
    expected = torch.sigmoid(channel[:, :, None] * channel[:, None, :])
    assert torch.allclose(masked.affinity, expected, atol=1e-6)
    assert not torch.allclose(masked.logits, plain.logits)


def test_training_drops_whole_channels(decoder: WeclipDecoder, tokens: torch.Tensor) -> None:
    config = DecoderConfig(("a",), in_width=12, taps=(1, 3), width=64, heads=2, dropout=0.5)
    fused = WeclipDecoder(config).train()(tokens, GRID).fused
    zero = fused == 0
    assert torch.equal(zero.any(dim=(2, 3)), zero.all(dim=(2, 3)))
    assert 0 < zero.float().mean() < 1


def test_affinity_sends_gradients_to_the_projections(
    decoder: WeclipDecoder, tokens: torch.Tensor
) -> None:
    decoder(tokens, GRID).affinity.sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in decoder.taps.parameters())
    assert decoder.predict.weight.grad is None


def test_attention_starts_without_biases(decoder: WeclipDecoder) -> None:
    for block in decoder.blocks:
        assert not block.attention.in_proj_bias.any()
        assert not block.attention.out_proj.bias.any()


def test_published_names_and_back(decoder: WeclipDecoder) -> None:
    published = state_dict_to_published(decoder.state_dict())
    assert published["decoder_fts_fuse.linear_fuse.weight"].shape == (8, 24, 1, 1)
    assert "decoder.transformer.resblocks.1.attn.in_proj_weight" in published
    whole = {"module." + name: value for name, value in published.items()}
    whole["module.encoder.visual.proj"] = torch.zeros(1)
    ours = state_dict_from_published(whole)
    assert ours.keys() == decoder.state_dict().keys()
    assert all(torch.equal(value, decoder.state_dict()[name]) for name, value in ours.items())


def test_foreign_name_is_not_published() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        state_dict_to_published({"nonsense": torch.zeros(1)})


@pytest.mark.parametrize(("classes", "maps"), [(VOC_CLASSES, 6), (COCO_CLASSES, 10)])
def test_published_sizes_are_read_off_the_weights(classes, maps) -> None:
    config = DecoderConfig(classes.names, in_width=12, taps=(1, 3), width=16, layers=2)
    state = state_dict_to_published(WeclipDecoder(config).state_dict())
    weclip, decoder = published_configs(state, Path("weclip.pth"))
    assert decoder == config
    assert weclip.affinity.last_filter == maps


def test_unknown_number_of_classes_is_refused(decoder: WeclipDecoder) -> None:
    state = state_dict_to_published(decoder.state_dict())
    with pytest.raises(UserError, match=r"weclip\.pth has 3 outputs"):
        published_configs(state, Path("weclip.pth"))
