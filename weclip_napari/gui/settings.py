"""The user's preferences: napari's Preferences → WeCLIP for napari, as one frozen object.

The manifest's ``configurations`` declares every field with its default and its range; napari draws
the form, checks numbers against their ranges, and stores what differs from the defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from weclip_napari.gui.engine import DISK_MIB, EMBEDDED, MEMORY_MIB, Engine
from weclip_napari.gui.tooltips import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PLUGIN = "weclip-napari"
PLACE = "Preferences → WeCLIP for napari"
_MODIFIERS = {"Ctrl", "Shift", "Alt", "Meta"}


@dataclass(frozen=True)
class Settings:
    """What the user prefers.

    Attributes
    ----------
    model
        "embedded", an open_clip model as ARCHITECTURE/PRETRAINED, or a checkpoint.
    weights
        A local file of CLIP's weights; None: the ones that belong to `model`.
    device
        "cpu", "cuda" or "cuda:N"; None: a GPU if there is one.
    memory_mib, disk_mib
        How much memory and disk encoded images may take.
    autosave_seconds
        How often unsaved changes are written by themselves.
    propose_on_open
        Whether an image that has tags and no mask gets a proposal as it opens.
    keys
        The key of each action by its name in `KEYS`; "" for none.
    notes
        What could not be used and what is used instead, for the user to read.
    """

    model: str = EMBEDDED
    weights: Path | None = None
    device: str | None = None
    memory_mib: int = MEMORY_MIB
    disk_mib: int = DISK_MIB
    autosave_seconds: int = 20
    propose_on_open: bool = True
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(dict(KEYS)))
    notes: tuple[str, ...] = ()


def read_settings() -> Settings:
    """Read the preferences; what cannot be used falls back to its default, with a note."""
    stored = _stored()
    if stored is None:
        return Settings()
    notes: list[str] = []
    keys = usable_keys({name: getattr(stored.keys, name, KEYS[name]) for name in KEYS}, notes)
    model = stored.model
    return Settings(
        model=model.name.strip() or EMBEDDED,
        weights=_file(model.weights),
        device=model.device.strip() or None,
        memory_mib=model.memory_mib,
        disk_mib=model.disk_mib,
        autosave_seconds=stored.work.autosave_seconds,
        propose_on_open=stored.work.propose_on_open,
        keys=MappingProxyType(keys),
        notes=tuple(notes),
    )


def engine_for(settings: Settings) -> Engine:
    """Make the engine that the user prefers; its model is loaded when first needed."""
    return Engine(
        settings.model,
        device=settings.device,
        weights=settings.weights,
        memory_mib=settings.memory_mib,
        disk_mib=settings.disk_mib,
    )


def watch_settings(on_change: Callable[[], None]) -> Callable[[], None]:
    """Call a function after each change of a preference.

    Returns
    -------
    function
        Ends the watch.
    """
    stored = _stored()
    if stored is None:
        return lambda: None

    def changed(_: Any) -> None:
        on_change()

    stored.events.changed.connect(changed)
    return lambda: stored.events.changed.disconnect(changed)


def usable_keys(wanted: Mapping[str, str], notes: list[str]) -> dict[str, str]:
    """Give each action a key that napari knows, that is its own, and that reaches the viewer.

    Parameters
    ----------
    wanted
        The key of each action by its name, as typed; "" for none.
    notes
        Takes a sentence for each key that cannot be used; its action keeps its default key, or
        none where that is taken.
    """
    keys: dict[str, str] = {}
    refused = {}
    for name, text in wanted.items():
        key = _spelled(text)
        reason = "is no key that napari knows" if key is None else _conflict(name, key, keys)
        if reason:
            refused[name] = reason
        else:
            keys[name] = key or ""
    for name, reason in refused.items():
        keys[name] = "" if KEYS[name] in keys.values() else KEYS[name]
        instead = f"{keys[name]} is" if keys[name] else "no key is"
        notes.append(
            f"'{wanted[name]}' {reason}; {instead} used for '{name.replace('_', ' ')}'. "
            f"Change it in {PLACE}."
        )
    return {name: keys[name] for name in wanted}


def _conflict(name: str, key: str, others: Mapping[str, str]) -> str:
    """Say why an action cannot have a key; "" when it can."""
    rival = next((other for other, taken in others.items() if key and taken == key), None)
    if rival is not None:
        return f"is already the key of '{rival.replace('_', ' ')}'"
    if key != KEYS[name] and key in _keys_of_labels():
        return "belongs to napari's Labels layer, whose own keys win"
    return ""


def _spelled(text: str) -> str | None:
    """Spell a key as napari does, "" for none; None when napari does not know it."""
    from napari.utils.key_bindings import coerce_keybinding

    if not text.strip():
        return ""
    binding = coerce_keybinding(text.strip())
    parts = str(binding).split()
    is_single = len(parts) == 1 and not parts[0].endswith("+")  # no chord, no strange name
    return parts[0] if is_single and parts[0] not in _MODIFIERS else None


def _keys_of_labels() -> set[str]:
    from napari.layers import Labels

    return {str(binding) for binding in Labels.class_keymap}


def _file(text: str) -> Path | None:
    return Path(text.strip()).expanduser() if text.strip() else None


def _stored() -> Any:
    """Return napari's settings of this plugin; None where napari has not discovered it."""
    from napari.settings import get_plugin_settings

    try:
        return get_plugin_settings(PLUGIN)
    except KeyError:
        return None
