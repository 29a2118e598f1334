"""How long it still takes."""

from dataclasses import replace

import pytest
from weclip_training.budget import Costs
from weclip_training.reproduce import outlook as module
from weclip_training.reproduce.items import ITEMS
from weclip_training.reproduce.outlook import Outlook


@pytest.fixture
def measured(monkeypatch):
    """A weak run takes 60 s, one from masks 30 s; scoring takes 10 s."""
    kinds = []

    def measure(config):
        kinds.append(config.supervision)
        step = 0.3 if config.supervision == "weak" else 0.15
        return Costs(fixed=0.0, step=step, view=0.0, views=10, batch=2)

    monkeypatch.setattr(module, "measure", measure)
    monkeypatch.setattr(module, "_scoring_seconds", lambda study: 10.0)
    return kinds


@pytest.fixture
def study(make_study):
    study = make_study()
    return replace(study, budget=replace(study.budget, steps=200))


def test_every_run_and_scoring_counts_once(study, measured):
    together = Outlook(study, [ITEMS["table3"], ITEMS["figure3"]])
    # two seeds of three targets and of masks; the default run is shared
    assert together.seconds == pytest.approx(6 * 60 + 2 * 30 + 8 * 10)
    assert str(together) == "8 runs, about 8 min"
    assert sorted(measured) == ["full", "weak"]  # each kind is measured once


def test_what_was_taken_corrects_the_guess(study, measured):
    outlook = Outlook(study, [ITEMS["table3"]])
    first, second, *_ = [study.runs.folder(run) for run in ITEMS["table3"].runs(study)]
    outlook.trained(first, 120.0)  # twice as long as guessed
    assert outlook.seconds == pytest.approx(5 * 120 + 5 * 10)
    outlook.trained(second, 0.0)  # the pace is that of both together
    assert outlook.seconds == pytest.approx(4 * 60 + 4 * 10)
    assert str(outlook) == "4 runs, about 5 min"


def test_scorings_of_an_item_count_until_it_is_finished(study, measured):
    item = replace(ITEMS["figure3"], name="scored", runs=lambda study: (), scorings=5)
    outlook = Outlook(study, [item])
    assert outlook.seconds == pytest.approx(2 * 5 * 10)
    outlook.finished("scored")
    assert outlook.seconds == 0
    assert Outlook(study, [item]).seconds == 0
    more = replace(study, seeds=(1, 2, 3))
    assert Outlook(more, [item]).seconds == pytest.approx(3 * 5 * 10)


def test_it_is_measured_on_the_images_themselves(make_study):
    outlook = Outlook(make_study(), [ITEMS["figure3"]])
    assert 0 < outlook.seconds < 600
