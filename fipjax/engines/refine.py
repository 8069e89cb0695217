r"""Adaptive scans: a coarse grid of cells, refined where the likelihood is high.

Every parameter has an axis (range and scale) cut into ``n`` cells; a cell is represented by the point at its centre.  A cell
that may hold a part of the wanted region, :math:`\Delta = 2(\ln L_{best} - \ln L) \le` ``threshold``, is cut in half along every
axis, ``levels`` times.  The result resolves the region like a dense grid of :math:`n\,2^{levels}` cells per axis; the cells that
were not cut any further tile the whole range.

Whether a cell may hold a part of the region is judged in :math:`r = \sqrt\Delta`, the distance to the best point in standard
deviations: for residuals that are linear in the parameters its slope is bounded, however steep chi2 itself becomes.  Along each
axis the two neighbours, r + a and r + b, tell by how much r can fall on the way to the farthest centre of the finest parts of
the cell (``reach``, 1/4 of the cell before the last level, towards 1/2 before that):

* a minimum between them (a, b >= 0): \|a - b\|/2, which is exact for r = \|x - x0\|/sigma with x0 within reach, but no more than
  the steeper side falls;
* otherwise ``reach`` times the step towards the lower one, or to the only one where the other is missing.

A cell is refined when r less ``safety`` times the sum of these over the axes is below the square root of ``threshold``.  The factor
is multiplied by the number of levels still to come: where cells are large, a piece of the region can hide between two of them,
and a wide margin costs little.  And wherever a point inside the region has a neighbour that has not been evaluated at the same
level, that neighbour is evaluated too, with all its ancestors: the region found is closed by cells outside it.

What this cannot find is a separate region that none of the coarse cells gives a hint of: one that is narrower than a coarse cell
and whose slope does not reach the centres around it (a narrow resonance).  ``seeds`` adds points, such as the minima of a fit
with many starts; the cell around each is refined down to the last level, and the region is followed from there.

The best point is the best so far, which only makes the regions of the first levels larger than needed.  Every decision is a
function of what is stored, so that a scan that is continued takes the same ones.

While it runs, each pass over a list of cells is a store of its own in ``NAME.zarr.steps``; at the end they are joined into
``NAME.zarr``, one row per evaluated cell, and removed.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fipjax._paths import expand
from fipjax._version import __version__
from fipjax.engines import scan as scan_engine
from fipjax.engines.scan import Scan, ScanInterrupted
from fipjax.engines.source import provenance
from fipjax.engines.store import Column, Layout, ScanStore, checksum, complete_manifest, first_difference, to_jsonable
from fipjax.errors import InputError, unknown
from fipjax.progress import Progress

LEVELS, THRESHOLD, SAFETY = 3, 12.0, 1.5  # 12: the 3 sigma region of two parameters (11.83) and of fewer
MAX_POINTS = 50_000_000
MAX_LEVELS = 20
MAX_PIXELS = 100_000_000
"""Pixels of a profile."""

_UNIT = 16384
_SLAB = 2**20
_EXTRA = {
    "level": Column("int8", "", "refinement level (-1: seed)"),
    "cell": Column("int64", "", "number of the cell at its level"),
    "weight": Column("float64", "", "share of the scanned volume (0: refined further)"),
}


# --------------------------------------------------------------------------------------------------------------------
# cells


@dataclass(frozen=True)
class Axis:
    """Range of one parameter, cut into ``n`` cells of equal width in t, 0 <= t <= 1."""

    name: str
    low: float
    high: float
    n: int
    scale: str

    def value(self, t: np.ndarray) -> np.ndarray:
        """Parameter at t."""
        if self.scale == "linear":
            return self.low + (self.high - self.low) * t
        if self.scale == "log":
            return self.low * np.exp(t * math.log(self.high / self.low))
        return self.low * np.sinh(math.asinh(self.high / self.low) * (2.0 * t - 1.0))

    def t(self, x: float) -> float:
        """t of a parameter value; outside 0..1 or NaN outside the range."""
        if self.scale == "linear":
            return (x - self.low) / (self.high - self.low)
        if self.scale == "log":
            return math.log(x / self.low) / math.log(self.high / self.low) if x * self.low > 0 else math.nan
        return 0.5 * (1.0 + math.asinh(x / self.low) / math.asinh(self.high / self.low))

    def centres(self, level: int) -> np.ndarray:
        """Centres of the cells of a level, shape (n 2^level,)."""
        m = self.n << level
        return self.value((np.arange(m) + 0.5) / m)

    def edges(self, level: int) -> np.ndarray:
        """Edges of the cells of a level, shape (n 2^level + 1,)."""
        m = self.n << level
        return self.value(np.arange(m + 1) / m)


class Cells:
    """Numbering of the cells: C order of the grid of their level."""

    def __init__(self, axes: Sequence[Axis]):
        self.axes = tuple(axes)
        self.d = len(self.axes)
        self.children = 1 << self.d
        # (2^d, d): offsets of the children, the last axis fastest
        self.bits = np.stack(np.unravel_index(np.arange(self.children), (2,) * self.d), -1)

    def shape(self, level: int) -> tuple[int, ...]:
        return tuple(a.n << level for a in self.axes)

    def count(self, level: int) -> int:
        return math.prod(self.shape(level))

    def index(self, level: int, keys: np.ndarray) -> np.ndarray:
        """Multi-index of cells, int64 of shape (d, len(keys))."""
        return np.stack(np.unravel_index(keys, self.shape(level)))

    def keys(self, level: int, index: Any) -> np.ndarray:
        return np.ravel_multi_index(tuple(index), self.shape(level)).astype(np.int64)

    def parent(self, level: int, keys: np.ndarray) -> np.ndarray:
        """Cells of ``level - 1`` that hold these of ``level``, sorted, each once."""
        return np.unique(self.keys(level - 1, self.index(level, keys) >> 1))

    def block(self, level: int, parents: np.ndarray) -> np.ndarray:
        """The 2^d cells of ``level`` in each of ``parents`` (cells of level - 1), shape (len(parents), 2^d)."""
        index = self.index(level - 1, parents)
        return self.keys(level, [2 * index[i][:, None] + self.bits[None, :, i] for i in range(self.d)])

    def stride(self, level: int, axis: int) -> int:
        return math.prod(self.shape(level)[axis + 1 :])

    def coordinates(self, level: int, keys: np.ndarray) -> dict[str, np.ndarray]:
        """Centres of cells."""
        index = self.index(level, keys)
        return {a.name: a.value((i + 0.5) / (a.n << level)) for a, i in zip(self.axes, index, strict=True)}

    def at(self, level: int, point: Mapping[str, float]) -> int:
        """The cell that holds a point."""
        index = [min(int(a.t(point[a.name]) * (a.n << level)), (a.n << level) - 1) for a in self.axes]
        return int(np.ravel_multi_index(index, self.shape(level)))


def _missing_from(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Those of ``keys`` that are not in the sorted array ``known``."""
    return keys[~_find(keys, known)[1]]


