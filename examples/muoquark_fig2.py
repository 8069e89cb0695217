"""Figure 2 of arXiv:2103.13991: couplings of the muoquark model from 3 TeV to the Planck mass, at one loop.

    python examples/muoquark_fig2.py [--out DIR]

Left: the paper's benchmark.  Right: the largest quartic couplings for larger gauge couplings, which end in Landau poles, and the
scale of the pole as a function of gX.  Needs diffrax (extra "rge").
"""

import argparse
from pathlib import Path

import numpy as np

from fipjax.analysis import running
from fipjax.plotting import style as st

# name, label, colour, dashes
GAUGE = (
    ("g3", r"$g_3$", st.BLUE, "-"), ("g2", r"$g_2$", st.SKY, "-"), ("gY", r"$g_Y$", st.GREEN, "-"), ("gX", r"$g_X$", st.BLACK, "-"),
    ("eps", r"$\varepsilon_{BX}$", st.VERMILLION, "-"), ("y_t", r"$y_t$", st.PURPLE, "-"),
    ("eta3", r"$\eta^{3L}_3$", st.ORANGE, "-"), ("eta1L", r"$\eta^{1L}_3$", st.ORANGE, (0, (4, 1.5))),
    ("100 y_mu", r"$100\,y_\mu$", st.GREY, "-"),
)  # fmt: skip
QUARTIC = (
    ("lH", r"$\lambda_H$", st.BLUE, "-"), ("l1", r"$\lambda_1$", st.VERMILLION, "-"), ("l3", r"$\lambda_3$", st.BLACK, "-"),
    ("k3", r"$\kappa_3$", st.GREEN, "-"), ("n3", r"$\nu_3$", st.PURPLE, "-"), ("lH3", r"$\lambda_{H3}$", st.ORANGE, "-"),
    ("l13", r"$\lambda_{13}$", st.SKY, "-"), ("lPhi3", r"$\lambda_{\Phi3}$", st.GREY, "-"),
    ("sum", r"$\lambda_3+\kappa_3+\nu_3$", st.BLACK, (0, (4, 1.5))),
)  # fmt: skip
G_X = (0.1, 0.12, 0.15, 0.2, 0.25, 0.3)


def third(flow, name):
    """One curve of a flow, (n, B)."""
    c = flow.couplings
    if name == "y_t":
        return np.asarray(c["y_u"])[2, 2]
    if name in ("eta3", "eta1L"):
        return np.asarray(c[name])[2]
    if name == "100 y_mu":
        return 100 * np.asarray(c["y_mu"])
    if name == "sum":
        return np.asarray(c["l3"] + c["k3"] + c["n3"])
    return np.asarray(c[name])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("."), help="directory of the figure")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    flow = running.run(running.benchmark(gX=np.array(G_X)), points=401)
    for g, stop, pole in zip(G_X, flow.stop, flow.pole, strict=True):
        print(f"gX = {g:.2f}: " + (f"Landau pole at {float(stop):.2g} GeV" if pole else "no pole below the Planck mass"))
    print("at the Planck mass: " + ", ".join(f"{n} {third(flow, n)[-1, 0]:.3g}" for n, *_ in (*GAUGE, *QUARTIC)))
    with st.context():
        fig = st.new_figure(st.DOUBLE, 3.3)
        axes = fig.subplots(1, 3)
        for ax, curves in zip(axes, (GAUGE, QUARTIC), strict=False):
            for name, label, colour, dashes in curves:
                ax.plot(flow.mu, third(flow, name)[:, 0], color=colour, ls=dashes, label=label)
            ax.legend(loc="upper center", ncols=2 if ax is axes[1] else 3, columnspacing=0.9, handlelength=1.2)
        axes[0].set(ylim=(0, 1.45), ylabel="coupling")
        axes[1].set(ylim=(-0.35, 2.4))
        axes[1].axhline(0, color="0.6", lw=0.4)
        colours = (st.BLACK, st.BLUE, st.GREEN, st.ORANGE, st.VERMILLION, st.PURPLE)
        for k, (g, colour) in enumerate(zip(G_X, colours, strict=True)):
            axes[2].plot(flow.mu, third(flow, "l3")[:, k], color=colour, label=rf"$g_X={g:g}$")
            if flow.pole[k]:
                axes[2].plot([float(flow.stop[k])] * 2, (0.04, running.CUT), color=colour, lw=0.5, ls=":")
        axes[2].set(yscale="log", ylim=(0.04, 300), ylabel=r"$\lambda_3$")
        axes[2].legend(loc="upper center", ncols=2, columnspacing=0.9, handlelength=1.2)
        for ax in axes:
            ax.set(xscale="log", xlim=(running.MU_MATCH, running.M_PLANCK), xlabel=r"$\mu$ [GeV]")
            ax.set_xticks([1e4, 1e7, 1e10, 1e13, 1e16, 1e19])
            ax.set_xticks(10.0 ** np.arange(4, 20), [""] * 16, minor=True)
        axes[0].set_title(r"benchmark, $g_X=0.1$")
        axes[1].set_title(r"benchmark, $g_X=0.1$")
        axes[2].set_title("larger gauge couplings")
    for path in st.save(fig, args.out / "muoquark_fig2"):
        print(path)


if __name__ == "__main__":
    main()
