"""Exclusion plots of the three cases of arXiv:2210.15662 with corrected formulas and the latest data.

python examples/dark_z_exclusion.py [--quick] [--out DIR] [--data datta2022]

Case A in the plane of mass and epsilon_Z for epsilon = 0, epsilon_Z and 1e-3; cases B and C in the plane of mass and |g_mu|, with
g_mu < 0, the sign that b -> s mu mu prefers in this convention.  Bounds come in classes; the muon g-2 is shown and not applied.
PIENU's number for three neutrinos (pimunu_inv) stands in for its unavailable limits against mass, in the class of K and pi.
"""

from typing import NamedTuple

import numpy as np
from _dark_z import BEST, CASES, MODEL, arrays, parser, ratios, stem, theory
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

import fipjax
from fipjax.models import dark_z
from fipjax.plotting import style as st

# label, colour, bounds
CLASSES = {
    "B inv": (r"$B\to K^{(*)}$ inv", st.BLUE, ("BKinv_babar", "BKstinv_babar", "BKnunu_belle2", "BKstnunu_total")),
    "B peak": (r"$B\to K^{(*)}\ell\ell$ peak", st.SKY, ("BKstV_mumu_lhcb", "BKV_mumu_lhcb", "BKV_belle2_llp")),
    "K pi": (r"$K\to\pi Z_D$", st.VERMILLION, (
        "Kpi_inv_na62", "Kpi_inv_pi0", "Kpi_inv_e949", "Kpi_mumu_na48", "Kpi_mumu_na62", "KLpi0_inv_koto")),
    "Bs mumu": (r"$B_s\to\mu\mu$", "#882255", ("Bs_mumu",)),
    "mixing": (r"$B_s$, $K$ mixing", st.GREEN, ("Bs_mixing", "K_mixing")),
    "mu nu V": (r"$K,\pi\to\mu\nu Z_D$", st.PURPLE, ("Kmunu_inv", "Kmunu_ee", "pimunu_inv")),
    "APV": (r"weak charges, CE$\nu$NS", st.ORANGE, ("weak_charge_cs", "weak_charge_p", "cevns_ar")),
    "trident": (r"$\nu$ tridents", "#332288", ("trident_ccfr", "trident_charm2")),
    "W, Z": (r"$W\to\ell\nu Z_D$, $Z\to4\mu$", "#117733", ("W_universality", "W_width", "Z_4mu")),
    "muon": (r"muon searches", "#999933", ("babar_4mu", "belle2_mumu_inv", "na64mu_inv", "drell_yan")),
    "dark photon": (r"dark-photon searches", st.GREY, ("dp_prompt", "dp_displaced", "dp_beam_dump", "dp_invisible")),
}  # fmt: skip
SHOWN = "g2_bound"
APPLIED = [n for _, _, names in CLASSES.values() for n in names]
# |epsilon_Z g_mu| that b -> s mu mu needs: q^2 C9 = kappa; best value and two standard deviations (two parameters), GeV^2
KAPPA = (-1.63, -2.1, -0.94)


# Delta a_mu of the best fits, section 6
QUOTED = {"A": "-3.45e-7", "B": "7.7e-4", "C": "7.38e-6"}
B_TO_K = "<dBR/dq2>(B+->Kmumu)[1.1,2.0]"


class Plane(NamedTuple):
    """title, parameter on the vertical axis, its range, the others as numbers or functions of it, its label; ``finer``: times as
    many masses, half as many values."""

    title: str
    name: str
    low: float
    high: float
    fixed: dict
    label: str
    finer: int = 1


PLANES = {
    "A0": Plane(r"case A, $\varepsilon=0$", "epsilon_Z", 1e-9, 1e-2, {"epsilon": 0.0}, r"$\varepsilon_Z$"),
    "A1": Plane(r"case A, $\varepsilon=\varepsilon_Z$", "epsilon_Z", 1e-9, 1e-2, {"epsilon": lambda y: y}, r"$\varepsilon_Z$"),
    # epsilon is where the limits of the dark-photon searches fluctuate, here and in C: gaps of 1 to 7 % in mass
    "A2": Plane(r"case A, $\varepsilon=10^{-3}$", "epsilon_Z", 1e-9, 1e-2, {"epsilon": 1e-3}, r"$\varepsilon_Z$", 6),
    "B": Plane(r"case B, $\varepsilon=10^{-4}$, $\varepsilon_Z=10^{-5}$", "g_mu", 1e-6, 3.0, CASES["B"], r"$|g_D^\mu|$"),
    "C": Plane(r"case C, $\varepsilon=\varepsilon_Z=10^{-4}$", "g_mu", 1e-6, 3.0, CASES["C"], r"$|g_D^\mu|$", 6),
}


def points(plane: Plane, m, y) -> dict[str, np.ndarray]:
    """Parameters of the model: g_mu is negative in the planes of B and C."""
    base = {"epsilon": 0.0, "epsilon_Z": 0.0, "g_mu": 0.0, "tuned_e": 0.0}
    fixed = {k: v(y) if callable(v) else v for k, v in plane.fixed.items()}
    value = -y if plane.name == "g_mu" else y
    return arrays(m_V=m, **{**base, **fixed, plane.name: value})


