"""Exclusion plots: what bounds leave of a plane, by kind of bound or bound by bound, and what the data prefer on top."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from fipjax.constraints import CONSTRAINTS, Constraint
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
_TINT = 0.26  # share of the colour in the filling of a kind
_MEMBERS = 3  # bounds of a kind that the legend names
_SPECK = 12  # cells of a hole in what a kind excludes that is not drawn if other kinds exclude it
_SEEN = 0.02  # share of a border below which a bound is not seen there

# kinds of bounds: groups of fipjax.constraints -> label, colour. Tol's muted palette and three more; neighbours on a page are
# also told apart by their names and, where they limit nothing, by dashes.
_KINDS: dict[str, tuple[str, str]] = {
    "B -> K inv": (r"$B\to K^{(*)}\,\mathrm{inv}$", "#0072B2"),
    "B -> K ll": (r"$B\to K^{(*)}V(\ell\ell)$", "#D55E00"),
    "mixing": (r"$\Delta M_s$", "#44AA99"),
    "rare decays": (r"$B_s\to\mu\mu$", "#882255"),
    "flavour": (r"$B_s\to\mu\mu$, $t$", "#882255"),
    "kaons and pions": (r"$K$, $\pi$ decays", "#CC79A7"),
    "dark photon": ("dark-photon searches", "#444444"),
    "projections": ("projections", "#999999"),
    "dark matter": (r"$\Omega_\chi h^2$", "#AA4499"),
    "electroweak": (r"$W$, $Z$ decays", "#332288"),
    "g-2": (r"$\Delta a_\mu$", "#117733"),
    "muon couplings": ("muon searches", "#E69F00"),
    "neutral currents": (r"weak charges, CE$\nu$NS", "#999933"),
    "neutrinos": (r"$\nu e$ scattering", "#56B4E9"),
}  # fmt: skip


@dataclass(frozen=True)
class _Layer:
    """What is drawn as one: key of its gid, label for the picture, colour, the bounds in it, whether it limits what is left."""

    key: str
    label: str
    colour: str
    names: tuple[str, ...]
    leads: bool = True


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
    merge: bool = True,
    legend: bool = True,
    names_inside: bool = True,
    title: str | None = None,
    width: float | None = None,
) -> st.Figure:
    """What the bounds leave of a model in the plane of two parameters.

    Bounds of one kind (the groups of ``fipjax constraints``) are one coloured area, the largest at the back.  A solid, bold line is
    where a kind limits what is left; a kind with a thin dashed line would limit it if those were not there.  Kinds that are the
    strongest in neither way are left out, as are, inside a kind, the bounds that the others of the kind cover: the legend counts
    them and ``weaker`` names them.  With ``merge=False`` every bound that excludes anything has a line of its own, with a coloured
    edge where it limits what is left, in a shade of the colour of its kind; grey is excluded by at least one.

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
    points: per axis.  merge: one area for all bounds of a kind.  legend: draw the legend.  names_inside: write names into the plane
        where there is room, else in the legend only.
    title: above the plane.  width: of the figure, inches; default: text of a two-column page if there is a legend.

    Returns a figure whose ``ratios`` holds name -> (points, points) of value/limit, rows along y; ``layers`` the names of the
    bounds that are drawn, with their colours; ``kinds`` what is drawn as one -> names of its bounds; ``weaker`` the names of those
    that exclude something and are not drawn.  Artists have the gid ``bound:KEY:PART``, KEY the kind, or the bound if not merged.
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
    over = {n: r > 1.0 for n, r in ratios.items() if (r > 1.0).any()}
    count = np.sum([*over.values(), np.zeros((points, points), bool)], axis=0)
    # what is left; if nothing is, what the fewest bounds exclude
    left = count <= count.min()
    layers = _kinds(over, left) if merge else _each(over, left)
    fields = {y.key: _field(ratios, y.names) for y in layers}
    delta = None if preferred is None else _preferred(preferred, ax_x, ax_y, params, points)
    drawn = {n for y in layers for n in y.names}
    weaker = tuple(n for n in over if n not in drawn)
    width = width or (st.DOUBLE if legend else 0.8 * st.DOUBLE)
    with st.context(**{"axes.labelsize": st.LARGE}):
        fig = st.new_figure(width, (0.6 if legend else 0.8) * width + (0.14 if title else 0.0))
        ax = fig.add_subplot()
        for which, axis in (("x", ax_x), ("y", ax_y)):
            q = axis.quantity
            power = st.dress_axis(ax, which, q.scale, q.low, q.high)
            label = st.with_unit(f"${'-' if q.sign < 0 else ''}{q.latex}$", st.scaled_unit(q.unit, power))
            getattr(ax, f"set_{which}label")(label)
        (_draw_kinds if merge else _draw_layers)(ax, ax_x, ax_y, fields, layers, left)
        handles = _draw_preferred(ax, delta)
        if mark is not None:
            handles += _draw_mark(ax, ax_x, ax_y, mark, mark_label)
        if title:
            ax.set_title(title, fontsize=st.NORMAL)
        wanted = [y for y in layers if y.leads or merge][:_MOST_NAMES] if names_inside else []
        covered = np.zeros((1, 1)) if delta is None else _covered(delta, ax_x, ax_y)
        # a merged legend says what is in each kind; else it names what the plane does not
        entries = [y for y in layers if merge or y not in wanted]
        # the layout must be known before texts can be placed
        _legend(fig, handles, entries, merge, len(weaker), data, legend)
        fig.draw_without_rendering()
        placed = _place_names(fig, ax, fields, wanted, layers, left, covered, (ax_x, ax_y))
        if legend and not merge and len(placed) < len(wanted):
            for old in list(fig.legends):
                old.remove()
            _legend(fig, handles, [y for y in layers if y.key not in placed], merge, 0, data, legend)
            fig.draw_without_rendering()
            for text in placed.values():
                text.remove()
            _place_names(fig, ax, fields, [y for y in layers if y.key in placed], layers, left, covered, (ax_x, ax_y))
    fig.ratios = ratios  # type: ignore[attr-defined]
    fig.layers = {n: y.colour for y in layers for n in y.names}  # type: ignore[attr-defined]
    fig.kinds = {y.key: y.names for y in layers}  # type: ignore[attr-defined]
    fig.weaker = weaker  # type: ignore[attr-defined]
    return fig


