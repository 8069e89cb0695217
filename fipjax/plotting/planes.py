"""Exclusion plots with a name on every bound, and what the data prefer on top."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from fipjax.constraints import CONSTRAINTS
from fipjax.errors import InputError, unknown
from fipjax.models import Model, get_model
from fipjax.plotting import style as st
from fipjax.plotting._common import DELTA_CHI2, _Quantity, _scan_quantity
from fipjax.plotting.bounds import _CYCLE
from fipjax.plotting.scans import _finer, _refined

EXCLUDED = "#EFEFEF"
_BAND = 0.03  # width of the coloured edge, share of the axis
_LEADS = 0.04  # share of the border of what is left that a bound must have to be named inside the plot
_MOST_NAMES = 9
_FINE = 480
_ROWS = 24  # of one column of the legend


@dataclass(frozen=True)
class _Axis:
    """One axis: parameter, values as the model takes them, and how they are drawn (sign * value)."""

    name: str
    values: np.ndarray
    quantity: _Quantity

    @property
    def drawn(self) -> np.ndarray:
        return self.quantity.sign * self.values


def _axis(model: Model, role: str, spec: Sequence[Any], n: int) -> _Axis:
    """Axis from (name, low, high) or (name, low, high, scale)."""
    if isinstance(spec, str) or len(spec) not in (3, 4) or not isinstance(spec[0], str):
        raise InputError(f"{role} = {spec!r} (allowed: (parameter, low, high), or with 'linear' or 'log' as a fourth)")
    name = spec[0]
    p = model.parameter(name)
    try:
        low, high = float(spec[1]), float(spec[2])
    except (TypeError, ValueError):
        raise InputError(f"{role} = {tuple(spec)!r} (allowed: numbers for low and high)") from None
    scale = spec[3] if len(spec) == 4 else ("log" if low * high > 0 else "linear")
    if scale not in ("log", "linear"):
        raise unknown(f"scale of {role}", scale, ("linear", "log"))
    if not low < high or not math.isfinite(high - low) or (scale == "log" and low * high <= 0):
        raise InputError(f"{role} = ({name!r}, {low:g}, {high:g}) with scale {scale} (allowed: low < high, of one sign if log)")
    p.check(low)
    p.check(high)
    sign = -1 if scale == "log" and high < 0 else 1
    if scale == "log":
        values = sign * np.geomspace(abs(low), abs(high), n)
        values[[0, -1]] = low, high
    else:
        values = np.linspace(low, high, n)
    ends = sorted((sign * low, sign * high))
    latex = st.formula(name, {"latex": p.latex})
    return _Axis(name, values, _Quantity((name,), latex, p.unit, scale, ends[0], ends[1], sign=sign))


def _flat(q: _Quantity, value: float) -> float:
    return float(q.to_flat(np.asarray(value, float)))


def _ink(colour: str) -> tuple[float, float, float]:
    """The colour, dark enough to be read on white."""
    rgb = np.array(to_rgb(colour))
    for _ in range(40):
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        if 1.05 / (float(linear @ (0.2126, 0.7152, 0.0722)) + 0.05) >= 4.0:
            break
        rgb = 0.95 * rgb
    return tuple(float(c) for c in rgb)  # type: ignore[return-value]


def exclusion(
    model: str | Model,
    x: Sequence[Any],
    y: Sequence[Any],
    fixed: Mapping[str, Any],
    *,
    constraints: str | Sequence[str] = "all",
    data: str = "latest",
    conventions: str = "default",
    preferred: Any = None,
    mark: Mapping[str, float] | None = None,
    mark_label: str = "point",
    points: int = 160,
    legend: bool = True,
    names_inside: bool = True,
    title: str | None = None,
    width: float = 0.8 * st.DOUBLE,
) -> st.Figure:
    """What the bounds leave of a model in the plane of two parameters.

    Grey is excluded by at least one bound; every bound has a line with a coloured edge on its excluded side.  Bounds that alone
    exclude part of the plane are named there, all others (and those for which there is no room) in the legend.

    Parameters
    ----------
    model: name or Model.
    x, y: (parameter, low, high), or with "log" or "linear" as a fourth; default: logarithmic unless the range contains zero.  A
        negative range with a logarithmic axis is drawn as minus the parameter.
    fixed: the other parameters; a function of the dict of grid arrays (B,) ties one to the axes.
    constraints, data, conventions: as in ``fipjax.predict``.
    preferred: 1 and 2 sigma regions of the data on top: a :class:`fipjax.Likelihood` (its chi2 in this plane, the other parameters
        as in ``fixed``), or a grid scan or profile of these two parameters (minimised over its other parameters).
    mark: a point to mark with a star, name -> value; mark_label: its name in the legend.
    points: per axis.  legend: draw the legend.  names_inside: name the bounds in the plane, else in the legend only.
    title: above the plane.  width: of the figure, inches.

    Returns a figure whose ``ratios`` holds name -> (points, points) of value/limit, rows along y, and ``layers`` the names of the
    bounds that are drawn, with their colours; every artist of a bound has the gid ``bound:NAME:PART``.
    Raises InputError for unknown names, ranges that are not allowed, and a ``preferred`` of other parameters.
    """
    from fipjax.prediction import predict

    m = get_model(model)
    if not isinstance(points, int) or points < 8:
        raise InputError(f"points = {points!r} (allowed: an integer >= 8)")
    ax_x, ax_y = _axis(m, "x", x, points), _axis(m, "y", y, points)
    if ax_x.name == ax_y.name:
        raise InputError(f"x and y are both {ax_x.name!r} (allowed: two parameters)")
    a, b = (v.ravel() for v in np.meshgrid(ax_x.values, ax_y.values))
    params: dict[str, Any] = {ax_x.name: a, ax_y.name: b}
    for name, value in fixed.items():
        m.parameter(name)
        if name in (ax_x.name, ax_y.name):
            raise InputError(f"{name!r} is on an axis and fixed (allowed: one of them)")
        params[name] = value(dict(params)) if callable(value) else np.full_like(a, value)
    result = predict(m, params, [], data=data, constraints=constraints, conventions=conventions)
    ratios = {n: np.asarray(r["ratio"]).reshape(points, points) for n, r in result.constraints.items()}
    over = {n: r > 1.0 for n, r in ratios.items()}
    count = np.sum([*over.values(), np.zeros((points, points), bool)], axis=0)
    # what is left; if nothing is, what the fewest bounds exclude
    left = count <= count.min()
    share = {n: _border_share(o, left) for n, o in over.items()}
    shown = sorted((n for n, o in over.items() if o.any()), key=lambda n: (-share[n], -float(np.mean(over[n]))))
    delta = None if preferred is None else _preferred(preferred, ax_x, ax_y, params, points)
    with st.context(**{"axes.labelsize": st.LARGE}):
        fig = st.new_figure(width, (0.72 if legend else 0.8) * width + (0.14 if title else 0.0))
        ax = fig.add_subplot()
        for which, axis in (("x", ax_x), ("y", ax_y)):
            q = axis.quantity
            power = st.dress_axis(ax, which, q.scale, q.low, q.high)
            label = st.with_unit(f"${'-' if q.sign < 0 else ''}{q.latex}$", st.scaled_unit(q.unit, power))
            getattr(ax, f"set_{which}label")(label)
        layers = _draw_layers(ax, ax_x, ax_y, ratios, shown, left)
        handles = _draw_preferred(ax, delta)
        if mark is not None:
            handles += _draw_mark(ax, ax_x, ax_y, mark, mark_label)
        if title:
            ax.set_title(title, fontsize=st.NORMAL)
        leading = [n for n in shown if share[n] > _LEADS][:_MOST_NAMES] if names_inside else []
        covered = np.zeros((1, 1)) if delta is None else _covered(delta, ax_x, ax_y)
        # the layout must be known before texts can be placed
        _legend(fig, handles, [n for n in shown if n not in leading], layers, data, legend, bool(leading))
        fig.draw_without_rendering()
        placed = _place_names(fig, ax, ax_x, ax_y, ratios, leading, layers, left, covered)
        if legend and len(placed) < len(leading):
            for old in list(fig.legends):
                old.remove()
            rest = [n for n in shown if n not in placed]
            _legend(fig, handles, rest, layers, data, legend, bool(placed))
            fig.draw_without_rendering()
            for text in placed.values():
                text.remove()
            _place_names(fig, ax, ax_x, ax_y, ratios, list(placed), layers, left, covered)
    fig.ratios = ratios  # type: ignore[attr-defined]
    fig.layers = layers  # type: ignore[attr-defined]
    return fig


def _border_share(over: np.ndarray, left: np.ndarray) -> float:
    """Share of the cells next to what is left, but not in it, that a bound excludes."""
    from scipy.ndimage import binary_dilation

    rim = binary_dilation(left, iterations=2) & ~left
    return float(np.sum(rim & over) / max(1, np.sum(rim)))


def _draw_layers(
    ax: Any, ax_x: _Axis, ax_y: _Axis, ratios: Mapping[str, np.ndarray], shown: Sequence[str], left: np.ndarray
) -> dict[str, str]:
    """Grey area, line, and, where it borders on what is left, coloured edge of every bound; name -> colour."""
    from scipy.ndimage import distance_transform_edt, zoom

    layers: dict[str, str] = {}
    px, py = ax_x.drawn, ax_y.drawn
    # fine coordinates for the edges, evenly spaced on the page
    qx, qy = ax_x.quantity, ax_y.quantity
    fx, fy = (q.from_flat(np.linspace(_flat(q, d[0]), _flat(q, d[-1]), _FINE)) for q, d in ((qx, px), (qy, py)))
    near = distance_transform_edt(zoom(left.astype(float), _FINE / left.shape[0], order=1) < 0.5) / _FINE < 1.4 * _BAND
    for k, name in enumerate(shown):
        c = CONSTRAINTS[name]
        wanted = c.color if c.color and c.color not in layers.values() else None
        colour = wanted or next((i for i in _CYCLE if i not in layers.values()), _CYCLE[k % len(_CYCLE)])
        layers[name] = colour
        # the border is where ln r = 0; far values would only make the interpolation worse
        level = np.clip(np.log(np.maximum(ratios[name], 1e-30)), -3.0, 3.0)
        gid = f"bound:{name}"
        if (level > 0.0).all():
            ax.axvspan(px[0], px[-1], fc=EXCLUDED, lw=0, zorder=0.5).set_gid(f"{gid}:area")
            continue
        ax.contourf(px, py, level, [0.0, np.inf], colors=[EXCLUDED], zorder=0.5).set_gid(f"{gid}:area")
        fine = zoom(level, _FINE / level.shape[0], order=1, mode="nearest", grid_mode=False)
        depth = distance_transform_edt(fine > 0.0) / _FINE
        if ((depth > 0) & (depth < _BAND) & near).any():
            depth = np.ma.masked_where(~near, depth)
            edge = ax.contourf(fx, fy, depth, [0.5 / _FINE, _BAND], colors=[to_rgba(colour, 0.35)], zorder=1 + 0.01 * k)
            edge.set_gid(f"{gid}:edge")
            strong = ax.contour(fx, fy, np.where(near, fine, np.nan), [0.0], colors=[_ink(colour)], linewidths=1.3, zorder=3)
            strong.set_gid(f"{gid}:border")
        line = ax.contour(px, py, level, [0.0], colors=[_ink(colour)], linewidths=0.6, zorder=2 + 0.01 * k)
        line.set_gid(f"{gid}:line")
    return layers


def _preferred(what: Any, ax_x: _Axis, ax_y: _Axis, params: Mapping[str, Any], points: int):
    """(x drawn, y drawn, Delta chi2 with rows along y) of a likelihood, scan or profile."""
    pair = (ax_x.name, ax_y.name)
    if hasattr(what, "chi2") and hasattr(what, "priors"):
        given = {**params}
        for n, v in getattr(what, "fixed", {}).items():
            given.setdefault(n, v)
        missing = [n for n in what.names if n not in given]
        if missing:
            raise InputError(f"preferred region: {missing[0]!r} has no value (allowed: a value in fixed, or on an axis)")
        chi2 = np.asarray(what.chi2({n: given[n] for n in what.names})).reshape(points, points)
        return ax_x.drawn, ax_y.drawn, chi2 - np.nanmin(chi2)
    scan = what.as_scan() if hasattr(what, "as_scan") else what
    if getattr(scan, "method", None) != "grid" or any(n not in scan.axes for n in pair):
        raise InputError(f"preferred region in {pair[0]}, {pair[1]} (allowed: a Likelihood, or a grid scan or profile of both)")
    profile = scan.profile(*pair, cuts=False)
    grids, finer = [], []
    for i, (axis, n) in enumerate(((ax_x, pair[0]), (ax_y, pair[1]))):
        values = axis.quantity.sign * np.asarray(scan.axes[n], float)
        order = np.argsort(values)
        profile = np.take(profile, order, axis=i)
        q = _scan_quantity(scan, n)
        grids.append(values[order])
        finer.append(_finer(q, values[order], max(1, math.ceil(300 / len(values)))))
    delta = 2.0 * (np.nanmax(profile[np.isfinite(profile)]) - np.where(np.isfinite(profile), profile, -np.inf))
    delta = np.minimum(np.nan_to_num(delta, nan=1e6, posinf=1e6), 1e6)
    return finer[0][2], finer[1][2], _refined(delta, finer).T


def _covered(region: Any, ax_x: _Axis, ax_y: _Axis, n: int = 60) -> np.ndarray:
    """1 where the plane, on an even n x n grid of the page, lies in the 2 sigma region, else 0."""
    from scipy.interpolate import RegularGridInterpolator

    gx, gy, delta = region
    qx, qy = ax_x.quantity, ax_y.quantity
    tx, ty = (np.linspace(_flat(q, q.low), _flat(q, q.high), n) for q in (qx, qy))
    fx, fy = qx.to_flat(gx), qy.to_flat(gy)
    if fx[0] > fx[-1]:
        fx, delta = fx[::-1], delta[:, ::-1]
    if fy[0] > fy[-1]:
        fy, delta = fy[::-1], delta[::-1]
    look = RegularGridInterpolator((fy, fx), delta, bounds_error=False, fill_value=1e6)
    return (look(tuple(np.meshgrid(ty, tx, indexing="ij"))) < DELTA_CHI2[2][1]).astype(float)


def _draw_preferred(ax: Any, region: Any) -> list[Any]:
    if region is None:
        return []
    gx, gy, delta = region
    handles: list[Any] = []
    for level, colour, alpha, text in (
        (DELTA_CHI2[2][1], st.BANDS[1], 0.55, r"data, $2\sigma$"), (DELTA_CHI2[2][0], st.BANDS[0], 0.8, r"data, $1\sigma$")
    ):  # fmt: skip
        if not delta.min() < level:
            continue
        ax.contourf(gx, gy, delta, [-1.0, level], colors=[to_rgba(colour, alpha)], zorder=0.8).set_gid("preferred:area")
        if delta.max() > level:
            ax.contour(gx, gy, delta, [level], colors=[st.EDGES[0]], linewidths=0.8, zorder=3.5).set_gid("preferred:line")
        handles.insert(0, Patch(fc=to_rgba(colour, alpha), ec=st.EDGES[0], lw=0.8, label=text))
    return handles


def _draw_mark(ax: Any, ax_x: _Axis, ax_y: _Axis, mark: Mapping[str, float], label: str) -> list[Any]:
    place = []
    for axis in (ax_x, ax_y):
        if axis.name not in mark:
            raise InputError(f"mark has no {axis.name!r} (allowed: a value for each axis)")
        place.append(axis.quantity.sign * float(mark[axis.name]))
    inside = all(q.low <= v <= q.high for v, q in zip(place, (ax_x.quantity, ax_y.quantity), strict=True))
    if not inside:
        return []
    (star,) = ax.plot(
        [place[0]], [place[1]], "*", ms=10.0, mfc="white", mec="black", mew=0.8, ls="", zorder=8, label=label, clip_on=False
    )
    star.set_gid("mark")
    return [star]


def _legend(
    fig: Any, handles: Sequence[Any], names: Sequence[str], layers: Mapping[str, str], data: str, on: bool, more: bool = False
) -> None:
    if not on:
        return
    rows: list[Any] = list(handles)
    if layers:
        rows.append(Patch(fc=EXCLUDED, ec="none", label="excluded"))
    for n in names:
        colour = layers[n]
        rows.append(Patch(fc=to_rgba(colour, 0.30), ec=_ink(colour), lw=1.1, label=f"${CONSTRAINTS[n].latex}$"))
    if not layers:
        rows.append(Line2D([], [], ls="", label="nothing is excluded"))
    head = f"{'other bounds' if more and names else 'bounds'}, data {st.plain_text(data)}"
    columns = math.ceil(len(rows) / _ROWS)
    fig.set_figwidth(max(fig.get_figwidth(), fig.get_figheight() / 0.72 + 1.5 * (columns - 1)))
    fig.legend(handles=rows, loc="outside right upper", title=head, alignment="left", ncols=columns)


def _place_names(fig, ax, ax_x, ax_y, ratios, names, layers, left, covered) -> dict[str, Any]:
    """Names of bounds inside what they exclude, close to their borders, where they hide no other border or name."""
    from scipy.ndimage import distance_transform_edt, uniform_filter, zoom

    out: dict[str, Any] = {}
    if not names:
        return out
    n = 240
    fields = {k: zoom(np.clip(np.log(np.maximum(ratios[k], 1e-30)), -3, 3), n / ratios[k].shape[0], order=1) for k in layers}
    near = distance_transform_edt(zoom(left.astype(float), n / left.shape[0], order=1) < 0.5) / n < 1.4 * _BAND
    turn_y, turn_x = (slice(None, None, -1 if a.drawn[0] > a.drawn[-1] else 1) for a in (ax_y, ax_x))
    fields, near = {k: v[turn_y, turn_x] for k, v in fields.items()}, near[turn_y, turn_x]
    inside = {k: v > 0 for k, v in fields.items()}
    borders = np.zeros((n, n))
    own = {}
    for k, o in inside.items():
        e = np.zeros((n, n), bool)
        e[:, 1:] |= o[:, 1:] != o[:, :-1]
        e[1:] |= o[1:] != o[:-1]
        own[k] = e & near
        borders += np.where(near, e, 0.3 * e)
    borders += 0.15 * zoom(covered, n / covered.shape[0], order=0)
    for star in ax.findobj(lambda t: t.get_gid() == "mark"):
        (u, v) = ax.transAxes.inverted().transform(ax.transData.transform(star.get_xydata()[0]))
        borders[max(0, int(n * v) - 9) : int(n * v) + 9, max(0, int(n * u) - 9) : int(n * u) + 9] += 9.0
    taken = np.zeros((n, n))
    renderer = fig.canvas.get_renderer()
    for k in names:
        text = ax.text(
            0.5, 0.5, f"${CONSTRAINTS[k].latex}$", transform=ax.transAxes, ha="center", va="center", fontsize=st.NORMAL,
            color=_ink(layers[k]), zorder=9, path_effects=[withStroke(linewidth=2.2, foreground="white", alpha=0.85)],
        )  # fmt: skip
        best = None
        for turn in (0.0, 90.0):
            text.set_rotation(turn)
            box = text.get_window_extent(renderer).transformed(ax.transAxes.inverted())
            h, w = (max(3, math.ceil(v * n) + 4) for v in (box.height, box.width))
            if h >= n - 2 or w >= n - 2:
                continue
            share = uniform_filter(inside[k].astype(float), (h, w), mode="constant")
            hidden = uniform_filter(borders, (h, w), mode="constant") * h * w / (h + w)
            blocked = uniform_filter(taken, (h, w), mode="constant")
            far = distance_transform_edt(~own[k]) / n if own[k].any() else np.zeros((n, n))
            cost = 6.0 * (1.0 - share) + 1.2 * hidden + 3.0 * far + 0.25 * (turn > 0)
            cost[blocked > 1e-9] = np.inf
            cost[: h // 2 + 2] = cost[-(h // 2) - 2 :] = np.inf
            cost[:, : w // 2 + 2] = cost[:, -(w // 2) - 2 :] = np.inf
            i, j = np.unravel_index(int(np.argmin(cost)), cost.shape)
            if best is None or cost[i, j] < best[0]:
                best = (float(cost[i, j]), turn, i, j, h, w)
        if best is None or best[0] > 3.0:
            text.remove()
            continue
        _, turn, i, j, h, w = best
        text.set_rotation(turn)
        text.set_position(((j + 0.5) / n, (i + 0.5) / n))
        text.set_gid(f"bound:{k}:name")
        taken[max(0, i - h // 2) : i + h // 2 + 1, max(0, j - w // 2) : j + w // 2 + 1] = 1.0
        out[k] = text
    return out
