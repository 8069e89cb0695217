"""Allowed regions of scans and profiles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from fipjax.errors import InputError, unknown
from fipjax.plotting import style as st
from fipjax.plotting._common import (
    _SIGMA_LABELS,
    DELTA_CHI2,
    SIGMAS,
    _band_patches,
    _label_axis,
    _model_parameters,
    _product_latex,
    _Quantity,
    _run_title,
    _scan_quantity,
    _scan_title,
    _star,
    _top_legend,
    _value,
)
from fipjax.plotting.style import Figure


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

    A grid (also one that was refined) is profiled (largest log_prob) over its other axes; filled are the 1, 2 and 3 sigma regions,
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
    if hasattr(scan, "as_grid"):  # an adaptive scan: profiled over its cells
        scan = scan.as_grid()
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
