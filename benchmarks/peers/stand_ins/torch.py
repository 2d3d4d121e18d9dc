"""What invisible-watermark asks of torch, in numpy.

The package imports torch on every path and uses it, in its neural method alone, to reorder axes on the way into and
out of onnxruntime. A real torch on the path is taken before this one. Five operations are no reason for gigabytes.
"""

from __future__ import annotations

import numpy as np


class Tensor:
    """An array under torch's names."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __truediv__(self, other: float) -> Tensor:
        return Tensor(self._array / other)

    def __sub__(self, other: float) -> Tensor:
        return Tensor(self._array - other)

    def __add__(self, other: float) -> Tensor:
        return Tensor(self._array + other)

    def __mul__(self, other: float) -> Tensor:
        return Tensor(self._array * other)

    def __getitem__(self, index: object) -> Tensor:
        return Tensor(self._array[index])

    def permute(self, *axes: int) -> Tensor:
        return Tensor(self._array.transpose(axes))

    def unsqueeze(self, axis: int) -> Tensor:
        return Tensor(np.expand_dims(self._array, axis))

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return self._array


def from_numpy(array: np.ndarray) -> Tensor:
    return Tensor(array)


def clamp(tensor: Tensor, min: float, max: float) -> Tensor:
    return Tensor(np.clip(tensor.numpy(), min, max))
