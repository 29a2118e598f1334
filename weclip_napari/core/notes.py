"""What a person should know about a proposal, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NOTED_REDUCTION = 4


def size_notes(image_size: tuple[int, int], canvas_size: tuple[int, int]) -> Iterator[str]:
    """Say what an image's size, (H, W), does to its masks, refined at the canvas' size."""
    (height, width), (rows, columns) = image_size, canvas_size
    if max(height, width) >= _NOTED_REDUCTION * max(rows, columns):
        yield (
            f"The image of {width} x {height} px was reduced to {columns} x {rows} px; its "
            "mask is only as fine as that."
        )
    if min(height, width) * max(rows, columns) < (min(rows, columns) - 1) * max(height, width):
        yield (
            f"The image of {width} x {height} px is so narrow that the model sees it "
            "distorted, its short side as one patch; cut it into pieces for better masks."
        )


def branch_notes(
    tags: Sequence[str], branches: Sequence[str], wanted: str, *, has_decoder: bool
) -> Iterator[str]:
    """Say which tags come from the CAM although the decoder was wanted too."""
    if wanted == "cam":
        return
    if not has_decoder:
        if wanted == "both":
            yield "This model has no decoder; all masks come from the CAM."
        return
    for tag, branch in zip(tags, branches, strict=True):
        if branch == "cam":
            yield f"'{tag}' is unknown to the decoder; its mask comes from the CAM."


def background_notes(words: Sequence[str]) -> Iterator[str]:
    """Say which background words are tags."""
    for word in words:
        yield f"'{word}' is a tag here, so it does not count as background."
