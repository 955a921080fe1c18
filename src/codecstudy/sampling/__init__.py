"""What a study measures next, decided by pure functions."""

from __future__ import annotations

from codecstudy.sampling.order import Order, order_images

__all__ = ["Order", "order_images"]
