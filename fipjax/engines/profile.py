"""Profile likelihood: chi2 on a grid of one or two parameters, minimised over all the others.

The searches are those of the fit (:mod:`fipjax.engines.fit`) with the gridded parameters held.  Every grid point gets a few fresh
starts; then all points start again from where their neighbours ended, sweep after sweep, until nothing improves: a valley that
one point has found spreads over the grid.  All searches, whatever their grid point, are rows of one compiled program.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fipjax import _arviz
from fipjax._version import __version__
from fipjax.engines.checkpoint import Checkpoint, run_identity
from fipjax.engines.fit import (
    Ends,
    Engine,
    Target,
    _search,
    _sobol,
    check_count,
    describe_parameters,
    parse_json,
    plain,
    text_table,
)
from fipjax.engines.scan import axis_values
from fipjax.errors import InputError, unknown
from fipjax.priors import Gaussian, LogFlat, SignedLog
from fipjax.progress import Progress

#: an improvement of the objective by less than this is not passed on to the neighbours.
GAIN = 1e-3
#: searches that end within this of the minimum of their grid point have found it.
NEAR = 0.1
#: grid points from which the gridded parameters are set free to find the global minimum.
RELEASED = 6
#: Delta(-2 ln L) of 1, 2 and 3 sigma for one parameter.
LEVELS = (1.0, 4.0, 9.0)

_POOL = 3  # distinct minima kept per grid point
_ROUNDS = 4  # the fresh starts come in so many portions, so that an interrupted run has something for every point


# ---------------------------------------------------------------------------------------------- the grid


def default_axis(prior, n: int) -> dict:
    """Axis of ``n`` values over a prior, equal steps where the prior is flat (a Gaussian one: three standard deviations)."""
    if isinstance(prior, SignedLog):
        return {"min": prior.min, "max": prior.max, "n": n, "scale": "signed_log"}
    if isinstance(prior, Gaussian):
        return {"min": prior.mean - 3.0 * prior.sigma, "max": prior.mean + 3.0 * prior.sigma, "n": n, "scale": "linear"}
    low, high = prior.support
    return {"min": low, "max": high, "n": n, "scale": "log" if isinstance(prior, LogFlat) else "linear"}


def grid_of_table(like, table: Mapping[str, Any]) -> dict[str, dict]:
    """Axes from the [profile] table of a run file.

    parameters: one or two names; points: a number, or one per parameter; range: (min, max), or one pair per parameter (default: the
    prior's); scale: "linear", "log" or "signed_log", or one per parameter.
    """
    names = table.get("parameters")
    if not isinstance(names, list | tuple) or not 1 <= len(names) <= 2:
        raise InputError(f"[profile] parameters = {names!r} (allowed: a list of one or two free parameters)")
    for name in names:
        if name not in like.names:
            raise unknown("free parameter in [profile]", name, like.names)
    if len(set(names)) < len(names):
        raise InputError(f"[profile] parameters = {names!r} (allowed: different ones)")

    def each(key: str, single: Callable[[Any], bool]) -> list:
        value = table.get(key)
        values = [value] * len(names) if value is None or (single(value) and (key != "range" or len(names) == 1)) else value
        if not isinstance(values, list | tuple) or len(values) != len(names) or not all(v is None or single(v) for v in values):
            what = {"points": "a whole number", "range": "[min, max]", "scale": "a text"}[key]
            raise InputError(f"[profile] {key} = {value!r} (allowed: {what} for each of {', '.join(names)})")
        return list(values)

    number = lambda v: isinstance(v, int | float) and not isinstance(v, bool)  # noqa: E731
    points = each("points", lambda v: isinstance(v, int) and not isinstance(v, bool))
    ranges = each("range", lambda v: isinstance(v, list | tuple) and len(v) == 2 and all(map(number, v)))
    scales = each("scale", lambda v: isinstance(v, str))
    grid = {}
    for name, n, ends, scale in zip(names, points, ranges, scales, strict=True):
        axis = default_axis(like.priors[name], (40 if len(names) == 1 else 20) if n is None else n)
        if ends is not None:
            axis |= {"min": ends[0], "max": ends[1]}
            if axis["scale"] == "signed_log":
                axis["scale"] = "linear"  # a range that need not be symmetric
        grid[name] = axis | ({} if scale is None else {"scale": scale})
    return grid


def _axes(like, grid) -> tuple[dict[str, np.ndarray], dict[str, dict]]:
    if not isinstance(grid, Mapping) or not 1 <= len(grid) <= 2:
        raise InputError(f"grid = {grid!r} (allowed: a table of one or two free parameters)")
    axes, specs = {}, {}
    for name, spec in grid.items():
        if name not in like.names:
            raise unknown("free parameter", name, like.names)
        prior = like.priors[name]
        if isinstance(spec, int | np.integer) and not isinstance(spec, bool):
            spec = default_axis(prior, int(spec))
        values, about = axis_values(name, spec)
        low, high = prior.support
        slack = 1e-9 * max(abs(low), abs(high)) if math.isfinite(high - low) else 0.0
        bad = values[(values < low - slack) | (values > high + slack)]
        if len(bad):
            raise InputError(f"parameter {name!r}: grid value {bad[0]:g} (allowed: {low:g} to {high:g}, the range of its prior)")
        axes[name], specs[name] = np.sort(np.clip(values, low, high)), about
    return axes, specs


# ---------------------------------------------------------------------------------------------- the result


@dataclass
class ProfileResult:
    """Profile likelihood on a grid.

    ``axes``: name -> values.  ``objective``: -2 log_prob plus the prior's term, minimised, in the shape of the grid (nan where
    no search ended at a finite value); ``chi2``: that of the data alone at the same points; ``points``: all parameters there;
    ``converged``: the best search ended by itself; ``found``: number of searches that ended within ``NEAR`` of it.
    ``best`` and ``minimum``: the global minimum, with the gridded parameters free.
    """

    names: tuple[str, ...]
    axes: dict[str, np.ndarray]
    specs: dict[str, dict]
    objective: np.ndarray
    chi2: np.ndarray
    points: dict[str, np.ndarray]
    converged: np.ndarray
    found: np.ndarray
    best: dict[str, float]
    minimum: float
    sm_chi2: float
    with_prior: Any
    settings: dict
    sweeps: int = 0
    searches: int = 0
    complete: bool = True
    seconds: float = math.nan
    fingerprint: dict = field(default_factory=dict)
    parameters: dict[str, dict] = field(default_factory=dict)
    version: str = __version__

    @property
    def delta(self) -> np.ndarray:
        """Delta(-2 ln L) with respect to the global minimum, in the shape of the grid."""
        return self.objective - self.minimum

    def intervals(self, level: float = 1.0) -> list[tuple[float, float]]:
        """Where :attr:`delta` of a one-dimensional profile is below ``level``: (low, high) of each stretch.

        Between grid points the root of delta is interpolated linearly, exact for a parabola.  A stretch that reaches the
        end of the grid ends there: its limit is not known.
        """
        if len(self.axes) != 1:
            raise InputError("intervals of a two-dimensional profile (allowed: one parameter)")
        (v,) = self.axes.values()
        root = np.sqrt(np.clip(np.nan_to_num(self.delta, nan=np.inf), 0.0, 1e300))
        below = root < math.sqrt(level)

        def crossing(i: int, j: int) -> float:
            if not np.isfinite(self.delta[j]):
                return float(v[i])
            return float(v[i] + (v[j] - v[i]) * (math.sqrt(level) - root[i]) / (root[j] - root[i]))

        out, i = [], 0
        while i < len(v):
            if not below[i]:
                i += 1
                continue
            k = i
            while k + 1 < len(v) and below[k + 1]:
                k += 1
            out.append((float(v[0]) if i == 0 else crossing(i, i - 1), float(v[-1]) if k + 1 == len(v) else crossing(k, k + 1)))
            i = k + 1
        return out

    @property
    def notes(self) -> list[str]:
        """What is worth knowing about the searches."""
        out = []
        total = self.objective.size
        if not self.complete:
            out.append(f"the run was interrupted after {self.sweeps} sweeps: values are upper limits")
        lost = int(np.sum(~np.isfinite(self.objective)))
        if lost:
            out.append(f"no finite value at {lost} of {total} grid points")
        loose = int(np.sum(np.isfinite(self.objective) & ~self.converged))
        if loose:
            out.append(f"the best search did not converge at {loose} of {total} grid points; raise maxiter")
        alone = int(np.sum(self.found == 1))
        if alone > 0.1 * total:
            out.append(f"only one search found the minimum at {alone} of {total} grid points; raise starts")
        if np.nanmin(self.objective) < self.minimum - 1e-6 * max(1.0, abs(self.minimum)):
            out.append("the global minimum is not below the grid")
        return out

    def summary(self) -> str:
        """Text for people."""
        shape = " x ".join(str(len(v)) for v in self.axes.values())
        out = [
            f"profile over {', '.join(self.axes)}: {shape} points, {self.searches:,} searches, {self.sweeps} sweeps, "
            f"took {self.seconds:.1f} s",
            f"minimum of -2 ln L: {self.minimum:.4f} (SM {self.sm_chi2:.4f}) at "
            + ", ".join(f"{k} = {v:.5g}" for k, v in self.best.items()),
        ]
        if len(self.axes) == 1:
            (name,) = self.axes
            rows = [["Delta chi2 below", f"{name} [{self.parameters.get(name, {}).get('unit', '') or '1'}]"]]
            for level in LEVELS:
                text = ", ".join(f"[{a:.5g}, {b:.5g}]" for a, b in self.intervals(level)) or "nowhere on the grid"
                rows.append([f"{level:g}", text])
            out += text_table(rows)
        return "\n".join([*out, *(f"note: {t}" for t in self.notes)])

    def __str__(self) -> str:
        return self.summary()

    def as_scan(self) -> Any:
        """The grid in the form that the pictures of a scan are made from."""
        about = {k: {**self.parameters.get(k, {}), "scan": self.specs[k]} for k in self.axes}
        log_prob = -0.5 * np.where(np.isfinite(self.objective), self.objective, np.nan)
        likelihood = dict(self.fingerprint)
        if len(self.names) > len(self.axes):
            likelihood.pop("model", None)  # with couplings profiled away no place in the picture is the Standard Model

        def profile(*names, cuts=False):
            return log_prob if len(names) < 2 or tuple(names) == tuple(self.axes) else log_prob.T

        return SimpleNamespace(method="grid", axes=self.axes, names=tuple(self.axes), fixed={}, columns=(), profile=profile,
                               manifest={"parameters": about, "likelihood": likelihood})  # fmt: skip

    def to_xarray(self):
        """xarray Dataset: objective, delta, chi2, converged, found and the other parameters, on the grid."""
        import xarray

        name = _variable
        dims = tuple(name(k) for k in self.axes)

        def about(k: str) -> dict:
            p = self.parameters.get(k, {})
            texts = {"long_name": p.get("latex") or k, "units": p.get("unit", ""), "description": p.get("description", "")}
            return {a: t for a, t in texts.items() if t}

        data = {
            "objective": (dims, self.objective, {"long_name": "-2 ln L (and prior), minimised", "units": "1"}),
            "delta": (dims, self.delta, {"long_name": "objective - global minimum", "units": "1"}),
            "chi2": (dims, self.chi2, {"long_name": "chi2 of the data", "units": "1"}),
            "converged": (dims, self.converged.astype(np.int8), {"long_name": "the best search converged"}),
            "found": (dims, self.found, {"long_name": "searches that found the minimum"}),
        }
        data |= {name(k): (dims, v, about(k)) for k, v in self.points.items() if k not in self.axes}
        meta = {k: getattr(self, k) for k in _META} | {"format_version": 1, "axes": list(self.axes)}
        attrs = {
            "fipjax_version": self.version,
            "fipjax_fingerprint": json.dumps(plain(self.fingerprint), allow_nan=False),
            "fipjax_profile": json.dumps(plain(meta), allow_nan=False),
        }
        return xarray.Dataset(data, {name(k): (name(k), v, about(k)) for k, v in self.axes.items()}, attrs)

    def save(self, path: str | os.PathLike) -> None:
        """Write netCDF; InputError if the file cannot be written."""
        _arviz._xarray()
        _arviz.write(path, self.to_xarray())


_META = ("names", "specs", "best", "minimum", "sm_chi2", "with_prior", "settings", "sweeps", "searches", "complete", "seconds",
         "parameters")  # fmt: skip


def _variable(name: str) -> str:
    """A parameter's name in netCDF, where a slash separates groups; free of the names of our own variables."""
    name = name.replace("/", "_over_")
    return name + "_" if name in ("objective", "delta", "chi2", "converged", "found") else name


