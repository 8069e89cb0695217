"""Pictures of scans, fits and posteriors.

Every function returns a :class:`matplotlib.figure.Figure` at print size, in the style of
:mod:`fipjax.plotting.style`; :func:`fipjax.plotting.style.save` writes it.  :func:`plot` and :func:`plot_file` choose
the picture from what they are given.
"""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, MultipleLocator, NullLocator

from fipjax.errors import InputError, unknown
from fipjax.plotting import style as st
from fipjax.plotting.style import Figure

SIGMAS = (1, 2, 3)
DELTA_CHI2 = {dof: tuple(v) for dof, v in {1: (1.0, 4.0, 9.0), 2: (2.2957, 6.1801, 11.8292)}.items()}
"""Delta(-2 ln L) of 1, 2 and 3 sigma for one and two degrees of freedom."""
PROBABILITIES = (0.6827, 0.9545, 0.9973)
"""Content of the 1, 2 and 3 sigma regions."""
MAX_COLUMNS = 14
"""Columns of a corner plot."""


# --------------------------------------------------------------------------------------------------------------------
# what is on an axis


@dataclass(frozen=True)
class _Quantity:
    """A parameter, or a product of parameters: LaTeX without dollar signs, unit, and how it is drawn.

    scale: "linear", "log" (of sign * x) or "signed_log" (asinh(x / width)).  low, high: of what is drawn (sign * x).
    """

    names: tuple[str, ...]
    latex: str
    unit: str
    scale: str
    low: float = math.nan
    high: float = math.nan
    width: float = 0.0
    sign: int = 1

    @property
    def label(self) -> str:
        """Axis label of sign * x, unit included."""
        return st.with_unit(f"${'-' if self.sign < 0 else ''}{self.latex}$", self.unit)

    def to_flat(self, v: np.ndarray) -> np.ndarray:
        """Coordinate in which the axis is linear."""
        if self.scale == "log":
            return np.log10(v)
        return np.arcsinh(v / self.width) if self.scale == "signed_log" else v

    def from_flat(self, t: np.ndarray) -> np.ndarray:
        """Inverse of :meth:`to_flat`."""
        if self.scale == "log":
            return 10.0**t
        return self.width * np.sinh(t) if self.scale == "signed_log" else t


def _product_latex(names: Sequence[str], about: Mapping[str, Mapping]) -> tuple[str, str]:
    """LaTeX and unit of a product of parameters."""
    latex = r"\,".join(st.formula(n, about.get(n)) for n in names)
    powers: dict[str, int] = {}
    for n in names:
        for piece in str((about.get(n) or {}).get("unit") or "").split():
            base, _, power = piece.partition("^")
            powers[base] = powers.get(base, 0) + int(power or 1)
    return latex, " ".join(b if p == 1 else f"{b}^{p}" for b, p in powers.items() if p)


def _looks_log(values: np.ndarray) -> bool:
    """Whether listed grid values are meant for a logarithmic axis: one sign, and equal ratios or many decades."""
    v = np.sort(np.abs(values))
    if len(v) < 3 or not (np.all(values > 0) or np.all(values < 0)):
        return False
    steps = np.diff(np.log(v))
    return bool(np.ptp(steps) < 1e-6 * steps.max() or v[-1] > 1e3 * v[0])


def _scan_quantity(scan: Any, name: str) -> _Quantity:
    """How a varied parameter of a scan is drawn."""
    about = scan.manifest["parameters"][name]
    spec = about["scan"]
    latex, unit = st.formula(name, about), str(about.get("unit") or "")
    sign, width = 1, 0.0
    if scan.method == "grid":
        values = np.asarray(scan.axes[name], float)
        scale = spec.get("scale") or ("log" if _looks_log(values) else "linear")
        if scale == "log" and values[0] < 0:
            sign = -1
        low, high = float((sign * values).min()), float((sign * values).max())
        if scale == "signed_log":
            width = float(spec["min"])
    else:
        scale = {"log": "log", "signed_log": "signed_log"}.get(spec["prior"], "linear")
        if scale == "log":
            sign, low, high = int(spec["sign"]), spec["min"], spec["max"]
        elif scale == "signed_log":
            low, high, width = -spec["max"], spec["max"], spec["min"]
        else:
            low, high = (spec["min"], spec["max"]) if spec["prior"] == "flat" else (math.nan, math.nan)
    return _Quantity((name,), latex, unit, scale, low, high, width, sign)


def _label_axis(ax: Axes, which: str, q: _Quantity, low: float, high: float, ticks: int = 7) -> None:
    """Scale, limits, ticks and label of one axis."""
    power = st.dress_axis(ax, which, q.scale, low, high, q.width, ticks)
    text = st.with_unit(f"${'-' if q.sign < 0 else ''}{q.latex}$", st.scaled_unit(q.unit, power))
    getattr(ax, f"set_{which}label")(text)


# --------------------------------------------------------------------------------------------------------------------
# scans


def plot_scan(
    scan: Any,
    x: str | Sequence[str] | None = None,
    y: str | Sequence[str] | None = None,
    *,
    products: Sequence[Sequence[str]] = (),
    fit: Any = None,
    sm_chi2: float | None = None,
    cuts: bool = True,
    title: str | None = None,
    width: float = st.COLUMN,
    max_points: int = 20_000,
) -> Figure:
    """Allowed regions of a scan in the plane of ``x`` and ``y``.

    A grid is profiled (largest log_prob) over its other axes; filled are the 1, 2 and 3 sigma regions,
    Delta(-2 ln L) < 2.30, 6.18, 11.83 with respect to the best point, and hatched is where hard cuts leave no point.
    Quasi-random points are drawn in the same three bands, best on top.  With one varied parameter the picture is
    Delta(-2 ln L) against it.

    Parameters
    ----------
    scan: a :class:`fipjax.Scan`.
    x, y: names of varied parameters; for quasi-random points also a tuple of names, whose product is drawn.
    products: products for the axes that are not given: with one it is the vertical axis, with two they are both.
        A product is drawn as log10 of its modulus, each sign in a panel of its own.
    fit: a fit of the same likelihood: its best point is the reference if it is better than the scan's, and it brings
        the chi2 of the Standard Model.
    sm_chi2: chi2 of the Standard Model, for the legend.
    cuts: leave out what hard constraints exclude.
    title: text above the legend (default: model, data, what was profiled and what was fixed; "" for none).
    width: of the figure, inches.
    max_points: largest number of points drawn per band (a random subset of more).

    Raises InputError for names that the scan does not vary, for a scan without an allowed point, and for a fit of
    another likelihood.
    """
    xs, ys = _choose_axes(scan, x, y, products)
    best = scan.best(cuts)
    top = best["log_prob"]
    if fit is not None:
        here = (scan.manifest.get("likelihood") or {}).get("data_hash")
        there = (fit.fingerprint or {}).get("data_hash")
        if here != there or (fit.fingerprint or {}).get("model") != scan.manifest["likelihood"].get("model"):
            raise InputError("the fit and the scan are of different likelihoods (allowed: the same model and data)")
        sm_chi2 = fit.sm_chi2 if sm_chi2 is None else sm_chi2
        if fit.log_prob > top:
            top, best = fit.log_prob, {**best, "parameters": {**best["parameters"], **fit.best}}
    if sm_chi2 is None:
        known = scan.manifest.get("sm_chi2", (scan.manifest.get("likelihood") or {}).get("sm_chi2"))
        sm_chi2 = None if known is None else float(known)
    look = _ScanLook(scan, best["parameters"], top, None if sm_chi2 is None else sm_chi2 + 2.0 * top, cuts)
    text = _scan_title(scan, (*xs, *(ys or ()))) if title is None else title
    with st.context():
        if ys is None:
            return _scan_curve(look, xs[0], text, width)
        if scan.method == "grid":
            return _scan_regions(look, xs[0], ys[0], text, width)
        return _scan_points(look, xs, ys, text, width, max_points)


@dataclass(frozen=True)
class _ScanLook:
    """A scan, its best point, the largest log_prob, Delta chi2 of the SM (or None), and whether cuts count."""

    scan: Any
    best: dict[str, float]
    top: float
    sm: float | None
    cuts: bool


