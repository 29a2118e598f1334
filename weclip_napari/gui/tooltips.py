"""Every tooltip and every key of the annotator, in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from collections.abc import Mapping

# Each action's key unless the user's preferences say otherwise; the manifest repeats them there.
# Letters that neither the viewer nor a Labels layer uses: a layer's own keys would win.
KEYS = {
    "previous": "A",
    "next": "D",
    "save": "S",
    "propose": "R",
    "type_tags": "T",
    "next_view": "W",
    "accept_and_next": "G",
    "next_unreviewed": "N",
    "skip": "K",
    "jump": "J",
    "search": "Shift+J",
    "propose_all": "Shift+R",
    "suggest": "U",
    "affinity_brush": "C",
    "overrule": "O",
    "fill_holes": "Shift+F",
    "remove_islands": "Shift+I",
    "smooth": "Shift+S",
    "snap": "Shift+P",
    "retrain": "Shift+T",
    "keys": "H",
}
_in_use = dict(KEYS)

TOOLTIPS = {
    "open_folder": "Choose a folder of images, sub-folders included, or a data set folder.",
    "open_samples": "Open a folder of drawn scenes; it is made on this computer, offline.",
    "images": (
        "The images of the folder. Click one to open it; the one before is saved first. Previous "
        "and next go through them in this order. What is red has a problem: rest on it to read "
        "the remedy. You can also drop a folder here."
    ),
    "progress": (
        "How much of the folder is done: accepted and skipped images of all, and how many are in "
        "each state."
    ),
    "search": (
        "Show the images whose name or tags hold this. tag:dog looks at tags only; a comma "
        "separates things that must all be found. Enter opens the first image found."
    ),
    "show": "Show all images, those in one state, or those with a problem.",
    "sort": (
        "The order of the images. By uncertainty: where the model is least sure. By disagreement: "
        "where CAM and decoder see different things. By tags without evidence: tags that no "
        "pixel shows. By evidence without a tag: classes that the decoder sees and nobody typed. "
        "The images to look at come first."
    ),
    "reverse": "Turn the order around.",
    "propose_all": (
        "Propose masks in the background for every unreviewed image of the list that has tags. "
        "What a person drew is kept. Click again to stop."
    ),
    "previous": "Save and open the image before.",
    "next": "Save and open the image after.",
    "save": "Save the mask now. It is also saved when you go on, every few seconds and on closing.",
    "undo": (
        "Take back the last stroke, edit or proposal (Ctrl+Z in the picture does the same). It "
        "never reaches into another image."
    ),
    "redo": "Do what was taken back again (Ctrl+Shift+Z in the picture does the same).",
    "tags": (
        "What the image shows, in your own words; a new word becomes a class. A comma goes on to "
        "the next tag, Tab takes the first completion, Enter proposes masks."
    ),
    "tag": (
        "A tag of this image, with CLIP's probability for it among the tags and background words. "
        "Click it to look at its CAM and to paint with it."
    ),
    "remove_tag": "Take this tag away; what the model drew for it goes with it.",
    "negative_tag": "You said that this image does not show this; it is not suggested again.",
    "unreject": "Forget that this was rejected; it may be suggested again.",
    "accept": "Yes, it is there: add the tag and propose its mask.",
    "reject": "No, it is not there: keep it as a negative tag and do not suggest it again.",
    "fit": "How well the image fits the class: CLIP's cosine; the bar compares the suggestions.",
    "hide_suggestions": "Hide the suggestions.",
    "type_tags": "Go to the field of the tags and type.",
    "branch": (
        "Where the masks come from. Automatic: the decoder for the classes that it knows, the CAM "
        "for any other tag. Both: the mean of decoder and CAM."
    ),
    "background_power": (
        "How readily the CAM leaves pixels to the background: to the left more background, to the "
        "right larger masks. Masks of the decoder do not depend on it. A double click goes back to "
        "the model's own."
    ),
    "reset_tuning": "Go back to what the model was made with: automatic, its own background.",
    "propose_on_open": "Propose at once when an image is opened that has tags and no mask yet.",
    "threshold": (
        "Pixels whose probability is below this become background; it belongs to the class. Arrow "
        "keys go in steps, a double click goes back to 0."
    ),
    "try_again": "Look whether the folder can be written now.",
    "propose": "Propose masks for the tags. What you painted yourself is kept.",
    "cancel": "Stop the work; nothing that is drawn is lost.",
    "results": (
        "The tags of the proposal: the class with its colour, CLIP's probability among the tags "
        "and background words, the share of the image, the branch its mask comes from, and a "
        "threshold. Click one to look at its CAM and to paint with it."
    ),
    "view_mask": "Show the proposal over the image.",
    "view_cam": "Show where CLIP sees the chosen tag: its class activation map.",
    "view_refined": "Show that map after it spread along the affinity.",
    "view_affinity": "Show what belongs with the patch under the cursor.",
    "view_uncertainty": "Show where the model hesitates between two answers: the best to mend.",
    "view_all": "Show image, CAM, refined CAM and proposal side by side.",
    "next_view": "Show the next view: mask, CAM, refined CAM, affinity, uncertainty, all.",
    "affinity_kind": "The affinity of CLIP's own attention, or the one that the decoder learned.",
    "model": "The model that proposes masks.",
    "saved": "Whether the mask of this image is on the disk.",
    "accept_and_next": "Accept the mask of this image and open the next one.",
    "next_unreviewed": "Open the next image that is neither accepted nor skipped.",
    "skip": "Leave this image out and open the next one.",
    "jump": "Type an image's number or a part of its name, then Enter, to open it.",
    "suggest": "Rank the classes by how well they fit this image, for you to add or reject.",
    "affinity_brush": (
        "Click or scribble in the picture: what the model thinks belongs with the patches there is "
        "painted when you let go. Rest the mouse on a patch to see it beforehand. Moving the "
        "slider right afterwards paints it again."
    ),
    "selection_threshold": (
        "How strongly something must belong with what you touch: to the left for more, to the "
        "right for less. Moved right after painting, it paints that again."
    ),
    "selection_kind": "The affinity of CLIP's own attention, or the one that the decoder learned.",
    "selection_connected": (
        "Paint only what is connected with the patches that you touch; otherwise also what is "
        "like them elsewhere in the image."
    ),
    "paint_label": (
        "The class that brush, fill, polygon and affinity brush paint, and that the edits below "
        "change."
    ),
    "mode_paint": "Paint with the mouse; the right button fills what you encircle. Key: P or 2.",
    "mode_erase": "Turn what you paint over into background. Key: E or 1.",
    "mode_fill": "Click a region to give it the class. Key: F or 4.",
    "mode_polygon": "Click the corners of an area; a double click fills it. Key: 3.",
    "mode_pick": "Click a pixel to paint with its class. Key: L or 5.",
    "mode_pan_zoom": "Draw nothing: drag to move the picture. Key: Z or 6.",
    "brush_size": "Diameter of brush and eraser in pixels. Keys: [ and ].",
    "brush_slider": "Diameter of brush and eraser in pixels. Keys: [ and ].",
    "edit_scope": "What the edits below change: the class that is painted, or all of them.",
    "island_area": "Islands of fewer pixels than this are removed.",
    "smooth_radius": "How far around each pixel the outline is smoothed.",
    "overrule": (
        "Let proposals replace what you drew yourself, too. It is off again at the next image; "
        "Ctrl+Z takes such a proposal back."
    ),
    "fill_holes": "Fill the holes: background and ignore that the class alone surrounds.",
    "remove_islands": (
        "Remove the connected regions that are smaller than this, but never the largest of a class."
    ),
    "smooth": "Smooth the outline: every pixel gets what most around it have.",
    "snap": (
        "Move the outline to the edges of the picture: every superpixel gets what most of it has. "
        "The first time on an image takes a moment."
    ),
    "keys": "Show all keys.",
    "classes": (
        "The classes of this folder. Click one to paint with it, its colour to choose another, its "
        "key or threshold to change them; double-click a name or prompt words to type others."
    ),
    "class_name": "New classes, separated by commas. Tags that you type become classes too.",
    "add_class": "Add a class that you can paint with.",
    "merge_class": "Make the chosen class part of another one, in all saved masks and tags.",
    "merge_into": "The class that takes over pixels and tags.",
    "delete_class": "Delete the chosen class from all saved masks and tags.",
    "fill_background": "The pixels become background: nothing of interest is there.",
    "fill_ignore": "The pixels are left out of training and scoring.",
    "import_classes": (
        "Take over classes and prompt words from another folder, a text file with a class on each "
        "line (name, or name: prompt words), or the sets of VOC and COCO."
    ),
    "export_classes": "Write names and prompt words as a text file that can be imported.",
    "template_set": "Choose a prompt: the model's own, one of the published ones, or yours.",
    "template": "What CLIP is told about each class; {} stands for its name or prompt words.",
    "background_set": "Choose background words: the model's own, those of VOC or COCO, or yours.",
    "background_words": (
        "Words that compete with the tags and never become a label, separated by commas. What "
        "surrounds your objects belongs here; a word that is a tag of the image does not count."
    ),
    "retrain": (
        "Retrain the model on what was accepted, corrected and tagged in this folder. It runs "
        "beside the annotator: go on working."
    ),
    "training_images": (
        "What a retraining would use. Some accepted images are held out: they tell whether the "
        "new model is better, and stay held out the next time."
    ),
    "training_selection": (
        "Whether to learn from accepted and corrected images only, or also from images that have "
        "tags and no more."
    ),
    "training_budget": (
        "How long to train. Minutes are turned into steps by timing a few on your images; loading "
        "and the comparison at the end count, too."
    ),
    "resume_training": "Go on with the last training, which was broken off.",
    "cancel_training": "Stop the training. Resume goes on from its last checkpoint.",
    "training_progress": "How far the training is, and how long it still takes.",
    "curves": (
        "Left: the loss, which should fall. Right: mean IoU in percent on the held-out images, of "
        "the decoder and of the pseudo labels that it learns from; it should rise."
    ),
    "comparison": (
        "How well proposals match the held-out images, before and after: IoU in percent for each "
        "class. A dash: neither the image nor a proposal has the class."
    ),
    "keep_model": (
        "Use the new model in this folder from now on. The open image, unless it is reviewed, and "
        "all that nobody has edited or reviewed get new proposals; what a person drew is kept."
    ),
    "discard_model": "Leave the model as it is.",
    "roll_back": "Use the model again that was in use before; the new one stays on the disk.",
    "training_error": "All that the training said before it failed.",
    "copy_error": "Copy it, for a message to whoever can help.",
}


def key_of(name: str) -> str:
    """Return the key of an action; "" for none."""
    return _in_use.get(name, "")


def use_keys(keys: Mapping[str, str]) -> None:
    """Take over the user's keys, by the names in `KEYS`; they hold for every window."""
    _in_use.update(keys)


def explain(widget: QWidget, name: str) -> None:
    """Give a widget its name and its tooltip, with its key if it has one."""
    key = f" Key: {key_of(name)}." if key_of(name) else ""
    widget.setObjectName(name)
    widget.setToolTip(f"<p>{TOOLTIPS[name]}{key}</p>")


def explain_again(panel: QWidget) -> None:
    """Renew the tooltips of a panel's widgets after the keys have changed."""
    for widget in panel.findChildren(QWidget):
        if widget.objectName() in KEYS:
            explain(widget, widget.objectName())