def is_profile(path: str | os.PathLike) -> bool:
    """Whether a netCDF file is a profile that fipjax wrote."""
    try:
        _arviz.check_hdf5(path)
        with _arviz._xarray().open_dataset(str(path), engine="h5netcdf") as data:
            return "fipjax_profile" in data.attrs
    except (OSError, KeyError, ValueError):
        return False


def load_profile(path: str | os.PathLike) -> ProfileResult:
    """Read what :meth:`ProfileResult.save` wrote; InputError if it is not such a file."""
    xarray = _arviz._xarray()
    if not Path(path).is_file():
        raise InputError(f"cannot read {str(path)!r}: no such file")
    if not is_profile(path):
        raise InputError(f"{str(path)!r} is not a profile written by fipjax")
    try:
        with xarray.open_dataset(str(path), engine="h5netcdf") as data:
            meta = parse_json(data.attrs["fipjax_profile"])
            axes = {k: np.array(data[_variable(k)].values, float) for k in meta.pop("axes")}
            mesh = dict(zip(axes, np.meshgrid(*axes.values(), indexing="ij"), strict=True))
            points = {k: mesh[k] if k in axes else np.array(data[_variable(k)].values) for k in meta["names"]}
            version = meta.pop("format_version")
            if version != 1:
                raise InputError(f"{str(path)!r}: format_version = {version!r} (this fipjax reads 1)")
            numbers = {k: math.nan if meta[k] is None else float(meta[k]) for k in ("minimum", "sm_chi2", "seconds")}
            return ProfileResult(
                **{**meta, **numbers, "names": tuple(meta["names"])},
                axes=axes,
                points=points,
                objective=np.array(data["objective"].values, float),
                chi2=np.array(data["chi2"].values, float),
                converged=np.array(data["converged"].values).astype(bool),
                found=np.array(data["found"].values, int),
                fingerprint=parse_json(data.attrs["fipjax_fingerprint"]),
                version=str(data.attrs["fipjax_version"]),
            )
    except (KeyError, TypeError, ValueError) as err:
        raise InputError(f"{str(path)!r}: damaged profile file ({type(err).__name__}: {err})") from None


