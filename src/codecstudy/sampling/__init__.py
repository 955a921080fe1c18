"""Pure functions that decide what a study measures next."""

from __future__ import annotations

from codecstudy.sampling.order import Order, order_images, sample_hash, shard_of

__all__ = ["Order", "order_images", "sample_hash", "shard_of"]