def evaluate(plane: Plane, m, y, vintage: str = "latest", names=None, block: int = 4096) -> dict[str, np.ndarray]:
    """Ratios of the bounds by name, each like m."""
    names = tuple(names or [*APPLIED, SHOWN])
    return ratios(points(plane, m, y), names, "default", vintage, MODEL, block=block)


def needed(epsilon_z: float) -> tuple[float, float, float]:
    """|g_mu| for the values of KAPPA; C9 = -E0 g_mu/(N q^2) for q^2 >> m_V^2."""
    k = dark_z.constants()
    n = 4 * 1.1663787e-5 / np.sqrt(2) / 127.9 / (4 * np.pi) * k.lam["bs"][1]
    per = (-complex(dark_z.penguins("bs", 0.0, 1.0).e0_z) / n).real
    return tuple(abs(kappa) / abs(per) / epsilon_z for kappa in KAPPA)


def span(v) -> str:
    return f"{np.min(v):.3g} to {np.max(v):.3g}" if len(v) else "none"


def report(key: str, plane: Plane, m, y, r: dict) -> dict:
    """Prints what survives, with all classes, without each, and with each alone."""
    classes = {c: np.max([r[n] for n in names], axis=0) > 1.0 for c, (_, _, names) in CLASSES.items()}
    out = np.any(list(classes.values()), axis=0)
    left = ~out
    print(f"\n{plane.title.replace('$', '')}: {100 * left.mean():.1f} % of the plane survives")
    if left.any():
        print(f"  m_V {span(m[left])} GeV, {plane.name} {span(y[left])}")
        for a, b in ((0.01, 0.03), (0.03, 0.1), (0.1, 0.2), (0.2, 0.5), (0.5, 1.0), (1.0, 2.0)):
            here = (m >= a) & (m < b)
            ok = here & left
            text = f"{plane.name} up to {y[ok].max():.2e}" if ok.any() else "nothing"
            print(f"    {a:g}-{b:g} GeV: {100 * ok.sum() / here.sum():.1f} %, {text}")
    result = {"survives": float(left.mean())}
    for c, mask in classes.items():
        others = np.any([v for k, v in classes.items() if k != c], axis=0)
        result[c] = (float(mask.mean()), float((~others).mean()))
        print(f"  {c:12s} alone excludes {100 * mask.mean():5.1f} %; without it {100 * (~others).mean():5.1f} % survive")
    g2 = r[SHOWN] > 1.0
    print(f"  g-2 (not applied) would exclude {100 * g2.mean():.1f} % of the plane, {100 * (left & g2).mean():.1f} % that survive")
    if key in "BC":
        eps_z = plane.fixed["epsilon_Z"]
        best, high, low = needed(eps_z)
        print(f"  b -> s mu mu needs |g_mu| = {best:.3g} ({low:.3g} to {high:.3g}) for m_V << 0.3 GeV: product -{best * eps_z:.3g}")
        mass = np.geomspace(0.01, 0.2, 40)
        fit = {n: np.min([evaluate(plane, mass, np.full_like(mass, g), names=[n], block=64)[n] for g in (low, best, high)], axis=0)
               for n in APPLIED}  # fmt: skip
        strong = {n: v.min() for n, v in fit.items() if v.min() > 1.0}
        print("    bounds that exclude all of it from 10 to 200 MeV (smallest ratio): "
              + ", ".join(f"{n} {v:.2g}" for n, v in sorted(strong.items(), key=lambda x: -x[1])), flush=True)  # fmt: skip
        result["fit"] = strong
    return result


def best_fits(vintage: str) -> dict:
    """Ratios at the best fits of the paper and in the window that it leaves of case C; g_mu with the sign of the fit."""
    rows = {**BEST, "window of C": {"m_V": 0.15, **CASES["C"], "g_mu": 0.02}}
    out = {}
    for key, p in rows.items():
        x = arrays(**{"epsilon": 0.0, "epsilon_Z": 0.0, "g_mu": 0.0, "tuned_e": 0.0, **p})
        x["g_mu"] = -x["g_mu"]
        r = {n: float(v[0]) for n, v in ratios(x, (*APPLIED, SHOWN), "default", vintage, MODEL, block=1).items()}
        out[key] = r
        over = sorted(((n, v) for n, v in r.items() if v > 1.0 and n != SHOWN), key=lambda i: -i[1])
        if key in BEST:
            shift = [float(theory(c, "dark_z_A" if key == "A" else MODEL, **p).a_mu[0]) for c in ("as_printed", "default")]
            print(f"{key}: Delta a_mu {shift[0]:.3e} as printed, {shift[1]:.3e} corrected; the paper: {QUOTED[key]}")
        print(f"{key}: excluded by " + ", ".join(f"{n} ({v:.2g})" for n, v in over) + f"; g-2 {r[SHOWN]:.2g}", flush=True)
    return out


