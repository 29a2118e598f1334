"""What a loaded model consists of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
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

    @cached_property
    def fingerprint(self) -> str:
        """Short SHA-256 of all that decides proposals: both parts' weights and the configuration.

        Weights are rounded to half precision first, as for the backbone's own fingerprint.
        """
        digest = hashlib.sha256(self.backbone.fingerprint.encode())
        digest.update(json.dumps(self.config.to_json(), sort_keys=True).encode())
        if self.decoder is not None:
            digest.update(json.dumps(self.decoder.config.to_json(), sort_keys=True).encode())
            for name, value in sorted(self.decoder.state_dict().items()):
                digest.update(name.encode())
                digest.update(value.detach().cpu().half().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]
