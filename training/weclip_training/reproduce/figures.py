"""What is kept of an evaluation, and under which names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weclip_napari.tally import EvaluationReport


DECODER = ("decoder_untagged", "decoder")
"""Both come from the same logits, and so are scored together, whichever is asked for."""


def class_key(stage: str, name: str) -> str:
    """Name the score of one class at one stage."""
    return f"{stage}/{name}"


def figures_of(report: EvaluationReport, stages: Sequence[str]) -> dict[str, float]:
    """Return what is known: mIoU in percent by stage, IoU in percent by `class_key`."""
    found = dict(report.miou)
    for name, by_stage in report.per_class.items():
        found |= {class_key(stage, name): by_stage[stage] for stage in stages}
    return {name: value for name, value in found.items() if value is not None}