def _find(keys: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(positions in the sorted array ``known``, whether found)."""
    if not len(known):
        return np.zeros(keys.shape, np.int64), np.zeros(keys.shape, bool)
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return at, known[at] == keys


def fall(low: np.ndarray, r: np.ndarray, high: np.ndarray, reach: float = 0.5) -> np.ndarray:
    """By how much r can fall within ``reach`` cells along one axis, from the values in the neighbours (NaN: unknown)."""
    a, b = low - r, high - r
    minimum = (a >= 0) & (b >= 0)
    both = np.where(minimum, np.minimum(0.5 * np.abs(a - b), reach * np.maximum(a, b)), reach * np.maximum(-a, -b))
    one = reach * np.fmax(np.abs(a), np.abs(b))
    out = np.where(np.isnan(a) | np.isnan(b), one, both)
    return np.where(np.isnan(out), 0.0, out)


class _Level:
    """Evaluated cells of one level: all of level 0, or the children of some cells of the level above."""

    def __init__(self, cells: Cells, level: int):
        self.cells, self.level = cells, level
        self.parents = np.zeros(0, np.int64)
        self.lp = np.zeros((0, cells.children))
        self.ok = np.zeros((0, cells.children), bool)

    def add(self, parents: np.ndarray, lp: np.ndarray, ok: np.ndarray) -> None:
        order = np.argsort(merged := np.concatenate([self.parents, parents]), kind="stable")
        self.parents = merged[order]
        self.lp = np.concatenate([self.lp, lp.reshape(-1, self.cells.children)])[order]
        self.ok = np.concatenate([self.ok, ok.reshape(-1, self.cells.children)])[order]

    def slabs(self) -> Iterator[slice]:
        step = max(1, _SLAB // self.cells.children)
        for i in range(0, len(self.parents), step):
            yield slice(i, i + step)

    def beyond(self, part: slice, axis: int, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the parents in ``part``: position of the neighbour along an axis, whether it is refined, whether it exists."""
        keys = self.parents[part]
        up = self.level - 1
        index = self.cells.index(up, keys)[axis] + side
        exists = (index >= 0) & (index < self.cells.shape(up)[axis])
        at, found = _find(keys + side * self.cells.stride(up, axis), self.parents)
        return at, found & exists, exists

    def neighbours(self, values: np.ndarray, part: slice, axis: int, side: int, missing: Any) -> np.ndarray:
        """``values`` of the cells one step along an axis, for the blocks in ``part``: shape (len, 2^d)."""
        here = values[part]
        bit = self.cells.bits[:, axis] == (1 if side > 0 else 0)  # the children whose neighbour is in another block
        flip = np.arange(self.cells.children) ^ (1 << (self.cells.d - 1 - axis))
        at, found, _ = self.beyond(part, axis, side)
        out = np.empty_like(here)
        out[:, ~bit] = here[:, flip[~bit]]
        out[:, bit] = np.where(found[:, None], values[at][:, flip[bit]], missing)
        return out


# --------------------------------------------------------------------------------------------------------------------
# decisions


class _Map:
    """Everything evaluated so far, and what follows from it."""

    def __init__(self, cells: Cells, levels: int, threshold: float, safety: float, cuts: bool):
        self.cells, self.levels, self.cuts = cells, levels, cuts
        self.threshold, self.safety = threshold, safety
        self.best = -math.inf
        self.coarse_lp = self.coarse_ok = np.zeros(0)
        self.level = [_Level(cells, j) for j in range(levels + 1)]

    def see(self, lp: np.ndarray, ok: np.ndarray) -> None:
        """Points that count for the best one."""
        good = lp[ok & np.isfinite(lp)]
        if len(good):
            self.best = max(self.best, float(good.max()))

    def r(self, lp: np.ndarray) -> np.ndarray:
        """sqrt of 2 (best - lp); NaN where lp is not finite."""
        with np.errstate(invalid="ignore"):
            return np.where(np.isfinite(lp), np.sqrt(2.0 * np.maximum(self.best - lp, 0.0)), np.nan)

    def inside(self, lp: np.ndarray, ok: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return ok & (2.0 * (self.best - lp) <= self.threshold)

    def reach(self, level: int) -> float:
        """Distance from the centre of a cell to the farthest centre of its finest parts, in cells along an axis."""
        return 0.5 * (1.0 - 0.5 ** (self.levels - level))

    def _hot(self, level: int, r: np.ndarray, falls: np.ndarray) -> np.ndarray:
        # differences across large cells tell least, and there are few of them
        safety = self.safety * (self.levels - level)
        with np.errstate(invalid="ignore"):
            return r - safety * falls <= math.sqrt(self.threshold)

    def hot(self, level: int) -> np.ndarray:
        """Cells of ``level`` that may hold a part of the region, sorted."""
        return self._hot_coarse() if level == 0 else self._hot_blocks(self.level[level])

    def _hot_coarse(self) -> np.ndarray:
        shape = self.cells.shape(0)
        lp, ok = self.coarse_lp.reshape(shape), self.coarse_ok.reshape(shape)
        r = self.r(lp)
        falls = np.zeros(shape)
        for axis in range(self.cells.d):
            falls += fall(_shifted(r, axis, -1, np.nan), r, _shifted(r, axis, 1, np.nan), self.reach(0))
        hot = self._hot(0, r, falls)
        near_hot = np.zeros(shape, bool)
        near_ok = ok.copy()
        for axis in range(self.cells.d):
            near_hot |= _shifted(hot, axis, 1, False) | _shifted(hot, axis, -1, False)
            # axis after axis: all 3^d cells around
            near_ok = near_ok | _shifted(near_ok, axis, 1, False) | _shifted(near_ok, axis, -1, False)
        hot = np.where(np.isnan(r), near_hot, hot) & near_ok
        return np.flatnonzero(hot.ravel()).astype(np.int64)

    def _hot_blocks(self, level: _Level) -> np.ndarray:
        out = [np.zeros(0, np.int64)]
        for part in level.slabs():
            r, near_ok = self.r(level.lp[part]), np.repeat(level.ok[part].any(1, keepdims=True), self.cells.children, 1)
            falls = np.zeros_like(r)
            for axis in range(self.cells.d):
                low, high = (self.r(level.neighbours(level.lp, part, axis, side, np.nan)) for side in (-1, 1))
                falls += fall(low, r, high, self.reach(level.level))
                for side in (-1, 1):
                    near_ok |= level.neighbours(level.ok, part, axis, side, False)
            hot = self._hot(level.level, r, falls)
            hot = np.where(np.isnan(r), hot.any(1, keepdims=True), hot) & near_ok
            out.append(self.cells.block(level.level, level.parents[part])[hot])
        return np.sort(np.concatenate(out))

    def open_ends(self, level: int) -> np.ndarray:
        """Cells of ``level - 1`` that have not been refined although a point inside the region touches them, sorted."""
        here, cells = self.level[level], self.cells
        out = [np.zeros(0, np.int64)]
        for part in here.slabs():
            inside = self.inside(here.lp[part], here.ok[part])
            for axis in range(cells.d):
                for side in (-1, 1):
                    at_edge = inside[:, cells.bits[:, axis] == (1 if side > 0 else 0)].any(1)
                    _, found, exists = here.beyond(part, axis, side)
                    wanted = at_edge & exists & ~found
                    out.append(here.parents[part][wanted] + side * cells.stride(level - 1, axis))
        return np.unique(np.concatenate(out))


def _shifted(a: np.ndarray, axis: int, side: int, fill: Any) -> np.ndarray:
    """``a`` one step along ``axis``: element i holds a[i + side]."""
    out = np.full_like(a, fill)
    n = a.shape[axis]
    to: list[slice] = [slice(None)] * a.ndim
    of = list(to)
    to[axis], of[axis] = (slice(0, n - 1), slice(1, n)) if side > 0 else (slice(1, n), slice(0, n - 1))
    out[tuple(to)] = a[tuple(of)]
    return out


# --------------------------------------------------------------------------------------------------------------------
# evaluation


class _Evaluator:
    """Evaluates points in units of fixed shape on all local devices: one compiled program for any number of points."""

    def __init__(self, like: Any, fixed: Mapping[str, float], outputs: Mapping[str, np.dtype], batch: int):
        devices = scan_engine._devices()
        batch = min(batch, _UNIT)
        pieces = max(1, _UNIT // (batch * len(devices)))
        self.unit = batch * pieces * len(devices)
        self.real = np.dtype(jnp.result_type(float))
        self.outputs = dict(outputs)
        self._names = [name for name in like.names if name not in fixed]
        held = {name: np.asarray(v, self.real) for name, v in fixed.items()}

        def some(x):
            x = x | {name: jnp.full((batch,), v) for name, v in held.items()}
            result = like.evaluate({name: x[name] for name in like.names})
            return {name: jnp.broadcast_to(result[name], (batch,)) for name in outputs}

        def local(x):
            if pieces == 1:
                return some(x)
            out = jax.lax.map(some, {name: v.reshape(pieces, batch) for name, v in x.items()})
            return {name: v.reshape(-1) for name, v in out.items()}

        self._place: Any = devices[0]
        if len(devices) > 1:
            mesh, split = Mesh(np.array(devices), ("d",)), PartitionSpec("d")
            local = jax.shard_map(local, mesh=mesh, in_specs=(split,), out_specs=split, check_vma=False)
            self._place = NamedSharding(mesh, split)
        self._run = jax.jit(local)

    def start(self, x: Mapping[str, np.ndarray]) -> list[dict[str, jax.Array]]:
        """Begin to evaluate (n,) points."""
        n = len(next(iter(x.values())))
        out = []
        for i in range(0, n, self.unit):
            part = {}
            for name in self._names:
                v = np.asarray(x[name][i : i + self.unit], self.real)
                part[name] = np.concatenate([v, np.full(self.unit - len(v), v[-1])]) if len(v) < self.unit else v
            out.append(self._run(jax.device_put(part, self._place)))
        return out


class _Pending(Mapping):
    """Columns of a chunk, collected from the device when they are asked for."""

    def __init__(self, parts: list[dict[str, jax.Array]], n: int):
        self._parts, self._n = parts, n

    def __getitem__(self, name: str) -> np.ndarray:
        return np.concatenate([np.asarray(p[name]) for p in self._parts])[: self._n]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts[0])

    def __len__(self) -> int:
        return len(self._parts[0])


@dataclass
class _Step:
    """One pass: cells of one level (or, first, the seeds and the whole coarse grid) and the store of their values."""

    level: int
    keys: np.ndarray  # cells of a level > 0, in blocks; of the first step: empty
    start: int
    points: int
    store: Any


class _Run:
    """One adaptive scan while it is made."""

    def __init__(self, like, cells, levels, seeds, fixed, outputs, batch, chunk, manifest, out, limit, progress, after):
        self.cells, self.levels, self.seeds = cells, levels, seeds
        self.outputs, self.chunk, self.manifest, self.limit = outputs, chunk, manifest, limit
        self.folder = None if out is None else steps_folder(out)
        self.after, self.progress = after, progress
        self.columns = scan_engine._output_columns(like, outputs)
        self._evaluator = lambda: _Evaluator(like, fixed, outputs, batch)
        self.steps: list[_Step] = []
        self.done: ScanStore | None = None  # a finished scan to take values from
        self.map: _Map

    @cached_property
    def evaluator(self) -> _Evaluator:
        return self._evaluator()

    @property
    def points(self) -> int:
        return self.steps[-1].start + self.steps[-1].points if self.steps else 0

    def table(self, step: _Step, first: int, last: int) -> dict[str, np.ndarray]:
        """Parameters, level and cell of rows ``first`` to ``last`` of a step."""
        cells, skip = self.cells, 0
        if step is self.steps[0]:
            # seeds, then the coarse grid
            skip = len(self.seeds)
            ahead = self.seeds[first:last]
            keys = np.arange(max(first - skip, 0), max(last - skip, 0), dtype=np.int64)
        else:
            ahead, keys = [], step.keys[first:last]
        out = {a.name: np.array([s[a.name] for s in ahead], float) for a in cells.axes}
        x = cells.coordinates(step.level, keys)
        out = {name: np.concatenate([v, x[name]]) for name, v in out.items()}
        finest = [cells.at(self.levels, s) for s in ahead]
        out["level"] = np.concatenate([np.full(len(ahead), -1, np.int8), np.full(len(keys), step.level, np.int8)])
        out["cell"] = np.concatenate([np.array(finest, np.int64), keys])
        return out

    def evaluate(self, level: int, parents: np.ndarray | None) -> None:
        """Evaluate the children of ``parents`` (cells of level - 1), or the seeds and the coarse grid."""
        cells = self.cells
        keys = np.zeros(0, np.int64) if parents is None else cells.block(level, parents).reshape(-1)
        n = len(self.seeds) + cells.count(0) if parents is None else len(keys)
        if self.points + n > self.limit:
            raise InputError(
                f"level {level} of the adaptive scan brings it to {self.points + n:,} points (allowed: max_points = "
                f"{self.limit:,}; more of them, fewer levels or a smaller threshold; what has been computed is kept)"
            )
        layout = Layout.blocked(("point",), (n,), self.chunk)
        number = len(self.steps)
        manifest = {**self.manifest, "step": {"number": number, "level": level, "cells": checksum(keys.tobytes())}}
        step = _Step(level, keys, self.points, n, None)
        self.steps.append(step)
        step.store = self._open(number, manifest, layout)
        try:
            todo = step.store.todo
            left = sum(layout.valid(k) for k in todo)
            bar = Progress(f"level {level}", n, start=n - left) if self.progress and todo else None
            scan_engine._stream(lambda k: self._chunk(step, layout, k), step.store, todo, bar, self.after)
        finally:
            step.store.close()
        lp = step.store.to_grid("log_prob").astype(float)
        ok = step.store.to_grid("allowed").astype(bool) if self.map.cuts and "allowed" in self.columns else np.ones(n, bool)
        ok &= np.isfinite(lp)
        self.map.see(lp, ok)
        if parents is None:
            self.map.coarse_lp, self.map.coarse_ok = lp[len(self.seeds) :], ok[len(self.seeds) :]
        else:
            self.map.level[level].add(parents, lp, ok)

    def _open(self, number: int, manifest: Mapping, layout: Layout):
        if self.folder is None:
            return scan_engine._Memory(complete_manifest(manifest, layout, self.columns), layout, self.columns, {})
        path = self.folder / f"{number:03d}.zarr"
        if ScanStore.exists(path):
            full = complete_manifest(manifest, layout, self.columns)
            # the first step decides whether this is the same run; the list of cells of a later one may have changed because
            # damaged values were computed again on another kind of machine
            same = number == 0 or first_difference(ScanStore.open(path).manifest, full) is None
            if same:
                return ScanStore.resume(path, full)
        title = f"fipjax scan, step {number}"
        return ScanStore.create(path, manifest=manifest, layout=layout, columns=self.columns, title=title, overwrite=True)

    def _chunk(self, step: _Step, layout: Layout, k: int) -> Mapping[str, Any]:
        first, n = layout.start(k), layout.valid(k)
        x = self.table(step, first, first + n)
        return self._known(step, first, n, x) or _Pending(self.evaluator.start(x), n)

    def _known(self, step: _Step, first: int, n: int, x: Mapping[str, np.ndarray]) -> dict[str, np.ndarray] | None:
        """The rows of a finished scan that is being repaired."""
        done = self.done
        if done is None or step.start + first + n > done.layout.n_points:
            return None
        lo, hi = step.start + first, step.start + first + n
        size = done.layout.chunk_points
        chunks = range(lo // size, (hi - 1) // size + 1)
        if not all(k in done.done for k in chunks):
            return None

        def column(name):
            return np.concatenate([done.read_chunk(name, k) for k in chunks])[lo - chunks[0] * size :][:n]

        if any((column(name) != x[name]).any() for name in ("cell", "level")):
            return None
        return {name: column(name) for name in self.columns}

    # ---- the scan

    def go(self) -> None:
        cells, m = self.cells, self.map
        self.evaluate(0, None)
        if m.best == -math.inf:
            raise InputError(
                "no cell of the coarse grid is allowed and has a finite log_prob (allowed: a finer grid, other ranges, seeds, "
                "or cuts = false)"
            )
        for level in range(self.levels):
            below = m.level[level + 1]
            seeds = np.array([cells.at(level, s) for s in self.seeds], np.int64)
            new = np.union1d(m.hot(level), seeds)
            while True:
                new = _missing_from(new, below.parents)
                if not len(new):
                    break
                self._ensure(level, new)
                self.evaluate(level + 1, new)
                # what was evaluated on the way may itself be worth refining
                new = np.union1d(m.open_ends(level + 1), m.hot(level))

    def _ensure(self, level: int, keys: np.ndarray) -> None:
        """Evaluate cells of ``level`` that have not been, from the coarsest ancestor on."""
        if level:
            new = _missing_from(self.cells.parent(level, keys), self.map.level[level].parents)
            if len(new):
                self._ensure(level - 1, new)
                self.evaluate(level, new)

    def rows(self, first: int, last: int, real: str) -> dict[str, np.ndarray]:
        """All columns of points ``first`` to ``last`` of the whole scan."""
        parts = []
        for step in self.steps:
            lo, hi = max(first, step.start), min(last, step.start + step.points)
            if lo >= hi:
                continue
            lo, hi = lo - step.start, hi - step.start
            x = self.table(step, lo, hi)
            level = x["level"]
            deeper = self.map.level[step.level + 1].parents if step.level < self.levels else np.zeros(0, np.int64)
            leaf = (level >= 0) & ~_find(x["cell"], deeper)[1]
            x["weight"] = np.where(leaf, 1.0 / self.cells.count(step.level), 0.0)
            size = step.store.layout.chunk_points
            for name in self.columns:
                chunks = range(lo // size, (hi - 1) // size + 1)
                values = np.concatenate([step.store.read_chunk(name, k) for k in chunks])
                x[name] = values[lo - chunks[0] * size :][: hi - lo]
            parts.append(x)
        out = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
        return {name: v.astype(real) if name in {a.name for a in self.cells.axes} else v for name, v in out.items()}


def steps_folder(out: str | os.PathLike) -> Path:
    """Where the unfinished adaptive scan of ``out`` is kept."""
    path = expand(out)
    return path.with_name(path.name + ".steps")


def unfinished(out: str | os.PathLike) -> bool:
    """Whether an adaptive scan of ``out`` has begun and is not finished."""
    return (steps_folder(out) / "000.zarr").is_dir()


def _remove_steps(out: str | os.PathLike) -> None:
    folder = steps_folder(out)
    if folder.is_dir():
        for path in sorted(folder.glob("[0-9]*.zarr")):
            ScanStore._remove(path)
        try:
            shutil.rmtree(folder) if not any(folder.iterdir()) else None
        except OSError as err:
            raise InputError(f"cannot remove {folder}: {err.strerror}") from None


# --------------------------------------------------------------------------------------------------------------------
# the result


def _axes_of(manifest: Mapping) -> tuple[Axis, ...]:
    out = []
    for name, about in manifest["parameters"].items():
        s = about["scan"]
        if "value" not in s:
            out.append(Axis(name, s["min"], s["max"], s["n"], s["scale"]))
    return tuple(out)


class AdaptiveScan(Scan):
    """A finished adaptive scan: one row per evaluated cell.

    Columns beside those of the likelihood: the parameters at the centre of the cell, ``level``, ``cell`` (its number, C order of
    the grid of its level) and ``weight``, its share of the scanned volume in the scales of the axes.  The weight is 0 for a cell
    that was refined further (its parts are rows of their own), so that weights add up to 1.  Seeds have level -1 and weight 0.
    """

    @cached_property
    def cells(self) -> Cells:
        return Cells(_axes_of(self.manifest))

    @property
    def levels(self) -> int:
        """Number of refinements."""
        return int(self.manifest["refinement"]["levels"])

    @property
    def threshold(self) -> float:
        """Delta(-2 ln L) that the region was refined for."""
        return float(self.manifest["refinement"]["threshold"])

    @property
    def axes(self) -> dict[str, np.ndarray]:
        """Centres of the finest cells along each axis."""
        return {a.name: a.centres(self.levels) for a in self.cells.axes}

    def edges(self, name: str, level: int | None = None) -> np.ndarray:
        """Edges of the cells of a level (the finest) along an axis, shape (cells + 1,)."""
        for a in self.cells.axes:
            if a.name == name:
                return a.edges(self.levels if level is None else level)
        raise unknown("axis", name, [a.name for a in self.cells.axes])

    @property
    def dense_points(self) -> int:
        """Points of the dense grid with the resolution of the finest cells."""
        return self.cells.count(self.levels)

    def select(self, threshold: float | None = None, *columns: str, cuts: bool = True) -> Iterator[dict[str, np.ndarray]]:
        """The cells inside the region, one chunk at a time, with their ``weight``; see :meth:`Scan.select`."""
        for x in super().select(self.threshold if threshold is None else threshold, "weight", *columns, cuts=cuts):
            leaf = x["weight"] > 0
            if leaf.any():
                yield {name: v[leaf] for name, v in x.items()}

    def volume(self, threshold: float | None = None, cuts: bool = True) -> float:
        """Share of the scanned volume (in the scales of the axes) that lies inside the region.

        Counts cells by their centres, like a dense grid would; beyond the threshold of the scan the cells are coarser.
        """
        return float(sum(x["weight"].sum() for x in self.select(threshold, cuts=cuts)))

    def profile(self, *names: str, cuts: bool = True, level: int | None = None) -> np.ndarray:
        """Largest log_prob over all parameters but ``names``, on the grid of the finest cells (or those of ``level``).

        Shape: the number of cells along each of ``names``.  A coarse cell counts for all the fine ones it covers.  -inf where
        nothing is allowed.  Reads one chunk at a time.
        """
        cells, finest = self.cells, self.levels
        level = finest if level is None else level
        known = [a.name for a in cells.axes]
        for name in names:
            if name not in known:
                raise unknown("axis", name, known)
        if len(set(names)) != len(names):
            raise InputError(f"profile{names}: an axis is given twice")
        if not 0 <= level <= finest:
            raise InputError(f"level = {level!r} (allowed: 0 to {finest})")
        kept = [known.index(name) for name in names]
        shape = [cells.shape(level)[i] for i in kept]
        if math.prod(shape) > MAX_PIXELS:
            raise InputError(f"profile of {math.prod(shape):,} cells (allowed: {MAX_PIXELS:,}; a smaller level)")
        # one map per level, at the resolution of that level or of the picture
        maps = [np.full([cells.shape(min(j, level))[i] for i in kept], -np.inf) for j in range(finest + 1)]
        for k, lp in self._log_prob(cuts):
            at = {name: self.store.read_chunk(name, k) for name in ("level", "cell", "weight")}
            for j in range(finest + 1):
                mine = (at["level"] == j) & (at["weight"] > 0)
                if j == finest:
                    mine |= at["level"] == -1  # the cell of a seed is numbered at the finest level
                if not mine.any():
                    continue
                where = cells.index(j, at["cell"][mine])[kept] >> max(j - level, 0)
                index = np.ravel_multi_index(tuple(where), maps[j].shape) if kept else np.zeros(mine.sum(), int)
                np.maximum.at(maps[j].reshape(-1), index, lp[mine])
        out = np.full(shape, -np.inf)
        for j, m in enumerate(maps):
            for axis in range(len(kept)):
                m = np.repeat(m, 1 << max(level - j, 0), axis=axis)
            out = np.maximum(out, m)
        return out

    def as_grid(self) -> Any:
        """The scan as pictures need it: a grid of the finest cells whose profiles come from :meth:`profile`."""
        return SimpleNamespace(
            method="grid", axes=self.axes, names=self.names, fixed=self.fixed, columns=self.columns, manifest=self.manifest,
            profile=self.profile, best=self.best, path=self.path,
        )  # fmt: skip


# --------------------------------------------------------------------------------------------------------------------
# the engine


def _real(name: str, value: Any, least: float, strict: bool) -> float:
    good = isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and math.isfinite(value)
    if not good or value < least or (strict and value == least):
        raise InputError(f"{name} = {value!r} (allowed: a number {'>' if strict else '>='} {least:g})")
    return float(value)


def _plan(like: Any, spec: Mapping | None) -> tuple[list[Axis], dict[str, float], dict[str, dict]]:
    spec = dict(spec or {})
    names = tuple(like.names)
    for name in spec:
        if name not in names:
            raise unknown("parameter", name, names)
    missing = [name for name in names if name not in spec]
    if missing:
        raise InputError(
            f"adaptive scan: no range for {', '.join(missing)} (allowed: for every free parameter a number or a table with "
            "min, max, n and scale; or fix it)"
        )
    axes, fixed, described = [], {}, {}
    for name, value in spec.items():
        if scan_engine._is_number(value):
            fixed[name] = scan_engine._number(name, "value", value)
            described[name] = {"value": fixed[name]}
            continue
        if not isinstance(value, Mapping) or "values" in value:
            raise InputError(f"parameter {name!r}: {value!r} in an adaptive scan (allowed: a number, or min, max, n and scale)")
        _, d = scan_engine.axis_values(name, value)
        axes.append(Axis(name, d["min"], d["max"], d["n"], d["scale"]))
        described[name] = d
    if not axes:
        raise InputError("every parameter has one value (allowed: at least one that varies)")
    return axes, fixed, described


def _seeds(seeds: Any, cells: Cells, fixed: Mapping[str, float]) -> list[dict[str, float]]:
    out = []
    if hasattr(seeds, "modes"):
        # of a fit: those of its minima that lie in the range
        seeds = [{a.name: m["point"][a.name] for a in cells.axes if a.name in m["point"]} for m in seeds.modes]
        seeds = [s for s in seeds if all(0.0 <= a.t(s.get(a.name, math.nan)) <= 1.0 for a in cells.axes)]
    for i, seed in enumerate(seeds or ()):
        if not isinstance(seed, Mapping):
            raise InputError(f"seed {i}: {seed!r} (allowed: a table parameter -> value)")
        for name in seed:
            if name not in {a.name for a in cells.axes} and name not in fixed:
                raise unknown(f"parameter of seed {i}:", name, [a.name for a in cells.axes])
        point = {}
        for a in cells.axes:
            if a.name not in seed:
                raise InputError(f"seed {i}: no value for {a.name} (allowed: one for every parameter that varies)")
            point[a.name] = scan_engine._number(a.name, f"value of seed {i}", seed[a.name])
            if not 0.0 <= a.t(point[a.name]) <= 1.0:
                raise InputError(f"seed {i}: {a.name} = {point[a.name]:g} (allowed: within the range of its axis)")
        out.append(point)
    return out


def refine(
    like: Any,
    spec: Mapping[str, Any],
    out: str | os.PathLike | None = None,
    *,
    levels: int = LEVELS,
    threshold: float = THRESHOLD,
    safety: float = SAFETY,
    max_points: int = MAX_POINTS,
    cuts: bool = True,
    seeds: Any = None,
    chunk: int | None = None,
    columns: Sequence[str] | None = None,
    overwrite: bool = False,
    progress: bool = True,
    batch: int | None = None,
    _after_chunk: Callable[[int], None] | None = None,
) -> AdaptiveScan:
    """Scan a coarse grid and refine it where the likelihood is high; also ``fipjax.scan(..., method="adaptive")``.

    Args:
        like: a likelihood, as for :func:`fipjax.scan`.
        spec: for every free parameter a table ``{min, max, n, scale}`` with ``n`` cells, or one number.
        out: directory of the store; None keeps the result in memory.  An unfinished or damaged scan is continued.
        levels: how often cells are cut in half, 1 to 20.
        threshold: the region is 2 (max log_prob - log_prob) <= threshold.
        safety: factor on the estimate of how much the distance to the best point (in standard deviations) can fall within a
            cell of the last level but one, in proportion larger before; larger finds more and costs more.  0 refines only
            cells whose centre is inside, and their neighbours.
        max_points: largest number of evaluations; more end the scan with an error, and what was computed is kept.
        cuts: the region is also bounded by the hard cuts (column ``allowed``): what they exclude is refined only next to what
            they allow.  False: they do not count.
        seeds: points (name -> value) whose cells are refined in any case, or a :class:`fipjax.FitResult`, all of whose minima
            in the range are taken.
        chunk, columns, overwrite, progress, batch: as for :func:`fipjax.scan`.

    Memory: 9 bytes per evaluation, besides some chunks.  Disk: twice the size of the result until it is complete.

    Raises:
        InputError: bad input; more than ``max_points``; a store that cannot be written, or that belongs to another scan.
        ScanInterrupted: Ctrl-C; the message says how to resume.
    """
    axes, fixed, described = _plan(like, spec)
    levels = scan_engine._count("levels", levels, 1)
    if levels > MAX_LEVELS:
        raise InputError(f"levels = {levels} (allowed: 1 to {MAX_LEVELS})")
    threshold, safety = _real("threshold", threshold, 0.0, True), _real("safety", safety, 0.0, False)
    limit = scan_engine._count("max_points", max_points, 1)
    if not isinstance(cuts, bool):
        raise InputError(f"cuts = {cuts!r} (allowed: true or false)")
    cells = Cells(axes)
    if cells.count(levels) >= 2**62:
        raise InputError(f"the finest grid has {cells.count(levels):.3g} cells (allowed: fewer than 2^62; fewer levels or cells)")
    points = _seeds(seeds, cells, fixed)
    if jax.process_count() > 1:
        raise InputError("method adaptive with several processes (allowed: one process, which uses all its devices)")
    batch = scan_engine._batch(like, batch)
    if out is None and limit > scan_engine.MAX_IN_MEMORY:
        raise InputError(f"max_points = {limit:,} in memory (allowed: {scan_engine.MAX_IN_MEMORY:,}; give an output store)")

    real = np.dtype(jnp.result_type(float)).name
    outputs = scan_engine._outputs(like, columns, batch)
    manifest = {
        "kind": "scan",
        "likelihood": to_jsonable(like.fingerprint()),
        "method": "adaptive",
        "names": list(like.names),
        "parameters": scan_engine._parameters(like, described, fixed),
        "refinement": {"levels": levels, "threshold": threshold, "safety": safety, "cuts": cuts, "seeds": points},
        "code": f"fipjax {__version__}",
        **provenance(like),
    }
    table = {a.name: scan_engine._parameter_column(like, a.name, real) for a in axes}
    table |= scan_engine._output_columns(like, outputs) | _EXTRA
    if clash := set(_EXTRA) & ({a.name for a in axes} | set(outputs)):
        raise InputError(f"column {min(clash)!r} of the likelihood (allowed: another name; an adaptive scan has its own)")
    if chunk is None:
        chunk = scan_engine._default_chunk(2**20, sum(c.np_dtype.itemsize for c in table.values()))
    chunk = min(scan_engine._count("chunk", chunk, 1), 2**22)
    run = _Run(
        like, cells, levels, points, fixed, outputs, batch, chunk, manifest, out, limit, progress, _after_chunk,
    )  # fmt: skip
    run.map = _Map(cells, levels, threshold, safety, cuts)
    if out is not None and overwrite:
        _remove_steps(out)
        if ScanStore.exists(out):
            ScanStore._remove(expand(out))
    final: Any = None
    try:
        if out is not None and ScanStore.exists(out):
            there = ScanStore.open(out)
            layout = Layout.blocked(("point",), there.layout.shape, chunk)
            final = ScanStore.resume(out, complete_manifest(manifest, layout, table))
            if final.complete:
                _remove_steps(out)
                return AdaptiveScan(final)
            run.done = final
        run.go()
        layout = Layout.blocked(("point",), (run.points,), chunk)
        if out is None:
            final = scan_engine._Memory(complete_manifest(manifest, layout, table), layout, table, {})
        elif final is None or final.layout != layout:
            if final is not None:
                # values that were computed again on another machine led to other cells
                final.close()
                ScanStore._remove(final.path)
            final = ScanStore.create(out, manifest=manifest, layout=layout, columns=table, title=scan_engine._TITLE)
        for k in final.todo:
            first = layout.start(k)
            final.write_chunk(k, run.rows(first, first + layout.valid(k), real))
        if out is not None:
            _remove_steps(out)
    except ScanInterrupted:
        raise
    except KeyboardInterrupt:
        raise ScanInterrupted(
            f"adaptive scan interrupted: what was computed is in {run.folder}; run the same command again to resume"
            if out is not None
            else "adaptive scan interrupted: what was done is lost; give an output store to be able to resume"
        ) from None
    finally:
        if final is not None:
            final.close()
    return AdaptiveScan(final)