def _choose_axes(scan, x, y, products) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Names on the two axes; None for the second if the scan varies one parameter only."""
    lengths = {n: len(v) for n, v in scan.axes.items()}
    names = [n for n in scan.names if lengths.get(n, 2) > 1]
    if not names:
        raise InputError("the scan has one point only (allowed: an axis with at least two values)")

    def check(spec) -> tuple[str, ...]:
        chosen = (spec,) if isinstance(spec, str) else tuple(spec)
        for n in chosen:
            if len(chosen) > 1 and n in scan.fixed:
                continue
            if n not in names:
                raise unknown("varied parameter of the scan", n, names)
        if len(chosen) > 1 and scan.method == "grid":
            raise InputError(f"product {' * '.join(chosen)} of a grid scan (allowed: quasi-random points, method sobol)")
        return chosen

    given: list[Any] = [None if v is None else check(v) for v in (x, y)]
    wanted = [check(p) for p in products]
    if len(wanted) > given.count(None):
        raise InputError(f"{len(wanted)} products for {given.count(None)} free axes (allowed: at most one per axis)")
    for i in (1, 0):
        if given[i] is None and wanted:
            given[i] = wanted.pop()
    used = {v[0] for v in given if v and len(v) == 1}
    factors = {n for v in given if v and len(v) > 1 for n in v}
    # a mass belongs on the horizontal axis, a coupling on the vertical one
    rest = sorted((n for n in names if n not in used), key=lambda n: (n in factors, not n.startswith("m_"), names.index(n)))
    if given[0] is None:
        given[0] = (rest.pop(0),) if rest else None
    if given[1] is None:
        rest.sort(key=lambda n: (n in factors, not n.startswith("C"), names.index(n)))
        given[1] = (rest.pop(0),) if rest else None
    if given[0] is None:
        given = [given[1], None]
    if given[0] == given[1]:
        raise InputError(f"{' * '.join(given[0])} on both axes (allowed: two different ones)")
    return given[0], given[1]


def _join(items: Sequence[str], per_line: int) -> list[str]:
    """Comma-separated lines of at most ``per_line`` items."""
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    return [line + ("," if i < len(lines) - 1 else "") for i, line in enumerate(lines)]


def _run_title(likelihood: Mapping) -> str:
    """``deft44, data 2021``."""
    model, data = likelihood.get("model"), likelihood.get("data")
    return ", ".join(x for x in (model and st.plain_text(str(model)), data and f"data {st.plain_text(str(data))}") if x)


def _scan_title(scan: Any, shown: Sequence[str]) -> str:
    """What was scanned, profiled and fixed, one line each."""
    about = scan.manifest["parameters"]
    likelihood = scan.manifest.get("likelihood") or {}
    lines = [_run_title(likelihood)]
    hidden = [f"${st.formula(n, about[n])}$" for n in scan.names if n not in shown]
    if hidden and scan.method == "grid":
        lines += _join([f"profiled over {hidden[0]}", *hidden[1:]], 4)
    fixed = {n: v for n, v in {**(likelihood.get("fixed") or {}), **scan.fixed}.items() if not isinstance(v, list)}
    latex = _model_latex(likelihood)
    held = [f"${st.formula(n, about.get(n) or latex.get(n))} = {st.number_text(v, 3)}$" for n, v in fixed.items()]
    return "\n".join(line for line in [*lines, *_join(held, 3)] if line)


def _model_parameters(likelihood: Mapping) -> tuple:
    """Parameters of the model of a run, if this fipjax knows it."""
    from fipjax.models import MODELS

    model = MODELS.get(str(likelihood.get("model")))
    return () if model is None else model.parameters


def _model_latex(likelihood: Mapping) -> dict[str, dict[str, str]]:
    return {p.name: {"latex": p.latex, "unit": p.unit} for p in _model_parameters(likelihood)}


def _sm_place(scan: Any, names: Sequence[str]) -> list[float | None] | None:
    """Value of each of ``names`` in the Standard Model (None: any), or None if the SM is not in the scan.

    The SM is where every coupling vanishes, so every other coupling must be fixed at 0 or have a range around it.
    """
    likelihood = scan.manifest.get("likelihood") or {}
    couplings = {p.name for p in _model_parameters(likelihood) if p.default == 0.0}
    fixed = {**(likelihood.get("fixed") or {}), **scan.fixed}
    inside = {}
    for n in scan.names:
        q = _scan_quantity(scan, n)
        inside[n] = q.scale != "log" and q.low <= 0.0 <= q.high
    for n in couplings:
        if (n in fixed and np.any(np.asarray(fixed[n]) != 0)) or (n in inside and not inside[n]):
            return None
    place = [0.0 if n in couplings else None for n in names]
    return place if any(v is not None for v in place) else None


def _sm_text(look: _ScanLook) -> str:
    return "SM" if look.sm is None else rf"SM ($\Delta\chi^2 = {look.sm:.1f}$)"


def _mark_sm(ax: Axes, look: _ScanLook, names: Sequence[str]) -> Any | None:
    """Draw the SM if it lies in the plane; the legend entry, or None if it does not."""
    place = _sm_place(look.scan, names)
    if place is None:
        return None
    handle: Any
    if None not in place:
        (handle,) = ax.plot([0.0], [0.0], "X", ms=6.0, mfc=st.SM_COLOUR, mec="white", mew=0.5, zorder=6, clip_on=False)
    else:
        draw = ax.axvline if place[0] is not None else ax.axhline
        handle = draw(0.0, color=st.SM_COLOUR, ls=(0, (4, 2)), lw=1.0, zorder=4)
    handle.set_gid("sm")
    handle.set_label(_sm_text(look))
    return handle


def _scan_legend(fig: Figure, look: _ScanLook, handles: Sequence[Any], sm: Any | None, title: str) -> None:
    """Legend of a scan; an SM that is not in the picture is named in the line above."""
    if sm is None and look.sm is not None:
        first, *rest = title.split("\n")
        title = "\n".join([f"{first}{'; ' if first else ''}SM: $\\Delta\\chi^2 = {look.sm:.1f}$", *rest])
    _top_legend(fig, [*handles, *([] if sm is None else [sm])], title)


def _star(ax: Axes, x: float, y: float) -> Line2D:
    (handle,) = ax.plot([x], [y], "*", ms=9.0, mfc="white", mec="black", mew=0.7, zorder=7, clip_on=False, ls="", label="best fit")
    handle.set_gid("best fit")
    return handle


def _top_legend(fig: Figure, handles: Sequence[Any], title: str, columns: int = 3) -> None:
    """Legend above the axes, where it covers nothing."""
    # matplotlib fills a legend by columns; here the sigmas should be one line
    n = len(handles)
    columns = n if n <= columns + 1 else columns
    rows = math.ceil(n / columns)
    blank = Line2D([], [], ls="", label=" ")
    grid = [*handles, *[blank] * (rows * columns - n)]
    order = [grid[r * columns + c] for c in range(columns) for r in range(rows)]
    legend = fig.legend(handles=order, loc="outside upper center", ncols=columns, title=title or None)
    legend.get_title().set_multialignment("center")
    # a tall legend does not take its room from the axes
    fig.set_figheight(fig.get_figheight() + 0.14 * max(0, rows - 2))


def _band_patches(labels: Sequence[str]) -> list[Patch]:
    return [Patch(fc=c, ec=e, lw=0.6, label=t) for c, e, t in zip(st.BANDS, st.EDGES, labels, strict=True)]


_SIGMA_LABELS = tuple(rf"${s}\sigma$" for s in SIGMAS)


def _fill_nearest(values: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """``values`` with the bad cells replaced by the nearest good one."""
    from scipy.ndimage import distance_transform_edt

    if not bad.any():
        return values
    where = distance_transform_edt(bad, return_distances=False, return_indices=True)
    return values[tuple(where)]


def _finer(q: _Quantity, values: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flat coordinates of the grid values, n times as fine ones, and the latter as drawn values."""
    t = q.to_flat(values)
    fine = np.interp(np.linspace(0, len(t) - 1, (len(t) - 1) * n + 1), np.arange(len(t)), t)
    v = q.from_flat(fine)
    v[0], v[-1] = values[0], values[-1]
    return t, fine, v


_COMPRESS = 6.0


