"""The pre-training of the embedded CLIP: targets, objectives, tower."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from weclip_training.mini.objectives import (
    FOREGROUND,
    concept_log_probabilities,
    pooled_loss,
    token_loss,
)
from weclip_training.mini.pool import CONCEPTS, WORD_CONCEPT, WORDS, render_pool
from weclip_training.mini.text import compose_caption, train_text_tower, word_codes
from weclip_training.mini.tower import forward_tower, start_tower

from weclip_napari.core.mini import create_mini_clip, mini_tokenizer


@pytest.fixture(scope="module")
def clip():
    torch.manual_seed(0)
    return create_mini_clip()


def test_synonyms_share_a_concept_and_most_of_their_code():
    codes = word_codes(128, torch.Generator().manual_seed(0))
    cosine = codes @ codes.T
    sea, lake, wall = (WORDS.index(word) for word in ("sea", "lake", "wall"))
    assert WORD_CONCEPT[sea] == WORD_CONCEPT[lake] == CONCEPTS.index("water")
    assert cosine[sea, lake] == pytest.approx(0.8, abs=1e-5)
    assert abs(cosine[sea, wall]) < 1e-5


def test_captions_name_their_words():
    caption = compose_caption(["star", "car", "sea"], np.random.default_rng(0))
    assert all(word in caption for word in ("a star", "a car", "sea"))


def test_pools_are_reproducible_and_captioned():
    pool = render_pool(1, 4, 48, workers=1)
    again = render_pool(1, 4, 48, workers=1)
    np.testing.assert_array_equal(pool.images, again.images)
    assert pool.images.shape == (4, 48, 48, 3)
    assert (pool.concepts[:, FOREGROUND:].sum(1) >= 1).all()


def test_pooled_loss_by_hand():
    similarity = torch.tensor([[2.0, 1.0, 0.0]])
    positive = torch.tensor([[True, True, False]])
    row = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2
    # from text to image there is no other image to confuse it with
    assert float(pooled_loss(similarity, positive, torch.ones(3))) == pytest.approx(row, abs=1e-4)


def test_token_loss_by_hand():
    p = torch.full((1, 4, len(CONCEPTS)), 1e-7)
    p[0, :, FOREGROUND] = 0.5
    p[0, 0, 0], p[0, 1, 0] = 0.5, 0.3
    present = torch.zeros(1, len(CONCEPTS), dtype=torch.bool)
    present[0, [0, FOREGROUND]] = True
    named = (-math.log(0.4) + 0.5 * -math.log(0.5)) / 1.5
    absent = -np.mean(np.log([1.0, 0.8, 0.5, 0.5]))
    assert float(token_loss(p.log(), present, 0.2)) == pytest.approx(named + absent, abs=1e-4)


def test_concept_probabilities_sum_to_one():
    torch.manual_seed(0)
    words = F.normalize(torch.randn(len(WORDS), 16), dim=-1)
    log_p = concept_log_probabilities(torch.randn(2, 5, 16), words, torch.tensor(10.0))
    assert log_p.shape == (2, 5, len(CONCEPTS))
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(2, 5), atol=1e-4, rtol=0)


def test_the_training_forward_is_open_clips(clip):
    torch.manual_seed(0)
    pixels = torch.randn(2, 3, 192, 192)
    with torch.no_grad():
        tokens, values = forward_tower(clip.visual, pixels)
        ours = F.normalize(tokens.mean(1) @ clip.visual.proj, dim=-1)
        theirs = clip.encode_image(pixels, normalize=True)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    assert values.shape == tokens.shape


def test_structured_start_whitens_the_patches():
    torch.manual_seed(0)
    visual = create_mini_clip().visual
    pixels = torch.randn(8, 3, 64, 64).cumsum(-1)
    start_tower(visual, pixels, torch.Generator().manual_seed(0))
    responses = visual.conv1(pixels).detach()
    assert float(responses.std()) == pytest.approx(1, abs=0.2)
    first = visual.transformer.resblocks[0].attn.in_proj_weight
    width = visual.conv1.out_channels
    assert (
        F.cosine_similarity(first[:width].flatten(), first[width : 2 * width].flatten(), dim=0)
        > 0.8
    )


def test_the_text_tower_learns_its_codes():
    torch.manual_seed(0)
    clip = create_mini_clip()
    codes = word_codes(clip.text_projection.shape[1], torch.Generator().manual_seed(0))
    cosine = train_text_tower(clip, mini_tokenizer(), codes, steps=40, seed=0)
    # untrained, the mean cosine is zero up to chance
    assert cosine > 0.4
    assert not clip.token_embedding.weight.requires_grad
