import numpy as np
import pytest
import torch

from weclip_napari.core.affinity import (
    Transition,
    attention_affinity,
    box_mask,
    keep_maps,
    map_distances,
    refine,
)
from weclip_napari.core.config import AffinityConfig

GENERATOR = torch.Generator().manual_seed(0)
MAPS = [torch.rand(6, 6, generator=GENERATOR) * scale for scale in (1.0, 1.4, 0.6, 1.2)]
LEARNED = torch.rand(6, 6, generator=GENERATOR)


def test_explicit_layers_are_counted_from_one() -> None:
    config = AffinityConfig(variant="mean", layers=(1, 3))
    assert torch.allclose(attention_affinity(MAPS, config), (MAPS[0] + MAPS[2]) / 2)


def test_more_maps_than_there_are_means_all() -> None:
    expected = torch.stack(MAPS).mean(dim=0)
    assert torch.allclose(attention_affinity(MAPS, AffinityConfig(variant="mean")), expected)


def test_filter_needs_a_learned_affinity() -> None:
    mean = attention_affinity(MAPS, AffinityConfig(variant="mean"))
    assert torch.equal(attention_affinity(MAPS, AffinityConfig()), mean)
    assert torch.equal(attention_affinity(MAPS, AffinityConfig(variant="mean"), LEARNED), mean)


@pytest.mark.parametrize("layers", [None, (1, 2, 3)])
def test_filter_keeps_maps_with_large_sums(layers: tuple[int, ...] | None) -> None:
    candidates = MAPS if layers is None else MAPS[:3]
    sums = torch.stack([a.sum() for a in candidates])
    kept = [a for a, total in zip(candidates, sums, strict=True) if total >= sums.mean()]
    assert 0 < len(kept) < len(candidates)
    expected = sum(kept) / (len(kept) + 1e-5) * LEARNED
    affinity = attention_affinity(MAPS, AffinityConfig(layers=layers), LEARNED)
    assert torch.allclose(affinity, expected)


def test_absolute_distances() -> None:
    distances = map_distances(MAPS, LEARNED, "absolute")
    expected = [float((LEARNED - a).abs().sum()) for a in MAPS]
    assert distances.dtype == torch.float64
    assert distances.tolist() == pytest.approx(expected, rel=1e-6)
    assert keep_maps(torch.tensor([1.0, 3.0, 2.0])).tolist() == [True, False, True]


def test_signed_distances_resolve_what_float32_sums_do_not() -> None:
    large = torch.full((1000, 1000), 0.3)
    other = large.clone()
    other[0, 0] += 0.01
    distances = map_distances([large, other], large, "signed")
    assert distances[0] == 0
    assert float(distances[1]) == pytest.approx(-0.01, rel=1e-3)


@pytest.mark.parametrize("squared", [True, False])
def test_transition_spreads_as_the_matrix_does(squared: bool) -> None:
    transition = Transition.of(MAPS[0], AffinityConfig(squared=squared))
    matrix = transition.matrix()
    assert torch.allclose(matrix, matrix.T)
    vectors = LEARNED[:2]
    assert torch.allclose(transition.spread(vectors), vectors @ matrix.T)


def test_transition_keeps_the_affinity() -> None:
    before = MAPS[0].clone()
    Transition.of(MAPS[0], AffinityConfig())
    assert torch.equal(MAPS[0], before)


def test_only_what_lies_in_the_boxes_spreads() -> None:
    cam = torch.zeros(1, 3, 4)
    cam[0, 0, 0], cam[0, 2, 1] = 1.0, 0.9  # the second lies in the last row
    transition = Transition(torch.full((12, 12), 0.1), squared=False)
    assert torch.allclose(refine(transition, cam, 0.4), torch.full((1, 3, 4), 0.1))


def mask_of(*rows: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in rows])


@pytest.mark.parametrize(
    ("bright", "expected"),
    [
        (("##...", "#....", ".....", "....."), ("##...", "##...", ".....", ".....")),
        (("#....", ".#...", "..#..", "....."), ("###..", "###..", "###..", ".....")),
        (("###..", "#.#..", "###..", "....."), ("###..", "###..", "###..", ".....")),
        (("#..#.", ".....", "...##", "....."), ("#..#.", ".....", "...#.", ".....")),
        ((".....", ".....", ".....", "#####"), (".....", ".....", ".....", ".....")),
    ],
)
def test_box_mask(bright: tuple[str, ...], expected: tuple[str, ...]) -> None:
    cam = mask_of(*bright).astype(np.float32)
    assert np.array_equal(box_mask(cam, 0.4), mask_of(*expected))


def test_box_threshold_is_of_whole_levels() -> None:
    cam = np.array([[1.0, 103 / 255, 102 / 255, 0, 0], [0] * 5], dtype=np.float32)
    assert box_mask(cam, 0.4).tolist() == [[True, True, False, False, False], [False] * 5]


def test_empty_cam_has_no_box() -> None:
    assert not box_mask(np.zeros((3, 3), np.float32), 0.4).any()
