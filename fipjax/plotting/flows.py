"""Running couplings against the scale, with the poles where a flow ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from fipjax.errors import InputError, unknown
from fipjax.plotting import style as st

# name -> LaTeX; a matrix or vector in flavour space is drawn entry by entry
_LATEX = {
    "g3": "g_3", "g2": "g_2", "gY": "g_Y", "gX": "g_X", "eps": r"\epsilon", "y_u": "y_u", "y_d": "y_d", "y_mu": r"y_\mu",
    "y_nu": r"y_\nu", "eta3": r"\eta^{3L}", "eta1L": r"\eta^{1L}", "eta1R": r"\eta^{1R}", "etat": r"\tilde\eta", "lH": r"\lambda_H",
    "lPhi": r"\lambda_\Phi", "lPhiH": r"\lambda_{\Phi H}", "lPhi1": r"\lambda_{\Phi 1}", "lPhi3": r"\lambda_{\Phi 3}",
    "l1": r"\lambda_1", "lH1": r"\lambda_{H1}", "lH3": r"\lambda_{H3}", "kH3": r"\kappa_{H3}", "kH13": r"\kappa_{H13}",
    "l3": r"\lambda_3", "k3": r"\kappa_3", "n3": r"\nu_3", "l13": r"\lambda_{13}", "k13": r"\kappa_{13}", "n13": r"\nu_{13}",
    "s13": r"\sigma_{13}",
}  # fmt: skip
_QUARK = {"y_u": "uct", "y_d": "dsb"}
# quartic couplings from here on: a panel of their own
_FIRST_QUARTIC = "lH"
_COLOURS = (st.BLUE, st.VERMILLION, st.GREEN, st.PURPLE, st.ORANGE, st.SKY, st.BLACK)
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)))
M_PLANCK = 1.22e19


def _lines(name: str, values: Any, smallest: float) -> list[tuple[str, np.ndarray]]:
    """(LaTeX, values against the scale) of every entry of a coupling that is ever larger than ``smallest``."""
    a = np.asarray(values, float)
    latex = _LATEX.get(name, rf"\mathrm{{{name}}}".replace("_", r"\_"))
    out = []
    for where in np.ndindex(a.shape[:-1]):
        with np.errstate(invalid="ignore"):
            if not np.nanmax(np.abs(a[where]), initial=0.0) > smallest:
                continue
        text = latex
        if name in _QUARK:
            flavours = _QUARK[name]
            text = f"y_{flavours[where[0]]}" if where[0] == where[1] else rf"({latex})_{{{where[0] + 1}{where[1] + 1}}}"
        elif where:
            text = rf"{latex}_{{{''.join(str(i + 1) for i in where)}}}"
        out.append((text, a[where]))
    return out


def running(
    flow: Any,
    couplings: Sequence[str] | None = None,
    *,
    smallest: float = 5e-3,
    marks: Mapping[str, float] | None = None,
    title: str | None = None,
    width: float = st.COLUMN,
) -> st.Figure:
    """Couplings of a flow against the scale; a pole is a vertical line that names its scale.

    flow: a :class:`fipjax.analysis.running.Flow` of one starting point, or the starting couplings (as
    :func:`fipjax.analysis.running.benchmark` gives them), which are then run to the Planck mass.
    couplings: names to draw (default: all that are ever larger than ``smallest`` in modulus); gauge and Yukawa couplings in the
    upper panel, quartic ones in the lower.  marks: label -> scale in GeV of further vertical lines.
    title: above the legend.  width: of the figure, inches.
    Raises InputError for unknown couplings, a batch of flows, and a flow without two finite scales.
    """
    if isinstance(flow, Mapping):
        from fipjax.analysis.running import run

        flow = run(flow)
    for needed in ("mu", "couplings", "stop", "pole"):
        if not hasattr(flow, needed):
            raise InputError(f"running couplings of a {type(flow).__name__} (allowed: a Flow, or starting couplings)")
    if np.ndim(flow.stop) != 0:
        raise InputError(f"{np.size(flow.stop)} flows (allowed: one; start from one number for each coupling)")
    for name in couplings or ():
        if name not in flow.couplings:
            raise unknown("coupling", name, flow.couplings)
    mu = np.asarray(flow.mu, float)
    order = [n for n in _LATEX if n in flow.couplings] + [n for n in flow.couplings if n not in _LATEX]
    names = [n for n in order if couplings is None or n in couplings]
    first = order.index(_FIRST_QUARTIC) if _FIRST_QUARTIC in order else len(order)
    panels = []
    for part in (order[:first], order[first:]):
        lines = [line for n in names if n in part for line in _lines(n, flow.couplings[n], 0.0 if couplings else smallest)]
        if lines:
            panels.append(lines)
    if not panels:
        raise InputError(f"no coupling is larger than {smallest:g} (allowed: a smaller 'smallest', or names in 'couplings')")
    if sum(np.isfinite(panels[0][0][1])) < 2:
        raise InputError("the flow ends at its first scale (allowed: a start that is regular)")
    stop, pole = float(flow.stop), bool(flow.pole)
    with st.context(**{"axes.labelsize": st.NORMAL, "legend.fontsize": st.SMALL + 0.5}):
        fig = st.new_figure(width, (0.78 if len(panels) == 1 else 1.3) * width + 0.14 * ((title or "").count("\n") + 1))
        axes = fig.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for k, (ax, lines) in enumerate(zip(axes, panels, strict=True)):
            handles = []
            for i, (text, values) in enumerate(lines):
                look = {"color": _COLOURS[i % len(_COLOURS)], "ls": _DASHES[(i // len(_COLOURS)) % len(_DASHES)]}
                (line,) = ax.plot(mu, values, lw=1.1, label=f"${text}$", zorder=3, **look)
                line.set_gid(f"coupling:{text}")
                handles.append(Line2D([], [], lw=1.1, label=f"${text}$", **look))
            _limits(ax, [v for _, v in lines])
            ax.axhline(0.0, color=st.GREY, lw=0.5, zorder=0.5)
            ax.set_ylabel("gauge and Yukawa" if k == 0 and len(panels) > 1 else "quartic" if k else "coupling")
            # beside the panel, so that it hides no curve
            per_column = 15
            ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.02), ncols=math.ceil(len(handles) / per_column))
        fig.align_ylabels(axes)
        _verticals(list(axes), mu, stop if pole else None, marks or {})
        axes[-1].set_xlabel(r"$\mu$ [GeV]")
        st.dress_axis(axes[-1], "x", "log", mu[0], mu[-1], ticks=6)
        if title:
            fig.suptitle(title, fontsize=st.NORMAL)
    return fig


def _limits(ax: Any, curves: Sequence[np.ndarray]) -> None:
    """A vertical range that shows all couplings but not the last steps into a pole."""
    values = np.concatenate([c[np.isfinite(c)] for c in curves])
    starts = np.array([c[0] for c in curves])
    ceiling = max(4.0 * float(np.max(np.abs(starts))), 1.5)
    low, high = max(float(values.min()), -ceiling), min(float(values.max()), ceiling)
    pad = 0.06 * (high - low) or 0.5
    ax.set_ylim(low - pad, high + pad)


def _verticals(axes: Sequence[Any], mu: np.ndarray, pole: float | None, marks: Mapping[str, float]) -> None:
    """The pole and other scales, named along their lines."""
    lines = [(text, scale, st.GREY, (0, (1, 2)), "mark") for text, scale in marks.items()]
    if pole is not None:
        lines.append((rf"pole: ${st.number_text(pole)}$ GeV", pole, st.WARNING, (0, (4, 2)), "pole"))
    lines = [line for line in lines if mu[0] <= line[1] <= mu[-1]]
    apart = 0.1 * math.log(mu[-1] / mu[0])
    named: list[float] = []
    for text, scale, colour, dashes, gid in sorted(lines, key=lambda line: -line[1]):
        # names of lines that are close to each other come one below the other
        floor = 1.0 - 0.55 * sum(abs(math.log(scale / other)) < apart for other in named)
        named.append(scale)
        for k, ax in enumerate(axes):
            ax.axvline(scale, color=colour, lw=0.9, ls=dashes, zorder=2).set_gid(gid)
            if k == 0:
                left = scale > math.sqrt(mu[0] * mu[-1])
                ax.annotate(
                    text, (scale, floor), (-3 if left else 3, -3), xycoords=("data", "axes fraction"), textcoords="offset points",
                    rotation=90, ha="right" if left else "left", va="top", fontsize=st.SMALL, color=colour, zorder=6,
                    bbox={"fc": "white", "ec": "none", "pad": 0.6, "alpha": 0.85},
                )  # fmt: skip
