"""Figure 6 of arXiv:2002.11150: mixing of the Bs with two dark fermions of opposite couplings, in the plane of g_D and r.

python examples/split_fig6.py [--quick] [--out DIR] [--conventions as_printed] [--data 2020] [--fit branching]

m_V of 3 to 15 GeV, dark fermions of 1 MeV and 10 GeV.  r = |g_D Y_1|, Y_i = y_s^i* y_b^i, delta_Y = Y_1 + Y_2: boxes in Bs mixing
cancel for delta_Y = 0 up to the mass difference, the penguin keeps S(x_1) - S(x_2).
"""

import math
import time

import jax.numpy as jnp
import numpy as np
from _split import (
    CONSTRAINTS,
    END,
    RECAST,
    VINTAGE,
    Context,
    chosen,
    drell_yan_excluded,
    likelihood,
    parser,
    ratios,
    scan,
    span,
    stem,
    subplots,
    two_fermions,
    within,
)  # fmt: skip
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from fipjax.plotting import style as st
from fipjax.priors import Flat
from fipjax.theory import Theory
from fipkernels import dark_loops, loops

M_CHI, M_PHI = (1e-3, 10.0), 1000.0
# |C_1| at the high scale behind the paper's |Y| < 0.09
C1_MAX = 6e-12


def box_ratio(y1, y2, conventions: str, vintage: str = "2021") -> np.ndarray:
    """Bs mixing by the boxes alone over its bound."""
    y = jnp.stack([jnp.asarray(y1, float), jnp.asarray(y2, float)])
    m_phi = jnp.full(y.shape[1:], M_PHI)
    c1 = dark_loops.mixing_c1(y, jnp.broadcast_to(jnp.array(M_CHI)[:, None], y.shape), m_phi)
    if conventions == "as_printed":
        return np.abs(np.asarray(c1)) / C1_MAX
    theory = Theory(wc={"CVLL_bsbs": -dark_loops.mixing_running(m_phi) * c1})
    return np.asarray(CONSTRAINTS["Bs_mixing"].ratio(theory, Context(vintage, conventions)))


def largest_y(delta: float | None, conventions: str, vintage: str = "2021") -> tuple[float, float]:
    """Largest allowed Y_1 of either sign, smaller and larger; delta None: one dark fermion."""
    out = []
    for sign in (-1.0, 1.0):
        y = sign * np.geomspace(1e-3, 30.0, 20001)
        r = box_ratio(y, np.zeros_like(y) if delta is None else delta - y, conventions, vintage)
        # small |Y_1| may be excluded itself, by Y_2: the end of the allowed range
        ok = np.flatnonzero(r <= 1.0)
        out.append(abs(y[ok[-1]]) if len(ok) else math.nan)
    return min(out), max(out)


def penguin(n: int, conventions: str) -> float:
    """|g_Vbs(3.5 GeV^2)| per r of the first of n fermions with opposite couplings; absorptive part left out."""
    s = 0.0
    for sign, m in zip((1.0, -1.0)[:n], M_CHI, strict=False):
        if conventions == "as_printed":
            s += sign * 0.5 * float(loops.penguin_sum((m / M_PHI) ** 2))
        else:
            s += sign * float(dark_loops.penguin_sum_full(3.5, m, M_PHI)[0])
    return 3.5 * dark_loops.LOOP_NORM["correct"] / M_PHI**2 * s


