"""What a checkpoint says about itself, as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weclip_napari.core.config import DecoderConfig, WeclipConfig
from weclip_napari.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from weclip_napari.core.architectures import Architecture

FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint says about itself.

    Attributes
    ----------
    config : WeclipConfig
        Names the backbone and how it was used in training.
    decoder : DecoderConfig or None
        Shape and classes of the decoder.
    architecture : dict or None
        open_clip config of the backbone; None where its name says it.
    fingerprint : str or None
        Of the backbone's weights; None where it is not known (published checkpoints).
    card : dict
        Facts about the training and its figures.
    """

    config: WeclipConfig
    decoder: DecoderConfig | None = None
    architecture: Architecture | None = None
    fingerprint: str | None = None
    card: dict[str, Any] = field(default_factory=dict)

    def dumps(self) -> str:
        """Return the JSON text."""
        content = {
            "format": FORMAT,
            "config": self.config.to_json(),
            "decoder": self.decoder and self.decoder.to_json(),
            "backbone": {"architecture": self.architecture, "fingerprint": self.fingerprint},
            "card": self.card,
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def loads(cls, text: str, origin: Path) -> Manifest:
        """Read the JSON text.

        Raises
        ------
        UserError
            If it is not what `dumps` writes; the message names `origin`.
        """
        try:
            content = json.loads(text)
            newer = content["format"] > FORMAT
            config, decoder = dict(content["config"]), dict(content.get("decoder") or {})
            backbone, card = dict(content.get("backbone", {})), dict(content.get("card", {}))
        except (ValueError, KeyError, TypeError) as error:
            message = f"{origin} is no description of a checkpoint. Restore it or train again."
            raise UserError(message) from error
        if newer:
            raise UserError(f"{origin} was written by a newer weclip-napari. Update to read it.")
        try:
            return cls(
                WeclipConfig.from_json(config),
                DecoderConfig.from_json(decoder) if decoder else None,
                backbone.get("architecture"),
                backbone.get("fingerprint"),
                card,
            )
        except UserError as error:
            raise UserError(f"{origin}: {error}") from error