def _kind(c: Constraint) -> str:
    """The kind of a bound: its group; a bound of a plugin without a group, and a consistency condition, is one of its own."""
    return c.group if c.group in _KINDS or c.group != "other" else c.name


def _shades(colour: str, n: int) -> list[str]:
    """n shades of a colour, from dark to light."""
    rgb = np.array(to_rgb(colour))
    out = []
    for t in np.linspace(-0.35, 0.45, n) if n > 1 else (0.0,):
        r, g, b = (float(v) for v in (rgb * (1 + t) if t < 0 else rgb + t * (1 - rgb)))
        out.append(to_hex((r, g, b)))
    return out


def _colours(keys: Sequence[str]) -> dict[str, str]:
    """Colour of each kind; those of plugins get what is free."""
    out = {k: _KINDS[k][1] for k in keys if k in _KINDS}
    free = [c for c in _CYCLE if c not in out.values()]
    for i, k in enumerate(k for k in keys if k not in out):
        out[k] = free[i % len(free)]
    return out


def _families(names: Iterable[str]) -> dict[str, list[str]]:
    """Kind -> its bounds, in order."""
    out: dict[str, list[str]] = {}
    for n in names:
        out.setdefault(_kind(CONSTRAINTS[n]), []).append(n)
    return out


def _each(over: Mapping[str, np.ndarray], left: np.ndarray) -> list[_Layer]:
    """A layer for every bound, those first that limit most of what is left."""
    share = {n: _border_share(o, left) for n, o in over.items()}
    shown = sorted(over, key=lambda n: (-share[n], -float(np.mean(over[n]))))
    families = _families(shown)
    base = _colours(list(families))
    colour = {n: c for k, names in families.items() for n, c in zip(names, _shades(base[k], len(names)), strict=True)}
    return [_Layer(n, f"${CONSTRAINTS[n].latex}$", colour[n], (n,), share[n] > _LEADS) for n in shown]


