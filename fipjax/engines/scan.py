"""Scans: a likelihood on a grid or at quasi-random points, streamed in chunks to a store.

A chunk is computed by one compiled function of fixed shape: its points are made on the device from the number of the
chunk, so that no more than a few chunks are ever in memory, whatever the size of the scan.  While one chunk is
computed the one before is copied to the host and the one before that is written.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fipjax import _precision  # noqa: F401  (float64 before the first array)
from fipjax._version import __version__
from fipjax.engines.source import provenance
from fipjax.engines.store import (
    ChunkedColumns,
    Column,
    Layout,
    ScanStore,
    Verification,
    checksum,
    complete_manifest,
    encode_name,
    to_jsonable,
)
from fipjax.errors import InputError, MissingDependency, unknown
from fipjax.priors import Prior, prior_from_dict
from fipjax.progress import Progress

METHODS = ("grid", "sobol", "adaptive")
SCALES = ("linear", "log", "signed_log")
MAX_IN_MEMORY = 200_000_000
"""Points of a scan that is kept in memory."""
MAX_AXIS = 20_000_000
"""Values of one axis (they are kept in memory)."""
_FEW_CHUNKS = 4096
_MAX_CHUNK = 2**20

_MAX_SOBOL = 2**32
_DEFAULT_LABELS = {"log_prob": "log probability", "chi2": r"$\chi^2$", "allowed": "passes every cut"}
_ALWAYS = ("log_prob", "chi2", "allowed")


class ScanInterrupted(KeyboardInterrupt):
    """A scan was interrupted; the message (one line) says what is stored and how to go on."""


# --------------------------------------------------------------------------------------------------------------------
# what to scan


def _number(name: str, key: str, value: Any) -> float:
    value = value.item() if getattr(value, "shape", None) == () else value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"parameter {name!r}: {key} = {value!r} (allowed: a number)")
    value = float(value)
    if not math.isfinite(value):
        raise InputError(f"parameter {name!r}: {key} = {value!r} (allowed: a finite number)")
    return value


def _count(name: str, value: Any, least: int) -> int:
    whole = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not whole or not math.isfinite(value) or int(value) != value or value < least:
        raise InputError(f"{name} = {value!r} (allowed: a whole number >= {least})")
    return int(value)


def _is_number(value: Any) -> bool:
    """A Python, numpy or JAX scalar."""
    return isinstance(value, (bool, int, float, np.generic)) or getattr(value, "shape", None) == ()


def axis_values(name: str, spec: Any) -> tuple[np.ndarray, dict]:
    """Values of one grid axis, float64 of shape (n,), and their JSON-able description.

    ``spec`` is a sequence of numbers, or a table with ``min``, ``max``, ``n`` and optionally ``scale``: ``linear``,
    ``log`` (equal steps in ln|x|; min and max of one sign) or ``signed_log`` (from -max to max in equal steps of
    asinh(x / min), as the prior of that name).  Raises InputError naming the parameter and the field.
    """
    if isinstance(spec, Mapping) and set(spec) != {"values"}:
        fields = ("min", "max", "n", "scale")
        for key in spec:
            if key not in fields:
                raise unknown(f"field of the axis of {name!r}:", key, [*fields, "values"])
        for key in fields[:3]:
            if key not in spec:
                raise InputError(f"parameter {name!r}: the axis needs {key} (allowed: min, max, n and scale, or values)")
        scale = spec.get("scale", "linear")
        if scale not in SCALES:
            raise InputError(f"parameter {name!r}: scale = {scale!r} (allowed: {', '.join(SCALES)})")
        lo, hi = _number(name, "min", spec["min"]), _number(name, "max", spec["max"])
        n = _count(f"parameter {name!r}: n", spec["n"], 2)
        if n > MAX_AXIS:
            raise InputError(f"parameter {name!r}: n = {n:,} (allowed: at most {MAX_AXIS:,}; quasi-random points have no axes)")
        if not lo < hi:
            raise InputError(f"parameter {name!r}: min = {lo!r}, max = {hi!r} (allowed: min < max)")
        t = np.linspace(0.0, 1.0, n)
        if scale == "linear":
            values, ends = lo + (hi - lo) * t, (lo, hi)
        elif scale == "log":
            if not lo * hi > 0:
                raise InputError(f"parameter {name!r}: min = {lo!r}, max = {hi!r} with scale log (allowed: one sign)")
            values, ends = lo * np.exp(t * math.log(hi / lo)), (lo, hi)
        else:
            if not lo > 0:
                raise InputError(f"parameter {name!r}: min = {lo!r} with scale signed_log (allowed: > 0)")
            values, ends = lo * np.sinh(math.asinh(hi / lo) * (2.0 * t - 1.0)), (-hi, hi)
        values[0], values[-1] = ends
        return values, {"min": lo, "max": hi, "n": n, "scale": scale}
    raw = spec["values"] if isinstance(spec, Mapping) else spec
    try:
        values = np.asarray(raw)
        if values.dtype.kind not in "iuf":
            raise ValueError
        values = values.astype(np.float64)
    except (ValueError, TypeError):
        raise InputError(
            f"parameter {name!r}: {raw!r} (allowed: a number, a list of numbers, or a table with min, max, n and scale)"
        ) from None
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise InputError(f"parameter {name!r}: values of shape {values.shape} (allowed: 1-D, finite, at least one)")
    if len(np.unique(values)) != len(values):
        raise InputError(f"parameter {name!r}: a value is given twice (allowed: different values)")
    if len(values) <= 100:
        return values, {"values": values.tolist()}
    return values, {"n": len(values), "min": values.min(), "max": values.max(), "crc32": checksum(values.tobytes())}


def _prior(name: str, spec: Any) -> Prior:
    """Prior of a quasi-random scan: a Prior, a prior table, or a range as for a grid axis (without n)."""
    if isinstance(spec, Prior):
        return spec
    if not isinstance(spec, Mapping):
        raise InputError(f"parameter {name!r}: {spec!r} (allowed: a number, or a table with min and max)")
    if "prior" in spec:
        return prior_from_dict(name, dict(spec))
    kinds = {"linear": "flat", "log": "log", "signed_log": "signed_log"}
    table = dict(spec)
    scale = table.pop("scale", "linear")
    if scale not in kinds:
        raise InputError(f"parameter {name!r}: scale = {scale!r} (allowed: {', '.join(SCALES)})")
    return prior_from_dict(name, {**table, "prior": kinds[scale]})


@dataclass(frozen=True)
class _Plan:
    """What is scanned: the axes or the priors of the free parameters, and those held at one value."""

    method: str
    axes: dict[str, np.ndarray]
    priors: dict[str, Prior]
    fixed: dict[str, float]
    described: dict[str, dict]
    shape: tuple[int, ...]

    @property
    def dims(self) -> tuple[str, ...]:
        return tuple(self.axes) if self.method == "grid" else ("point",)


def _plan(like: Any, spec: Mapping | None, method: str, n: int | None) -> _Plan:
    if method not in METHODS:
        raise InputError(f"method = {method!r} (allowed: {', '.join(METHODS)})")
    spec = dict(spec or {})
    names = tuple(like.names)
    for name in spec:
        if name not in names:
            raise unknown("parameter", name, names)
    axes, priors, fixed, described = {}, {}, {}, {}
    if method == "grid":
        missing = [name for name in names if name not in spec]
        if missing:
            raise InputError(
                f"grid scan: no values for {', '.join(missing)} (allowed: for every free parameter a number, a list, "
                "or a table with min, max, n and scale; or fix it)"
            )
        if n is not None:
            raise InputError(f"n = {n!r} with method grid (allowed: n of each axis)")
    for name in names if method == "sobol" else spec:
        value = spec.get(name)
        if _is_number(value):
            fixed[name] = _number(name, "value", value)
            described[name] = {"value": fixed[name]}
        elif method == "grid":
            axes[name], described[name] = axis_values(name, value)
        else:
            prior = _prior(name, value) if name in spec else like.priors.get(name)
            if prior is None:
                raise InputError(f"quasi-random scan: parameter {name!r} has no prior (allowed: a prior, or a number)")
            priors[name], described[name] = prior, prior.describe()
    if not (axes or priors):
        raise InputError("every parameter has one value (allowed: at least one that varies)")
    if method == "grid":
        return _Plan(method, axes, priors, fixed, described, tuple(len(v) for v in axes.values()))
    points = _count("n", n, 1)
    if points > _MAX_SOBOL:
        raise InputError(f"n = {points} (allowed: at most 2^32 quasi-random points)")
    return _Plan(method, axes, priors, fixed, described, (points,))


class SobolPoints:
    """Scrambled Sobol sequence (Owen's linear matrix scrambling) in the open unit cube.

    Point i depends on ``dims`` and ``seed`` only.  The first 2^m points are balanced.
    """

    def __init__(self, dims: int, seed: int):
        self.dims, self.seed = dims, seed
        self._engine: Any = None

    def _restart(self) -> None:
        from scipy.stats import qmc

        rng = np.random.default_rng(self.seed)
        try:
            self._engine = qmc.Sobol(self.dims, scramble=True, bits=32, rng=rng)
        except TypeError:  # scipy < 1.15
            self._engine = qmc.Sobol(self.dims, scramble=True, bits=32, seed=rng)

    def block(self, start: int, stop: int) -> np.ndarray:
        """Points start <= i < stop, float64 of shape (dims, stop - start), each coordinate in (0, 1)."""
        if self._engine is None or self._engine.num_generated > start:
            self._restart()
        if start > self._engine.num_generated:
            self._engine.fast_forward(start - self._engine.num_generated)
        parts = []
        if self._engine.num_generated == 0:
            # scipy warns when the first draw is not a power of two
            parts.append(self._engine.random(1))
        if stop - start > len(parts):
            parts.append(self._engine.random(stop - start - len(parts)))
        # centres of the 2^-32 cells: never 0 or 1, where a Gaussian has no point
        return np.concatenate(parts).T + 2.0**-33


# --------------------------------------------------------------------------------------------------------------------
# the compiled chunk


def _outputs(like: Any, wanted: Sequence[str] | None, batch: int) -> dict[str, np.dtype]:
    """Names and dtypes of the columns that ``like.evaluate`` returns and that are to be stored."""
    real = jnp.result_type(float)
    x = {name: jax.ShapeDtypeStruct((batch,), real) for name in like.names}
    shapes = jax.eval_shape(like.evaluate, x)
    for name in ("log_prob", "chi2"):
        if name not in shapes:
            raise InputError(f"the likelihood returns {', '.join(shapes)} (allowed: log_prob and chi2 among them)")
    for name, s in shapes.items():
        if s.shape not in ((), (batch,)):
            raise InputError(f"column {name!r} has shape {s.shape} for {batch} points (allowed: one value per point)")
        if np.dtype(s.dtype).kind not in "fiub":
            raise InputError(f"column {name!r} has dtype {s.dtype} (allowed: real, integer, bool)")
    out = {name: np.dtype(s.dtype) for name, s in shapes.items() if name not in like.names}
    # a traced table comes back sorted: the common columns first, then as the likelihood lists them
    first = [*_ALWAYS, *(getattr(like, "columns", None) or {})]
    out = {name: out[name] for name in dict.fromkeys([*first, *out]) if name in out}
    if wanted is None:
        return out
    for name in wanted:
        if name not in out and name not in like.names:
            raise unknown("column", name, out)
    return {name: t for name, t in out.items() if name in _ALWAYS or name in wanted}


def _devices() -> list:
    """All local devices, or the one that ``jax.default_device`` names."""
    chosen = getattr(jax.config, "jax_default_device", None)
    if chosen is None:
        return jax.local_devices()
    return [jax.local_devices(backend=chosen)[0] if isinstance(chosen, str) else chosen]


class _Chunks:
    """Computes chunk k: one compiled function of fixed shape, on all local devices."""

    def __init__(self, like: Any, plan: _Plan, layout: Layout, outputs: Mapping[str, Any], seed: int, batch: int):
        self.plan, self.layout = plan, layout
        self.axes = list(plan.axes.values())
        devices = _devices()[: layout.chunk_points]
        per = math.ceil(layout.chunk_points / len(devices))
        self._pieces = math.ceil(per / batch)
        self._batch = math.ceil(per / self._pieces)
        per = self._pieces * self._batch
        self.size = per * len(devices)
        self._real = np.dtype(jnp.result_type(float))
        self._offset = (np.arange(len(devices)) * per).astype(np.int32)
        self._sobol = SobolPoints(len(plan.priors), seed) if plan.method == "sobol" else None

        fixed = {name: np.asarray(v, self._real) for name, v in plan.fixed.items()}
        shared = [np.asarray(v, self._real) for v in self.axes[layout.split + 1 :]] if self._sobol is None else []
        points = self._quasi_random if self._sobol else self._grid

        def local(shared, piece, offset):
            def some(first, piece):
                x = points(shared, piece, first)
                x |= {name: jnp.full((self._batch,), v) for name, v in fixed.items()}
                result = like.evaluate({name: x[name] for name in like.names})
                out = {name: result[name] for name in outputs}
                if self._sobol:
                    out |= {name: x[name] for name in plan.priors}
                return {name: jnp.broadcast_to(v, (self._batch,)) for name, v in out.items()}

            if self._pieces == 1:
                return some(offset[0], piece)
            first = offset[0] + self._batch * jnp.arange(self._pieces, dtype=jnp.int32)
            # small pieces in sequence keep the intermediate results in cache
            if self._sobol:
                parts = piece.reshape(-1, self._pieces, self._batch).swapaxes(0, 1)
                out = jax.lax.map(lambda a: some(*a), (first, parts))
            else:
                out = jax.lax.map(lambda f: some(f, piece), first)
            return jax.tree.map(lambda a: a.reshape(-1), out)

        if len(devices) > 1:
            mesh = Mesh(np.array(devices), ("d",))
            split = PartitionSpec("d")
            piece = PartitionSpec(None, "d") if self._sobol else PartitionSpec()
            local = jax.shard_map(local, mesh=mesh, in_specs=(PartitionSpec(), piece, split), out_specs=split, check_vma=False)
            self._shared = jax.device_put(shared, NamedSharding(mesh, PartitionSpec()))
        else:
            self._shared = jax.device_put(shared, devices[0])
        self._run = jax.jit(local)

    def _grid(self, shared, piece, first):
        """Coordinates (each of shape (batch,)) from the position inside the chunk."""
        layout, names = self.layout, self.plan.dims
        lead, values = piece
        # int32 is enough inside a chunk, also where 64-bit integers are off
        i = jnp.minimum(first + jnp.arange(self._batch, dtype=jnp.int32), layout.chunk_points - 1)
        x = {name: jnp.full((self._batch,), lead[j]) for j, name in enumerate(names[: layout.split])}
        stride = layout.rest
        x[names[layout.split]] = values[i // stride]
        for name, axis in zip(names[layout.split + 1 :], shared, strict=True):
            stride //= len(axis)
            x[name] = axis[(i // stride) % len(axis)]
        return x

    def _quasi_random(self, shared, piece, first):
        if self._real == np.float32:
            # the cells next to 0 and 1 would round to them
            piece = jnp.clip(piece, 2.0**-24, 1.0 - 2.0**-24)
        return {name: prior.from_unit(s) for (name, prior), s in zip(self.plan.priors.items(), piece, strict=True)}

    def dispatch(self, k: int) -> dict[str, jax.Array]:
        """Start computing chunk ``k``; arrays of shape (size,), of which the first layout.valid(k) count."""
        layout = self.layout
        if self._sobol:
            start, valid = layout.start(k), layout.valid(k)
            s = np.full((self._sobol.dims, self.size), 0.5, self._real)
            s[:, :valid] = self._sobol.block(start, start + valid)
            return self._run(self._shared, s, self._offset)
        lead = np.array([a[i] for a, i in zip(self.axes, layout.lead(k), strict=False)], self._real)
        part = self.axes[layout.split][layout.slices(k)[layout.split]]
        values = np.full(layout.block, part[-1], self._real)
        values[: len(part)] = part
        return self._run(self._shared, (lead, values), self._offset)


# --------------------------------------------------------------------------------------------------------------------
# results


class _Memory(ChunkedColumns):
    """A scan in memory."""

    def __init__(self, manifest: dict, layout: Layout, columns: dict[str, Column], coords: dict[str, tuple]):
        self.manifest, self.layout, self.columns, self.coords = manifest, layout, columns, coords
        self.done: set[int] = set()
        self._arrays = {name: np.full(layout.shape, c.fill, c.np_dtype) for name, c in columns.items()}

    def write_chunk(self, k: int, arrays: Mapping[str, np.ndarray]) -> None:
        valid, shape, where = self.layout.valid(k), self.layout.valid_shape(k), self.layout.slices(k)
        for name, a in self._arrays.items():
            a[where] = arrays[name][:valid].reshape(shape)
        self.done.add(k)

    def read_chunk(self, name: str, k: int) -> np.ndarray:
        self.column(name)
        return self._arrays[name][self.layout.slices(k)].reshape(-1)

    def to_grid(self, name: str) -> np.ndarray:
        self.column(name)
        return self._arrays[name]

    def coordinates(self, dim: str) -> np.ndarray:
        return self.coords[dim][0]


class Scan:
    """A finished (or interrupted) scan, in memory or on disk.

    Points that have not been computed hold NaN (False, 0) and are left out of every summary.  Where the likelihood has
    hard cuts (column ``allowed``), :meth:`best`, :meth:`profile` and :meth:`allowed` leave out what they exclude,
    unless ``cuts=False``.
    """

    def __init__(self, store: ScanStore | _Memory):
        self.store = store

    def __repr__(self) -> str:
        where = f"at {self.path}" if self.path else "in memory"
        state = "complete" if self.complete else f"{self.store.done_points:,} points done"
        return f"<Scan {where}: {self.method}, {self.n_points:,} points, {len(self.columns)} columns, {state}>"

    @property
    def path(self) -> Path | None:
        """Directory of the store; None in memory."""
        return self.store.path if isinstance(self.store, ScanStore) else None

    @property
    def manifest(self) -> dict:
        """What was run."""
        return self.store.manifest

    @property
    def method(self) -> str:
        """``"grid"`` or ``"sobol"``."""
        return self.manifest["method"]

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters that vary, in the order of the axes."""
        return tuple(name for name in self.manifest["parameters"] if name not in self.fixed)

    @property
    def fixed(self) -> dict[str, float]:
        """Free parameters of the likelihood that the scan holds at one value."""
        scanned = self.manifest["parameters"]
        return {name: p["scan"]["value"] for name, p in scanned.items() if "value" in p["scan"]}

    @property
    def axes(self) -> dict[str, np.ndarray]:
        """Values of each grid axis; empty for a quasi-random scan."""
        return {name: self.store.coordinates(name) for name in self.manifest["coords"]}

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes; (n,) for a quasi-random scan."""
        return self.store.layout.shape

    @property
    def n_points(self) -> int:
        return self.store.layout.n_points

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.store.columns)

    @property
    def complete(self) -> bool:
        """Whether every point has been computed."""
        return self.store.complete

    def __getitem__(self, name: str) -> np.ndarray:
        """Column ``name`` in memory, shape :attr:`shape`."""
        return self.store.to_grid(name)

    def grid(self, name: str) -> np.ndarray:
        """Column ``name`` of a grid scan in memory, one dimension per axis.  Raises InputError for other scans."""
        self._need_grid("grid()")
        return self.store.to_grid(name)

    def _need_grid(self, what: str) -> None:
        if self.method != "grid":
            raise InputError(f"{what} of a {self.method} scan (allowed: a grid scan)")

    def chunks(self, *names: str) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """(number, columns) of each computed chunk: 1-D arrays, so that a scan of any size can be worked through."""
        for k in sorted(self.store.done):
            yield k, {name: self.store.read_chunk(name, k) for name in names}

    def points(self, k: int) -> dict[str, np.ndarray]:
        """Values of the varied parameters at the points of chunk ``k``, each of shape (points of the chunk,)."""
        if not self.manifest["coords"]:
            return {name: self.store.read_chunk(name, k) for name in self.names}
        layout = self.store.layout
        where, shape = layout.slices(k), layout.valid_shape(k)
        out = {}
        for i, (name, values) in enumerate(self.axes.items()):
            part = values[where[i]].reshape([-1 if j == i else 1 for j in range(len(shape))])
            out[name] = np.broadcast_to(part, shape).reshape(-1)
        return out

    def select(self, threshold: float = 9.0, *columns: str, cuts: bool = True) -> Iterator[dict[str, np.ndarray]]:
        """The points with 2 (max log_prob - log_prob) <= ``threshold``, one chunk at a time: name -> 1-D array.

        Holds the varied parameters, ``log_prob`` and ``columns``.  Memory is that of a chunk, whatever the size of the scan.
        """
        for name in columns:
            self.store.column(name)
        floor = self.best(cuts)["log_prob"] - 0.5 * _number("select", "threshold", threshold)
        for k, lp in self._log_prob(cuts):
            inside = lp >= floor
            if inside.any():
                x = {name: v[inside] for name, v in self.points(k).items()}
                x["log_prob"] = lp[inside]
                yield x | {name: self.store.read_chunk(name, k)[inside] for name in columns}

    def _log_prob(self, cuts: bool) -> Iterator[tuple[int, np.ndarray]]:
        """(chunk, log_prob) with -inf for NaN and for what a cut excludes."""
        cuts = cuts and "allowed" in self.columns
        for k, c in self.chunks("log_prob", *(("allowed",) if cuts else ())):
            bad = np.isnan(c["log_prob"])
            if cuts:
                bad |= ~c["allowed"].astype(bool)
            yield k, np.where(bad, -np.inf, c["log_prob"])

    def best(self, cuts: bool = True) -> dict:
        """The point of largest log_prob: ``{"index", "log_prob", "chi2", "parameters": {...}, "columns": {...}}``.

        ``index`` is the number of the point in C order.  Raises InputError when no point is allowed and finite.
        """
        top, where = -math.inf, None
        for k, lp in self._log_prob(cuts):
            i = int(np.argmax(lp))
            if lp[i] > top:
                top, where = float(lp[i]), (k, i)
        if where is None:
            raise InputError("no point of the scan is allowed and has a finite log_prob")
        k, i = where
        index = self.store.layout.start(k) + i
        values = {name: self.store.read_chunk(name, k)[i].item() for name in self.columns}
        if self.method == "grid":
            where_nd = np.unravel_index(index, self.shape)
            x = {name: float(a[j]) for (name, a), j in zip(self.axes.items(), where_nd, strict=True)}
        else:
            x = {name: values.pop(name) for name in self.names}
        return {
            "index": index,
            "log_prob": values.pop("log_prob"),
            "chi2": values.pop("chi2"),
            "parameters": {**x, **self.fixed},
            "columns": values,
        }

    def profile(self, *names: str, cuts: bool = True) -> np.ndarray:
        """Largest log_prob over all axes but ``names``, shape: the lengths of those axes, in the order given.

        -inf where nothing is allowed, NaN where nothing has been computed.  Reads one chunk at a time.
        """
        self._need_grid("profile()")
        layout = self.store.layout
        for name in names:
            if name not in layout.dims:
                raise unknown("grid axis", name, layout.dims)
        if len(set(names)) != len(names):
            raise InputError(f"profile{names}: an axis is given twice")
        kept = [i for i, d in enumerate(layout.dims) if d in names]
        gone = tuple(i for i in range(len(layout.dims)) if i not in kept)
        out = np.full([layout.shape[i] for i in kept], np.nan)
        for k, lp in self._log_prob(cuts):
            part = lp.reshape(layout.valid_shape(k)).max(axis=gone)
            where = tuple(layout.slices(k)[i] for i in kept)
            out[where] = np.fmax(out[where], part)
        order = [layout.dims[i] for i in kept]
        return out.transpose([order.index(name) for name in names])

    def allowed(
        self, levels: Sequence[float] = (0.6827, 0.9545), dof: int | None = None, cuts: bool = True
    ) -> dict[float, np.ndarray]:
        """For each confidence level, which points lie inside: bool of shape :attr:`shape`.

        Inside means 2 (max log_prob - log_prob) <= the quantile of chi2 with ``dof`` degrees of freedom (default: the
        number of parameters that vary).  For scans that fit into memory; :meth:`select` and :meth:`profile` have no limit.
        """
        from scipy.special import gammaincinv

        levels = tuple(float(v) for v in np.atleast_1d(levels))
        for v in levels:
            if not 0.0 < v < 1.0:
                raise InputError(f"confidence level {v!r} (allowed: between 0 and 1)")
        dof = len(self.names) if dof is None else _count("dof", dof, 1)
        if self.n_points > MAX_IN_MEMORY:
            raise InputError(
                f"allowed() of {self.n_points:,} points (allowed: {MAX_IN_MEMORY:,}; select() and profile() go through a scan "
                "of any size)"
            )
        top = self.best(cuts)["log_prob"]
        layout = self.store.layout
        out = {v: np.zeros(self.shape, bool) for v in levels}
        for k, lp in self._log_prob(cuts):
            for v, mask in out.items():
                inside = lp >= top - gammaincinv(0.5 * dof, v)
                mask[layout.slices(k)] = inside.reshape(layout.valid_shape(k))
        return out

    def to_pandas(self):
        """As a pandas DataFrame (:func:`fipjax.adapters.to_pandas`)."""
        from fipjax.adapters import to_pandas

        return to_pandas(self)

    def to_xarray(self, verify: bool = False):
        """The scan as an ``xarray.Dataset`` with units and labels (from a store: read when used, by zarr, without a look at the
        checksums; ``verify``: every file is compared with its checksum before, InputError if one is damaged)."""
        try:
            import xarray
        except ImportError:
            raise MissingDependency('to_xarray needs xarray (pip install "fipjax[arviz]")') from None
        if isinstance(self.store, ScanStore):
            report = self.store.verify() if verify else None
            if report and not report.ok:
                raise InputError(f"store {self.path} is damaged: {report} (allowed: an intact store)")
            data = xarray.open_zarr(str(self.path))
            data = data.rename({encode_name(c): c for c in self.columns if encode_name(c) != c})
        else:
            dims, columns = self.store.layout.dims, self.store.columns
            arrays = {name: (dims, self.store.to_grid(name), c.attributes(name)) for name, c in columns.items()}
            coords = {name: (name, v, c.attributes(name)) for name, (v, c) in self.store.coords.items()}
            data = xarray.Dataset(arrays, coords=coords, attrs={"title": _TITLE})
        return data.set_coords([name for name in self.names if name in self.columns])


_TITLE = "fipjax scan"


def open_scan(path: str | os.PathLike, verify: bool = True) -> Scan:
    """Scan in the store at ``path``, for reading.

    verify: compare each file with its checksum when it is read for the first time.
    Raises InputError when there is no store or it is broken; later, reading a damaged file does.
    """
    from fipjax.engines import refine

    if not ScanStore.exists(path) and refine.unfinished(path):
        raise InputError(f"{path} is not finished (allowed: after its adaptive scan; run the same command again to resume)")
    store = ScanStore.open(path)
    store.check = bool(verify)
    return refine.AdaptiveScan(store) if store.manifest.get("method") == "adaptive" else Scan(store)


def verify(path: str | os.PathLike, repair: bool = False) -> Verification:
    """Read every chunk of the store at ``path`` and compare with its checksums.

    With ``repair``, damaged chunks count as not computed from then on (the next run of the scan computes them), and damaged
    metadata and grid axes are written again from the manifest; the report says what was found.  Raises InputError when there is
    no store, when its manifest is broken beyond repair and, with ``repair``, while another process writes it.
    """
    from fipjax.engines import refine

    if not ScanStore.exists(path) and refine.unfinished(path):
        raise InputError(f"{path} is not finished (allowed: after its adaptive scan; run the same command again to resume)")
    restored = ScanStore.mend_manifest(path) if repair else False
    store = ScanStore.open(path)
    if not repair:
        return store.verify()
    coords = {}
    for name in store.manifest["coords"]:
        spec = store.manifest["parameters"][name]["scan"]
        if "scale" in spec or "values" in spec:
            coords[name] = axis_values(name, spec)[0]
    report = store.repair(coords)
    return replace(report, mended={**report.mended, "manifest.json": "broken"}) if restored else report


# --------------------------------------------------------------------------------------------------------------------
# the engine


def _label(text: str) -> str:
    return text if not text or "$" in text else f"${text}$"


def _batch(like: Any, batch: int | None) -> int:
    if batch is None:
        batch = getattr(like, "batch", None) or (8192 if _devices()[0].platform == "cpu" else 131072)
    return _count("batch", batch, 1)


def _output_columns(like: Any, outputs: Mapping[str, np.dtype]) -> dict[str, Column]:
    described = getattr(like, "columns", None) or {}
    out = {}
    for name, dtype in outputs.items():
        d = described.get(name) or {}
        out[name] = Column(dtype.name, d.get("units") or "", d.get("long_name") or _DEFAULT_LABELS.get(name, ""))
    return out


def _parameter_column(like: Any, name: str, dtype: str) -> Column:
    p = getattr(like, "parameters", {}).get(name)
    return Column(dtype, str(getattr(p, "unit", "") or ""), _label(str(getattr(p, "latex", "") or "")))


def _default_chunk(n_points: int, row_bytes: int) -> int:
    """About 16 MB a chunk, and at least 16 chunks in all but small scans, so that little is lost with one; larger where there
    would be more than a few thousand (files)."""
    most = 1 << max(12, min(18, int(math.log2(16e6 / row_bytes))))
    most = max(most, min(_MAX_CHUNK, math.ceil(n_points / _FEW_CHUNKS)))
    return min(most, max(4096, math.ceil(n_points / 16)))


def scan(
    like: Any,
    spec: Mapping[str, Any] | None = None,
    out: str | os.PathLike | None = None,
    *,
    n: int | None = None,
    method: str = "grid",
    chunk: int | None = None,
    seed: int = 0,
    columns: Sequence[str] | None = None,
    overwrite: bool = False,
    progress: bool = True,
    batch: int | None = None,
    part: tuple[int, int] | None = None,
    takeover: bool = False,
    levels: int | None = None,
    threshold: float | None = None,
    safety: float | None = None,
    max_points: int | None = None,
    cuts: bool | None = None,
    seeds: Any = None,
    _after_chunk: Callable[[int], None] | None = None,
) -> Scan:
    """Evaluate ``like`` on a grid, at quasi-random points, or on a grid that is refined where the likelihood is high.

    Args:
        like: a likelihood: ``names``, ``priors``, ``parameters``, ``fingerprint()`` and ``evaluate(x)``, which takes
            the free parameters as arrays of shape (B,) and returns columns of shape (B,), ``log_prob`` and ``chi2``
            among them.
        spec: for a grid, for every free parameter a list of values, a table ``{min, max, n, scale}`` (see
            :func:`axis_values`) or one number; the last axis varies fastest.  For quasi-random points, optionally a
            prior or a number to use instead of the prior of ``like``.
        out: directory of the store; None keeps the scan in memory.  If it holds an unfinished run of the same scan,
            that is continued, after its chunks have been checked.
        n: number of quasi-random points (best a power of two).
        method: ``"grid"``, ``"sobol"`` or ``"adaptive"`` (see :mod:`fipjax.engines.refine`; ``n`` of an axis then counts
            cells of the coarse grid).
        chunk: largest number of points computed and written at a time.
        seed: scrambling of the quasi-random sequence.
        columns: names of the columns to keep besides log_prob, chi2 and allowed; None keeps all.
        overwrite: replace the scan at ``out``.
        progress: show a progress line.
        batch: points evaluated together inside a chunk (default: ``like.batch`` if there is one, else 8192 on a CPU
            and 131072 on a GPU); bounds the memory of intermediate results.
        part: (i, n) computes only every n-th chunk, from the i-th on, so that n processes can fill one store (a grid or
            quasi-random points); the default is the process index and count of ``jax.distributed``.
        takeover: after its own part, a process goes on with what the others have not done.
        levels, threshold, safety, max_points, cuts, seeds: of method adaptive, see :func:`fipjax.engines.refine.refine`.

    Raises:
        InputError: bad input; a store that cannot be written, or that belongs to another scan.
        ScanInterrupted: Ctrl-C; the message says how to resume.
    """
    refinement = {
        "levels": levels, "threshold": threshold, "safety": safety, "max_points": max_points, "cuts": cuts, "seeds": seeds,
    }  # fmt: skip
    refinement = {name: v for name, v in refinement.items() if v is not None}
    if method == "adaptive":
        from fipjax.engines.refine import refine

        for name, value in (("n", n), ("part", part), ("takeover", takeover or None), ("seed", seed or None)):
            if value is not None:
                raise InputError(f"{name} = {value!r} with method adaptive (allowed: methods grid and sobol)")
        return refine(
            like, spec or {}, out, chunk=chunk, columns=columns, overwrite=overwrite, progress=progress, batch=batch,
            _after_chunk=_after_chunk, **refinement,
        )  # fmt: skip
    if refinement:
        name, value = next(iter(refinement.items()))
        raise InputError(f"{name} = {value!r} with method {method} (allowed: method adaptive)")
    plan = _plan(like, spec, method, n)
    seed = _count("seed", seed, 0)
    n_points = math.prod(plan.shape)
    if n_points >= 2**63:
        raise InputError(f"the grid has {n_points:.3g} points (allowed: fewer than 2^63)")
    index, count = (jax.process_index(), jax.process_count()) if part is None else part
    if not 0 <= index < count:
        raise InputError(f"part = ({index}, {count}) (allowed: (i, n) with 0 <= i < n)")
    if out is None:
        if n_points > MAX_IN_MEMORY:
            raise InputError(f"{n_points:,} points in memory (allowed: {MAX_IN_MEMORY:,}; give an output store)")
        if count > 1:
            raise InputError("several processes need a store to write to (allowed: out = a directory they all see)")
    if overwrite and count > 1:
        raise InputError("overwrite with several processes (allowed: delete the store first)")
    batch = _batch(like, batch)

    real = np.dtype(jnp.result_type(float)).name
    outputs = _outputs(like, columns, batch)
    table = {name: _parameter_column(like, name, real) for name in plan.priors} | _output_columns(like, outputs)
    coords = {name: (v, _parameter_column(like, name, "float64")) for name, v in plan.axes.items()}
    if chunk is None:
        chunk = _default_chunk(n_points, sum(c.np_dtype.itemsize for c in table.values()))
    layout = Layout.blocked(plan.dims, plan.shape, min(_count("chunk", chunk, 1), 2**30))
    manifest = _manifest(like, plan, seed)

    mine = lambda k: k % count == index  # noqa: E731
    store: ScanStore | _Memory
    if out is None:
        full = complete_manifest(manifest, layout, table, coords)
        store = _Memory(full, layout, table, coords)
    elif ScanStore.exists(out) and not overwrite:
        full = complete_manifest(manifest, layout, table, coords)
        store = ScanStore.resume(out, full, part=(index, count) if count > 1 else None)
        # what is on disk, should another numpy round the axis differently
        plan.axes.update({name: store.coordinates(name) for name in plan.axes})
    else:
        store = ScanStore.create(
            out,
            manifest=manifest,
            layout=layout,
            columns=table,
            coords=coords,
            title=_TITLE,
            overwrite=overwrite,
            part=(index, count) if count > 1 else None,
        )
    try:
        todo = [k for k in store.todo if mine(k)]
        others = [k for k in store.todo if not mine(k)] if takeover else []
        # from the middle on: those who are at work on them begin at the front
        others = others[len(others) // 2 :] + others[: len(others) // 2]
        if todo or others:
            engine = _Chunks(like, plan, layout, outputs, seed, batch)
            left = sum(layout.valid(k) for k in todo)
            total = sum(layout.valid(k) for k in range(index, layout.n_chunks, count))
            bar = Progress("scan", total, start=total - left) if progress else None
            _stream(engine.dispatch, store, todo + others, bar, _after_chunk)
        if count > 1:
            store.refresh()
    except ScanInterrupted:
        raise
    except KeyboardInterrupt:
        done = f"{store.done_points:,} of {n_points:,} points"
        raise ScanInterrupted(
            f"scan interrupted: {done} are stored in {out}; run the same command again to resume"
            if isinstance(store, ScanStore)
            else f"scan interrupted: {done} were done and are lost; give an output store to be able to resume"
        ) from None
    finally:
        store.close()
    return Scan(store)


def _stream(
    dispatch: Callable[[int], Mapping[str, Any]],
    store: ScanStore | _Memory,
    todo: Iterable[int],
    bar: Progress | None,
    after: Callable[[int], None] | None,
) -> None:
    """Three stages at once: compute chunk j, copy chunk j - 1 to the host, write chunk j - 2.

    A chunk that another process has written meanwhile is left out.
    """

    def written(job: tuple[int, Future]) -> None:
        job[1].result()
        if bar:
            bar.update(store.layout.valid(job[0]))
        if after:
            after(job[0])

    computing: tuple[int, Mapping[str, Any]] | None = None
    writing: tuple[int, Future] | None = None
    # leaving the block waits for the chunk that is being written
    with ThreadPoolExecutor(1, thread_name_prefix="fipjax-store") as pool:
        for k in itertools.chain((k for k in todo if not store.has(k)), (None,)):
            ahead = None if k is None else (k, dispatch(k))
            if computing:
                arrays = {name: np.asarray(a) for name, a in computing[1].items()}
                if writing:
                    written(writing)
                writing = computing[0], pool.submit(store.write_chunk, computing[0], arrays)
            computing = ahead
        if writing:
            written(writing)
    if bar:
        bar.close()


def _parameters(like: Any, described: Mapping[str, dict], fixed: Mapping[str, float]) -> dict:
    parameters = {}
    for name in [*(n for n in described if n not in fixed), *fixed]:
        p = getattr(like, "parameters", {}).get(name)
        prior = like.priors.get(name)
        parameters[name] = {
            "unit": str(getattr(p, "unit", "") or ""),
            "latex": str(getattr(p, "latex", "") or ""),
            "prior": prior.describe() if prior is not None else None,
            "scan": described[name],
        }
    return parameters


def _manifest(like: Any, plan: _Plan, seed: int) -> dict:
    """What decides the numbers in the store."""
    parameters = _parameters(like, plan.described, plan.fixed)
    out = {
        "kind": "scan",
        "likelihood": to_jsonable(like.fingerprint()),
        "method": plan.method,
        "names": list(like.names),
        "parameters": parameters,
        "code": f"fipjax {__version__}",
        **provenance(like),
    }
    if plan.method == "sobol":
        out["seed"] = seed
    return out
