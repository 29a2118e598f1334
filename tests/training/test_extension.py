"""Decoders that learn further classes."""

import torch
from weclip_training.extension import extended

from weclip_napari.core.config import DecoderConfig
from weclip_napari.core.decoder import WeclipDecoder


def decoder():
    torch.manual_seed(0)
    return WeclipDecoder(DecoderConfig(("cat", "dog"), 8, (1, 2), width=16, heads=2)).eval()


def test_old_classes_keep_their_place_and_their_logits():
    old = decoder()
    new = extended(old, ("bird", "Dog", "ox"), seed=1)
    assert new.config.classes == ("cat", "dog", "bird", "ox")
    tokens = torch.randn(1, 2, 6, 8)
    before, after = old(tokens, (2, 3)), new(tokens, (2, 3))
    assert after.logits.shape == (1, 5, 2, 3)
    torch.testing.assert_close(after.logits[:, :3], before.logits)
    torch.testing.assert_close(after.affinity, before.affinity)
    assert not new.training


def test_new_classes_are_the_same_for_the_same_seed():
    one, same, other = (extended(decoder(), ("ox",), seed) for seed in (1, 1, 2))
    assert torch.equal(one.predict.weight, same.predict.weight)
    assert not torch.equal(one.predict.weight[3], other.predict.weight[3])


def test_the_old_decoder_is_left_alone():
    old = decoder()
    new = extended(old, (), seed=0)
    with torch.no_grad():
        new.predict.bias += 1
    assert torch.equal(old.predict.bias, decoder().predict.bias)
    assert new.config == old.config
