"""The annotator's layers in the viewer; nothing else of the annotator touches the layer list."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from napari.layers import Image

from weclip_napari.gui.layer_data import affinity_picture, patch_placement
from weclip_napari.gui.map_layer import map_layer, place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.layers import Labels, Layer
    from numpy.typing import NDArray

    from weclip_napari.core.predictor import Proposal
    from weclip_napari.gui.mask_layer import MaskLayer
    from weclip_napari.gui.viewport import Viewport

View = Literal["mask", "cam", "refined", "affinity", "uncertainty", "all"]

IMAGE = "image"
UNCERTAINTY = "uncertainty"
AFFINITY = "affinity"
MASK = "proposal"
CAM = "CAM · "
REFINED_CAM = "refined CAM · "


def _at_once(step: Callable[[], None]) -> None:
    step()


class LayerStack:
    """The layers of the open image, from bottom to top: image, uncertainty, affinity, CAMs, mask.

    What the user shows of them is remembered by role (the CAM of the chosen tag is one role, those
    of the other tags another), so that the next image shows the same things.

    Layers are used again, maps under other names: to add one takes napari a tenth of a second, and
    whenever one goes, it collects all garbage.

    Parameters
    ----------
    viewport
        Where to show them; layers of others there are left alone.
    later
        Calls a function when the window has taken a breath; at once by default. Napari takes a
        tenth of a second for each new layer.

    Attributes
    ----------
    mask
        The mask of the open image; None when no image is open.
    tag
        The tag whose maps are looked at.
    view
        What was last asked for by `show_view`.
    on_complete
        Called when all layers of a proposal are there.
    """

    def __init__(
        self, viewport: Viewport, later: Callable[[Callable[[], None]], None] = _at_once
    ) -> None:
        self.mask: MaskLayer | None = None
        self.tag: str | None = None
        self.view: View = "mask"
        self.on_complete: Callable[[], None] = lambda: None
        self._viewport = viewport
        self._later = later
        self._waiting: list[Callable[[], None]] = []
        self._layers: dict[str, Layer] = {}
        self._selection: Layer | None = None
        self._shown = _roles_in_view("mask")

    @property
    def follows_cursor(self) -> bool:
        """Whether the affinity layer is there and visible."""
        layer = self._layers.get(AFFINITY)
        return layer is not None and self._viewport.holds(layer) and bool(layer.visible)

    @property
    def is_complete(self) -> bool:
        """Whether no layer of the proposal is still to be added."""
        return not self._waiting

    @property
    def shown(self) -> dict[str, bool]:
        """Which layers are visible, by their role; can be set."""
        self._remember_shown()
        return dict(self._shown)

    @shown.setter
    def shown(self, shown: Mapping[str, bool]) -> None:
        self._shown = dict(shown)
        for key in self._layers:
            self._apply_shown(key)

    def show_image(self, pixels: NDArray[np.uint8], mask: MaskLayer) -> None:
        """Show a picture, (H, W, 3) uint8, and its mask, in place of the image before."""
        self._waiting = []
        self._remember_shown()
        if self._layers.get(MASK) is not mask.layer:
            self._remove([MASK])
        self._show_picture(pixels)
        self.mask = mask
        self.blank_maps()
        if MASK not in self._layers:
            self._add(MASK, mask.layer)
        self._raise_mask()
        self._viewport.reset_view()

    def release_mask(self) -> Labels | None:
        """Let go of the mask and give its layer for the next one; None if there is none."""
        mask, self.mask = self.mask, None
        if mask is None:
            return None
        mask.stop()
        return mask.layer if self._viewport.holds(mask.layer) else None

    def freeze(self) -> None:
        """Let nobody draw on the mask any more."""
        if self.mask is not None:
            self.mask.is_editable = False

    def show_proposal(self, proposal: Proposal) -> None:
        """Show the maps of a proposal, in place of those of the one before.

        Those that need a new layer are added one by one; see `is_complete`.
        """
        maps = {UNCERTAINTY: proposal.canvas_uncertainty}
        maps |= {AFFINITY: np.zeros(proposal.grid, np.float32)}
        maps |= {CAM + tag: proposal.cam[i] for i, tag in enumerate(proposal.tags)}
        maps |= {REFINED_CAM + tag: proposal.refined_cam[i] for i, tag in enumerate(proposal.tags)}
        self._remember_shown()
        spare = [key for key in self._map_keys() if key not in maps]
        steps: list[Callable[[], None]] = []
        for key, values in maps.items():
            if key not in self._layers and spare:
                self._rename(spare.pop(0), key)
            show = partial(self._show_map, key, values, proposal.image_size)
            if key in self._layers:
                show()
            else:
                steps.append(show)
        if self.tag not in proposal.tags:
            self._choose(proposal.tags[0])
        steps.append(partial(self._complete, spare, [IMAGE, *maps]))
        self._waiting = steps
        if len(steps) == 1:  # nothing to add
            self._go_on(steps)
        else:
            self._later(partial(self._resume, steps))

    def blank_maps(self) -> None:
        """Show nothing in the maps until there is a proposal."""
        if self.mask is not None:
            for key in self._map_keys():
                blank = np.zeros_like(self._layers[key].data)
                self._show_map(key, blank, self.mask.mask.shape)

    def show_affinity(self, row: NDArray[np.float32]) -> None:
        """Show what belongs with one patch, (h, w) on the patch grid."""
        self._layers[AFFINITY].data = affinity_picture(row)

    def show_view(self, view: View) -> None:
        """Show one thing over the image, for the chosen tag, or all things side by side."""
        if self._viewport.is_grid != (view == "all"):
            self._viewport.is_grid = view == "all"
            self._viewport.reset_view()
        self.view = view
        self.shown = _roles_in_view(view)

    def show_selection(self, layer: Layer) -> None:
        """Show the preview of a selection, a layer of the caller's, right below the mask."""
        if self._selection is not layer:
            self.hide_selection()
        self._selection = layer
        if not self._viewport.holds(layer):
            self._viewport.add(layer)
        self._raise_mask()

    def hide_selection(self) -> None:
        """Take the preview of a selection away."""
        if self._selection is not None:
            self._viewport.remove([self._selection])
            self._selection = None

    def stop(self) -> None:
        """Add no more layers, and follow the mask no longer."""
        self._waiting = []
        if self.mask is not None:
            self.mask.stop()
            self.mask = None

    def clear(self) -> None:
        """Remove the annotator's layers."""
        self._waiting = []
        self._remember_shown()
        self.hide_selection()
        self._remove(list(self._layers))
        self.mask = None

    def _go_on(self, steps: list[Callable[[], None]]) -> None:
        """Take one step and the others later, unless something else is shown by then."""
        if steps is self._waiting and steps:
            steps.pop(0)()
            if steps:
                self._later(partial(self._resume, steps))

    def _resume(self, steps: list[Callable[[], None]]) -> None:
        if self._viewport.is_empty:  # the window was closed meanwhile
            steps.clear()
        self._go_on(steps)

    def _complete(self, spare: list[str], order: list[str]) -> None:
        self._remove(spare)
        self._arrange(order)
        self._raise_mask()
        self.on_complete()

    def _show_picture(self, pixels: NDArray[np.uint8]) -> None:
        if IMAGE in self._layers:
            self._layers[IMAGE].data = pixels
        else:
            self._add(IMAGE, Image(pixels, name=IMAGE, rgb=True))
            self._arrange([IMAGE, *self._map_keys()])

    def _show_map(self, key: str, values: NDArray[np.float32], size: tuple[int, ...]) -> None:
        placement = patch_placement(values.shape, size)
        if key in self._layers:
            self._layers[key].data = values
            place(self._layers[key], placement)
        else:
            self._layers[key] = map_layer(key, values, placement)
            self._apply_shown(key)
            self._viewport.add_below(self._layers[key], self._layers[MASK])

    def _map_keys(self) -> list[str]:
        return [key for key in self._layers if key not in (IMAGE, MASK)]

    def _add(self, key: str, layer: Layer) -> None:
        self._layers[key] = layer
        self._apply_shown(key)
        self._viewport.add(layer)

    def _rename(self, old: str, new: str) -> None:
        self._layers[new] = self._layers.pop(old)
        self._layers[new].name = new
        self._apply_shown(new)

    def _remove(self, keys: list[str]) -> None:
        removed = [self._layers.pop(key, None) for key in keys]
        self._viewport.remove(layer for layer in removed if layer is not None)

    def _choose(self, tag: str) -> None:
        """Make another tag the chosen one, shown as the one before was."""
        self.tag = tag
        for key in (CAM + tag, REFINED_CAM + tag):
            if key in self._layers:
                self._apply_shown(key)

    def _arrange(self, keys: list[str]) -> None:
        self._viewport.arrange(self._layers.get(key) for key in keys)

    def _role(self, key: str) -> str:
        for kind in (CAM, REFINED_CAM):
            if key.startswith(kind):
                return kind if key == f"{kind}{self.tag}" else f"other {kind}"
        return key

    def _remember_shown(self) -> None:
        """Note the user's choices in the layer list, and forget what was deleted there."""
        for key, layer in list(self._layers.items()):
            if key != MASK and not self._viewport.holds(layer):
                del self._layers[key]
        roles: dict[str, bool] = {}
        for key, layer in self._layers.items():
            role = self._role(key)
            roles[role] = roles.get(role, False) or bool(layer.visible)
        self._shown |= roles

    def _apply_shown(self, key: str) -> None:
        layer = self._layers[key]
        layer.visible = self._shown.get(self._role(key), False)
        layer.name_overlay.visible = self._viewport.is_grid

    def _raise_mask(self) -> None:
        """Put the mask on top, ready to paint; add it again if the user removed it."""
        if self._selection is not None and self._viewport.holds(self._selection):
            self._viewport.raise_to_top(self._selection)
        self._viewport.raise_to_top(self._layers[MASK])


def _roles_in_view(view: View) -> dict[str, bool]:
    shown: dict[View, tuple[str, ...]] = {
        "mask": (MASK,),
        "cam": (CAM,),
        "refined": (REFINED_CAM,),
        "affinity": (AFFINITY,),
        "uncertainty": (UNCERTAINTY,),
        "all": (CAM, REFINED_CAM, MASK),
    }
    return dict.fromkeys((IMAGE, *shown[view]), True)
