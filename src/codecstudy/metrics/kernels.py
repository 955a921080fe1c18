"""How metric kernels are compiled and where the machine code is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile ``function`` with numba: no GIL, cached on disk, IEEE arithmetic (never ``fastmath``)."""
    options = {"nogil": True, "cache": True, "error_model": "numpy", **options}
    if function is None:
        return numba.njit(**options)
    return numba.njit(**options)(function)


def stage(function: Callable[..., Any]) -> Any:
    """Compile a function that only kernels call: part of their machine code, so not cached by itself."""
    return numba.njit(nogil=True, error_model="numpy")(function)