def b_to_k(conventions: str, **point) -> float:
    """dBR/dq2(B+ -> K+ mu mu) in [1.1, 2] GeV^2 at a point of case A."""
    out = fipjax.predict("dark_z_A", point, [B_TO_K], constraints="none", conventions=conventions)
    return float(np.ravel(out[B_TO_K])[0])


def draw(ax, key: str, plane: Plane, masses, values, r: dict) -> None:
    shape = (len(values), len(masses))
    for k, (_, colour, names) in enumerate(CLASSES.values()):
        log = np.log(np.maximum(np.max([r[n] for n in names], axis=0), 1e-30)).reshape(shape)
        if (log > 0).any():
            ax.contourf(masses, values, log, [0.0, np.inf], colors=[colour], alpha=0.14, zorder=1 + 0.01 * k)
            if (log < 0).any():
                # a border of its own would hide a gap that is as narrow
                width = 0.9 if plane.finer == 1 or colour != st.GREY else 0.2
                ax.contour(masses, values, log, [0.0], colors=[colour], linewidths=width, zorder=2 + 0.01 * k)
    out = np.max([r[n] for n in APPLIED], axis=0).reshape(shape)
    # what nothing excludes
    if (out < 1.0).any():
        ax.contourf(masses, values, np.where(out < 1.0, 1.0, 0.0), [0.5, 1.5], colors=["white"], zorder=1.9)
    g2 = np.log(np.maximum(r[SHOWN], 1e-30)).reshape(shape)
    if (g2 > 0).any() and (g2 < 0).any():
        ax.contour(masses, values, g2, [0.0], colors=[st.BLACK], linestyles=[(0, (4, 2))], linewidths=0.9, zorder=3)
    if key in "BC":
        _, high, low = needed(plane.fixed["epsilon_Z"])
        at = np.array([0.01, 0.2])
        ax.fill_between(at, low, min(high, plane.high), fc="none", ec=st.BLACK, hatch="//////", lw=0.6, zorder=4)
        p = BEST[key]
        ax.plot(p["m_V"], p["g_mu"], marker="*", ms=8, color="white", mec=st.BLACK, mew=0.7, zorder=5, clip_on=False, ls="")
        if key == "C":
            ax.add_patch(Rectangle((0.1, 0.015), 0.1, 0.02, fc="none", ec=st.BLACK, lw=1.0, zorder=5))
    elif key == "A0":
        p = BEST["A"]
        ax.plot(p["m_V"], p["epsilon_Z"], marker="*", ms=8, color="white", mec=st.BLACK, mew=0.7, zorder=5, clip_on=False, ls="")
    ax.set(xscale="log", yscale="log", xlim=masses[[0, -1]], ylim=values[[0, -1]], title=plane.title)
    ax.set(xlabel=r"$m_{Z_D}$ [GeV]", ylabel=plane.label)


def main() -> None:
    p = parser(__doc__)
    p.add_argument("--data", choices=["2021", "datta2022", "latest"], default="latest", help="data of the bounds")
    args = p.parse_args()
    n = 60 if args.quick else 160
    for c in ("as_printed", "default"):
        print(f"{B_TO_K} at the best fit of case A: {b_to_k(c, **BEST['A']):.2e} GeV^-2, {c} (expected, corrected: 6.0e-5)")
    best_fits(args.data)
    with st.context():
        fig = st.new_figure(st.DOUBLE, 5.2)
        axes = fig.subplots(2, 3).ravel()
        for ax, (key, plane) in zip(axes, PLANES.items(), strict=False):
            masses = np.geomspace(0.01, 2.0, plane.finer * n)
            values = np.geomspace(plane.low, plane.high, n if plane.finer == 1 else n // 2)
            m, y = (a.ravel() for a in np.meshgrid(masses, values))
            r = evaluate(plane, m, y, args.data)
            report(key, plane, m, y, r)
            draw(ax, key, plane, masses, values, r)
        handles = [Patch(fc=to_rgba(c, 0.25), ec=c, label=label) for label, c, _ in CLASSES.values()]
        handles += [
            Line2D([], [], color=st.BLACK, ls=(0, (4, 2)), label=r"$(g-2)_\mu$, not applied"),
            Patch(fc="none", ec=st.BLACK, hatch="//////", label=r"needed by $b\to s\mu\mu$, $2\sigma$"),
            Line2D([], [], marker="*", ms=8, color="white", mec=st.BLACK, mew=0.7, ls="", label="best fit of the paper"),
            Patch(fc="none", ec=st.BLACK, lw=1.0, label="left open by the paper"),
            Patch(fc="white", ec=st.GREY, label="allowed"),
        ]
        axes[5].axis("off")
        axes[5].legend(handles=handles, loc="center", title=f"excluded, data {args.data}", alignment="left")
    for path in st.save(fig, stem(args, "dark_z_exclusion")):
        print(path)


if __name__ == "__main__":
    main()
