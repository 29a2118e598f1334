import itertools

import pytest
import torch
import torch.nn.functional as F

from weclip_napari.core.losses import (
    affinity_label,
    affinity_loss,
    pair_counts,
    segmentation_loss,
    total_loss,
)

LOGITS = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def labels(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.uint8).repeat_interleave(16).view(-1, 4, 4)


@pytest.mark.parametrize(("values", "kept"), [((0, 0), 2), ((1, 2), 2), ((0, 255), 1)])
def test_an_empty_half_counts_zero(values: tuple[int, int], kept: int) -> None:
    expected = F.cross_entropy(LOGITS[:kept], labels(*values)[:kept].long()) / 2
    assert torch.allclose(segmentation_loss(LOGITS, labels(*values)), expected)


def test_halves_weigh_the_same_whatever_their_size() -> None:
    target = labels(0, 2)
    target[0, :3] = 1
    losses = F.cross_entropy(LOGITS, target.long(), reduction="none")
    expected = (losses[target == 0].mean() + losses[target > 0].mean()) / 2
    assert torch.allclose(segmentation_loss(LOGITS, target), expected)


def test_all_ignored_gives_zero_with_a_gradient() -> None:
    logits = LOGITS.clone().requires_grad_()
    loss = segmentation_loss(logits, labels(255, 255))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_logits_grow_to_the_labels() -> None:
    small = LOGITS[:, :, :2, :2]
    grown = F.interpolate(small, size=(4, 4), mode="bilinear", align_corners=False)
    target = labels(0, 2)
    assert torch.equal(segmentation_loss(small, target), segmentation_loss(grown, target))


@pytest.mark.parametrize("size", [(6, 9), (7, 10)])
def test_affinity_label_pair_by_pair(size: tuple[int, int]) -> None:
    grid, radius = (3, 3), 1
    image = torch.randint(0, 2, (1, *size), generator=torch.Generator().manual_seed(0))
    image[0, 0, 0] = 255
    pairs = affinity_label(image.to(torch.uint8), grid, radius)[0]
    cells = list(itertools.product(range(3), range(3)))
    for (i, (y, x)), (j, (v, u)) in itertools.product(enumerate(cells), repeat=2):
        a = image[0, y * size[0] // 3, x * size[1] // 3]
        b = image[0, v * size[0] // 3, u * size[1] // 3]
        ignored = abs(y - v) > radius or abs(x - u) > radius or 255 in (a, b)
        assert pairs[i, j] == (255 if ignored else a == b)


def test_affinity_loss_counts_one_more_than_there_are() -> None:
    pairs = torch.tensor([[[1, 0], [0, 255]]])
    affinity = torch.tensor([[[0.25, 0.5], [0.75, 0.9]]])
    assert pair_counts(pairs) == (2, 3)
    assert affinity_loss(affinity, pairs).item() == pytest.approx((0.75 / 2 + 1.25 / 3) / 2)


def test_total_is_the_weighted_sum() -> None:
    affinity = torch.full((2, 16, 16), 0.3)
    losses = total_loss(LOGITS, affinity, labels(0, 1))
    assert losses.affinity > 0
    assert losses.total == losses.segmentation + 0.1 * losses.affinity
    heavier = total_loss(LOGITS, affinity, labels(0, 1), weight=2)
    assert heavier.total == losses.segmentation + 2 * losses.affinity