def main() -> None:
    args = parser(__doc__).parse_args()
    t0 = time.monotonic()
    panels = chosen(args)
    model = two_fermions(M_CHI[1])
    g_d = np.linspace(0.0, 4.0, 200)
    with st.context():
        fig = st.new_figure(st.DOUBLE if len(panels) == 2 else st.COLUMN, 3.6)
        axes = subplots(fig, len(panels))
        for ax, c in zip(axes, panels, strict=True):
            vintage = VINTAGE[args.data]
            one, both = (penguin(n, c) for n in (1, 2))
            print(f"\n{c}: g_Vbs(3.5 GeV^2) per r {one:.2e} for one fermion, {both:.2e} for two: {both / one:.2f}")
            limits = {d: largest_y(d, c, vintage) for d in (0.0, 0.05, None)}
            print(f"{c}: largest |Y_1| allowed by the boxes, for either sign: "
                  f"delta_Y = 0 {limits[0.0][0]:.2f}, {limits[0.0][1]:.2f}; 0.05: {limits[0.05][0]:.2f}, {limits[0.05][1]:.2f}; "
                  f"one fermion: {limits[None][0]:.4f}")  # fmt: skip
            like = likelihood(c, args.data, "high", fit=args.fit, model=model, priors={"m_V": Flat(3.0, 15.0)})
            every, best = scan(like, 60_000 if args.quick else 500_000)
            x = within(every, best)
            r = ratios(x, ("BKinv_cleo", *RECAST[c], "Bs_mixing"), c, vintage, model)
            good = np.all([r[n] <= 1.0 for n in r], axis=0)
            x = {k: v[good] for k, v in x.items()}
            size = np.abs(x["r"])
            y1 = size / x["g_D"]
            box = y1 < limits[0.0][0]
            one = y1 < limits[None][0]
            dy = drell_yan_excluded(x)
            print(
                f"  best chi2 {best:.2f}; {len(good)} points within 2 sigma, {good.sum()} pass B -> K inv and s-channel mixing: "
                f"m_V {span(x['m_V'])} GeV, {(x['m_V'] < END).sum()} below M_B - M_K; g_D {span(x['g_D'])}, |r| {span(size)}"
            )
            print(f"  boxes allow {box.sum()} with delta_Y = 0, {(y1 < limits[0.05][0]).sum()} with 0.05, {one.sum()} without "
                  f"the second fermion; outside Drell-Yan and boxes {(box & ~dy).sum()}, below M_B - M_K "
                  f"{(box & ~dy & (x['m_V'] < END)).sum()}; smallest g_D {x['g_D'][box].min():.2f}; "
                  f"{time.monotonic() - t0:.0f} s", flush=True)  # fmt: skip
            ax.fill_between(g_d, np.maximum(limits[0.0][0] * g_d, 1e-3), 20.0, color="#D5D5D5", lw=0, zorder=0)
            ax.plot(g_d[1:], limits[0.05][0] * g_d[1:], color="#555555", lw=1.0, ls=(0, (5, 2)), zorder=5)
            ax.plot(g_d[1:], limits[None][0] * g_d[1:], color="#555555", lw=1.0, ls=":", zorder=5)
            low = x["m_V"] < 8.0
            for m, colour, marker, ms in ((~low & ~dy, st.BLUE, "o", 2.0), (low & ~dy, "#117733", "*", 4.0)):
                ax.plot(x["g_D"][m], size[m], marker=marker, ls="", ms=ms, mew=0, color=colour, zorder=3, rasterized=True)
            ax.plot(x["g_D"][dy], size[dy], marker="x", ls="", ms=2.4, mew=0.6, color=st.VERMILLION, zorder=4, rasterized=True)
            ax.set(yscale="log", xlim=(0, 4), ylim=(0.1, 12), xlabel=r"$g_D$")
            ax.set_title("formulas as printed" if c == "as_printed" else "corrected")
        axes[0].set_ylabel(r"$r=|g_D Q_\Phi y_s^{1*}y_b^1|$")
        dot = {"ls": "", "mew": 0}
        handles = [
            Line2D([], [], marker="*", ms=6, color="#117733", label=r"$m_V<8$ GeV", **dot),
            Line2D([], [], marker="o", ms=3.5, color=st.BLUE, label=r"$m_V>8$ GeV", **dot),
            Line2D([], [], marker="x", ls="", ms=3.5, mew=0.8, color=st.VERMILLION, label="excluded by Drell-Yan"),
            Patch(fc="#D5D5D5", label=r"$B_s$ mixing, $\delta_Y=0$"),
            Line2D([], [], color="#555555", ls=(0, (5, 2)), lw=1.0, label=r"its edge for $\delta_Y=0.05$"),
            Line2D([], [], color="#555555", ls=":", lw=1.0, label="its edge for one fermion"),
        ]
        fig.legend(handles=handles, loc="outside upper center", ncols=3 if len(panels) == 2 else 2)
    for path in st.save(fig, stem(args, "split_fig6")):
        print(path)


if __name__ == "__main__":
    main()
