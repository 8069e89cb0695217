"""Figure 1 of arXiv:2103.13991: couplings of the leptoquarks S1 and S3 to the third generation preferred by the muon anomalies.

    python examples/muoquark_fig1.py [--quick] [--out DIR]

M_S1 = M_S3 = 3 TeV, eta_1L = eta_1R, data of 2021.  Two likelihoods: the reduced one of five numbers and the muon g-2, and
everything that fipjax predicts of b -> s l l, Bs mixing and g-2.  The sign of the CKM spurion is the one the data want, not that of
the caption.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import fipjax
from fipjax.analysis import muoquarks as mq
from fipjax.plotting import style as st

PAPER = (0.43, 0.12)  # best fit of the paper, Delta chi2 = 62
LEVELS = (2.30, 6.18)  # 68 and 95 % of two parameters
RANGE = ((0.26, 0.52), (0.06, 0.16))


def best(gain, x, y):
    """Maximum of gain (ny, nx) on a grid, refined by a parabola in each direction."""
    j, i = np.unravel_index(np.argmax(gain), gain.shape)
    i, j = int(np.clip(i, 1, len(x) - 2)), int(np.clip(j, 1, len(y) - 2))

    def refine(values, grid, k):
        a, b, _ = np.polyfit(grid[k - 1 : k + 2] - grid[k], values[k - 1 : k + 2], 2)
        return grid[k] - b / (2 * a), -b * b / (4 * a)

    (bx, dx), (by, dy) = refine(gain[j], x, i), refine(gain[:, i], y, j)
    return float(bx), float(by), float(gain[j, i] + dx + dy)


def reduced_map(x, y, conventions: str = "default"):
    """Delta chi2 of the reduced likelihood on the grid (ny, nx)."""
    a, b = np.meshgrid(x, y)
    return np.asarray(mq.reduced(a.ravel(), b.ravel(), b.ravel(), conventions=conventions)["total"]).reshape(a.shape)


def full_likelihood(quick: bool = False, **options):
    """Everything of 2021 that fipjax predicts."""
    return fipjax.Likelihood("muoquarks", "2021", constraints="none", draws=400 if quick else 4000, **options)


def full_map(like, x, y):
    """Delta chi2 of the full likelihood on the grid (ny, nx)."""
    a, b = np.meshgrid(x, y)
    point = {"eta_3L": a.ravel(), "eta_1L": b.ravel(), "eta_1R": b.ravel()}
    return like.sm_chi2() - np.asarray(like.chi2(point)).reshape(a.shape)


def report(like, point) -> None:
    """Which publications gain (sum of squared pulls, without correlations)."""
    rows = defaultdict(lambda: [0, 0.0, 0.0])
    for p in like.pulls({"eta_3L": point[0], "eta_1L": point[1], "eta_1R": point[1]}):
        row = rows[p["measurement"]]
        row[0] += 1
        row[1] += p["sm_pull"] ** 2
        row[2] += p["pull"] ** 2
    for key, (n, sm, new) in sorted(rows.items(), key=lambda r: r[1][2] - r[1][1]):
        print(f"    {key:42s} {n:3d} numbers, sum of squared pulls {sm:7.2f} -> {new:7.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="coarser grid, theory covariance from 400 draws instead of 4000")
    parser.add_argument("--pulls", action="store_true", help="print which publications gain")
    parser.add_argument("--out", type=Path, default=Path("."), help="directory of the figure")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    n = 41 if args.quick else 81
    x, y = np.linspace(*RANGE[0], n), np.linspace(*RANGE[1], n)
    reduced = reduced_map(x, y)
    like = full_likelihood(args.quick)
    full = full_map(like, x, y)
    for name, gain in (("reduced", reduced), (f"fipjax, {like.n_measurements} numbers", full)):
        a, b, top = best(gain, x, y)
        print(f"{name}: best fit eta_3L = {a:.3f}, eta_1 = {b:.4f}, Delta chi2 = {top:.1f}")
    print("literal spurion, eta = (.43, .12):", round(float(reduced_map([0.43], [0.12], "as_printed")[0, 0]), 1), "(reduced)")
    if args.pulls:
        report(like, best(full, x, y)[:2])
    with st.context():
        fig = st.new_figure(st.COLUMN, 3.1)
        ax = fig.subplots()
        *at, top = best(full, x, y)
        ax.contourf(x, y, top - full, levels=[0, *LEVELS], colors=st.BANDS[:2])
        ax.contour(x, y, top - full, levels=LEVELS, colors=st.EDGES[:2], linewidths=0.6)
        ax.plot(*at, "o", ms=3.5, color="white", mec="black", mew=0.7)
        *at_reduced, top = best(reduced, x, y)
        ax.contour(x, y, top - reduced, levels=LEVELS, colors=st.VERMILLION, linewidths=1.0, linestyles=["-", (0, (4, 1.5))])
        ax.plot(*at_reduced, "s", ms=3.2, color=st.VERMILLION, mec="black", mew=0.5)
        ax.plot(*PAPER, "*", ms=7, color=st.ORANGE, mec="black", mew=0.5)
        ax.set(xlabel=r"$\eta_3^{3L}$", ylabel=r"$\eta_3^{1L}=\eta_3^{1R}$", xlim=RANGE[0], ylim=RANGE[1])
        ax.text(0.04, 0.93, r"$M_{S_1}=M_{S_3}=3$ TeV", transform=ax.transAxes)
        handles = [
            Patch(fc=st.BANDS[0], ec=st.EDGES[0], label=r"all of 2021, $1\sigma$"),
            Patch(fc=st.BANDS[1], ec=st.EDGES[1], label=r"all of 2021, $2\sigma$"),
            Line2D([], [], color=st.VERMILLION, label=r"reduced, 1 and $2\sigma$"),
            Line2D([], [], ls="", marker="*", ms=7, mfc=st.ORANGE, mec="black", mew=0.5, label="best fit of the paper"),
            Line2D([], [], ls="", marker="o", ms=3.5, mfc="white", mec="black", mew=0.7, label="best fit, all"),
            Line2D([], [], ls="", marker="s", ms=3.2, mfc=st.VERMILLION, mec="black", mew=0.5, label="best fit, reduced"),
        ]
        fig.legend(handles=handles, loc="outside upper center", ncols=2)
    for path in st.save(fig, args.out / "muoquark_fig1"):
        print(path)


if __name__ == "__main__":
    main()
