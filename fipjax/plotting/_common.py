"""What the pictures share: quantities on axes, legends, titles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from fipjax.plotting import style as st
from fipjax.plotting.style import Figure

SIGMAS = (1, 2, 3)
DELTA_CHI2 = {dof: tuple(v) for dof, v in {1: (1.0, 4.0, 9.0), 2: (2.2957, 6.1801, 11.8292)}.items()}
"""Delta(-2 ln L) of 1, 2 and 3 sigma for one and two degrees of freedom."""
PROBABILITIES = (0.6827, 0.9545, 0.9973)
"""Content of the 1, 2 and 3 sigma regions."""


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


def _value(names: Sequence[str], table: Mapping[str, Any]) -> np.ndarray:
    """Product of the named columns."""
    out = np.ones(())
    for n in names:
        out = out * np.asarray(table[n], float)
    return np.asarray(out)


def _cycle(items: Sequence[Any]) -> Iterator[Any]:
    while True:
        yield from items
