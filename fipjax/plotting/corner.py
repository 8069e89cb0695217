"""Marginal posteriors in one and two dimensions."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from fipjax.errors import InputError, unknown
from fipjax.plotting import style as st
from fipjax.plotting._common import PROBABILITIES, SIGMAS, _band_patches, _product_latex, _run_title, _value
from fipjax.plotting.style import Figure

MAX_COLUMNS = 14
"""Columns of a corner plot."""


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
    # bars only where there may be a sign
    inside = f" {latex}" if kind == "log" and positive == 1.0 else f"|{latex}|"
    short, note, width, power = rf"$\log_{{10}}{inside}$", "", 0.0, 0
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

    Parameters with a logarithmic prior are drawn as log10 of their value, or of its modulus where it may be negative.  Where both
    signs occur the axis is a signed logarithm, negative values left (below) and positive ones right (above), and the title has the
    share and the interval of each sign.  Regions are those of highest density in the coordinates that are drawn: draws are
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