def _kinds(over: Mapping[str, np.ndarray], left: np.ndarray) -> list[_Layer]:
    """A layer for every kind that limits what is left, or would without those, with its bounds that shape it."""
    families = _families(over)
    area = {k: np.any([over[n] for n in names], axis=0) for k, names in families.items()}
    # a bound that reaches into what is left anywhere counts, however short its border
    first = {k: share for k, a in area.items() if (share := _border_share(a, left)) > 0.25 * _SEEN}
    rest = {k: a for k, a in area.items() if k not in first}
    second: dict[str, float] = {}
    if rest:
        number = np.sum(list(rest.values()), axis=0)
        second = {k: share for k, a in rest.items() if (share := _border_share(a, number <= number.min())) > _SEEN}
    colours = _colours([*first, *second])
    layers = []
    for k in (*sorted(first, key=lambda k: -first[k]), *sorted(second, key=lambda k: -second[k])):
        outside = ~area[k] if not area[k].all() else left
        shaping = {n: _border_share(over[n], outside) for n in families[k]}
        names = sorted((n for n in shaping if shaping[n] > _SEEN), key=lambda n: -shaping[n])
        names = names or [max(families[k], key=lambda n: float(np.mean(over[n])))]
        # alone in its kind, a bound has its own label
        label = _KINDS[k][0] if k in _KINDS and len(names) > 1 else f"${CONSTRAINTS[names[0]].latex}$" if len(names) == 1 else k
        layers.append(_Layer(k, label, colours[k], tuple(names), k in first))
    return layers


