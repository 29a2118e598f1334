"""Tests never leave the machine and never see the user's own files."""

import socket
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    connect = socket.socket.connect

    def connect_to_self(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] != "127.0.0.1":
            raise OSError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_to_self)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WECLIP_NAPARI_HOME", str(tmp_path / "weclip"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
