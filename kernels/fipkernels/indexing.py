"""Static indexing by cuts: the derivative of a gather is a scatter, slow on every device; that of a cut is a concatenation."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np


def runs(index: Sequence[int] | np.ndarray) -> list[tuple[int, int]]:
    """Half-open runs of consecutive integers: [3, 4, 5, 9] -> [(3, 6), (9, 10)]."""
    out: list[tuple[int, int]] = []
    for i in (int(x) for x in index):
        if out and out[-1][1] == i:
            out[-1] = (out[-1][0], i + 1)
        else:
            out.append((i, i + 1))
    return out


def take(x, index, axis: int = 0):
    """``jnp.take(x, index, axis)`` for a static index, by cutting."""
    index = np.asarray(index)
    if isinstance(x, np.ndarray):
        return np.take(x, index, axis)
    wanted = runs(index)
    if wanted == [(0, x.shape[axis])]:
        return x
    # cut once: the reverse pass puts the pieces together, where that of many slices would add as many padded arrays
    cuts = sorted({0, x.shape[axis]}.union(*wanted))
    pieces = dict(zip(cuts[:-1], jax.lax.split(x, np.diff(cuts).tolist(), axis=axis), strict=True))
    parts = [pieces[c] for a, b in wanted for c in cuts[bisect_left(cuts, a) : bisect_left(cuts, b)]]
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=axis)


def select(x, index):
    """``x[index]`` along the first axis for many scattered static indices, as a product with a constant matrix (real x)."""
    matrix = np.eye(x.shape[0])[np.asarray(index)]
    return jnp.tensordot(jnp.asarray(matrix, x.dtype), x, axes=1, precision="highest")


def spread(x, index, size: int):
    """Zeros of shape (size, ...) with x at the (increasing, static) positions ``index`` of the first axis."""
    parts, at, used = [], 0, 0
    for a, b in runs(index):
        if a > at:
            parts.append(jnp.zeros((a - at, *x.shape[1:]), x.dtype))
        parts.append(x[used : used + b - a])
        at, used = b, used + b - a
    if at < size:
        parts.append(jnp.zeros((size - at, *x.shape[1:]), x.dtype))
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts)


def once(x):
    """x itself, as the result of a division: XLA stores what is expensive, and would else repeat the work behind x for every
    element of a larger array that is made from it."""
    return x / jnp.where(x == x, 1.0, 2.0)


def everywhere(x, shape: tuple[int, ...]):
    """x (B,) repeated to (*shape, B).  The same as broadcasting, but its reverse pass is a matrix product, which runs along memory
    where a sum over the leading axes would jump."""
    ones = jnp.ones((int(np.prod(shape)), 1), x.dtype)
    return jnp.matmul(ones, x.reshape(1, -1), precision="highest").reshape(*shape, x.shape[0])
