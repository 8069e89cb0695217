"""Pulls of a fit, and binned observables against q^2."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, MultipleLocator

from fipjax.errors import InputError, unknown
from fipjax.plotting import style as st
from fipjax.plotting._common import _cycle, _run_title, _top_legend
from fipjax.plotting.style import Figure


def _pull_list(fit_or_pulls: Any) -> list[dict]:
    """Pulls of a fit, or the list itself, checked."""
    pulls = list(getattr(fit_or_pulls, "pulls", fit_or_pulls))
    if not pulls:
        if not getattr(fit_or_pulls, "complete", True):
            raise InputError("the fit was interrupted before its pulls (allowed: a complete one; fit --resume finishes it)")
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
    peaks: Mapping[str, float] | None = None,
    label: str = "best fit",
    title: str | None = None,
    width: float = st.COLUMN,
) -> Figure:
    """A binned observable against q^2: measurements, SM prediction with its theory error, and the best fit.

    Parameters
    ----------
    fit_or_pulls: a :class:`fipjax.FitResult`, or a list as :meth:`fipjax.Likelihood.pulls` returns it.
    observable: name without bin.
    curves: label -> (q2, values), smooth lines on top (GeV^2, and the unit of the observable in powers of GeV); a peak far above
        everything else is cut off at the top.
    peaks: label -> q2 of vertical lines.  label: of the prediction.
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
            (centre,) = ax.plot([lo, hi], [sm, sm], color=st.SM_COLOUR, lw=1.8, zorder=2, solid_capstyle="butt")
            centre.set_gid("sm:line")
            value = factor * float(p["value"])
            (step,) = ax.plot([lo, hi], [value, value], color=st.BLUE, lw=1.3, zorder=3, solid_capstyle="butt")
            step.set_gid("best fit")
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
            for bars in points.lines[2]:
                bars.set_gid("data:error")
            data.append(points)
        sm_patch = Patch(fc=(*to_rgba(st.SM_COLOUR)[:3], 0.35), ec=st.SM_COLOUR, lw=0.8, label="SM")
        ax.autoscale_view()
        low, high = ax.get_ylim()
        span = high - low
        bottom, top = low - 0.6 * span, high + 0.6 * span
        colours = _cycle((st.PURPLE, st.GREEN, st.SKY, st.BLACK))
        for (name, (q2, values)), colour in zip((curves or {}).items(), colours, strict=False):
            y = factor * np.asarray(values, float)
            (line,) = ax.plot(np.asarray(q2), y, color=colour, lw=1.0, zorder=2.5, label=name)
            line.set_gid("curve")
            handles.append(line)
            # a narrow peak may be a thousand times what the data see of it
            low = max(min(low, np.nanmin(y) - 0.04 * span), bottom)
            high = min(max(high, np.nanmax(y) + 0.04 * span), top)
        ax.set_ylim(low, high)
        handles = [*data, sm_patch, Line2D([], [], color=st.BLUE, lw=1.3, label=label), *handles]
        ends = np.array([e for e, _ in bins])
        pad = 0.02 * np.ptp(ends)
        ax.set_xlim(max(0.0, ends.min() - pad), ends.max() + pad)
        if 0 < low < 0.6 * high:
            ax.set_ylim(0.0, high)
        verticals = [(n, q2, st.PURPLE) for n, q2 in (peaks or {}).items()]
        verticals += [(n, q2, st.GREY) for n, q2 in _RESONANCES.items() if not any(lo < q2 < hi for lo, hi in drawn)]
        for name, q2, colour in verticals:
            if ends.min() < q2 < ends.max():
                ax.axvline(q2, color=colour, lw=0.6, ls=(0, (1, 2)), zorder=0.5).set_gid("peak" if colour == st.PURPLE else "")
                ax.annotate(
                    name, (q2, 1.0), (-1, -2), xycoords=("data", "axes fraction"), textcoords="offset points",
                    rotation=90, ha="right", va="top", fontsize=st.SMALL, color=colour,
                    bbox={"fc": "white", "ec": "none", "pad": 0.3, "alpha": 0.8},
                )  # fmt: skip
        ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
        ax.set_xlabel(r"$q^2$ [GeV$^2$]")
        ax.set_ylabel(st.with_unit(st.observable_label(observable, with_bin=False), unit))
        longest = max(len(n) for n in publications)
        _top_legend(fig, handles, text, columns=int(np.clip(width / (0.055 * longest + 0.4), 1, 4 if width > 4 else 2)))
    return fig


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
