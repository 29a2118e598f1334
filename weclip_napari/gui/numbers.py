"""Numbers as people read them."""

from __future__ import annotations


def percent(share: float) -> str:
    """Write a share in [0, 1] so that small ones differ from nothing: 0%, <0.1%, 0.4%, 3%."""
    if share <= 0:
        return "0%"
    if share < 0.001:
        return "<0.1%"
    return f"{share:.1%}" if share < 0.01 else f"{share:.0%}"
