"""How a row is read: its cells, each by mean and deviation of the training rows; a gap counts as the mean."""

import json
from typing import Literal

import numpy as np

from drivetrain.errors import InputError
from drivetrain.runtime.files.plain_json import read_json
from drivetrain.runtime.spec import TensorSpec
from drivetrain.runtime.spec_base import SpecBase


class Spec(SpecBase):
    kind: Literal["toy_table"] = "toy_table"
    columns: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def load(self, source, /):
        try:
            cells = read_json(source, most_bytes=10_000) if isinstance(source, bytes) else source
            found = np.array([np.nan if cells[name] is None else float(cells[name]) for name in self.columns])
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise InputError(f"not a row: {error!r}; expected {self.columns}. To fix: give numbers.") from error
        return (found,)

    def view(self, loaded, /):
        return (np.nan_to_num((loaded[0] - self.mean) / self.std).astype(np.float32),)

    def signature(self):
        return (TensorSpec("cells", "float32", (len(self.columns),)),)

    def encode(self, loaded, /):
        cells = [None if np.isnan(cell) else cell for cell in loaded[0].tolist()]
        return json.dumps(dict(zip(self.columns, cells, strict=True))).encode(), ".json"