class ProfileInterrupted(KeyboardInterrupt):
    """Ctrl-C during a profile; ``result`` holds what was found so far, labelled incomplete."""

    def __init__(self, result: ProfileResult):
        super().__init__(f"interrupted after {result.sweeps} sweeps")
        self.result = result


# ---------------------------------------------------------------------------------------------- searches


class _Held(Engine):
    """The fit's engine with the gradient of some coordinates put to zero: the searches then never move them."""

    def __init__(self, target: Target, kind, held: np.ndarray):
        super().__init__(target, kind)
        everything: Any = self.program
        select = jax.jit(lambda out, free: {**out, "grad": jnp.where(free, out["grad"], 0.0)})
        self.free = ~held
        self.program: Any = lambda u: select(everything(u), jnp.asarray(self.free))


class _Grid:
    """What is known at each of the P grid points: up to ``_POOL`` distinct minima, best first."""

    def __init__(self, target: Target, axes: dict[str, np.ndarray]):
        self.target = target
        self.index = [target.names.index(k) for k in axes]
        self.shape = tuple(len(v) for v in axes.values())
        mesh = dict(zip(axes, np.meshgrid(*axes.values(), indexing="ij"), strict=True))
        self.size = math.prod(self.shape)
        self.held = np.stack(
            [np.asarray(target.priors[i].to_real(jnp.asarray(mesh[k].ravel()))) for k, i in zip(axes, self.index, strict=True)], -1
        )
        self.pool: list[list[tuple[float, int, np.ndarray]]] = [[] for _ in range(self.size)]
        self.found = np.zeros(self.size, int)
        self.top = np.full(self.size, np.inf)

    def place(self, u: np.ndarray, where: np.ndarray) -> np.ndarray:
        """u (N, n) with the held coordinates of grid points ``where`` (N,)."""
        u = np.array(u, float)
        u[:, self.index] = self.held[where]
        return u

    def neighbours(self) -> list[np.ndarray]:
        """For each axis and direction, the number of the neighbour of every grid point, or -1."""
        number = np.arange(self.size).reshape(self.shape)
        out = []
        for axis, length in enumerate(self.shape):
            for step in (1, -1):
                at = np.arange(length) + step
                inside = (at >= 0) & (at < length)
                moved = np.take(number, np.clip(at, 0, length - 1), axis=axis)
                view = [1] * len(self.shape)
                view[axis] = length
                out.append(np.where(inside.reshape(view), moved, -1).ravel())
        return out

    def snapshot(self) -> dict[str, np.ndarray]:
        """What is known, as arrays."""
        value, status = np.full((self.size, _POOL), np.nan), np.zeros((self.size, _POOL), int)
        u = np.zeros((self.size, _POOL, self.target.n))
        for p, kept in enumerate(self.pool):
            for j, (v, s, at) in enumerate(kept):
                value[p, j], status[p, j], u[p, j] = v, s, at
        return {"value": value, "status": status, "u": u, "found": self.found.copy(), "top": self.top.copy()}

    def restore(self, kept: Mapping[str, np.ndarray]) -> None:
        """What :meth:`snapshot` returned; ValueError if it is that of another grid."""
        value, status, u = (np.asarray(kept[k]) for k in ("value", "status", "u"))
        if value.shape != (self.size, _POOL) or u.shape != (*value.shape, self.target.n):
            raise ValueError("the grid has another shape")
        self.pool = [
            [(float(value[p, j]), int(status[p, j]), u[p, j]) for j in range(_POOL) if not math.isnan(value[p, j])]
            for p in range(self.size)
        ]
        self.found, self.top = np.array(kept["found"]), np.array(kept["top"])

    def add(self, ends: Ends, where: np.ndarray) -> np.ndarray:
        """Take up the ends of searches at grid points ``where``; bool (P,): points whose minimum became lower by ``GAIN``."""
        t = self.target.t_of_u(ends.u)
        better = np.zeros(self.size, bool)
        for i in np.argsort(ends.value, kind="stable"):
            p, value = int(where[i]), float(ends.value[i])
            if not math.isfinite(value):
                continue
            if value < self.top[p]:
                # what was found before is found no longer if this is another minimum
                self.found[p] = self.found[p] if self.top[p] - value < NEAR else 0
                better[p] |= self.top[p] - value > GAIN
                self.top[p] = value
            self.found[p] += value < self.top[p] + NEAR
            kept = self.pool[p]
            near = [j for j, (_, _, u) in enumerate(kept) if np.max(np.abs(self.target.t_of_u(u) - t[i])) < 0.02]
            if near:
                j = near[0]
                if value < kept[j][0]:
                    kept[j] = (value, int(ends.status[i]), ends.u[i])
            else:
                kept.append((value, int(ends.status[i]), ends.u[i]))
            kept.sort(key=lambda e: e[0])
            del kept[_POOL:]
        return better


