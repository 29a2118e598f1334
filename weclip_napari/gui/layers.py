"""The annotator's layers in the viewer; nothing else of the annotator touches the layer list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from napari.layers import Image

from weclip_napari.gui.layer_data import affinity_picture, heat_colormap, patch_placement

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer
    from numpy.typing import NDArray

    from weclip_napari.core.predictor import Proposal
    from weclip_napari.gui.mask_layer import MaskLayer

View = Literal["mask", "cam", "refined", "affinity", "all"]

IMAGE = "image"
AFFINITY = "affinity"
MASK = "proposal"
CAM = "CAM · "
REFINED_CAM = "refined CAM · "


class LayerStack:
    """The layers of the open image, from bottom to top: image, affinity, CAMs, mask.

    What the user shows of them is remembered by role (the CAM of the chosen tag is one role, those
    of the other tags another), so that the next image shows the same things.

    Parameters
    ----------
    viewer
        The viewer to show them in; layers of others in it are left alone.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self.mask: MaskLayer | None = None
        self.tag: str | None = None
        self._viewer = viewer
        self._layers: dict[str, Layer] = {}
        self._shown = _roles_in_view("mask")

    @property
    def follows_cursor(self) -> bool:
        """Whether the affinity layer is there and visible."""
        layer = self._layers.get(AFFINITY)
        return layer is not None and layer in self._viewer.layers and bool(layer.visible)

    def show_image(self, pixels: NDArray[np.uint8], mask: MaskLayer) -> None:
        """Replace the layers of the image before by a picture, (H, W, 3) uint8, and its mask."""
        self.clear()
        self.mask = mask
        self._add(IMAGE, Image(pixels, name=IMAGE, rgb=True))
        self._add(MASK, mask.layer)
        self._viewer.layers.selection.active = mask.layer
        self._viewer.reset_view()

    def show_proposal(self, proposal: Proposal) -> None:
        """Show the maps of a proposal, in place of those of the one before."""
        self._remember_shown()
        maps = {AFFINITY: np.zeros(proposal.grid, np.float32)}
        maps |= {CAM + tag: proposal.cam[i] for i, tag in enumerate(proposal.tags)}
        maps |= {REFINED_CAM + tag: proposal.refined_cam[i] for i, tag in enumerate(proposal.tags)}
        for key in self._layers.keys() - maps.keys() - {IMAGE, MASK}:
            self._remove(key)
        if self.tag not in proposal.tags:
            self.tag = proposal.tags[0]
        for key, values in maps.items():
            self._show_map(key, values, proposal.image_size)
        self._raise_mask()

    def show_affinity(self, row: NDArray[np.float32]) -> None:
        """Show what belongs with one patch, (h, w) on the patch grid."""
        self._layers[AFFINITY].data = affinity_picture(row)

    def show_view(self, view: View) -> None:
        """Show one thing over the image, for the chosen tag, or all things side by side."""
        self._shown = _roles_in_view(view)
        self._viewer.canvas.grid.enabled = view == "all"
        for key in self._layers:
            self._apply_shown(key)
        self._viewer.reset_view()

    def clear(self) -> None:
        """Remove the annotator's layers."""
        self._remember_shown()
        for key in list(self._layers):
            self._remove(key)
        self.mask = None

    def _show_map(self, key: str, values: NDArray[np.float32], size: tuple[int, int]) -> None:
        layer = self._layers.get(key)
        if layer is not None and layer in self._viewer.layers:
            layer.data = values
            return
        layer = Image(
            values,
            name=key,
            colormap=heat_colormap(),
            contrast_limits=(0, 1),
            blending="translucent",
            interpolation2d="linear",
            **patch_placement(values.shape, size),
        )
        self._add(key, layer)

    def _add(self, key: str, layer: Layer) -> None:
        self._layers[key] = layer
        self._apply_shown(key)
        self._viewer.layers.append(layer)

    def _remove(self, key: str) -> None:
        layer = self._layers.pop(key)
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _role(self, key: str) -> str:
        for kind in (CAM, REFINED_CAM):
            if key.startswith(kind):
                return kind if key == f"{kind}{self.tag}" else f"other {kind}"
        return key

    def _remember_shown(self) -> None:
        """Note the user's choices in the layer list."""
        roles: dict[str, bool] = {}
        for key, layer in self._layers.items():
            role = self._role(key)
            roles[role] = roles.get(role, False) or bool(layer.visible)
        self._shown |= roles

    def _apply_shown(self, key: str) -> None:
        layer = self._layers[key]
        layer.visible = self._shown.get(self._role(key), False)
        layer.name_overlay.visible = self._viewer.canvas.grid.enabled

    def _raise_mask(self) -> None:
        """Put the mask on top, ready to paint; add it again if the user removed it."""
        layers, mask = self._viewer.layers, self._layers[MASK]
        if mask not in layers:
            layers.append(mask)
        layers.move(layers.index(mask), len(layers))
        layers.selection.active = mask


def _roles_in_view(view: View) -> dict[str, bool]:
    shown: dict[View, tuple[str, ...]] = {
        "mask": (MASK,),
        "cam": (CAM,),
        "refined": (REFINED_CAM,),
        "affinity": (AFFINITY,),
        "all": (CAM, REFINED_CAM, MASK),
    }
    return dict.fromkeys((IMAGE, *shown[view]), True)
