import pytest
from torch import nn
from weclip_training.schedule import RATE, make_optimizer, rate_factor


def test_rate_rises_and_then_falls_to_zero() -> None:
    assert rate_factor(0, 1000) == pytest.approx(1e-6)
    assert rate_factor(49, 1000) < 1
    assert rate_factor(50, 1000) == 0.95
    assert rate_factor(1000, 1000) == 0


def test_power_bends_the_fall() -> None:
    assert rate_factor(500, 1000, power=2) == 0.25


def test_optimizer_decays_everything() -> None:
    (group,) = make_optimizer(nn.Linear(2, 2)).param_groups
    assert (len(group["params"]), group["weight_decay"], group["lr"]) == (2, 0.01, RATE)
