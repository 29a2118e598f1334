"""Every tooltip and every key of the annotator, in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

# Letters that neither the viewer nor a Labels layer uses: a layer's own keys would win.
KEYS = {
    "previous": "A",
    "next": "D",
    "save": "S",
    "propose": "R",
    "type_tags": "T",
    "next_view": "W",
}

TOOLTIPS = {
    "open_folder": "Choose a folder of images, sub-folders included, or a data set folder.",
    "open_samples": "Open a folder of drawn scenes; it is made on this computer, offline.",
    "images": "The images of the folder. Click one to open it; the one before is saved first.",
    "previous": "Save and open the image before.",
    "next": "Save and open the image after.",
    "save": "Save the mask now. It is also saved when you go on, every few seconds and on closing.",
    "undo": "Take back the last stroke or proposal (Ctrl+Z in the picture does the same).",
    "tags": "What the image shows, separated by commas. Enter proposes masks.",
    "type_tags": "Go to the field of the tags and type.",
    "branch": (
        "Where the masks come from. Automatic: the decoder for the classes that it knows, the CAM "
        "for any other tag."
    ),
    "propose": "Propose masks for the tags. What you painted yourself is kept.",
    "cancel": "Stop the work; nothing that is drawn is lost.",
    "results": (
        "The tags of the proposal: the class with its colour, CLIP's probability among the tags "
        "and background words, the share of the image, and the branch. Click one to look at its "
        "CAM and to paint with it."
    ),
    "view_mask": "Show the proposal over the image.",
    "view_cam": "Show where CLIP sees the chosen tag: its class activation map.",
    "view_refined": "Show that map after it spread along the affinity.",
    "view_affinity": "Show what belongs with the patch under the cursor.",
    "view_all": "Show image, CAM, refined CAM and proposal side by side.",
    "next_view": "Show the mask, the CAM, the refined CAM, the affinity, and all, in turn.",
    "affinity_kind": "The affinity of CLIP's own attention, or the one that the decoder learned.",
    "model": "The model that proposes masks.",
    "saved": "Whether the mask of this image is on the disk.",
}


def explain(widget: QWidget, name: str) -> None:
    """Give a widget its name and its tooltip, with its key if it has one."""
    key = f" Key: {KEYS[name]}." if name in KEYS else ""
    widget.setObjectName(name)
    widget.setToolTip(f"<p>{TOOLTIPS[name]}{key}</p>")
