"""Exclusion plots: every bound of a model as a layer in a plane of two parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from fipjax.constraints import CONSTRAINTS
from fipjax.errors import InputError
from fipjax.models import Model, get_model
from fipjax.plotting import style as st

# colour-blind safe, for bounds without a colour of their own or whose colour is taken: Wong's palette and Tol's muted one
_CYCLE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#332288", "#88CCEE", "#44AA99", "#117733",
    "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499",
)  # fmt: skip
_LINES = ("-", "--", ":")


def _axis(model: Model, role: str, name: str, low: float, high: float, n: int) -> np.ndarray:
    p = model.parameter(name)
    if not (low > 0 and high > low):
        raise InputError(f"{role} = ({name!r}, {low:g}, {high:g}) (allowed: 0 < low < high; the axes are logarithmic)")
    p.check(low)
    p.check(high)
    return np.geomspace(low, high, n)


def plot_bounds(
    model: str | Model,
    x: tuple[str, float, float],
    y: tuple[str, float, float],
    fixed: Mapping[str, Any],
    *,
    constraints: str | Sequence[str] = "all",
    data: str = "latest",
    conventions: str = "default",
    points: int = 200,
    width: float = 0.72 * st.DOUBLE,
) -> st.Figure:
    """What each bound excludes of a model in the plane of two parameters, both axes logarithmic.

    x, y: (parameter, lowest, highest), positive.  fixed: the other parameters; a function of the dict of grid arrays (B,) ties a
    parameter to the axes, e.g. ``{"C4t_mumuV": lambda p: -0.44 * p["C4_mumuV"]}``.  constraints, data, conventions: as in
    ``fipjax.predict``.  points: per axis.  Bounds that exclude nothing here have no layer.  Returns a figure whose
    ``ratios`` holds name -> (points, points) of r, rows along y.
    Raises InputError for unknown names and ranges that are not allowed.
    """
    from fipjax.prediction import predict

    m = get_model(model)
    gx, gy = _axis(m, "x", *x, points), _axis(m, "y", *y, points)
    if x[0] == y[0]:
        raise InputError(f"x and y are both {x[0]!r} (allowed: two parameters)")
    a, b = (v.ravel() for v in np.meshgrid(gx, gy))
    params: dict[str, Any] = {x[0]: a, y[0]: b}
    for name, value in fixed.items():
        m.parameter(name)
        params[name] = value(dict(params)) if callable(value) else np.full_like(a, value)
    result = predict(m, params, [], data=data, constraints=constraints, conventions=conventions)
    ratios = {n: np.asarray(r["ratio"]).reshape(points, points) for n, r in result.constraints.items()}
    shown = sorted((n for n, r in ratios.items() if (r > 1.0).any()), key=lambda n: -np.mean(ratios[n] > 1.0))
    with st.context():
        fig = st.new_figure(width, 0.72 * width)
        ax = fig.subplots()
        handles: list[Any] = []
        used: set[str] = set()
        for k, name in enumerate(shown):
            c = CONSTRAINTS[name]
            colour = (
                c.color if c.color and c.color not in used else next((i for i in _CYCLE if i not in used), _CYCLE[k % len(_CYCLE)])
            )
            used.add(colour)
            # the border is where ln r = 0; a bound without a limit there has r = 0
            level = np.log(np.maximum(ratios[name], 1e-30))
            if (level > 0.0).all():
                ax.axvspan(gx[0], gx[-1], color=colour, alpha=0.18, lw=0, zorder=1 + 0.01 * k)
            else:
                ax.contourf(gx, gy, level, [0.0, np.inf], colors=[colour], alpha=0.28, zorder=1 + 0.01 * k)
                ax.contour(gx, gy, level, [0.0], colors=[colour], linewidths=1.0, linestyles=_LINES[k % 3], zorder=2 + 0.01 * k)
            handles.append(Patch(fc=to_rgba(colour, 0.3), ec=colour, ls=_LINES[k % 3], lw=1.0, label=f"${c.latex}$"))
        if not shown:
            handles.append(Line2D([], [], ls="", label="nothing is excluded"))
        about = {p.name: {"latex": p.latex, "unit": p.unit} for p in m.parameters}
        ax.set(xscale="log", yscale="log", xlim=gx[[0, -1]], ylim=gy[[0, -1]])
        ax.set_xlabel(st.parameter_label(x[0], about[x[0]]))
        ax.set_ylabel(st.parameter_label(y[0], about[y[0]]))
        fig.legend(handles=handles, loc="outside right upper", title=f"excluded, data {data}", alignment="left")
    fig.ratios = ratios  # type: ignore[attr-defined]
    return fig
