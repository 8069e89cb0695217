"""Shared by dark_z_fig11.py to dark_z_fig13.py: fits of the dark Z to Table 1 of arXiv:2210.15662.

Two sets of conventions: as printed (eqs. 2.10, 2.11; the mass in a bin gives the on-shell rate there, elsewhere the exchange
interferes) and corrected (everything through the resonance, longitudinal exchange, detector resolution).  Both use the measured
values, expectations and errors of the table (uncertainties="quoted").
"""

import time
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from _dark_z import BEST, TITLES, chosen, parser, stem
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.stats import chi2 as chi2_distribution

import fipjax
from fipjax.plotting import style as st
from fipjax.priors import LogFlat

__all__ = [
    "CASES", "LEVELS", "TITLES", "bounds", "chi2_of", "chosen", "clock", "finish", "fit", "likelihood", "marks", "parser",
    "regions", "report", "stem",
]  # fmt: skip
# 1, 2, 3 sigma regions of two parameters
LEVELS = chi2_distribution.ppf([0.6827, 0.9545, 0.9973], 2)
# colour, dashes
STYLES = [
    (st.VERMILLION, "-"),
    (st.GREEN, "--"),
    (st.PURPLE, ":"),
    (st.ORANGE, "-."),
    (st.SKY, (0, (5, 1))),
    (st.GREY, (0, (1, 1))),
]


@dataclass
class Case:
    """A case of the paper: model, numbers that are left out of its fit, quoted best fit with its chi2, quoted pull."""

    model: str
    drop: tuple[str, ...]
    best: dict
    chi2: float
    pull: float


CASES = {
    "A": Case("dark_z_A", (), BEST["A"], 85.8, 2.79),
    "B": Case("dark_z_B", (), {k: BEST["B"][k] for k in ("m_V", "g_mu")}, 75.15, 4.29),
    "C": Case("dark_z_C", ("*ee*",), {k: BEST["C"][k] for k in ("m_V", "g_mu")}, 56.90, 5.23),
}


def likelihood(case: Case, conventions: str, **options):
    """The chi2 of Table 1; starting points and draws log-flat in mass and mixings, so that small mixings count."""
    if case.model == "dark_z_A":
        options = {
            "priors": {"m_V": LogFlat(0.01, 2.0), "epsilon": LogFlat(1e-6, 1e-3), "epsilon_Z": LogFlat(1e-7, 2e-3)},
            **options,
        }
    return fipjax.Likelihood(
        case.model, "datta2022", "none", drop=case.drop, uncertainties="quoted", conventions=conventions, **options
    )


def chi2_of(like, **values) -> np.ndarray:
    """chi2 at points; values broadcast."""
    arrays = np.broadcast_arrays(*values.values())
    flat = {k: jnp.asarray(np.ravel(a), float) for k, a in zip(values, arrays, strict=True)}
    return np.asarray(like.chi2(flat)).reshape(arrays[0].shape)


def fit(like, starts: int):
    """The best of many gradient searches: (parameters, chi2)."""
    result = fipjax.fit(like, starts=starts, progress=False)
    best = {k: float(v) for k, v in result.best.items()}
    return best, float(chi2_of(like, **best))


def report(case: Case, like, label: str, grids: dict, values: np.ndarray, best: dict, low: float) -> None:
    """What a fit found, beside what the paper quotes."""
    sm = like.sm_chi2()
    at = np.unravel_index(np.argmin(values), values.shape)
    point = {n: float(g[i]) for (n, g), i in zip(grids.items(), at, strict=True)}
    print(f"{label}: {like.n_measurements} numbers, Standard Model {sm:.2f}")
    print(f"  grid of {values.size} points: {values.min():.2f} at {_text(point)}")
    print(f"  gradient search:  {low:.2f} at {_text(best)}; pull {np.sqrt(max(sm - low, 0.0)):.2f}")
    quoted = float(chi2_of(like, **case.best))
    print(f"  at the paper's best fit {_text(case.best)}: {quoted:.2f} (paper {case.chi2}, pull {case.pull})", flush=True)


def _text(point: dict) -> str:
    return ", ".join(f"{k} = {v:.4g}" for k, v in point.items())


def regions(ax, x, y, values, low: float) -> None:
    """1, 2, 3 sigma regions of chi2 (rows along y) above the minimum ``low``."""
    levels = [0.0, *LEVELS]
    ax.contourf(x, y, values - low, levels, colors=st.BANDS, zorder=1)
    ax.contour(x, y, values - low, levels[1:], colors=st.EDGES, linewidths=0.7, zorder=2)


def bounds(ax, model: str, x: tuple, y: tuple, fixed: dict, names: dict, conventions: str) -> list:
    """Borders of bounds in a plane; names: constraint -> label.  Returns legend handles."""
    (nx, gx), (ny, gy) = x, y
    a, b = (v.ravel() for v in np.meshgrid(gx, gy))
    params = {nx: a, ny: b, **{k: np.full_like(a, v) for k, v in fixed.items()}}
    found = fipjax.predict(model, params, [], data="datta2022", constraints=list(names), conventions=conventions).constraints
    handles = []
    for (name, label), (colour, dashes) in zip(names.items(), STYLES, strict=False):
        if name not in found:
            continue
        r = np.log(np.maximum(np.asarray(found[name]["ratio"]).reshape(len(gy), len(gx)), 1e-30))
        if (r > 0).any() and (r < 0).any():
            ax.contourf(gx, np.abs(gy), r, [0.0, np.inf], colors=[colour], alpha=0.10, zorder=3)
            ax.contour(gx, np.abs(gy), r, [0.0], colors=[colour], linestyles=[dashes], linewidths=1.2, zorder=4)
        if (r > 0).any():
            handles.append(Patch(fc=to_rgba(colour, 0.15), ec=colour, ls=dashes, lw=1.2, label=label))
    return handles


def finish(fig, handles: list, stem: Path, best_label: str = "best fit") -> None:
    """Common legend; saves the figure."""
    first = [Patch(fc=c, ec=e, lw=0.7, label=rf"{k} $\sigma$") for k, (c, e) in enumerate(zip(st.BANDS, st.EDGES, strict=True), 1)]
    first.append(Line2D([], [], marker="*", ms=7, ls="", color="k", label=best_label))
    first.append(Line2D([], [], marker="x", ms=5, ls="", color="k", label="paper's best fit"))
    seen = {h.get_label(): h for h in handles}
    fig.legend(handles=[*first, *seen.values()], loc="outside upper center", ncols=5, columnspacing=1.1)
    for path in st.save(fig, stem):
        print(path)


def marks(ax, best: tuple[float, float], quoted: tuple[float, float]) -> None:
    ax.plot(*best, marker="*", ms=8, color="k", mec="w", mew=0.5, ls="", zorder=6, clip_on=False)
    ax.plot(*quoted, marker="x", ms=5, color="k", ls="", zorder=6, clip_on=False)


def clock():
    start = time.monotonic()
    return lambda: f"{time.monotonic() - start:.0f} s"
