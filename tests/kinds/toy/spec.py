"""How a curve is read: numbers in a file, a list or JSON, drawn out or together to so many points."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from drivetrain.errors import InputError
from drivetrain.runtime.spec import Arrays, TensorSpec, stacked

MOST_BYTES = 2**20


class Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["toy"] = "toy"
    points: int = Field(default=64, ge=2, le=1024)

    def load(self, source: Any, /) -> Arrays:
        """(n,): the curve as it was drawn."""
        try:
            content = Path(source).read_bytes() if isinstance(source, str | os.PathLike) else source
            if isinstance(content, bytes) and len(content) > MOST_BYTES:
                raise ValueError(f"{len(content):,} bytes")
            if isinstance(content, bytes):
                binary = content.startswith(b"\x93NUMPY")
                content = np.load(io.BytesIO(content), allow_pickle=False) if binary else json.loads(content)
            found = np.asarray(content)
            if found.dtype.kind not in "fiu" or found.ndim != 1 or len(found) < 2 or not np.isfinite(found).all():
                raise ValueError(f"{found.dtype} of shape {found.shape}")
        except (OSError, ValueError, TypeError, MemoryError, OverflowError, RecursionError, EOFError) as error:
            raise InputError(
                f"not a curve: {error}; expected at least two finite numbers. To fix: save it anew."
            ) from error
        return (found.astype(np.float32),)

    def view(self, loaded: Arrays, /) -> Arrays:
        """(points,), of mean 0 and deviation 1."""
        curve = loaded[0].astype(np.float64)
        drawn = np.interp(np.linspace(0, len(curve) - 1, self.points), np.arange(len(curve)), curve)
        return (((drawn - drawn.mean()) / max(drawn.std(), 1e-6)).astype(np.float32),)

    def signature(self) -> tuple[TensorSpec, ...]:
        return (TensorSpec("curve", "float32", (self.points,)),)

    def stack(self, views: Sequence[Arrays], /) -> Arrays:
        return stacked(views)

    def cache_key(self) -> None:
        """Loading is cheap."""

    def encode(self, loaded: Arrays, /) -> tuple[bytes, str]:
        stream = io.BytesIO()
        np.save(stream, loaded[0])
        return stream.getvalue(), ".npy"

    def statistics(self, loaded: Arrays, /) -> dict[str, float]:
        return {"mean": float(loaded[0].mean()), "points": float(len(loaded[0]))}

    def files(self) -> Mapping[str, bytes]:
        return {}