def profile(
    like,
    grid: Mapping[str, Any],
    *,
    starts: int = 16,
    sweeps: int = 50,
    maxiter: int = 300,
    seed: int = 0,
    with_prior: bool | str = "gaussian",
    out: str | os.PathLike | None = None,
    progress: bool = True,
    resume: bool = False,
) -> ProfileResult:
    """-2 ln L on a grid of one or two parameters, minimised over all other free parameters.

    Parameters
    ----------
    like: the likelihood (``names``, ``priors``, ``log_prob``, ...).
    grid: one or two names -> values, a table ``{min, max, n, scale}`` as for :func:`fipjax.scan`, or a number of values over the
        prior's range.
    starts: fresh starts per grid point, at quasi-random points of the prior.
    sweeps: largest number of sweeps in which every point starts again from its neighbours; they end when nothing improves.
    maxiter: trial points per search.
    seed: of the fresh starts.
    with_prior: as for :func:`fipjax.fit`; "gaussian" adds the pulls of parameters with a Gaussian prior (nuisance parameters).
    out: netCDF file that is written anew after every sweep.  Until the end the state of the searches is kept beside it
        (``out``.state), written every few seconds and on Ctrl-C.
    progress: show a line on stderr.
    resume: go on from the state that an interrupted profile with this ``out`` left, to the same result; without such a state,
        from the beginning.

    Raises InputError on bad arguments, if no start has a finite likelihood, and if the state is damaged or belongs to another
    profile; ProfileInterrupted (a KeyboardInterrupt) with what was found so far on Ctrl-C.
    """
    t0 = time.monotonic()
    if not (with_prior in (False, True) or with_prior == "gaussian"):
        raise InputError(f"with_prior = {with_prior!r} (allowed: False, True, 'gaussian')")
    starts, sweeps = check_count("starts", starts), check_count("sweeps", sweeps)
    maxiter, seed = check_count("maxiter", maxiter), check_count("seed", seed, 0)
    axes, specs = _axes(like, grid)
    if out is not None:
        _arviz._xarray()
    target = Target(like)
    held = np.isin(target.names, list(axes))
    engine = _Held(target, with_prior, held)
    search = _search(engine)
    state = _Grid(target, axes)
    settings = {"starts": starts, "sweeps": sweeps, "maxiter": maxiter, "seed": seed}
    whole = {**settings, "with_prior": with_prior, "axes": {k: v.tolist() for k, v in axes.items()}}
    keep = Checkpoint(out, run_identity(like, "profile", target.names, engine.rows, whole), resume)
    portions = min(_ROUNDS, starts)
    free = portions + sweeps  # stages: the portions of fresh starts, the sweeps, and the gridded parameters set free
    # what is kept; "search" is the one that is under way in this stage
    now: dict[str, Any] = {
        "stage": 0, "grid": state.snapshot(), "better": np.zeros(state.size, bool), "sweeps": 0, "searches": 0, "released": [],
        "search": None,
    }  # fmt: skip

    def jobs(stage: int) -> tuple[np.ndarray, np.ndarray]:
        """Starts u (N, n) of a stage and the numbers of their grid points (N,)."""
        if stage < portions:
            portion = np.array_split(np.arange(starts), portions)[stage]
            where = np.tile(np.arange(state.size), len(portion))
            return state.place(fresh[portion].reshape(-1, target.n), where), where
        if stage < free:
            found = [
                (p, e[2]) for near in state.neighbours() for p, q in enumerate(near) if q >= 0 and now["better"][q]
                for e in state.pool[q]
            ]  # fmt: skip
            where = np.array([p for p, _ in found], int)
            return state.place(np.array([u for _, u in found]).reshape(-1, target.n), where), where
        # from the best points
        order = np.argsort(state.top, kind="stable")[:RELEASED]
        where = order[np.isfinite(state.top[order])]
        return np.stack([state.pool[p][0][2] for p in where]), where

    def take_up(ends: Ends, where: np.ndarray, stage: int) -> tuple[np.ndarray, list]:
        """Which grid points became better, and the minima with the gridded parameters free."""
        if stage < free:
            better = state.add(ends, where)
            # the first sweep starts from what any of the fresh starts found
            return better if stage >= portions else np.isfinite(state.top), now["released"]
        finite = [[float(v), u] for v, u in zip(ends.value, ends.u, strict=True) if math.isfinite(v)]
        return now["better"], [*now["released"], *finite]

    def result(complete: bool) -> ProfileResult:
        released = [(float(v), np.asarray(u)) for v, u in now["released"]]
        done = {"sweeps": now["sweeps"], "searches": now["searches"]}
        return _result(engine, state, axes, specs, released, with_prior, settings, done, complete, time.monotonic() - t0)

    bar = None
    try:
        fresh = target.u_of_s(_sobol(starts * state.size, target.n, seed)).reshape(starts, state.size, target.n)
        hints = [target.u_of_x(h) for h in (getattr(like, "start_hints", list)() or [])][:starts]
        for k, u in enumerate(hints):
            fresh[k] = np.clip(u, -8.0, 8.0)
        if keep.state is not None:
            try:
                now = {k: keep.state[k] for k in now}
                state.restore(now["grid"])
            except (KeyError, TypeError, ValueError) as err:
                raise keep.damaged(str(err)) from None
        bar = Progress("profile", starts * state.size, "searches", start=now["searches"]) if progress else None
        while now["stage"] <= free:
            stage = now["stage"]
            if stage == portions and not np.any(np.isfinite(state.top)):
                raise InputError("no starting point has a finite likelihood; check the parameter ranges")
            u, where = jobs(stage)
            if not len(u):
                now = {**now, "stage": free}
                continue
            begun = None
            if now["search"] is not None:
                try:
                    begun = search.unpack(now["search"], len(u))
                except (KeyError, TypeError, ValueError) as err:
                    raise keep.damaged(str(err)) from None
            if stage == free:
                engine.free = np.ones(target.n, bool)
            elif bar:
                bar.total = max(bar.total, now["searches"] + len(u))
            fixed = now

            def after(moving: dict, fixed: dict = fixed) -> None:
                keep.commit({**fixed, "search": search.pack(moving)})

            ends = search.run(u, maxiter, bar if stage < free else None, after, begun)
            better, released = take_up(ends, where, stage)
            now = {
                "stage": stage + 1, "grid": state.snapshot(), "better": better,
                "sweeps": now["sweeps"] + (portions <= stage < free), "searches": now["searches"] + len(u) * (stage < free),
                "released": released, "search": None,
            }  # fmt: skip
            keep.commit(now)
            if out is not None and stage < free and np.any(np.isfinite(state.top)):
                result(False).save(out)
        final = result(True)
        if out is not None:
            final.save(out)
    except KeyboardInterrupt:
        keep.write()
        if keep.state is not None:
            now = keep.state
            state.restore(now["grid"])
            if now["search"] is not None:
                where = jobs(now["stage"])[1]
                ends, some = search.so_far(search.unpack(now["search"], len(where)))
                now = {**now, "released": take_up(ends, where[some], now["stage"])[1]}
        if not np.any(np.isfinite(state.top)):
            raise KeyboardInterrupt("interrupted before the end of the first searches") from None
        stopped = result(False)
        if out is not None:
            stopped.save(out)
        raise ProfileInterrupted(stopped) from None
    finally:
        if bar:
            bar.close()
    keep.remove()
    return final