def _refined(delta: np.ndarray, axes: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    """Delta chi2 on the finer grid, through all its values.

    Piecewise cubics (modified Akima, which do not overshoot at cliffs) of the logarithm of 1 + Delta chi2 / 6, which
    is a parabola where that matters and tames the millions further out.
    """
    from scipy.interpolate import Akima1DInterpolator

    out = np.log1p(delta / _COMPRESS)
    for i, (t, fine, _) in enumerate(axes):
        out = Akima1DInterpolator(t, out, axis=i, method="makima")(fine)
    return _COMPRESS * np.expm1(np.maximum(out, 0.0))


def _scan_regions(look: _ScanLook, xname: str, yname: str, title: str, width: float) -> Figure:
    """Profile of a grid scan in a plane."""
    from scipy.interpolate import RegularGridInterpolator

    scan = look.scan
    qx, qy = _scan_quantity(scan, xname), _scan_quantity(scan, yname)
    profile = scan.profile(xname, yname, cuts=look.cuts)
    axes = []
    for i, q in enumerate((qx, qy)):
        drawn = q.sign * np.asarray(scan.axes[q.names[0]], float)
        order = np.argsort(drawn)
        axes.append(drawn[order])
        profile = np.take(profile, order, axis=i)
    missing, excluded = np.isnan(profile), np.isneginf(profile)
    delta = np.maximum(2.0 * (look.top - np.where(missing | excluded, -np.inf, profile)), 0.0)
    delta = _fill_nearest(delta, missing | excluded)
    finer = [_finer(q, v, max(1, math.ceil(400 / len(v)))) for q, v in zip((qx, qy), axes, strict=True)]
    fx, fy, fine = finer[0][2], finer[1][2], _refined(delta, finer).T
    mesh = tuple(np.meshgrid(finer[0][1], finer[1][1], indexing="ij"))
    fig = st.new_figure(width, 0.92 * width + 0.14 * (title.count("\n") + 1))
    ax = fig.add_subplot()
    _label_axis(ax, "x", qx, axes[0][0], axes[0][-1])
    _label_axis(ax, "y", qy, axes[1][0], axes[1][-1])
    for level, sigma, colour in reversed(list(zip(DELTA_CHI2[2], SIGMAS, st.BANDS, strict=True))):
        cs = ax.contourf(fx, fy, fine, levels=[-1.0, level], colors=[colour], zorder=1)
        cs.set_gid(f"{sigma} sigma")
    inside = [(lv, c) for lv, c in zip(DELTA_CHI2[2], st.EDGES, strict=True) if fine.min() < lv < fine.max()]
    if inside:
        cs = ax.contour(fx, fy, fine, levels=[v for v, _ in inside], colors=[c for _, c in inside], linewidths=0.7, zorder=2)
        cs.set_gid("edges")
    handles: list[Any] = _band_patches(_SIGMA_LABELS)
    handles.append(_star(ax, qx.sign * look.best[xname], qy.sign * look.best[yname]))
    covers: list[tuple[np.ndarray, str, str, dict[str, Any]]] = [
        (excluded, "excluded", "excluded", {"hatches": ["//////"], "colors": ["white"]}),
        (missing, "missing", "not computed", {"colors": ["#EEEEEE"]}),
    ]
    for mask, gid, text, look_of in covers:
        if mask.any():
            cover = RegularGridInterpolator((finer[0][0], finer[1][0]), mask.astype(float))(mesh).T
            cs = ax.contourf(fx, fy, cover, levels=[0.5, 1.5], zorder=2.2, **look_of)
            cs.set_gid(gid)
            if not mask.all():
                ax.contour(fx, fy, cover, levels=[0.5], colors=[st.GREY], linewidths=0.6, zorder=2.3)
            colour, hatch = look_of["colors"][0], look_of.get("hatches", [None])[0]
            handles.append(Patch(fc=colour, ec=st.GREY, lw=0.5, hatch=hatch, label=text))
    _scan_legend(fig, look, handles, _mark_sm(ax, look, (xname, yname)), title)
    return fig


def _scan_curve(look: _ScanLook, name: str, title: str, width: float) -> Figure:
    """Delta(-2 ln L) of a scan that varies one parameter."""
    scan, q = look.scan, _scan_quantity(look.scan, name)
    if scan.method == "grid":
        v, lp = np.asarray(scan.axes[name], float), scan.profile(name, cuts=look.cuts)
    else:
        (v,), lp = _read_points(look, [(name,)])
    v = q.sign * v
    order = np.argsort(v)
    v, delta = v[order], 2.0 * (look.top - np.where(np.isfinite(lp[order]), lp[order], np.nan))
    fig = st.new_figure(width, 0.75 * width + 0.14 * (title.count("\n") + 1))
    ax = fig.add_subplot()
    low, high = (q.low, q.high) if math.isfinite(q.low) else (v[0], v[-1])
    _label_axis(ax, "x", q, low, high)
    ax.set_ylabel(r"$\Delta\chi^2 = -2\,\Delta\ln L$")
    largest = np.nanmax(delta)
    ceiling = min(max(12.0, 1.15 * (look.sm or 0.0)), max(12.0, 1.1 * largest), 100.0)
    ax.set_ylim(0.0, ceiling)
    (curve,) = ax.plot(v, delta, color=st.BLUE, lw=1.2, label="profile", marker="." if len(v) < 30 else "")
    curve.set_gid("profile")
    for level, sigma in zip(DELTA_CHI2[1], SIGMAS, strict=True):
        ax.axhline(level, color=st.GREY, lw=0.6, ls=(0, (2, 2)), zorder=0.5)
        ax.annotate(
            rf"${sigma}\sigma$", (1.0, level), (2, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", fontsize=st.SMALL, color=st.GREY,
        )  # fmt: skip
    handles: list[Any] = [curve, _star(ax, q.sign * look.best[name], 0.0)]
    sm = None
    if look.sm is not None and look.sm < ceiling:
        sm = ax.axhline(look.sm, color=st.SM_COLOUR, ls=(0, (4, 2)), lw=1.0, label=_sm_text(look))
    bad = ~np.isfinite(delta)
    if bad.any() and not bad.all():
        ax.fill_between(v, 0, 1, where=bad, transform=ax.get_xaxis_transform(), fc="white", hatch="//////", lw=0.0, step="mid")
        handles.append(Patch(fc="white", ec=st.GREY, lw=0.5, hatch="//////", label="excluded"))
    _scan_legend(fig, look, handles, sm, title)
    return fig


def _each_chunk(look: _ScanLook, names: Sequence[str]) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """(log_prob, columns) of the points of each chunk that are finite and that no cut excludes."""
    cuts = ("allowed",) if look.cuts and "allowed" in look.scan.columns else ()
    held = look.scan.fixed
    read = [n for n in dict.fromkeys(names) if n not in held]
    for _, c in look.scan.chunks("log_prob", *cuts, *read):
        good = np.isfinite(c["log_prob"])
        for name in cuts:
            good &= c[name].astype(bool)
        table = {n: c[n][good] for n in read}
        table |= {n: np.full(int(good.sum()), held[n]) for n in names if n in held}
        yield c["log_prob"][good], table


def _value(names: Sequence[str], table: Mapping[str, Any]) -> np.ndarray:
    """Product of the named columns."""
    out = np.ones(())
    for n in names:
        out = out * np.asarray(table[n], float)
    return np.asarray(out)


def _read_points(look: _ScanLook, axes: Sequence[tuple[str, ...]]) -> tuple[list[np.ndarray], np.ndarray]:
    """Values on each axis and log_prob of all points that are allowed."""
    rows = [([_value(a, t) for a in axes], lp) for lp, t in _each_chunk(look, [n for a in axes for n in a])]
    return [np.concatenate([r[0][i] for r in rows]) for i in range(len(axes))], np.concatenate([lp for _, lp in rows])


def _banded_points(look: _ScanLook, axes: Sequence[tuple[str, ...]], most: int) -> list[np.ndarray]:
    """For 1, 2, 3 sigma and beyond: points (2, n), a random subset of at most ``most`` each."""
    rng = np.random.default_rng(0)
    limits = [-math.inf, *DELTA_CHI2[2], math.inf]
    kept: list[list[np.ndarray]] = [[], [], [], []]
    for lp, table in _each_chunk(look, [n for a in axes for n in a]):
        values = np.array([_value(a, table) for a in axes] + [rng.random(len(lp))])
        delta = 2.0 * (look.top - lp)
        for i in range(4):
            kept[i].append(values[:, (delta > limits[i]) & (delta <= limits[i + 1])])
            if sum(p.shape[1] for p in kept[i]) > 4 * most:
                kept[i] = [_lowest(np.concatenate(kept[i], axis=1), most)]
    return [_lowest(np.concatenate(k, axis=1), m)[:2] for k, m in zip(kept, (most,) * 3 + (min(most, _MOST_BEYOND),), strict=True)]


def _lowest(points: np.ndarray, most: int) -> np.ndarray:
    """The ``most`` points with the smallest key (last row)."""
    if points.shape[1] <= most:
        return points
    return points[:, np.sort(np.argpartition(points[-1], most)[:most])]


@dataclass(frozen=True)
class _Segment:
    """Part of an axis: a whole parameter (sign 0), or the positive or negative half of a product."""

    quantity: _Quantity
    sign: int
    low: float
    high: float

    def place(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Drawn value of each point, and whether it belongs here."""
        if self.sign == 0:
            w = self.quantity.sign * v
            return w, np.isfinite(w)
        mine = self.sign * v > 0
        return np.log10(np.where(mine, np.abs(v), 1.0)), mine


def _point_segments(look: _ScanLook, names: tuple[str, ...], good: np.ndarray, every: np.ndarray) -> list[_Segment]:
    """How an axis is divided: one piece for a parameter, one for each sign of a product among the ``good`` points."""
    about = look.scan.manifest["parameters"]
    if len(names) == 1:
        q = _scan_quantity(look.scan, names[0])
        low, high = q.low, q.high
        if not math.isfinite(low):
            low, high = _padded(q.sign * every, 0.03)
        return [_Segment(q, 0, low, high)]
    latex, unit = _product_latex(names, about)
    good = good[good != 0.0]
    if not len(good):
        raise InputError(f"product {' * '.join(names)} is zero at every allowed point (allowed: a product that varies)")
    low, high = _padded(np.log10(np.abs(good)), 0.06)
    signs = [s for s in (-1, 1) if np.any(np.sign(good) == s)]
    q = _Quantity(names, rf"\log_{{10}}|{latex}|", unit, "linear")
    if len(signs) == 1:
        q = _Quantity(names, rf"\log_{{10}}({'-' if signs[0] < 0 else ''}{latex})", unit, "linear")
    return [_Segment(q, s, low, high) for s in signs]


def _padded(v: np.ndarray, share: float) -> tuple[float, float]:
    low, high = float(np.min(v)), float(np.max(v))
    pad = share * (high - low) or 0.5 * abs(high) or 1.0
    return low - pad, high + pad


_POINT_COLOURS = ("#08306B", "#3C8DC5", "#9DCBE6", "#DDDDDD")
_MOST_BEYOND = 4000


def _scan_points(look: _ScanLook, xs: tuple[str, ...], ys: tuple[str, ...], title: str, width: float, most: int) -> Figure:
    """Quasi-random points in the 1, 2, 3 sigma bands."""
    bands = _banded_points(look, (xs, ys), most)
    best = np.array([[float(_value(a, look.best))] for a in (xs, ys)])
    good, every = np.concatenate([best, *bands[:3]], axis=1), np.concatenate([best, *bands], axis=1)
    columns = _point_segments(look, xs, good[0], every[0])
    rows = _point_segments(look, ys, good[1], every[1])[::-1]  # positive on top
    fig = st.new_figure(width, (0.92 if len(rows) == 1 else 1.15) * width + 0.14 * (title.count("\n") + 1))
    fig.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0)
    panels = fig.subplots(len(rows), len(columns), squeeze=False)
    size = 5.0 if sum(b.shape[1] for b in bands[:3]) < 2000 else 2.0
    handles: list[Any] = []
    for r, row in enumerate(rows):
        for c, column in enumerate(columns):
            ax = panels[r, c]
            for i in (3, 2, 1, 0):
                px, ok = column.place(bands[i][0])
                py, fine = row.place(bands[i][1])
                dots = ax.scatter(
                    px[ok & fine],
                    py[ok & fine],
                    s=size if i < 3 else 1.2,
                    c=_POINT_COLOURS[i],
                    lw=0.0,
                    rasterized=True,
                    zorder=4 - i,
                )
                dots.set_gid(f"{SIGMAS[i]} sigma" if i < 3 else "beyond")
            bx, ok = column.place(best[0])
            by, fine = row.place(best[1])
            if (ok & fine).all():
                star = _star(ax, bx[0], by[0])
            for seg, which, last in ((column, "x", r == len(rows) - 1), (row, "y", c == 0)):
                ends = (seg.high, seg.low) if seg.sign < 0 and len(columns if which == "x" else rows) > 1 else (seg.low, seg.high)
                _label_axis(ax, which, seg.quantity, *ends, ticks=7)
                if not last:
                    getattr(ax, f"set_{which}label")("")
                    ax.tick_params(**{f"label{'bottom' if which == 'x' else 'left'}": False})
            if len(rows) > 1 and c == len(columns) - 1:
                ax.annotate(
                    "product > 0" if row.sign > 0 else "product < 0", (1.0, 0.5), (4, 0), xycoords="axes fraction",
                    textcoords="offset points", rotation=270, va="center", fontsize=st.NORMAL,
                )  # fmt: skip
            if len(columns) > 1 and r == 0:
                ax.set_title("product > 0" if column.sign > 0 else "product < 0", fontsize=st.NORMAL)
    for i, text in enumerate((*_SIGMA_LABELS, r"allowed, $> 3\sigma$")):
        handles.append(Line2D([], [], ls="", marker="o", ms=4, color=_POINT_COLOURS[i], label=text))
    handles.append(star)
    plain = len(xs) == len(ys) == 1
    sm = _mark_sm(panels[0, 0], look, (xs[0], ys[0])) if plain else None
    _scan_legend(fig, look, handles, sm, title)
    return fig


# --------------------------------------------------------------------------------------------------------------------
# fits


def _pull_list(fit_or_pulls: Any) -> list[dict]:
    """Pulls of a fit, or the list itself, checked."""
    pulls = list(getattr(fit_or_pulls, "pulls", fit_or_pulls))
    if not pulls:
        raise InputError("the fit has no pulls (allowed: a fit with at least one measurement)")
    for p in pulls:
        for key in ("observable", "value", "sm", "measured", "pull", "sm_pull"):
            if key not in p:
                raise InputError(f"pull of {p.get('observable', '?')!r}: {key} is missing (allowed: what Likelihood.pulls returns)")
    return pulls


def _by_publication(pulls: Sequence[Mapping], short: bool = False) -> dict[str, list[Mapping]]:
    """Publication -> its pulls, in the order of the data."""
    out: dict[str, list[Mapping]] = {}
    for p in pulls:
        out.setdefault(st.publication_label(str(p.get("measurement", "")), short), []).append(p)
    return out


_ROW = 0.14
_GAP = 0.45
_ONE_PANEL = 48.0


_Row = tuple[float, str, Mapping | None]


def _pull_panels(groups: Mapping[str, Sequence[Mapping]], most: float) -> list[list[_Row]]:
    """Rows (position, text, pull or None for a heading) in one panel, or in two if there are more than ``most``."""
    rows: list[_Row] = []
    y = 0.0
    for heading, pulls in groups.items():
        rows.append((y, heading, None))
        rows += [(y + 1.0 + i, st.observable_label(str(p["observable"])), p) for i, p in enumerate(pulls)]
        y += len(pulls) + 1.0 + _GAP
    if y <= most or len(rows) < 4:
        return [rows]
    # between two publications if one ends within three rows of the middle, else inside one, with its heading again
    headings = [i for i, r in enumerate(rows) if r[2] is None and i > 0]
    cut = min(headings, key=lambda i: abs(rows[i][0] - 0.5 * y), default=0)
    if not headings or abs(rows[cut][0] - 0.5 * y) > 3.0:
        cut = next(i for i, r in enumerate(rows) if r[2] is not None and r[0] >= 0.5 * y and rows[i - 1][2] is not None)
        heading = next(r[1] for r in reversed(rows[:cut]) if r[2] is None)
        top = rows[cut][0] - 1.0
        return [rows[:cut], [(0.0, f"{heading} (continued)", None), *((p - top, t, r) for p, t, r in rows[cut:])]]
    return [rows[:cut], [(p - rows[cut][0], t, r) for p, t, r in rows[cut:]]]


def plot_pulls(fit: Any, *, title: str | None = None, width: float | None = None) -> Figure:
    """Pulls of all measurements: (prediction - measurement)/total error, in the SM and at the best fit.

    Rows are grouped by publication; the numbers at the right are the squared pulls (their sum is chi2 only without
    correlations; the title has the real chi2).  Pulls beyond 6 are drawn as arrows at the edge.

    Parameters
    ----------
    fit: a :class:`fipjax.FitResult`, or a list as :meth:`fipjax.Likelihood.pulls` returns it.
    title: text above the legend (default: model, data, chi2; "" for none).
    width: of the figure, inches (default: one and a half columns, or the page for more than about 48 rows).
    """
    pulls = _pull_list(fit)
    panels = _pull_panels(_by_publication(pulls), most=_ONE_PANEL)
    rows = max(p[-1][0] for p in panels) + 1.0
    width = width or (st.ONE_AND_A_HALF if len(panels) == 1 else st.DOUBLE)
    values = np.array([[p["sm_pull"], p["pull"]] for p in pulls], float)
    edge = float(np.clip(1.06 * np.nanmax(np.abs(values)), 3.3, 6.5))
    text = _fit_title(fit) if title is None else title
    with st.context(**{"xtick.labelsize": st.SMALL + 0.5, "ytick.labelsize": st.SMALL + 0.5, "axes.labelsize": st.NORMAL}):
        fig = st.new_figure(width, rows * _ROW + (1.32 if text else 0.95))
        axes = fig.subplots(1, len(panels), squeeze=False)[0]
        for ax, panel in zip(axes, panels, strict=True):
            _pull_panel(ax, panel, edge, rows)
        handles = [
            Line2D([], [], ls="", marker="o", mfc="white", mec=st.VERMILLION, mew=1.0, ms=4.5, label="SM"),
            Line2D([], [], ls="", marker="o", mfc=st.BLUE, mec=st.BLUE, ms=4.0, label="best fit"),
            Patch(fc="#D0D0D0", label=r"$\pm 1\sigma$"),
            Patch(fc="#EBEBEB", label=r"$\pm 2\sigma$"),
        ]
        _top_legend(fig, handles, text, columns=4)
    return fig


def _fit_title(fit: Any) -> str:
    """Model, data and chi2 of a fit; empty for a bare list of pulls."""
    if not hasattr(fit, "chi2"):
        return ""
    run = _run_title(fit.fingerprint or {})
    chi2 = rf"$\chi^2_\mathrm{{SM}} = {fit.sm_chi2:.1f}$, $\chi^2_\mathrm{{best\ fit}} = {fit.chi2:.1f}$"
    return "\n".join(x for x in (run, f"{chi2} ({fit.n_measurements} measurements, with correlations)") if x)


def _pull_panel(ax: Axes, rows: Sequence[_Row], edge: float, height: float) -> None:
    """One column of pulls."""
    ax.set_xlim(-edge, edge)
    ax.set_ylim(height - 0.4, -0.7)
    for half, colour in ((2.0, "#EBEBEB"), (1.0, "#D0D0D0")):
        ax.axvspan(-half, half, color=colour, lw=0.0, zorder=0.5)
    ax.axvline(0.0, color="black", lw=0.6, zorder=1)
    drawn: dict[str, list[tuple[float, float]]] = {"sm_pull": [], "pull": []}
    for y, _, p in rows:
        if p is None:
            continue
        a, b = (float(np.clip(float(p[k]), -edge, edge)) for k in ("sm_pull", "pull"))
        ax.plot([a, b], [y, y], color=st.GREY, lw=0.6, zorder=2)
        for key, v in (("sm_pull", a), ("pull", b)):
            if math.isfinite(float(p[key])):
                drawn[key].append((v, y))
                if abs(float(p[key])) > edge:
                    ax.plot([v], [y], ">" if v > 0 else "<", color="black", ms=4.0, clip_on=False, zorder=6)
        for key, column in (("sm_pull", 0.062), ("pull", 0.125)):
            v = float(p[key]) ** 2
            ax.annotate(
                f"{v:.1f}" if v < 99.95 else f"{v:.0f}", (1.0, y), (column * 4.6 * 72, 0),
                xycoords=("axes fraction", "data"), textcoords="offset points", ha="right", va="center",
                fontsize=st.SMALL, color=st.VERMILLION if key == "sm_pull" else st.BLUE,
                in_layout=False,
            )  # fmt: skip
    looks: dict[str, dict[str, Any]] = {
        "sm_pull": {"mfc": "white", "mec": st.VERMILLION, "mew": 1.0, "ms": 4.5},
        "pull": {"mfc": st.BLUE, "mec": st.BLUE, "ms": 3.5},
    }
    for gid, xy in drawn.items():
        (line,) = ax.plot([v for v, _ in xy], [y for _, y in xy], "o", zorder=4 + (gid == "pull"), **looks[gid])
        line.set_gid(gid)
    for word, column, colour in (("SM", 0.062, st.VERMILLION), ("fit", 0.125, st.BLUE)):
        ax.annotate(
            word, (1.0, 1.0), (column * 4.6 * 72, 2.5), xycoords="axes fraction", textcoords="offset points",
            ha="right", va="bottom", fontsize=st.SMALL, color=colour,
        )  # fmt: skip
    ax.annotate(
        "(pull)$^2$", (1.0, 1.0), (0.125 * 4.6 * 72, 11.5), xycoords="axes fraction", textcoords="offset points",
        ha="right", va="bottom", fontsize=st.SMALL,
    )  # fmt: skip
    ax.yaxis.set_major_locator(FixedLocator([y for y, _, _ in rows]))
    ax.yaxis.set_major_formatter(FixedFormatter([t for _, t, _ in rows]))
    ax.tick_params(axis="y", length=0)
    for label, (_, _, p) in zip(ax.get_yticklabels(), rows, strict=True):
        if p is None:
            label.set_fontweight("bold")
    ax.xaxis.set_major_locator(MultipleLocator(1.0 if edge < 4.0 else 2.0))
    ax.xaxis.set_minor_locator(MultipleLocator(0.5))
    ax.set_xlabel(r"(prediction $-$ measurement)$/\sigma$")


_RESONANCES = {r"$J/\psi$": 3.0969**2, r"$\psi(2S)$": 3.6861**2}


def plot_spectrum(
    fit_or_pulls: Any,
    observable: str = "<dBR/dq2>(B+->Kmumu)",
    *,
    curves: Mapping[str, tuple[Any, Any]] | None = None,
    title: str | None = None,
    width: float = st.COLUMN,
) -> Figure:
    """A binned observable against q^2: measurements, SM prediction with its theory error, and the best fit.

    Parameters
    ----------
    fit_or_pulls: a :class:`fipjax.FitResult`, or a list as :meth:`fipjax.Likelihood.pulls` returns it.
    observable: name without bin.
    curves: label -> (q2, values), smooth lines on top (GeV^2, and the unit of the observable in powers of GeV).
    title: text above the legend (default: model and data; "" for none).
    width: of the figure, inches.

    Raises InputError when the fit has no bin of that observable, naming those it has.
    """
    pulls = _pull_list(fit_or_pulls)
    family, bins = _spectrum_bins(pulls, observable)
    factor, unit = family.customary if family is not None and family.customary else (1.0, family.unit if family else "")
    text = _run_title(getattr(fit_or_pulls, "fingerprint", None) or {}) if title is None else title
    with st.context(**{"axes.labelsize": st.NORMAL, "legend.fontsize": st.SMALL + 0.5}):
        fig = st.new_figure(width, (0.85 if width < 4 else 0.6) * width + 0.14 * (text.count("\n") + 1))
        ax = fig.add_subplot()
        handles: list[Any] = []
        drawn = set()
        for (lo, hi), p in bins:
            if (lo, hi) in drawn:
                continue
            drawn.add((lo, hi))
            sm, error = factor * float(p["sm"]), factor * float(p.get("error_theory") or 0.0)
            box = Rectangle((lo, sm - error), hi - lo, 2.0 * error, fc=(*to_rgba(st.SM_COLOUR)[:3], 0.35), lw=0.0, zorder=1)
            box.set_gid("sm")
            ax.add_patch(box)
            # wide enough to be seen where the best fit lies on top
            ax.plot([lo, hi], [sm, sm], color=st.SM_COLOUR, lw=1.8, zorder=2, solid_capstyle="butt")
            value = factor * float(p["value"])
            (step,) = ax.plot([lo, hi], [value, value], color=st.BLUE, lw=1.3, zorder=3, solid_capstyle="butt")
            step.set_gid("best fit")
        for (label, (q2, values)), colour in zip(
            (curves or {}).items(), _cycle((st.PURPLE, st.GREEN, st.SKY, st.BLACK)), strict=False
        ):
            (line,) = ax.plot(np.asarray(q2), factor * np.asarray(values), color=colour, lw=1.0, zorder=2.5, label=label)
            line.set_gid("curve")
            handles.append(line)
        data = []
        publications = _by_publication([p for _, p in bins], short=True)
        for (name, members), marker in zip(publications.items(), _cycle("osD^v<>ph8"), strict=False):
            edges = np.array([e for e, p in bins if any(p is m for m in members)])
            y = factor * np.array([float(p["measured"]) for p in members])
            err = factor * np.array(
                [[float(p.get(k, p.get("error", 0.0))) for p in members] for k in ("error_minus", "error_plus")]
            )
            points = ax.errorbar(
                edges.mean(axis=1), y, xerr=0.5 * np.ptp(edges, axis=1), yerr=err, fmt=marker, ms=3.2, color="black",
                mfc="black" if marker == "o" else "white", mew=0.7, elinewidth=0.7, capsize=0.0, zorder=4, label=name,
            )  # fmt: skip
            points.lines[0].set_gid("data")
            data.append(points)
        sm_patch = Patch(fc=(*to_rgba(st.SM_COLOUR)[:3], 0.35), ec=st.SM_COLOUR, lw=0.8, label="SM")
        handles = [*data, sm_patch, Line2D([], [], color=st.BLUE, lw=1.3, label="best fit"), *handles]
        ax.autoscale_view()
        ends = np.array([e for e, _ in bins])
        pad = 0.02 * np.ptp(ends)
        ax.set_xlim(max(0.0, ends.min() - pad), ends.max() + pad)
        low, high = ax.get_ylim()
        if low > 0 and low < 0.6 * high:
            ax.set_ylim(0.0, high)
        for name, q2 in _RESONANCES.items():
            if ends.min() < q2 < ends.max() and not any(lo < q2 < hi for lo, hi in drawn):
                ax.axvline(q2, color=st.GREY, lw=0.6, ls=(0, (1, 2)), zorder=0.5)
                ax.annotate(
                    name, (q2, 1.0), (0, -2), xycoords=("data", "axes fraction"), textcoords="offset points",
                    rotation=90, ha="right", va="top", fontsize=st.SMALL, color=st.GREY,
                )  # fmt: skip
        ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
        ax.set_xlabel(r"$q^2$ [GeV$^2$]")
        ax.set_ylabel(st.with_unit(st.observable_label(observable, with_bin=False), unit))
        longest = max(len(n) for n in publications)
        _top_legend(fig, handles, text, columns=int(np.clip(width / (0.055 * longest + 0.4), 1, 4 if width > 4 else 2)))
    return fig


def _cycle(items: Sequence[Any]) -> Iterator[Any]:
    while True:
        yield from items


def _spectrum_bins(pulls: Sequence[Mapping], observable: str) -> tuple[Any, list[tuple[tuple[float, float], Mapping]]]:
    """Family (or None) of a binned observable, and its (bin, pull) by bin."""
    from fipjax.observables import FAMILIES

    table = _binned(pulls)
    if observable not in table:
        raise unknown("binned observable of the fit", observable, table or ["none"])
    return FAMILIES.get(observable), sorted(table[observable], key=lambda r: r[0])


def _binned(pulls: Sequence[Mapping]) -> dict[str, list[tuple[tuple[float, float], Mapping]]]:
    """Observable without bin -> its (bin, pull)."""
    out: dict[str, list[tuple[tuple[float, float], Mapping]]] = {}
    for p in pulls:
        head, _, rest = str(p["observable"]).partition("[")
        try:
            lo, hi = (float(v) for v in rest.rstrip("] ").split(","))
        except ValueError:
            continue
        out.setdefault(head.strip(), []).append(((lo, hi), p))
    return out


# --------------------------------------------------------------------------------------------------------------------
# posteriors


@dataclass
class _Column:
    """One column of a corner plot.

    kind: "linear", "log" or "signed_log".  x: the values.  t: what is drawn, x / 10^power, log10|x| or
    asinh(x / width)/ln 10.  low, high: drawn range.  ess: effective number of draws.  curve: grid, density, density at
    the draws, thresholds.
    """

    names: tuple[str, ...]
    label: str
    short: str
    unit: str
    kind: str
    x: np.ndarray
    t: np.ndarray
    low: float
    high: float
    width: float = 0.0
    power: int = 0
    ess: float = math.nan
    curve: tuple[np.ndarray, np.ndarray, np.ndarray, list[float]] | None = field(default=None, repr=False)
    bandwidth: float = math.nan

    def place(self, x: float) -> float:
        """Drawn coordinate of a value."""
        if self.kind == "log":
            return math.log10(abs(x)) if x else -math.inf
        return math.asinh(x / self.width) / math.log(10.0) if self.kind == "signed_log" else x / 10.0**self.power


_STRAY = 0.0027
"""A sign with fewer draws than lie outside the 3 sigma region does not get a half of the axis."""


def _column(names: Sequence[str], x: np.ndarray, prior: Mapping | None, about: Mapping, ess: float) -> _Column:
    """How a parameter or a product is drawn.

    prior: description of the parameter's prior; {"prior": "signed_log"} for a product with a logarithmic factor.
    """
    latex, unit = _product_latex(names, about)
    kind = (prior or {}).get("prior", "flat")
    # a product has no prior edges of its own
    least, most = (prior["min"], prior["max"]) if prior and "min" in prior else (math.nan, math.nan)
    positive = float(np.mean(x > 0))
    minority = min(positive, 1.0 - positive)
    size = np.log10(np.maximum(np.abs(x), 1e-300))
    short, note, width, power = rf"$\log_{{10}}|{latex}|$", "", 0.0, 0
    if kind in ("log", "signed_log") and minority <= _STRAY:
        if positive < 0.5 or kind == "signed_log":
            share = rf"{100 * (1 - minority):.1f}\%\ " if minority > 0 else ""
            note = f"(${share}{'>' if positive > 0.5 else '<'}0$)"
        kind, t = "log", size
        edges = (math.log10(least) if (prior or {})["prior"] == "log" else math.nan, math.log10(most))
        label = short
    elif kind in ("log", "signed_log"):
        kind = "signed_log"
        # the empty decades around zero are left out
        width = float(np.nanmax([least, 10.0 ** (float(np.quantile(size, 0.01)) - 0.3)]))
        t = np.arcsinh(x / width) / math.log(10.0)
        edges = (-math.asinh(most / width) / math.log(10.0), math.asinh(most / width) / math.log(10.0))
        label = f"${latex}$"
    else:
        kind, power = "linear", st.power_of(np.quantile(x, (0.002, 0.998)))
        t, edges = x / 10.0**power, (least / 10.0**power, most / 10.0**power)
        label = short = f"${latex}$"
    bracket = f"[{st.unit_text(st.scaled_unit(unit, power))}]" if unit or power else ""
    rest = " ".join(v for v in (bracket, note) if v)
    if rest:
        label += ("\n" if kind == "log" or len(names) > 1 else " ") + rest
    low, high = (float(v) for v in np.quantile(t, (0.0008, 0.9992)))
    pad = 0.12 * (high - low) or 0.5
    # up to an edge of the prior if the draws come near it
    start = edges[0] if edges[0] <= low and edges[0] > low - pad else low - pad
    stop = edges[1] if edges[1] >= high and edges[1] < high + pad else high + pad
    out = _Column(tuple(names), label, short, unit, kind, x, t, start, stop, width, power, ess)
    _density_1d(out)
    return out


def _plug_in_bandwidth(t: np.ndarray, low: float, high: float, n: float, bins: int = 512) -> float:
    """Bandwidth of a Gaussian kernel by the improved Sheather-Jones rule (Botev et al., Ann. Stat. 38 (2010) 2916).

    Unlike a rule of thumb it does not smear separate modes into each other.  n: effective number of draws.
    """
    from scipy.fft import dct
    from scipy.optimize import brentq

    share = np.histogram(t, bins, (low, high))[0] / len(t)
    a2 = (0.5 * dct(share)[1:]) ** 2
    i2 = np.arange(1, bins, dtype=float) ** 2

    def excess(time: float) -> float:
        f = 2.0 * math.pi**14 * float(np.sum(i2**7 * a2 * np.exp(-i2 * math.pi**2 * time)))
        for s in range(6, 1, -1):
            k0 = math.prod(range(1, 2 * s, 2)) / math.sqrt(2.0 * math.pi)
            now = (2.0 * (1.0 + 0.5 ** (s + 0.5)) / 3.0 * k0 / (n * f)) ** (2.0 / (3.0 + 2.0 * s))
            f = 2.0 * math.pi ** (2 * s) * float(np.sum(i2**s * a2 * np.exp(-i2 * math.pi**2 * now)))
        return time - (2.0 * n * math.sqrt(math.pi) * f) ** -0.4

    silverman = 0.9 * min(float(np.std(t)), float(np.subtract(*np.quantile(t, (0.75, 0.25)))) / 1.34 or math.inf) * n**-0.2
    try:
        h = math.sqrt(brentq(excess, 1e-9, 0.1)) * (high - low)
    except (ValueError, ZeroDivisionError, OverflowError):
        h = silverman
    # a kernel narrower than a bin shows the bins; one wider than the rule of thumb is a failed root
    return float(np.clip(h, 0.5 * (high - low) / bins, max(4.0 * silverman, (high - low) / bins)))


def _smoothed(counts: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """``counts`` convolved with ``kernel``, corrected for the part of the kernel beyond the edges."""
    from scipy.signal import fftconvolve

    inside = np.maximum(fftconvolve(np.ones_like(counts), kernel, mode="same"), 1e-12)
    return np.maximum(fftconvolve(counts, kernel, mode="same"), 0.0) / inside


def thresholds(density_at_draws: np.ndarray, contents: Sequence[float] = PROBABILITIES) -> list[float]:
    """Density above which the given shares of the draws lie: the boundaries of the smallest (HPD) regions."""
    return [float(v) for v in np.quantile(density_at_draws, 1.0 - np.asarray(contents))]


def _density_1d(c: _Column, bins: int = 512) -> None:
    """Density of a column on a grid, its thresholds, and the bandwidth.

    The bandwidth is widened, by a factor of at most 2, while a region has a gap that is only noise: otherwise a
    parameter that the data leave alone is cut into stripes.
    """
    low, high = c.low, c.high
    n = c.ess if math.isfinite(c.ess) and c.ess > 10 else float(c.t.size)
    best = _plug_in_bandwidth(c.t, low, high, n) if np.ptp(c.t) > 0 else 0.05 * (high - low)
    step = (high - low) / bins
    counts = np.histogram(c.t, bins, (low, high))[0].astype(float)
    centres = low + step * (np.arange(bins) + 0.5)
    for factor in (1.0, 1.4, 2.0):
        h = min(factor * best, 0.25 * (high - low))
        reach = min(bins, max(1, math.ceil(4.0 * h / step)))
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / h) ** 2)
        density = _smoothed(counts, kernel / kernel.sum())
        at = np.interp(c.t, centres, density)
        at[(c.t < low) | (c.t > high)] = 0.0
        limits = thresholds(at)
        scale = float(density.sum()) * step
        # two standard deviations of a kernel estimate, relative
        noise = [2.0 * math.sqrt(scale / max(2.0 * math.sqrt(math.pi) * n * h * v, 1e-300)) for v in limits]
        if not any(_noisy_gap(density, v, r) for v, r in zip(limits, noise, strict=True)):
            break
    c.bandwidth, peak = best, float(density.max())
    grid, drawn = np.r_[low, centres, high], np.r_[density[0], density, density[-1]] / peak
    c.curve = (grid, drawn, at / peak, [v / peak for v in limits])


def _noisy_gap(density: np.ndarray, limit: float, noise: float) -> bool:
    """Whether density >= limit has a gap in which the density is below the limit by no more than the relative noise."""
    inside = np.flatnonzero(density >= limit)
    for i in np.flatnonzero(np.diff(inside) > 1):
        if density[inside[i] : inside[i + 1] + 1].min() > limit * (1.0 - noise):
            return True
    return False


def _local_correlation(x: np.ndarray, y: np.ndarray, hx: float, hy: float, most: int = 1000) -> float:
    """Correlation that the kernel (widths hx, hy) should have: that of the draws where they form a narrow valley.

    The covariance in a Gaussian window of 2.5 widths around each draw, with the effect of the window taken out and
    structure wider than 4 widths ignored: 0 where the density varies slowly, the slope of a valley that is narrower
    than the kernel, whatever the other modes do.
    """
    step = max(1, math.ceil(len(x) / most))
    u, v = x[::step] / hx, y[::step] / hy
    du, dv = u - u[:, None], v - v[:, None]
    weight = np.exp(-(du * du + dv * dv) / (2.0 * 2.5**2))
    total = weight.sum(axis=1, keepdims=True)
    au, av = (np.sum(weight * d, axis=1, keepdims=True) / total for d in (du, dv))
    cuu, cvv, cuv = (np.sum(weight * p * q) / total.sum() for p, q in ((du - au, du), (dv - av, dv), (du - au, dv)))
    if not cuu * cvv - cuv * cuv > 1e-12 * cuu * cvv:
        return 0.0
    # inverse covariances of Gaussians add up in their product
    values, vectors = np.linalg.eigh(np.linalg.inv([[cuu, cuv], [cuv, cvv]]) - np.eye(2) / 2.5**2)
    local = (vectors / (np.maximum(values, 0.0) + 1.0 / 4.0**2)) @ vectors.T
    return float(local[0, 1] / math.sqrt(local[0, 0] * local[1, 1]))


def density_2d(
    x: np.ndarray,
    y: np.ndarray,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    bandwidths: tuple[float, float],
    bins: int = 160,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Smoothed density of draws: (x grid, y grid, density (x, y), density at the draws).

    The kernel is Gaussian with the given widths and the local correlation of the draws, so that narrow diagonal valleys
    stay narrow.  Draws outside the ranges count with density 0.
    """
    from scipy.ndimage import map_coordinates

    ranges = (x_range, y_range)
    steps = [(hi - lo) / bins for lo, hi in ranges]
    # not narrower than a bin, across the diagonal either
    hx, hy = (max(h, s) / s for h, s in zip(bandwidths, steps, strict=True))
    rho = _local_correlation(x, y, hx * steps[0], hy * steps[1])
    most = math.sqrt(max(0.0, 1.0 - (1.0 / min(hx, hy)) ** 2))
    rho = float(np.clip(rho, -most, most))
    rx, ry = (min(bins, max(1, math.ceil(4.0 * h))) for h in (hx, hy))
    u, v = np.meshgrid(np.arange(-rx, rx + 1) / hx, np.arange(-ry, ry + 1) / hy, indexing="ij")
    kernel = np.exp(-0.5 * (u * u - 2.0 * rho * u * v + v * v) / (1.0 - rho * rho))
    counts = np.histogram2d(x, y, bins, ranges)[0]
    density = _smoothed(counts, kernel / kernel.sum())
    # to the very edge, where a prior cuts the density off
    density = np.pad(density, 1, mode="edge")
    grids, places = [], []
    for (lo, hi), step, values in zip(ranges, steps, (x, y), strict=True):
        grids.append(np.r_[lo, lo + step * (np.arange(bins) + 0.5), hi])
        places.append(np.interp(values, grids[-1], np.arange(bins + 2)))
    at = map_coordinates(density, places, order=1, mode="nearest")
    outside = (x < x_range[0]) | (x > x_range[1]) | (y < y_range[0]) | (y > y_range[1])
    return grids[0], grids[1], density, np.where(outside, 0.0, at)


def plot_corner(
    posterior: Any,
    names: Sequence[str] | None = None,
    *,
    products: Sequence[Sequence[str]] = (),
    mark: Mapping[str, float] | None = None,
    title: str | None = None,
    width: float | None = None,
) -> Figure:
    """Marginal posteriors in one and two dimensions, with their smallest 68, 95 and 99.7% regions.

    Parameters with a logarithmic prior are drawn as log10 of their modulus.  Where both signs occur the axis is a
    signed logarithm, negative values left (below) and positive ones right (above), and the title has the share and
    the interval of each sign.  Regions are those of highest density in the coordinates that are drawn: draws are
    binned, smoothed (Gaussian kernel, improved Sheather-Jones bandwidth or a little more, corrected at edges), and the
    boundary is placed so that exactly the stated share of the draws lies inside.  Titles are median and equal-tailed
    68% interval.  A posterior that failed its diagnostics gets a red banner.

    Parameters
    ----------
    posterior: a :class:`fipjax.Posterior`.
    names: parameters to show (default: those whose prior is not Gaussian, the first 10).
    products: tuples of parameter names, whose products become further columns.
    mark: point to mark with a star, name -> value.
    title: text in the corner (default: model, data, number of draws; "" for none).
    width: of the figure, inches.

    Raises InputError for unknown names, or more than 14 columns.
    """
    columns = _corner_columns(posterior, names, products)
    size = len(columns)
    verdict = [] if getattr(posterior, "ok", True) else [str(v) for v in getattr(posterior, "verdict", [])]
    if title is None:
        fingerprint = getattr(posterior, "fingerprint", None) or {}
        draws = columns[0].t.size
        lines = [_run_title(fingerprint), f"{draws:,} draws".replace(",", r"$\,$")]
        left = len(posterior.names) - len(_shown(posterior, names))
        title = "\n".join([x for x in lines if x] + ([f"{left} parameters not shown"] if left > 0 and names is None else []))
    if width is None:
        width = st.COLUMN if size <= 2 else st.DOUBLE if size <= 6 else 1.1 * size + 0.7
        width = 4.6 if size == 3 else 5.6 if size == 4 else width
    with st.context(**{"xtick.labelsize": st.SMALL, "ytick.labelsize": st.SMALL, "axes.titlesize": st.SMALL + 0.5,
                     "axes.labelsize": st.NORMAL, "xtick.top": False, "ytick.right": False}):  # fmt: skip
        banner = _banner_lines(verdict, width)
        return _draw_corner(columns, title, banner, mark or {}, width)


def _shown(posterior: Any, names: Sequence[str] | None) -> list[str]:
    """Parameters that a corner plot shows."""
    if names is not None:
        for n in names:
            if n not in posterior.names:
                raise unknown("parameter of the posterior", n, posterior.names)
        return list(dict.fromkeys(names))
    priors = (getattr(posterior, "fingerprint", None) or {}).get("priors") or {}
    out = [n for n in posterior.names if (priors.get(n) or {}).get("prior") != "gaussian"]
    return (out or list(posterior.names))[:10]


def _corner_columns(posterior: Any, names: Sequence[str] | None, products: Sequence[Sequence[str]]) -> list[_Column]:
    """Checked columns of a corner plot."""
    shown = _shown(posterior, names)
    products = [(p,) if isinstance(p, str) else tuple(p) for p in products]
    for p in products:
        _shown(posterior, p)
    if not 0 < len(shown) + len(products) <= MAX_COLUMNS:
        raise InputError(f"{len(shown) + len(products)} columns in a corner plot (allowed: 1 to {MAX_COLUMNS}; choose names)")
    fingerprint = getattr(posterior, "fingerprint", None) or {}
    priors, about = fingerprint.get("priors") or {}, getattr(posterior, "parameters", None) or {}
    diagnostics = getattr(posterior, "diagnostics", None) or {}
    out = []
    for group in [(n,) for n in shown] + products:
        x = _value(group, {n: np.ravel(posterior.samples[n]) for n in group})
        if not len(x) or not np.isfinite(x).all():
            raise InputError(f"posterior of {' * '.join(group)}: {len(x)} draws (allowed: at least one, all finite)")
        prior = priors.get(group[0])
        if len(group) > 1:
            logs = [(priors.get(n) or {}).get("prior") in ("log", "signed_log") for n in group]
            prior = {"prior": "signed_log"} if any(logs) else None
        ess = min((float((diagnostics.get(n) or {}).get("ess_bulk", math.nan)) for n in group), default=math.nan)
        out.append(_column(group, x, prior, about, min(ess, x.size) if math.isfinite(ess) else math.nan))
    return out


def _banner_lines(verdict: Sequence[str], width: float) -> list[str]:
    """Text of the warning banner, wrapped; empty if there is nothing to warn of."""
    if not verdict:
        return []
    mixing = any("disagree" in v or "never moved" in v for v in verdict)
    head = "chains did not mix: " if mixing else "do not rely on this posterior: "
    lines = textwrap.wrap("WARNING, " + head + "; ".join(verdict), int(width * 72 / (0.52 * st.NORMAL)))
    if len(lines) > 4:
        lines = [*lines[:3], lines[3][: int(len(lines[3]) * 0.96)].rsplit(" ", 1)[0] + " ..."]
    return [st.plain_text(line) for line in lines]


def _draw_corner(columns: list[_Column], title: str, banner: list[str], mark: Mapping[str, float], width: float) -> Figure:
    """The figure itself."""
    n = len(columns)
    two = any("\n" in c.label for c in columns)
    left, right, bottom = (0.76, 0.12, 0.6) if two else (0.62, 0.12, 0.48)
    titles = [_column_title(c) for c in columns]
    lines = max(t.count("\n") + 1 for t in titles)
    head = 0.165 * lines + 0.06
    strip = 0.135 * len(banner) + 0.14 if banner else 0.0
    top = head + strip + (0.36 if n == 1 else 0.0)
    panel = (width - left - right) / n
    height = top + bottom + n * panel * (0.8 if n == 1 else 1.0)
    fig = st.new_figure(width, height, layout="none")
    grid = fig.add_gridspec(
        n,
        n,
        left=left / width,
        right=1 - right / width,
        bottom=bottom / height,
        top=1 - top / height,
        wspace=0.06,
        hspace=0.06,
    )
    label_at = -0.38 / panel
    for i, row in enumerate(columns):
        for j, column in enumerate(columns[: i + 1]):
            ax = fig.add_subplot(grid[i, j])
            ax.set_xlim(column.low, column.high)
            if i == j:
                _draw_marginal(ax, row)
                ax.set_title(titles[i], pad=5.0, linespacing=1.45)
            else:
                ax.set_ylim(row.low, row.high)
                _draw_joint(ax, column, row)
                _corner_ticks(ax.yaxis, row)
            _corner_ticks(ax.xaxis, column)
            marked = all(name in mark for name in (*column.names, *row.names))
            places = [c.place(float(_value(c.names, mark))) for c in (column, row)] if marked else []
            if marked and all(map(math.isfinite, places)):
                if i == j:
                    ax.axvline(places[0], color="black", lw=0.7, ls=(0, (4, 2)))
                else:
                    ax.plot(*([v] for v in places), "*", ms=7.0, mfc="white", mec="black", mew=0.6, zorder=7).pop().set_gid("mark")
            if i == n - 1:
                ax.set_xlabel(column.label, linespacing=1.2)
                ax.xaxis.set_label_coords(0.5, -0.22 / panel)
            else:
                ax.tick_params(labelbottom=False)
            if j == 0 and i > 0:
                ax.set_ylabel(row.label, linespacing=1.2)
                ax.yaxis.set_label_coords(label_at, 0.5)
            else:
                ax.tick_params(labelleft=False)
    handles: list[Any] = _band_patches([rf"${100 * p:.{0 if p < 0.99 else 1}f}\%$" for p in (0.68, 0.95, 0.997)])
    if mark:
        handles.append(Line2D([], [], ls="", marker="*", ms=7, mfc="white", mec="black", mew=0.6, label="best fit"))
    place: dict[str, Any]
    if n == 1:
        title = title.replace("\n", ", ")
        place = {
            "loc": "upper center",
            "bbox_to_anchor": (0.5, 1 - (strip + 0.02) / height),
            "ncols": 4,
            "alignment": "center",
        }
    else:
        # the empty corner, beside the title of the second column
        place = {
            "loc": "upper right",
            "bbox_to_anchor": (1 - right / width, 1 - (strip + 0.06) / height),
            "alignment": "left",
        }
    fig.legend(handles=handles, title=title or None, **place)
    if banner:
        box = Rectangle(
            (0.0, 1 - strip / height),
            1.0,
            strip / height,
            transform=fig.transFigure,
            fc=st.WARNING,
            ec="none",
            zorder=9,
        )
        box.set_gid("warning")
        fig.add_artist(box)
        text = fig.text(
            0.5, 1 - 0.5 * strip / height, "\n".join(banner), color="white", ha="center", va="center",
            fontsize=st.NORMAL, fontweight="bold", zorder=10, linespacing=1.15,
        )  # fmt: skip
        text.set_gid("warning")
    return fig


def _draw_marginal(ax: Axes, c: _Column) -> None:
    """Density of one column, the intervals shaded."""
    assert c.curve is not None
    t, density, _, limits = c.curve
    ax.set_ylim(0.0, 1.1)
    ax.yaxis.set_major_locator(NullLocator())
    for level, sigma, colour in reversed(list(zip(limits, SIGMAS, st.BANDS, strict=True))):
        part = ax.fill_between(t, 0.0, density, where=density >= level, color=colour, lw=0.0, zorder=1)
        part.set_gid(f"{sigma} sigma")
    (line,) = ax.plot(t, density, color=st.EDGES[0], lw=0.9, zorder=3)
    line.set_gid("density")
    if c.kind == "signed_log":
        ax.axvline(0.0, color=st.GREY, lw=0.5, ls=(0, (1, 2)), zorder=0.5)


_SMOOTHER = 1.2
"""Contours show noise more than they show bias: a little above the optimal width."""


def _draw_joint(ax: Axes, column: _Column, row: _Column) -> None:
    """Regions of two columns."""
    n = min(column.ess, row.ess) if math.isfinite(column.ess) and math.isfinite(row.ess) else float(column.t.size)
    # from the optimal width in one dimension to that in two
    grow = _SMOOTHER * max(n, 10.0) ** (1.0 / 5.0 - 1.0 / 6.0)
    gx, gy, density, at = density_2d(
        column.t, row.t, (column.low, column.high), (row.low, row.high), (grow * column.bandwidth, grow * row.bandwidth)
    )
    limits = thresholds(at)
    peak = float(density.max())
    for level, sigma, colour in reversed(list(zip(limits, SIGMAS, st.BANDS, strict=True))):
        cs = ax.contourf(gx, gy, density.T, levels=[level, 1.01 * peak], colors=[colour], zorder=1)
        cs.set_gid(f"{sigma} sigma")
    inside = [(v, c) for v, c in zip(limits, st.EDGES, strict=True) if 0.0 < v < peak]
    inside = [p for i, p in enumerate(inside) if i == 0 or p[0] < inside[i - 1][0]]
    if inside:
        ax.contour(gx, gy, density.T, levels=[v for v, _ in inside][::-1], colors=[c for _, c in inside][::-1], linewidths=0.6)
    for c, line in ((column, ax.axvline), (row, ax.axhline)):
        if c.kind == "signed_log":
            line(0.0, color=st.GREY, lw=0.5, ls=(0, (1, 2)), zorder=0.5)


def _corner_ticks(axis: Any, c: _Column) -> None:
    """A few ticks, none so close to an edge that its label meets that of the next panel."""
    room, apart = 0.05 * (c.high - c.low), 5.2 if c.kind == "signed_log" else 3.0
    kept: list[tuple[float, str]] = []
    if c.kind == "signed_log":
        low, high = (c.width * math.sinh(v * math.log(10.0)) for v in (c.low, c.high))
        ticks = [(c.place(v), name) for v, name in zip(*st.signed_ticks(c.width, low, high, most=60), strict=True)]
        kept = [(v, name) for v, name in ticks if v == 0.0]
        # the largest decade of each sign first: from zero outwards all labels would be in the middle
        ticks.sort(key=lambda r: -abs(r[0]))
    else:
        whole = c.kind == "log" and c.high - c.low > 2.5
        values = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10], integer=whole).tick_values(c.low, c.high)
        ticks = [(float(v), f"${v:g}$") for v in values]
    for v, name in ticks:
        if c.low + room < v < c.high - room and all(abs(v - w) > apart * room for w, _ in kept):
            kept.append((v, name))
    axis.set_major_locator(FixedLocator([v for v, _ in kept]))
    axis.set_major_formatter(FixedFormatter([name for _, name in kept]))


def _column_title(c: _Column) -> str:
    """Label, then median and 68% interval; for a signed column those of log10 of the modulus, sign by sign."""
    if c.kind != "signed_log":
        low, median, high = np.quantile(c.t * 10.0**c.power, (0.158655, 0.5, 0.841345))
        unit = f" {st.unit_text(c.unit)}" if c.unit and c.kind == "linear" else ""
        return f"{c.short}\n${st.interval_text(median, low, high)}${unit}"
    lines = [c.short]
    for sign, word in ((1, "+"), (-1, "-")):
        part = np.log10(np.maximum(np.abs(c.x[np.sign(c.x) == sign]), 1e-300))
        low, median, high = np.quantile(part, (0.158655, 0.5, 0.841345))
        share = 100.0 * part.size / c.x.size
        lines.append(rf"${word}$ {share:.{0 if 1 <= share <= 99 else 1}f}%: ${st.interval_text(median, low, high)}$")
    return "\n".join(lines)


# --------------------------------------------------------------------------------------------------------------------
# profiles


def plot_profile(result: Any, *, title: str | None = None, width: float = st.COLUMN) -> Figure:
    """Delta(-2 ln L) of a profile against its parameter, or the 1, 2 and 3 sigma regions of its two.

    Parameters
    ----------
    result: a :class:`fipjax.ProfileResult`.
    title: text above the legend (default: model, data and what was profiled; "" for none).
    width: of the figure, inches.
    """
    scan = result.as_scan()
    look = _ScanLook(scan, result.best, -0.5 * result.minimum, result.sm_chi2 - result.minimum, False)
    names = list(result.axes)
    if title is None and len(result.names) - len(names) > 8:  # nuisance parameters by the hundred are not listed
        title = f"{_run_title(result.fingerprint)}\nprofiled over {len(result.names) - len(names)} parameters"
    elif title is None:
        manifest = {"parameters": {k: result.parameters.get(k, {}) for k in result.names}, "likelihood": result.fingerprint}
        title = _scan_title(SimpleNamespace(names=result.names, fixed={}, method="grid", manifest=manifest), names)
    if any(len(v) < 2 for v in result.axes.values()):
        raise InputError("the profile has one value on an axis (allowed: at least two)")
    with st.context():
        if len(names) == 1:
            return _scan_curve(look, names[0], title, width)
        return _scan_regions(look, names[0], names[1], title, width)


# --------------------------------------------------------------------------------------------------------------------
# anything


def _kind(thing: Any) -> str:
    """What a thing is: "scan", "fit", "profile" or "posterior"."""
    for kind, marks in (
        ("profile", ("objective", "axes", "as_scan")),
        ("scan", ("manifest", "chunks")),
        ("fit", ("best", "pulls")),
        ("posterior", ("samples", "names")),
    ):
        if all(hasattr(thing, m) for m in marks):
            return kind
    raise InputError(f"cannot plot a {type(thing).__name__} (allowed: a scan, a fit, a profile, a posterior, or the path of one)")


_DRAW: dict[str, Callable[..., Figure]] = {
    "scan": plot_scan,
    "fit": plot_pulls,
    "profile": plot_profile,
    "posterior": plot_corner,
}


def plot(what: Any, **options: Any) -> Figure:
    """The main picture of a scan or profile (regions), a fit (pulls) or a posterior (corner), or of the file that holds one.

    ``options`` are those of :func:`plot_scan`, :func:`plot_profile`, :func:`plot_pulls` or :func:`plot_corner`.
    """
    if isinstance(what, (str, os.PathLike)):
        what = load(what)
    return _DRAW[_kind(what)](what, **options)


def load(path: str | os.PathLike) -> Any:
    """The scan, fit, profile or posterior in a file; InputError if it is none of these or cannot be read."""
    import fipjax

    path = Path(path).expanduser()
    try:
        if path.is_dir():
            return fipjax.open_scan(path)
        if not path.exists():
            raise InputError(f"cannot read {str(path)!r}: no such file")
    except OSError as err:
        raise InputError(f"cannot read {str(path)!r}: {err.strerror or err}") from None
    readers: dict[str, Callable[..., Any]] = {".json": fipjax.load_fit, ".nc": fipjax.load_posterior}
    if path.suffix not in readers:
        raise InputError(
            f"cannot plot {str(path)!r} (allowed: a .zarr scan, .json fit, .nc profile or posterior that fipjax wrote)"
        )
    if path.suffix == ".nc":
        from fipjax.engines.profile import is_profile

        if is_profile(path):
            return fipjax.load_profile(path)
    return readers[path.suffix](path)


_MAIN = {"scan": "regions", "fit": "pulls", "profile": "profile", "posterior": "corner"}
_PICTURE_SUFFIXES = (".pdf", ".png", ".svg")
_OTHER_PICTURES = (".jpg", ".jpeg", ".eps", ".ps", ".tif", ".tiff", ".gif", ".webp")
MIN_BINS = 3
"""Bins of one observable from which on a fit also gets its spectrum."""


def plot_file(path: str | os.PathLike, out: str | os.PathLike | None = None, **options: Any) -> list[Path]:
    """Draw what a file holds and write PDF and PNG; the paths written.

    A scan (.zarr) gives ``STEM_regions``, a fit (.json) ``STEM_pulls`` and, with three bins or more of one
    observable, ``STEM_spectrum``, a profile (.nc) ``STEM_profile``, a posterior (.nc) ``STEM_corner``; STEM is the path
    without suffix.

    Parameters
    ----------
    path: what ``fipjax scan``, ``fit``, ``profile`` or ``sample`` wrote.
    out: path of the main picture instead, with or without .pdf, .png or .svg (PDF and PNG are written in any case),
        or a directory for pictures under their default names.
    options: of :func:`plot_scan`, :func:`plot_pulls` or :func:`plot_corner`.

    Raises InputError for a file that cannot be read or is none of these, and an ``out`` that cannot be written.
    """
    path = Path(path).expanduser()
    thing = load(path)
    kind = _kind(thing)
    stem, formats = _target(path, out, _MAIN[kind])
    figures = {stem: _DRAW[kind](thing, **options)}
    if kind == "fit":
        table = _binned(thing.pulls)
        usual = "<dBR/dq2>(B+->Kmumu)"
        # the usual one if it is there, else the one with most bins
        name = max(table, key=lambda n: (len(table[n]) >= MIN_BINS and n == usual, len(table[n])), default=None)
        if name is not None and len(table[name]) >= MIN_BINS:
            other = stem.name.removesuffix("_pulls") + "_spectrum"
            figures[stem.with_name(other)] = plot_spectrum(thing, name)
    return [p for target, figure in figures.items() for p in st.save(figure, target, formats)]


def _target(path: Path, out: str | os.PathLike | None, main: str) -> tuple[Path, tuple[str, ...]]:
    """Path without suffix and formats of the main picture."""
    name = f"{path.name.removesuffix(path.suffix)}_{main}"
    if out is None:
        return path.resolve().parent / name, st.FORMATS
    target = Path(out).expanduser()
    formats: tuple[str, ...] = st.FORMATS
    if target.is_dir():
        return target / name, formats
    suffix = target.suffix.lower()
    if suffix in _OTHER_PICTURES:
        raise InputError(f"output {str(out)!r} (allowed: .pdf, .png, .svg, or no suffix)")
    if suffix in _PICTURE_SUFFIXES:
        target = target.with_suffix("")
        formats = tuple(dict.fromkeys((*formats, suffix[1:])))
    if not target.parent.is_dir():
        raise InputError(f"output {str(out)!r}: {str(target.parent)!r} is not a directory (allowed: a path in one)")
    return target, formats
