"""Figure 4 of arXiv:2103.13991: couplings of a leptoquark S1 to taus preferred by R_D and R_D*.

    python examples/muoquark_fig4.py [--out DIR]

M_S1 = 1.5 TeV.  Only the product of the couplings matters, and it has to be negative, with
-L = eta_L qbar^c l S1 + eta_R ubar^c tau S1; the paper quotes absolute values.  What limits the ends of the hyperbolas in the
paper, pp -> tau tau and the rest of its global fit, is not included: the grey areas are |eta| > sqrt(4 pi).
"""

import argparse
import math
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from fipjax.analysis import muoquarks as mq
from fipjax.plotting import style as st
from fipkernels import leptoquarks as lq

MASS = 1500.0
LEVELS = (2.30, 6.18)


def products(sm: str, n: int = 6001):
    """|product| of the couplings and chi2 for a negative product."""
    p = np.linspace(0.0, 2.0, n)
    return p, np.asarray(mq.b_to_c_chi2(-p, MASS, sm=sm))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("."), help="directory of the figure")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for sm, (d, d_star) in mq.R_SM.items():
        p, chi2 = products(sm)
        k = int(np.argmin(chi2))
        one = p[chi2 < chi2[k] + 1]
        scalar = lq.V_F2 / (4 * 0.04197 * MASS**2) * p[k]
        low = (lq.SCALAR_RUN * scalar, -0.25 * lq.TENSOR_RUN * scalar)
        r = [float(v) for v in lq.r_d_ratios(0.0, *low)]
        print(f"SM of {sm}: chi2 {chi2[0]:.1f} -> {chi2[k]:.1f}, product -{p[k]:.2f} [{one[0]:.2f}, {one[-1]:.2f}]")
        bc = float(lq.bc_tau_nu(0.0, low[0]))
        print(f"  R_D {r[0] * d:.3f}, R_D* {r[1] * d_star:.3f}, R_Lambda_c/SM {r[2]:.3f}, BR(B_c -> tau nu) {bc:.4f}")
    x = np.geomspace(0.15, 5.0, 300)
    a, b = np.meshgrid(x, x)
    with st.context():
        fig = st.new_figure(st.COLUMN, 3.9)
        ax = fig.subplots()
        ax.set_box_aspect(1)
        p, chi2 = products("flavio")
        shift = np.interp(a * b, p, chi2, right=1e3) - chi2.min()
        ax.contourf(x, x, shift, levels=[-1, *LEVELS], colors=st.BANDS[:2])
        ax.contour(x, x, shift, levels=LEVELS, colors=st.EDGES[:2], linewidths=0.6)
        p, chi2 = products("hflav")
        shift = np.interp(a * b, p, chi2, right=1e3) - chi2.min()
        ax.contour(x, x, shift, levels=LEVELS, colors=st.VERMILLION, linewidths=0.9, linestyles=["-", (0, (4, 1.5))])
        edge = math.sqrt(4 * math.pi)
        ax.axvspan(edge, 5, color="0.85", lw=0, zorder=3)
        ax.axhspan(edge, 5, color="0.85", lw=0, zorder=3)
        ax.plot(1.0, 0.7, "*", ms=8, color=st.ORANGE, mec="black", mew=0.5, zorder=4)
        ax.plot(1.5, 0.7, "X", ms=5, color="white", mec="black", mew=0.7, zorder=4)
        ax.set(xscale="log", yscale="log", xlim=(0.2, 4), ylim=(0.2, 4))
        ax.set(xlabel=r"$\eta^{1L}_{\tau3}$", ylabel=r"$-\eta^{1R}_{\tau2}$")
        ticks = [0.2, 0.5, 1, 2]
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(st.FixedLocator(ticks))
            axis.set_major_formatter(st.FuncFormatter(lambda v, _: f"${v:g}$"))
            axis.set_minor_formatter(st.NullFormatter())
        ax.text(0.04, 0.05, r"$M_{S_1}=1.5$ TeV", transform=ax.transAxes)
        handles = [
            Patch(fc=st.BANDS[0], ec=st.EDGES[0], label=r"$1\sigma$"),
            Line2D([], [], color=st.VERMILLION, label=r"1, $2\sigma$, SM of HFLAV"),
            Patch(fc=st.BANDS[1], ec=st.EDGES[1], label=r"$2\sigma$"),
            Line2D([], [], ls="", marker="*", ms=7, mfc=st.ORANGE, mec="black", mew=0.5, label="product 0.7 (benchmark)"),
            Patch(color="0.85", label=r"$|\eta|>\sqrt{4\pi}$"),
            Line2D([], [], ls="", marker="X", ms=5, mfc="white", mec="black", mew=0.7, label="1.5 and 0.7 (spurion)"),
        ]
        fig.legend(handles=handles, loc="outside upper center", ncols=2)
    for path in st.save(fig, args.out / "muoquark_fig4"):
        print(path)


if __name__ == "__main__":
    main()
