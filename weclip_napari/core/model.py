"""What a loaded model consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weclip_napari.core.architectures import Architecture
    from weclip_napari.core.backbone import FrozenClip
    from weclip_napari.core.config import WeclipConfig
    from weclip_napari.core.decoder import WeclipDecoder


@dataclass
class WeclipModel:
    """A frozen CLIP, a decoder trained on it if there is one, and their configuration.

    Attributes
    ----------
    backbone : FrozenClip
        On its device, without gradients.
    decoder : WeclipDecoder or None
        On the same device, in eval mode; None where only CAMs are available.
    config : WeclipConfig
        What the backbone and the proposals need to know.
    name : str
        How people may call the model.
    architecture : dict
        The open_clip config from which the CLIP was built.
    card : dict
        Facts about its training, as plain JSON values.
    """

    backbone: FrozenClip
    decoder: WeclipDecoder | None
    config: WeclipConfig
    name: str
    architecture: Architecture
    card: dict[str, Any] = field(default_factory=dict)
