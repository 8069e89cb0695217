"""Figure 4 of arXiv:2105.07655: scattering of dark matter off nucleons; relic density next to the phi' resonance.

python examples/t3r_fig4.py [--out DIR] [--quick]
"""

import jax
import jax.numpy as jnp
import numpy as np
from _t3r import V, parser, stem

from fipjax.plotting import style as st
from fipkernels import t3r

M_PHI = 0.075
# f_u + f_d for sigma_piN of 34 and 59 MeV
F = (t3r.F_UD, 0.063)
OMEGA = 0.12


def resonance(m_phip: float, m_ap=None, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """m_eta and Omega h^2 around m_phi'/2."""
    m = 0.5 * m_phip * np.concatenate([np.linspace(0.7, 0.999, n), np.linspace(1.001, 1.3, n)])
    return m, np.asarray(jax.jit(t3r.relic_density)(jnp.asarray(m), m_phip, V, m_ap))


def crossing(m, omega) -> float:
    """Largest m_eta below the resonance with Omega h^2 = 0.12."""
    below = np.flatnonzero((omega[:-1] > OMEGA) & (omega[1:] <= OMEGA))
    i = below[0]
    return float(np.interp(np.log(OMEGA), np.log(omega[i : i + 2])[::-1], m[i : i + 2][::-1]))


def main() -> None:
    args = parser(__doc__).parse_args()
    m = np.geomspace(1e-3, 0.1, 200)
    scalar = [t3r.CM2 * np.asarray(t3r.nucleon_scalar(m, M_PHI, V, f)) for f in F]
    vector = t3r.CM2 * np.asarray(t3r.nucleon_vector(m, V))
    for x in (0.001, 0.01, 0.0375, 0.1):
        at = [float(np.exp(np.interp(np.log(x), np.log(m), np.log(y)))) for y in (*scalar, vector)]
        print(f"m_eta = {1e3 * x:5.1f} MeV: phi' {at[0]:.2e} to {at[1]:.2e} cm^2, A' {at[2]:.2e} cm^2")
    mass, omega = resonance(M_PHI, n=24 if args.quick else 60)
    print(f"m_phi' = 75 MeV: Omega h^2 = 0.12 at m_eta = {1e3 * crossing(mass, omega):.2f} MeV = "
          f"{2 * crossing(mass, omega) / M_PHI:.3f} m_phi'/2; smallest {omega.min():.1e}")  # fmt: skip
    with st.context():
        fig = st.new_figure(st.DOUBLE, 2.6)
        ax, bx = fig.subplots(1, 2)
        ax.fill_between(1e3 * m, *scalar, color=st.BLUE, alpha=0.25, lw=0)
        ax.plot(1e3 * m, scalar[0], color=st.BLUE, label=r"$\phi′$, elastic, $m_{\phi′}=75$ MeV")
        ax.plot(1e3 * m, vector, color=st.VERMILLION, ls=(0, (6, 2)), label=r"$A′$, inelastic, $\delta=0$")
        ax.set(xscale="log", yscale="log", xlim=(1, 100), ylim=(1e-43, 1e-34))
        ax.set_yticks(10.0 ** np.arange(-43, -33), [""] * 10, minor=True)
        ax.set(xlabel=r"$m_{\eta_1}$ [MeV]", ylabel=r"$\sigma_\mathrm{SI}$ per nucleon [cm$^2$]")
        ax.legend(loc="lower right")
        half = len(mass) // 2
        for part in (slice(0, half), slice(half, None)):
            bx.plot(2 * mass[part] / M_PHI, omega[part], color=st.BLUE)
        bx.axhline(OMEGA, color=st.GREY, lw=0.6, ls=":")
        bx.text(0.99, 0.2, r"$\Omega h^2=0.12$", transform=bx.get_yaxis_transform(), ha="right", color=st.GREY, fontsize=st.SMALL)
        bx.axvline(1.0, color=st.GREY, lw=0.6, ls=":")
        bx.set(yscale="log", xlim=(0.7, 1.3), ylim=(1e-5, 1e7), xlabel=r"$2m_{\eta_1}/m_{\phi′}$", ylabel=r"$\Omega_{\eta_1}h^2$")
        bx.set_yticks(10.0 ** np.arange(-5, 8), [""] * 13, minor=True)
        bx.set_title(r"$\eta\eta\to\phi′\to\gamma\gamma$, $m_{\phi′}=75$ MeV")
    for path in st.save(fig, stem(args, "t3r_fig4")):
        print(path)


if __name__ == "__main__":
    main()
