"""Marks for tests that need what may be missing."""

from __future__ import annotations

import pytest

from codecstudy import codecs


def needs(encoder: str) -> pytest.MarkDecorator:
    """Skips a test where the encoder cannot be used, and says what is missing."""
    lacking = codecs.get(encoder).missing()
    return pytest.mark.skipif(lacking is not None, reason=f"encoder {encoder}: {lacking}")
