import itertools

import pytest
import torch
import torch.nn.functional as F

from weclip_napari.core.losses import Losses, affinity_label, combine, loss_counts, loss_sums

LOGITS = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
AFFINITY = torch.full((2, 16, 16), 0.3)


def labels(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.uint8).repeat_interleave(16).view(-1, 4, 4)


def losses_of(logits: torch.Tensor, target: torch.Tensor, weight: float = 0.1) -> Losses:
    pairs = affinity_label(target, (4, 4))
    sums = loss_sums(logits, AFFINITY, target, pairs)
    return combine(sums, loss_counts(target, pairs), weight)


@pytest.mark.parametrize(("values", "kept"), [((0, 0), 2), ((1, 2), 2), ((0, 255), 1)])
def test_an_empty_half_counts_zero(values: tuple[int, int], kept: int) -> None:
    expected = F.cross_entropy(LOGITS[:kept], labels(*values)[:kept].long()) / 2
    assert torch.allclose(losses_of(LOGITS, labels(*values)).segmentation, expected)


def test_halves_weigh_the_same_whatever_their_size() -> None:
    target = labels(0, 2)
    target[0, :3] = 1
    losses = F.cross_entropy(LOGITS, target.long(), reduction="none")
    expected = (losses[target == 0].mean() + losses[target > 0].mean()) / 2
    assert torch.allclose(losses_of(LOGITS, target).segmentation, expected)


def test_all_ignored_gives_zero_with_a_gradient() -> None:
    logits = LOGITS.clone().requires_grad_()
    losses = losses_of(logits, labels(255, 255))
    losses.total.backward()
    assert losses.total.item() == 0
    assert not logits.grad.any()


def test_logits_grow_to_the_labels() -> None:
    small = LOGITS[:, :, :2, :2]
    grown = F.interpolate(small, size=(4, 4), mode="bilinear", align_corners=False)
    target = labels(0, 2)
    pairs = affinity_label(target, (2, 2))
    affinity = torch.zeros(2, 4, 4)
    few, many = (loss_sums(logits, affinity, target, pairs) for logits in (small, grown))
    assert torch.equal(few, many)


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
    target = labels(0)
    sums, counts = loss_sums(LOGITS[:1], affinity, target, pairs), loss_counts(target, pairs)
    assert counts.tolist() == [16, 0, 1, 2]
    expected = (0.75 / 2 + 1.25 / 3) / 2
    assert combine(sums, counts).affinity.item() == pytest.approx(expected)


def test_total_is_the_weighted_sum() -> None:
    losses = losses_of(LOGITS, labels(0, 1))
    assert losses.affinity > 0
    assert losses.total == losses.segmentation + 0.1 * losses.affinity
    heavier = losses_of(LOGITS, labels(0, 1), weight=2)
    assert heavier.total == losses.segmentation + 2 * losses.affinity
