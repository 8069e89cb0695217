"""Figure 3 of arXiv:2103.13991: a light gauge boson X of B - 3 L_mu that explains the muon g-2; the same for L_mu - L_tau.

    python examples/muoquark_fig3.py [--quick] [--out DIR] [--conventions as_printed]

Kinetic mixing epsilon_BX = g_X and g_X/10 (B - 3 L_mu), from muon and tau loops (L_mu - L_tau).  Filled: the bounds of the paper,
with data of 2021.  Lines: what came later or is not in the paper.  Prints the masses at which part of the 2 sigma band of g-2 is
left.
"""

import argparse
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import fipjax.constraints.neutrino
import fipjax.models.light_x  # noqa: F401  (both register themselves)
from fipjax.constraints import CONSTRAINTS, Context, choose
from fipjax.constraints import dark_photon as dp
from fipjax.constraints.muon import delta_a_mu
from fipjax.likelihood import build_theory
from fipjax.models import get_model
from fipjax.plotting import style as st

PANELS = {
    "eps = g": ("b3lmu", {"mixing": 1.0}, r"$B-3L_\mu,\ \epsilon_{BX}=g_X$"),
    "eps = g/10": ("b3lmu", {"mixing": 0.1}, r"$B-3L_\mu,\ \epsilon_{BX}=g_X/10$"),
    "L_mu - L_tau": ("lmu_ltau", {}, r"$L_\mu-L_\tau,\ \epsilon$ from loops"),
}
# searches for dark photons published after the paper
LATER = ("dp_na64_2307.02404_inv", "dp_na64_2308.15612_inv", "dp_faser_2308.05587", "dp_na62_2312.12055", "dp_na62_2303.08666")
INVISIBLE = tuple(s.curve for s in dp.INVISIBLE)
FILLED = {
    "CCFR": ("#DDAA33", r"$\nu$ trident (CCFR)"),
    "Borexino": (st.PURPLE, "Borexino"),
    "invisible": (st.SKY, r"$X$ invisible"),
    "visible": (st.GREEN, r"$X$ visible"),
}
LINES = {"later": (st.BLACK, "-", "all bounds of today"), "nsi": (st.VERMILLION, (0, (4, 1.5)), r"matter effect on $\nu$")}


def theory(panel: str, mass, g, conventions: str):
    model, fixed, _ = PANELS[panel]
    params = {"m_V": mass, "g_X": g, **{k: jnp.full_like(mass, v) for k, v in fixed.items()}}
    return build_theory(get_model(model), params, conventions)


@partial(jax.jit, static_argnames=("panel", "conventions", "later"))
def evaluate(panel: str, mass, g, conventions: str, later: bool = True):
    """Delta a_mu and ratios r of the groups of bounds (B,), for one panel; later: bounds of today too."""
    # the models follow the conventions, the bounds do not: this paper prints none of its own
    t, now = theory(panel, mass, g, conventions), Context("2021")
    x = t.mediators[0]
    searches = dp.ratios(x)
    zero = jnp.zeros_like(mass)

    def largest(names):
        return jnp.max(jnp.stack([zero, *(searches[n] for n in names if n in searches)]), axis=0)

    out = {
        "CCFR": CONSTRAINTS["trident_ccfr"].ratio(t, now),
        "Borexino": CONSTRAINTS["borexino"].ratio(t, now),
        "invisible": largest(n for n in INVISIBLE if n not in LATER),
        "visible": largest(n for n in searches if n not in LATER + INVISIBLE),
    }
    four = CONSTRAINTS["babar_4mu"].ratio(t, now)
    out["visible"] = jnp.maximum(out["visible"], four)
    today = {c.name: c.ratio(t, Context("latest")) for c in choose("all" if later else "none") if c.name != "g2_bound"}
    today = {k: jnp.broadcast_to(v, mass.shape) for k, v in today.items() if v is not None}
    nsi = CONSTRAINTS["nsi_mutau"].ratio(t, now)
    return t.a_mu, out, today, zero if nsi is None else nsi


def grid(n_m: int, n_g: int):
    return np.geomspace(1e-3, 1.0, n_m), np.geomspace(1e-6, 1e-2, n_g)


def maps(panel: str, m, g, conventions: str = "default", later: bool = True) -> dict:
    """a_mu, "paper" {group: r}, "today" {constraint: r} and "nsi" on the grid, each (n_g, n_m)."""
    a, b = np.meshgrid(m, g)
    a_mu, paper, today, nsi = evaluate(panel, jnp.asarray(a.ravel()), jnp.asarray(b.ravel()), conventions, later)
    shape = lambda v: np.asarray(v).reshape(a.shape)  # noqa: E731
    return {
        "a_mu": shape(a_mu), "paper": {k: shape(v) for k, v in paper.items()}, "today": {k: shape(v) for k, v in today.items()},
        "nsi": shape(nsi),
    }  # fmt: skip