def _result(engine, state, axes, specs, released, with_prior, settings, done, complete, seconds) -> ProfileResult:
    target, like = engine.target, engine.target.like
    good = [bool(pool) for pool in state.pool]
    u = state.place(np.stack([pool[0][2] if pool else np.zeros(target.n) for pool in state.pool]), np.arange(state.size))
    columns = engine(u)
    x = target.points(u)
    blank = lambda v: np.where(good, v, np.nan).reshape(state.shape)  # noqa: E731
    points = {k: blank(x[:, i]) for i, k in enumerate(target.names)}
    # the grid itself, without the rounding of the way to u and back
    points |= dict(zip(axes, np.meshgrid(*axes.values(), indexing="ij"), strict=True))
    minimum, top = min([*released, (float(np.min(state.top)), u[int(np.argmin(state.top))])], key=lambda e: e[0])
    return ProfileResult(
        names=target.names,
        axes=axes,
        specs=specs,
        objective=blank(state.top),
        chi2=blank(columns["chi2"]),
        points=points,
        converged=np.array([bool(pool) and pool[0][1] == 1 for pool in state.pool]).reshape(state.shape),
        found=state.found.reshape(state.shape).copy(),
        best=dict(zip(target.names, map(float, target.points(top)), strict=True)),
        minimum=float(minimum),
        sm_chi2=float(like.sm_chi2()),
        with_prior=with_prior,
        settings=settings,
        sweeps=done["sweeps"],
        searches=done["searches"],
        complete=complete,
        seconds=seconds,
        fingerprint=plain(like.fingerprint()) if hasattr(like, "fingerprint") else {},
        parameters=describe_parameters(like),
    )
