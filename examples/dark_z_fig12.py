"""Figures 12 and 13 of arXiv:2210.15662: fits of case B (direct coupling to muons) or C (electrons decoupled) to Table 1.

python examples/dark_z_fig12.py [--case C] [--quick] [--out DIR] [--conventions as_printed]

For m_V well below 0.3 GeV the prediction depends on kappa = q2 C9, proportional to epsilon_Z g_mu, alone: a flat direction.
"""

import numpy as np
from _dark_z import CASES as MIXING
from _dark_z_fits import (
    CASES,
    LEVELS,
    TITLES,
    bounds,
    chi2_of,
    chosen,
    clock,
    finish,
    fit,
    likelihood,
    marks,
    parser,
    regions,
    report,
    stem,
)  # fmt: skip

from fipjax.plotting import style as st

# coupling of the fit: sign that lowers C9
SIGN = {"as_printed": 1.0, "default": -1.0}
FIXED = {name: {k: MIXING[name][k] for k in ("epsilon", "epsilon_Z")} for name in "BC"}
BOUNDS = {
    "Kmunu_inv": r"$K\to\mu\nu$ inv", "W_width": r"$\Gamma_W$", "trident_ccfr": "trident (CCFR)",
    "dp_prompt": r"prompt $A′\to\mu\mu$",
    "Kpi_inv_na62": r"$K\to\pi$ inv", "BKinv_babar": r"$B\to K$ inv",
}  # fmt: skip


def scale(case, like, c: str, name: str) -> None:
    """The flat direction: chi2 against the product of couplings at a light mass, its minimum, and the quoted points on it."""
    top = 100.0 * like.priors["g_mu"].support[1]
    g = SIGN[c] * np.geomspace(1e-3 * top, top, 400)
    values = chi2_of(like, m_V=0.012 if name == "B" else 0.03, g_mu=g)
    k = int(np.argmin(values))
    z = FIXED[name]["epsilon_Z"]
    inside = z * np.abs(g[values < values[k] + LEVELS[1]])
    print(f"  flat direction: minimum {values[k]:.2f} at epsilon_Z g_mu = {z * g[k]:.3g}")
    print(f"  2 sigma of two parameters: {inside.min():.3g} to {inside.max():.3g}")
    below = np.flatnonzero(values[: k + 1] < case.chi2)
    if below.size:
        need = abs(g[below[0]])
        more = need / case.best["g_mu"]
        print(f"  chi2 = {case.chi2}, as quoted, at |g_mu| = {need:.3g}, {more:.2f} times the quoted coupling")


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--case", choices=("B", "C"), default="B")
    args = p.parse_args()
    name, case, since, panels, handles = args.case, CASES[args.case], clock(), chosen(args), []
    with st.context():
        fig = st.new_figure(st.DOUBLE if len(panels) == 2 else st.ONE_AND_A_HALF, 3.7)
        axes = np.atleast_1d(fig.subplots(1, len(panels), sharey=True))
        for ax, c in zip(axes, panels, strict=True):
            like = likelihood(case, c)
            top = like.priors["g_mu"].support[1]
            n = (80, 60) if args.quick else (400, 250)
            g = {"m_V": np.geomspace(0.01, 2.0, n[0]), "g_mu": SIGN[c] * np.geomspace(1e-4 * top, top, n[1])}
            values = chi2_of(like, **dict(zip(g, np.meshgrid(*g.values(), indexing="ij"), strict=True)))
            best, low = fit(like, 64 if args.quick else 512)
            report(case, like, f"case {name}, {TITLES[c]}", g, values, best, low)
            scale(case, like, c, name)
            low = min(low, values.min())
            size = np.abs(g["g_mu"])
            regions(ax, g["m_V"], size, values.T, low)
            fine = (np.geomspace(0.01, 2.0, 150), SIGN[c] * np.geomspace(1e-4 * top, top, 120))
            # bounds are drawn against |g_mu|
            handles += bounds(ax, case.model, ("m_V", fine[0]), ("g_mu", fine[1]), FIXED[name], BOUNDS, c)
            marks(ax, (best["m_V"], abs(best["g_mu"])), (case.best["m_V"], case.best["g_mu"]))
            ax.set(xscale="log", yscale="log", xlim=(0.01, 2.0), ylim=size[[0, -1]], xlabel=r"$m_{Z_D}$ [GeV]")
            ax.set_title(f"case {name}, {TITLES[c]}" + ("" if SIGN[c] > 0 else r", $g_D^\mu<0$"))
            print(f"  {since()}", flush=True)
        axes[0].set_ylabel(r"$|g_D^\mu|$")
        finish(fig, handles, stem(args, "dark_z_fig12" if name == "B" else "dark_z_fig13"))


if __name__ == "__main__":
    main()