def windows(m, left) -> list[tuple[float, float]]:
    """Ranges of mass (GeV) in which any coupling is left; left (n_g, n_m)."""
    on = np.concatenate([[0], left.any(axis=0).astype(int), [0]])
    edges = np.flatnonzero(np.diff(on))
    return [(float(m[a]), float(m[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def band(a_mu, vintage: str = "2021"):
    """Where Delta a_mu is within 2 sigma of measurement minus Standard Model."""
    value, error = delta_a_mu(vintage)
    return np.abs(a_mu - value) < 2.0 * error


def survivors(data: dict, m) -> dict[str, list[tuple[float, float]]]:
    """Masses at which part of the g-2 band of 2021 is left: by the bounds of the paper, by those of today, and with the matter
    effect."""
    paper = np.max(np.stack(list(data["paper"].values())), axis=0) < 1.0
    today = np.max(np.stack([np.zeros_like(data["a_mu"]), *data["today"].values()]), axis=0) < 1.0
    inside = band(data["a_mu"])
    return {
        "paper": windows(m, inside & paper), "today": windows(m, inside & today),
        "paper, matter effect": windows(m, inside & paper & (data["nsi"] < 1.0)),
    }  # fmt: skip


def in_mev(ranges) -> str:
    return ", ".join(f"{1e3 * a:.0f}-{1e3 * b:.0f}" for a, b in ranges) or "none"


def draw(ax, m, g, data, title: str) -> None:
    for name, (colour, _) in FILLED.items():
        r = data["paper"][name]
        ax.contourf(m, g, r, levels=[1.0, np.inf], colors=[colour], alpha=0.55)
        ax.contour(m, g, r, levels=[1.0], colors=[colour], linewidths=0.7)
    for r, name in ((np.max(np.stack(list(data["today"].values())), axis=0), "later"), (data["nsi"], "nsi")):
        if r.max() > 1.0:
            ax.contour(m, g, r, levels=[1.0], colors=[LINES[name][0]], linewidths=0.8, linestyles=[LINES[name][1]])
    value, error = delta_a_mu("2021")
    pull = (data["a_mu"] - value) / error
    ax.contourf(m, g, pull, levels=[-2.0, 2.0], colors=[st.BANDS[2]], alpha=0.8)
    ax.contour(m, g, pull, levels=[-2.0, 0.0, 2.0], colors=[st.EDGES[1]], linewidths=0.8, linestyles=["-", "--", "-"])
    ax.set(xscale="log", yscale="log", xlim=(m[0], m[-1]), ylim=(g[0], g[-1]), title=title)
    # the label 1 of a panel would touch 0.001 of the next
    ax.set_xticks([1e-3, 1e-2, 1e-1])
    ax.set_xlabel(r"$m_X$ [GeV]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="coarser grid")
    parser.add_argument(
        "--conventions", choices=("default", "as_printed"), default="default", help="as_printed: epsilon = epsilon_BX"
    )
    parser.add_argument("--out", type=Path, default=Path("."), help="directory of the figure")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    m, g = grid(*((90, 180) if args.quick else (240, 480)))
    suffix = "" if args.conventions == "default" else "_as_printed"
    with st.context():
        fig = st.new_figure(st.DOUBLE, 3.2)
        axes = fig.subplots(1, 3, sharey=True)
        for ax, (panel, (*_, title)) in zip(axes, PANELS.items(), strict=True):
            data = maps(panel, m, g, args.conventions)
            print(f"{panel}: masses in MeV with part of the g-2 band (2 sigma, 2021) left")
            for name, ranges in survivors(data, m).items():
                print(f"    bounds of {name}: {in_mev(ranges)}")
            inside = band(data["a_mu"])
            worst = {k: windows(m, inside & (r < 1.0)) for k, r in data["today"].items() if (inside & (r > 1.0)).any()}
            for name, ranges in worst.items():
                print(f"        {name} alone leaves {in_mev(ranges)}")
            draw(ax, m, g, data, title)
        axes[0].set_ylabel(r"$g_X$")
        handles = [Patch(fc=st.BANDS[2], ec=st.EDGES[1], label=r"$g-2$, $2\sigma$ (2021)")]
        handles += [Patch(color=c, alpha=0.55, label=text) for c, text in FILLED.values()]
        handles += [Line2D([], [], color=c, ls=ls, lw=0.8, label=text) for c, ls, text in LINES.values()]
        fig.legend(handles=handles, loc="outside upper center", ncols=4)
    for path in st.save(fig, args.out / f"muoquark_fig3{suffix}"):
        print(path)


if __name__ == "__main__":
    main()
