"""Which image format and which settings? Evidence from your own images."""

from __future__ import annotations

__version__ = "0.1.0"
