"""Weak training on a tiny random backbone."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from weclip_training.batches import GroupedDecoder, Slot, group_by_size
from weclip_training.config import FitConfig
from weclip_training.engine import fit
from weclip_training.schedule import make_optimizer
from weclip_training.targets import agreed, final_label
from weclip_training.view_sources import GivenViews
from weclip_training.views import ViewBuilder

from weclip_napari.core.checkpoint import random_model
from weclip_napari.core.config import AffinityConfig, DecoderConfig
from weclip_napari.core.decoder import WeclipDecoder
from weclip_napari.errors import UserError

CLASSES = ("cat", "dog")
CONFIG = FitConfig(steps=4, batch=2, seed=3)


@pytest.fixture(scope="module")
def backbone():
    backbone = random_model(seed=0).backbone
    affinity = AffinityConfig(variant="mean", layers=(1, 2), squared=False)
    backbone.config = replace(
        backbone.config, input_long_side=6 * backbone.patch, affinity=affinity, par_iterations=2
    )
    return backbone


@pytest.fixture(scope="module")
def decoder_config(backbone):
    return DecoderConfig(CLASSES, backbone.width, (1, backbone.depth - 1), width=16, heads=2)


@pytest.fixture(scope="module")
def builder(backbone, decoder_config):
    return ViewBuilder(backbone, decoder_config, {"cat": ("cat", "kitten")})


@pytest.fixture(scope="module")
def views(builder):
    rng = np.random.default_rng(0)
    tags = (("cat",), ("cat", "dog"), ())
    return [builder.build(rng.integers(0, 256, (50, 60, 3), dtype=np.uint8), t) for t in tags]


def fresh_decoder(decoder_config):
    torch.manual_seed(0)
    return WeclipDecoder(decoder_config)


def test_a_view_has_what_training_reads(views, backbone):
    view = views[1]
    rows, columns = view.grid
    assert columns == 6
    assert view.tokens.shape == (backbone.depth - 1, rows * columns, backbone.width)
    assert view.cams.shape == (2, rows, columns)
    assert view.ids.tolist() == [1, 2]
    assert len(view.maps) == 2


def test_pseudo_labels_stay_within_the_tags(builder, views):
    for view in views:
        label = builder.pseudo_label(view)
        assert label.shape == view.pixels.shape[-2:]
        assert set(label.unique().tolist()) <= {0, *view.ids.tolist()}


def test_a_background_word_that_is_a_tag_does_not_compete_with_it(backbone, decoder_config, views):
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    words = backbone.config.background_words
    cams = [
        ViewBuilder(
            backbone,
            decoder_config,
            {"cat": ("cat", "kitten")},
            replace(backbone.config, background_words=(*words, *more)),
        )
        .build(image, ("cat",))
        .cams
        for more in ((), ("Kitten",), ("dog",))
    ]
    assert torch.equal(cams[0], cams[1])
    assert not torch.equal(cams[0], cams[2])


def test_the_margin_ignores_unsure_pixels_only(builder, views):
    sure = builder.pseudo_label(views[1])
    banded = builder.pseudo_label(views[1], ignore_margin=0.2)
    assert (banded == 255).any()
    kept = banded != 255
    assert torch.equal(banded[kept], sure[kept])


def test_the_learned_affinity_changes_the_label(builder, views):
    n = views[1].grid[0] * views[1].grid[1]
    learned = torch.eye(n) * 0.99 + 0.01
    assert not torch.equal(builder.pseudo_label(views[1], learned), builder.pseudo_label(views[1]))


def test_a_settled_view_keeps_its_label_and_lets_go_of_the_rest(builder, views):
    settled = builder.settle(views[1], 0.2)
    expected = builder.pseudo_label(views[1], ignore_margin=0.2)
    assert torch.equal(builder.pseudo_label(settled), expected)
    assert settled.maps == ()
    assert settled.pixels.numel() == 0


def test_settled_views_train_alike(decoder_config, views, builder):
    settled = [builder.settle(view) for view in views]
    runs = [
        list(fit(fresh_decoder(decoder_config), GivenViews(v), builder, CONFIG))
        for v in (views, settled)
    ]
    assert [e.total for e in runs[0]] == [e.total for e in runs[1]]


def test_training_is_the_same_for_the_same_seed(decoder_config, views, builder):
    runs = []
    for _ in range(2):
        decoder = fresh_decoder(decoder_config)
        events = list(fit(decoder, GivenViews(views), builder, CONFIG))
        runs.append([(e.step, e.total, e.rate) for e in events])
        assert not decoder.training
    assert runs[0] == runs[1]
    assert [e.step for e in events] == [1, 2, 3, 4]
    assert all(np.isfinite(e.total) for e in events)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_mixed_precision_decodes_kept_tokens(decoder_config, views, precision):
    decoder = fresh_decoder(decoder_config)
    slots = [Slot(view, torch.ones(decoder_config.width)) for view in views]
    exact = GroupedDecoder(decoder)(group_by_size(slots))
    with torch.autocast("cpu", precision):
        mixed = GroupedDecoder(decoder)(group_by_size(slots))
    for output, expected in zip(mixed, exact, strict=True):
        assert output.logits.dtype == precision
        assert torch.allclose(output.logits.float(), expected.logits, atol=0.05)


def test_a_process_keeps_its_precision(decoder_config, views, builder):
    list(fit(fresh_decoder(decoder_config), GivenViews(views), builder, replace(CONFIG, steps=1)))
    config = replace(CONFIG, precision="bf16")
    with pytest.raises(UserError, match="start another"):
        next(fit(fresh_decoder(decoder_config), GivenViews(views), builder, config))


def test_training_learns_its_pseudo_labels(decoder_config, views, builder):
    config = replace(CONFIG, steps=120, batch=3)
    events = list(fit(fresh_decoder(decoder_config), GivenViews(views), builder, config))
    assert events[-1].segmentation < 0.7 * events[0].segmentation


def test_after_the_switch_labels_follow_the_decoder(decoder_config, views, builder, monkeypatch):
    seen = []
    original = builder.pseudo_label

    def spy(view, learned=None, margin=0.0):
        seen.append(learned is not None)
        return original(view, learned, margin)

    monkeypatch.setattr(builder, "pseudo_label", spy)
    config = replace(CONFIG, switch_step=2)
    list(fit(fresh_decoder(decoder_config), GivenViews(views), builder, config))
    assert seen[-4:] == [True] * 4
    assert not any(seen[:-4])


def test_the_affinity_weight_counts(decoder_config, views, builder):
    config = replace(CONFIG, steps=1, affinity_weight=0.5)
    (event,) = fit(fresh_decoder(decoder_config), GivenViews(views), builder, config)
    assert event.total == pytest.approx(event.segmentation + 0.5 * event.affinity, rel=1e-5)


def test_the_rate_of_every_step_is_that_of_the_schedule(decoder_config, views, builder):
    config = replace(CONFIG, steps=10, warmup=2, rate=0.01)
    decoder = fresh_decoder(decoder_config)
    optimizer = make_optimizer(decoder, config.rate)
    events = fit(decoder, GivenViews(views), builder, config, optimizer=optimizer)
    used = [(event.rate, optimizer.param_groups[0]["lr"]) for event in islice(events, 4)]
    expected = [1e-8, 0.005 * (1 + 1e-6), 0.008, 0.007]
    assert [rate for rate, _ in used] == pytest.approx(expected)
    assert all(told == real for told, real in used)


def test_training_on_nothing_is_refused(decoder_config, builder):
    with pytest.raises(UserError, match="no images"):
        next(fit(fresh_decoder(decoder_config), GivenViews([]), builder, CONFIG))


def test_views_of_several_sizes_share_a_batch(decoder_config, views, builder):
    rng = np.random.default_rng(1)
    wide = builder.build(rng.integers(0, 256, (30, 80, 3), dtype=np.uint8), ("dog",))
    mixed = GivenViews([views[0], wide, views[1]])
    events = list(fit(fresh_decoder(decoder_config), mixed, builder, replace(CONFIG, batch=3)))
    assert all(np.isfinite(event.total) for event in events)


def totals(decoder_config, views, builder, **changes):
    config = replace(CONFIG, batch=4, **changes)
    events = fit(fresh_decoder(decoder_config), GivenViews(views), builder, config)
    return [event.total for event in events]


@pytest.mark.parametrize("target", ["label", "both"])
def test_parts_of_a_batch_add_up_to_it(decoder_config, views, builder, target):
    whole = totals(decoder_config, views, builder, affinity_target=target)
    parts = totals(decoder_config, views, builder, affinity_target=target, accumulate=2)
    assert parts == pytest.approx(whole, rel=1e-5)


def test_a_batch_that_cannot_be_shared_out_is_refused(decoder_config, views, builder):
    with pytest.raises(UserError, match="multiple of 3"):
        totals(decoder_config, views, builder, accumulate=3)


def test_the_supervision_of_the_affinity_is_a_choice(decoder_config, views, builder):
    runs = [
        totals(decoder_config, views, builder, affinity_target=kind)
        for kind in ("label", "prediction", "both")
    ]
    assert len({tuple(run) for run in runs}) == 3


def test_a_loss_that_is_no_number_stops_before_it_does_harm(decoder_config, views, builder):
    decoder = fresh_decoder(decoder_config)
    broken = replace(views[1], tokens=views[1].tokens * float("nan"))
    config = replace(CONFIG, batch=1)
    events = fit(decoder, GivenViews([broken]), builder, config)
    with pytest.raises(UserError, match="step 1"):
        next(events)
    assert all(torch.isfinite(value).all() for value in decoder.state_dict().values())


def test_weights_that_are_no_numbers_are_never_passed_on(decoder_config, views, builder):
    decoder = fresh_decoder(decoder_config)
    events = fit(decoder, GivenViews(views), builder, replace(CONFIG, rate=1e44, warmup=0))
    with pytest.raises(UserError, match="after step 1"):
        next(events)


def test_people_decide_their_pixels_and_the_pseudo_label_the_others(builder, views):
    target = np.full(views[1].image_size, -1, np.int16)
    target[:25], target[:, :10] = 2, 255
    view = builder.with_target(views[1], target)
    label = final_label(builder.pseudo_label(view), view.target)
    pseudo = builder.pseudo_label(views[1])
    assert (label[:, 0] == 255).all()
    assert (label[0, -1], label[0, 0]) == (2, 255)
    assert torch.equal(label[-1, 20:], pseudo[-1, 20:])


def test_agreement_ignores_what_the_decoder_sees_otherwise():
    logits = torch.zeros(4, 2, 2)  # background, two tags, and a class that is no tag
    logits[3] = 9
    logits[0, 0, 0] = logits[1, 0, 1] = logits[2, 1, 0] = logits[2, 1, 1] = 1
    pseudo = torch.tensor([[0, 1], [1, 2]], dtype=torch.uint8)
    label = agreed(pseudo, logits, torch.tensor([1, 2]))
    assert label.tolist() == [[0, 1], [255, 2]]
    assert agreed(pseudo, logits, torch.tensor([1, 2]), unseen=(1,)).tolist() == pseudo.tolist()
    assert pseudo.tolist() == [[0, 1], [1, 2]]


def test_agreement_counts_only_where_labels_are_guessed(decoder_config, views, builder):
    """A view whose pixels a person drew is learned as before; one with tags alone is not."""
    known = np.zeros(views[1].image_size, np.int16)
    known[:, 30:] = 2
    drawn = builder.with_target(views[1], known)
    for view, same in ((drawn, True), (views[1], False)):
        runs = [
            totals(decoder_config, [view], builder, agreement=agreement)
            for agreement in (False, True)
        ]
        assert (runs[0] == runs[1]) == same