def _field(ratios: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """ln of the largest ratio: its zero is the border; what is far away would only make the interpolation worse."""
    largest = np.max([ratios[n] for n in names], axis=0)
    return np.clip(np.log(np.maximum(largest, 1e-30)), -3.0, 3.0)


def _border_share(over: np.ndarray, left: np.ndarray) -> float:
    """Share of the cells next to what is left, but not in it, that a bound excludes."""
    from scipy.ndimage import binary_dilation

    rim = binary_dilation(left, iterations=2) & ~left
    return float(np.sum(rim & over) / max(1, np.sum(rim)))


def _without_specks(level: np.ndarray, left: np.ndarray) -> np.ndarray:
    """The field without holes of a few cells that other bounds cover: what a grid makes of a strip that is too narrow for it."""
    from scipy.ndimage import label

    holes, _ = label(level <= 0.0, structure=np.ones((3, 3)))
    open_cells, cells = np.bincount(holes[left], minlength=holes.max() + 1), np.bincount(holes.ravel())
    small = (open_cells == 0) & (cells <= _SPECK)
    small[0] = False
    return np.where(small[holes], 1e-3, level)


def _fine(ax_x: _Axis, ax_y: _Axis) -> list[np.ndarray]:
    """Coordinates of a fine grid, evenly spaced on the page."""
    axes = ((a.quantity, a.drawn) for a in (ax_x, ax_y))
    return [q.from_flat(np.linspace(_flat(q, d[0]), _flat(q, d[-1]), _FINE)) for q, d in axes]


def _near(left: np.ndarray, n: int, width: float) -> np.ndarray:
    """Cells of an n x n grid that are in what is left, or closer to it than ``width`` of an axis."""
    from scipy.ndimage import distance_transform_edt, zoom

    return distance_transform_edt(zoom(left.astype(float), n / left.shape[0], order=1) < 0.5) / n < width


def _tinted(colour: str, share: float) -> tuple:
    """A colour on white, opaque."""
    return tuple(1.0 - share * (1.0 - np.array(to_rgb(colour))))


def _draw_kinds(
    ax: Any, ax_x: _Axis, ax_y: _Axis, fields: Mapping[str, np.ndarray], layers: Sequence[_Layer], left: np.ndarray
) -> None:
    """Filled areas, the largest at the back; lines bold next to what is left, dashed for kinds that do not limit it."""
    from scipy.ndimage import zoom

    px, py = ax_x.drawn, ax_y.drawn
    # a cell and a half of a grid of 160 points, less on finer ones: else bold pieces stick out of narrow gaps
    near = _near(left, _FINE, min(0.01, max(1.5 / left.shape[0], 2.5 / _FINE)))
    fx, fy = _fine(ax_x, ax_y)
    order = sorted(layers, key=lambda y: -float(np.mean(fields[y.key] > 0.0)))
    for k, y in enumerate(order):
        level, gid = _without_specks(fields[y.key], left), f"bound:{y.key}"
        tint = _tinted(y.colour, _TINT)
        if (level > 0.0).all():
            ax.axvspan(px[0], px[-1], fc=tint, lw=0, zorder=0.5).set_gid(f"{gid}:area")
            continue
        ax.contourf(px, py, level, [0.0, np.inf], colors=[tint], zorder=0.5 + 0.01 * k).set_gid(f"{gid}:area")
        look: dict[str, Any] = {"linewidths": 0.7} if y.leads else {"linewidths": 0.8, "linestyles": [(0, (4, 1.6))]}
        ax.contour(px, py, level, [0.0], colors=[_ink(y.colour)], zorder=2 + 0.01 * k, **look).set_gid(f"{gid}:line")
        if y.leads:
            fine = zoom(level, _FINE / level.shape[0], order=1, mode="nearest", grid_mode=False)
            if ((fine > 0.0) & near).any():
                strong = ax.contour(fx, fy, np.where(near, fine, np.nan), [0.0], colors=[_ink(y.colour)], linewidths=1.6, zorder=3)
                strong.set_gid(f"{gid}:border")


def _draw_layers(
    ax: Any, ax_x: _Axis, ax_y: _Axis, fields: Mapping[str, np.ndarray], layers: Sequence[_Layer], left: np.ndarray
) -> None:
    """Grey area, line, and, where it borders on what is left, coloured edge of every bound."""
    from scipy.ndimage import distance_transform_edt, zoom

    px, py = ax_x.drawn, ax_y.drawn
    fx, fy = _fine(ax_x, ax_y)
    near = _near(left, _FINE, 1.4 * _BAND)
    for k, y in enumerate(layers):
        level, gid, colour = fields[y.key], f"bound:{y.key}", y.colour
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


def _legend(fig: Any, handles: Sequence[Any], entries: Sequence[_Layer], merge: bool, weaker: int, data: str, on: bool) -> None:
    if not on:
        return

    def line(text: str) -> Line2D:
        return Line2D([], [], ls="", label=text)

    rows: list[Any] = list(handles)
    if entries and not merge:
        rows.append(Patch(fc=EXCLUDED, ec="none", label="excluded"))
    for y in entries:
        tint = _tinted(y.colour, _TINT if merge else 0.30)
        look: dict[str, Any] = {"lw": 1.1} if y.leads or not merge else {"lw": 0.8, "ls": (0, (3, 1.2))}
        rows.append(Patch(fc=tint, ec=_ink(y.colour), label=y.label, **look))
        if len(y.names) > 1:
            parts = list(dict.fromkeys(f"${CONSTRAINTS[n].latex}$" for n in y.names))
            rows += [line(f"   {t}") for t in parts[:_MEMBERS]]
            if len(parts) > _MEMBERS:
                rows.append(line(f"   and {len(parts) - _MEMBERS} more"))
    if not entries and not handles:
        rows.append(line("nothing is excluded"))
    if merge and not all(y.leads for y in entries):
        rows.append(line("dashed: inside the others"))
    if weaker:
        rows.append(line(f"{weaker} weaker bound{'s' * (weaker > 1)} not drawn"))
    head = f"{'excluded' if merge else 'bounds'}, data {st.plain_text(data)}"
    columns = math.ceil(len(rows) / (1.5 * _ROWS if merge else _ROWS))
    fig.set_figwidth(max(fig.get_figwidth(), fig.get_figheight() / 0.72 + 1.5 * (columns - 1)))
    small: dict[str, Any] = {"fontsize": st.SMALL, "labelspacing": 0.22} if merge else {}
    fig.legend(handles=rows, loc="outside right upper", title=head, alignment="left", ncols=columns, **small)


def _place_names(fig, ax, fields, wanted, layers, left, covered, axes) -> dict[str, Any]:
    """Names of layers inside what they exclude, close to their borders, where they hide no other border or name."""
    from scipy.ndimage import distance_transform_edt, uniform_filter, zoom

    out: dict[str, Any] = {}
    if not wanted:
        return out
    n = 240
    turn_x, turn_y = (slice(None, None, -1 if a.drawn[0] > a.drawn[-1] else 1) for a in axes)
    near = _near(left, n, 1.4 * _BAND)[turn_y, turn_x]
    inside = {y.key: (zoom(fields[y.key], n / left.shape[0], order=1) > 0)[turn_y, turn_x] for y in layers}
    borders = np.zeros((n, n))
    own = {}
    for k, o in inside.items():
        e = np.zeros((n, n), bool)
        e[:, 1:] |= o[:, 1:] != o[:, :-1]
        e[1:] |= o[1:] != o[:-1]
        own[k] = e & near if (e & near).any() else e
        borders += np.where(near, e, 0.3 * e)
    borders += 0.15 * zoom(covered, n / covered.shape[0], order=0)
    for star in ax.findobj(lambda t: t.get_gid() == "mark"):
        (u, v) = ax.transAxes.inverted().transform(ax.transData.transform(star.get_xydata()[0]))
        borders[max(0, int(n * v) - 9) : int(n * v) + 9, max(0, int(n * u) - 9) : int(n * u) + 9] += 9.0
    taken = np.zeros((n, n))
    # a name stands in what is seen of an area: smaller ones are on top
    size = {k: float(np.mean(o)) for k, o in inside.items()}
    renderer = fig.canvas.get_renderer()
    for y in wanted:
        k = y.key
        hides = [o for j, o in inside.items() if size[j] < size[k]]
        seen = inside[k] & ~np.any(hides, axis=0) if hides else inside[k]
        text = ax.text(
            0.5, 0.5, y.label, transform=ax.transAxes, ha="center", va="center", fontsize=st.NORMAL, linespacing=1.0,
            color=_ink(y.colour), zorder=9, path_effects=[withStroke(linewidth=2.2, foreground="white", alpha=0.85)],
        )  # fmt: skip
        best = None
        for turn in (0.0, 90.0):
            text.set_rotation(turn)
            box = text.get_window_extent(renderer).transformed(ax.transAxes.inverted())
            h, w = (max(3, math.ceil(v * n) + 4) for v in (box.height, box.width))
            if h >= n - 2 or w >= n - 2:
                continue
            share = uniform_filter(inside[k].astype(float), (h, w), mode="constant")
            shown = uniform_filter(seen.astype(float), (h, w), mode="constant")
            hidden = uniform_filter(borders, (h, w), mode="constant") * h * w / (h + w)
            blocked = uniform_filter(taken, (h, w), mode="constant")
            far = distance_transform_edt(~own[k]) / n if own[k].any() else np.zeros((n, n))
            cost = 5.0 * (1.0 - share) + 1.5 * (1.0 - shown) + 1.2 * hidden + 3.0 * far + 0.25 * (turn > 0)
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
