"""Published limit curves: reading and interpolating them.

A curve is a file ``fipjax/data/limits/NAME.csv``: comment lines with experiment, arXiv number, confidence level, quality of the
digits (official, provided, digitised, recast), then a header row and comma-separated rows.  ``nan``: no limit there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import jax.numpy as jnp
import numpy as np

from fipjax.errors import InputError


@dataclass(frozen=True)
class Curve:
    """name; comment: the file's comment lines; columns: header name -> array (n,), rows in file order."""

    name: str
    comment: str
    columns: dict[str, np.ndarray]

    def __getitem__(self, column: str) -> np.ndarray:
        return self.columns[column]


@lru_cache(maxsize=256)
def load_curve(name: str) -> Curve:
    """The curve of that name; InputError if there is none or it is damaged."""
    path = files("fipjax.data").joinpath("limits", f"{name}.csv")
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        raise InputError(f"limit curve {name!r} does not exist (allowed: a file of fipjax/data/limits)") from None
    comment = "\n".join(line[1:].strip() for line in lines if line.startswith("#"))
    rows = [line.split(",") for line in lines if line.strip() and not line.startswith("#")]
    try:
        values = np.array(rows[1:], float)
    except ValueError as err:
        raise InputError(f"limit curve {name!r} is damaged: {err}") from None
    return Curve(name, comment, {h.strip(): values[:, i] for i, h in enumerate(rows[0])})


def interpolate(x, x_grid, y_grid, outside=jnp.inf):
    """Piecewise power law: y at x (any shape) from positive grids (n,), x ascending; ``outside`` beyond the ends and next to nan.

    Straight lines between neighbours in log-log: limits span decades.  Gradients are finite, and 0 where there is no limit.
    """
    x_grid, y_grid = np.asarray(x_grid, float), np.asarray(y_grid, float)
    there = np.isfinite(y_grid)
    lx, ly = np.log(x_grid), np.log(np.where(there, y_grid, 1.0))
    t = jnp.log(x)
    i = jnp.clip(jnp.searchsorted(lx, t, side="right") - 1, 0, len(lx) - 2)
    a, b = jnp.asarray(lx)[i], jnp.asarray(lx)[i + 1]
    ok = (t >= lx[0]) & (t <= lx[-1]) & jnp.asarray(there)[i] & jnp.asarray(there)[i + 1]
    w = (t - a) / jnp.where(b > a, b - a, 1.0)
    inside = (1.0 - w) * jnp.asarray(ly)[i] + w * jnp.asarray(ly)[i + 1]
    return jnp.where(ok, jnp.exp(jnp.where(ok, inside, 0.0)), outside)


def interpolate_2d(x, y, x_grid, y_grid, z_grid, outside=jnp.inf, hold_y: str = "none"):
    """As :func:`interpolate` for z_grid (n_x, n_y) on a rectangular grid, bilinear in the logarithms.

    hold_y: "low", "high", "both" or "none": at which ends in y the edge value is kept instead of ``outside``.
    """
    x_grid, y_grid, z_grid = (np.asarray(a, float) for a in (x_grid, y_grid, z_grid))
    there = np.isfinite(z_grid)
    lx, ly, lz = np.log(x_grid), np.log(y_grid), np.log(np.where(there, z_grid, 1.0))
    tx, ty = jnp.broadcast_arrays(jnp.log(x), jnp.log(y))
    low = ly[0] if hold_y in ("low", "both") else -np.inf
    high = ly[-1] if hold_y in ("high", "both") else np.inf
    ty = jnp.clip(ty, low, high)
    i = jnp.clip(jnp.searchsorted(lx, tx, side="right") - 1, 0, len(lx) - 2)
    j = jnp.clip(jnp.searchsorted(ly, ty, side="right") - 1, 0, len(ly) - 2)
    gx, gy, gz, ok_grid = (jnp.asarray(a) for a in (lx, ly, lz, there))
    u = (tx - gx[i]) / (gx[i + 1] - gx[i])
    v = (ty - gy[j]) / (gy[j + 1] - gy[j])
    ok = (tx >= lx[0]) & (tx <= lx[-1]) & (ty >= ly[0]) & (ty <= ly[-1])
    total = jnp.zeros(tx.shape)
    for di, wu in ((0, 1.0 - u), (1, u)):
        for dj, wv in ((0, 1.0 - v), (1, v)):
            ok = ok & ok_grid[i + di, j + dj]
            total = total + wu * wv * gz[i + di, j + dj]
    return jnp.where(ok, jnp.exp(jnp.where(ok, total, 0.0)), outside)
