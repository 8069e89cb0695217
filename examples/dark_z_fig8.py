"""Figure 8 of arXiv:2210.15662: pi+ -> mu+ nu Z_D(-> nu nubar) over pi+ -> mu+ nu, in two ranges of the muon energy.

python examples/dark_z_fig8.py [--quick] [--out DIR] [--conventions as_printed]

epsilon = 1e-4 and epsilon_Z = 1e-5 (left) or 1e-4 (right).  PIENU's limits against mass (arXiv:2101.07381) are not available as
numbers; the line is its limit on pi+ -> mu+ nu nu nubar, 8.6e-6 (arXiv:2006.00389), for all muon energies.
"""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from _dark_z import TITLES, arrays, chosen, kaon, mediator, parser, printed_kaon, stem
from matplotlib.lines import Line2D

from fipjax.plotting import style as st
from fipjax.theory import branching
from fipkernels import meson_radiation
from fipkernels.dark_photon import M_MU

M_PI, EPSILON, CUT = kaon._MESONS["pi"], 1e-4, 1.2e-3
SETS = (1e-5, 1e-4)
LINES = ((1e-3, st.GREEN), (1e-2, st.BLUE), (1e-1, st.VERMILLION))
CHECK = {0.005: (7.89e-4, 6.07e-4, 1.82e-4), 0.010: (9.85e-5, 7.00e-5, 2.85e-5), 0.015: (1.72e-5, 1.09e-5, 6.3e-6),
         0.020: (2.73e-6, 1.36e-6, 1.38e-6)}  # fmt: skip


@lru_cache
def _unit() -> float:
    return float(meson_radiation.width_leptonic(M_PI, M_MU, 1.0, 1.0, 1.0))


@partial(jax.jit, static_argnames="printed")
def _window(low, high, mass, couplings, printed):
    g_l, g_r, g_nu, g_p = couplings
    return meson_radiation.window(low, high, M_PI, M_MU, mass, g_l, g_r, 1.0, 1.0, 1.0, g_nu, g_p, printed)


def emitted(mass, couplings, printed: bool, above: bool | None = None) -> np.ndarray:
    """Gamma(pi -> mu nu Z_D)/Gamma(pi -> mu nu) with T_mu above or below 1.2 MeV, or all."""
    low, high = {True: (CUT, 1.0), False: (0.0, CUT), None: (0.0, 1.0)}[above]
    mass = jnp.asarray(mass, float)
    return np.asarray(_window(low, high, mass, tuple(jnp.broadcast_to(g, mass.shape) for g in couplings), printed)) / _unit()


def ratio(masses, g_mu, epsilon_z, conventions: str, above: bool | None = None) -> np.ndarray:
    """R of eq. (4.32), with the branching fraction to neutrinos."""
    p = arrays(m_V=masses, epsilon=EPSILON, epsilon_Z=epsilon_z, g_mu=g_mu)
    m = mediator(conventions, **p)
    printed = conventions == "as_printed"
    couplings = printed_kaon(m, p["epsilon"], p["epsilon_Z"], p["g_mu"]) if printed else kaon.emission_couplings(m)
    return emitted(m.mass, couplings, printed, above) * np.asarray(branching(m, "nunu"))


def report(conventions: str) -> float:
    """Prints R for a vector coupling of 0.1 alone; largest difference to the expected numbers."""
    printed, worst = conventions == "as_printed", 0.0
    print(f"{conventions}: R for g_V = 0.1, B(nu nu) = 1: all, T > 1.2 MeV, T < 1.2 MeV"
          + ("" if printed else "; expected"))  # fmt: skip
    mass = np.array(list(CHECK))
    zero = np.zeros_like(mass)
    got = [emitted(mass, (zero + 0.1, zero + 0.1, zero, zero), printed, a) for a in (None, True, False)]
    for i, (m, expected) in enumerate(CHECK.items()):
        row = [g[i] for g in got]
        worst = max(worst, *(abs(a / b - 1) for a, b in zip(row, expected, strict=True)))
        print(f"  {1e3 * m:2.0f} MeV: {', '.join(f'{v:.2e}' for v in row)}"
              + ("" if printed else f"; {', '.join(f'{v:.2e}' for v in expected)}"))  # fmt: skip
    masses = np.linspace(0.002, 0.0335, 127)
    for eps_z in (*SETS, 1e-3):
        r = ratio(masses, 0.1, eps_z, conventions)
        over = masses[r > kaon.LIMIT_PI_MU_INV]
        text = f"excluded up to {1e3 * over.max():.1f} MeV" if len(over) else "allowed at every mass"
        print(f"  g_mu = 0.1, epsilon_Z = {eps_z:g}: {text}; the paper: {'15 MeV' if eps_z >= EPSILON else 'allowed'}", flush=True)
    return worst


def main() -> None:
    args = parser(__doc__).parse_args()
    masses = np.linspace(0.001, 0.0338, 60 if args.quick else 160)
    panels = chosen(args)
    with st.context():
        fig = st.new_figure(st.DOUBLE, 2.6 * len(panels) + 0.3)
        rows = fig.subplots(len(panels), 2, sharex=True, sharey=True, squeeze=False)
        for row, c in zip(rows, panels, strict=True):
            report(c)
            for ax, eps_z in zip(row, SETS, strict=True):
                for g, colour in LINES:
                    for above, dashes in ((True, "-"), (False, (0, (4, 2)))):
                        y = ratio(masses, g, eps_z, c, above)
                        ax.plot(1e3 * masses, np.where(y > 0, y, np.nan), color=colour, ls=dashes)
                ax.axhline(kaon.LIMIT_PI_MU_INV, color=st.BLACK, lw=0.8, ls=":")
                ax.set(yscale="log", xlim=(1, 34), ylim=(1e-12, 1e-1))
                ax.set_title(rf"$\varepsilon_Z=10^{{{round(np.log10(eps_z))}}}$, {TITLES[c]}")
            row[0].set_ylabel(r"$R^{\pi\mu\nu X}$")
        for ax in rows[-1]:
            ax.set_xlabel(r"$m_{Z_D}$ [MeV]")
        handles = [Line2D([], [], color=c, label=rf"$g_D^\mu=10^{{{round(np.log10(g))}}}$") for g, c in LINES]
        handles += [Line2D([], [], color=st.GREY, label=r"$T_\mu>1.2$ MeV"),
                    Line2D([], [], color=st.GREY, ls=(0, (4, 2)), label=r"$T_\mu<1.2$ MeV"),
                    Line2D([], [], color=st.BLACK, lw=0.8, ls=":", label=r"$\pi\to\mu\nu\nu\bar\nu$")]  # fmt: skip
        fig.legend(handles=handles, loc="outside upper center", ncols=6)
    for path in st.save(fig, stem(args, "dark_z_fig8")):
        print(path)


if __name__ == "__main__":
    main()
