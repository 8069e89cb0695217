"""What docs/generate_kernels.py draws: scalar functions of the kernels over their range.

Every entry: functions it shows, what is on the axes, curves (label -> function of x), and the formula where one line says it.
Labels are mathtext.  Numbers that a curve needs beside x are central values of the shipped inputs, or stand in the label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np

from fipjax.constraints.parity import overlap
from fipjax.data._hadrons import hadronic_tables
from fipjax.hadronic import default_inputs
from fipkernels import (
    b_to_v,
    breit_wigner,
    bxsll,
    cevns,
    charm,
    dark_loops,
    dark_photon,
    deft_matching,
    form_factors,
    g2,
    hadronic_width,
    kaon,
    kinematics,
    lbl,
    leptonic,
    leptoquarks,
    loops,
    meson_radiation,
    neutrino_electron,
    neutrino_mass,
    panels,
    qcd,
    qcdf,
    relic,
    resonance_bins,
    rge_muoquark,
    t3r,
    trident,
    w_decay,
    weak_charge,
    widths,
    z_penguins,
)

M_E, M_MU, G_F, M_W = 0.51099895e-3, 0.1056583755, 1.1663787e-5, 80.379
_GEV2_CM2 = 3.893793721e-28


@dataclass(frozen=True)
class Plot:
    """functions: "module.name", the first one gets the figure.  x: (low, high, "log" or "linear").  y: scale of the axis."""

    functions: tuple[str, ...]
    x: tuple[float, float, str]
    xlabel: str
    curves: Mapping[str, Callable[[Any], Any]]
    ylabel: str = ""
    y: str = "linear"
    latex: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    ylim: tuple[float, float] | None = None


@lru_cache(maxsize=1)
def par() -> dict[str, float]:
    """Central values of the hadronic inputs."""
    return default_inputs().central()


def _coefficients(prefix: str) -> dict[str, float]:
    return {k[len(prefix) :]: v for k, v in par().items() if k.startswith(prefix)}


def _b_to_k(q2):
    return form_factors.b_to_k(q2, _coefficients("B->K BSZ "), par()["m_B0"], par()["m_K0"])


def _b_to_v(family, q2):
    masses = {"B->K*": ("m_B0", "m_K*0"), "Bs->phi": ("m_Bs", "m_phi")}[family]
    return form_factors.b_to_v(q2, _coefficients(f"{family} BSZ "), *(par()[m] for m in masses))


def _lambda_b(q2):
    p = par()
    masses = {"m_lambda_b": p["m_Lambdab"], "m_lambda": p["m_Lambda"], "m_b": p["m_B+"], "m_k": p["m_K+"]}
    return lbl.form_factors(q2, _coefficients("Lambdab->Lambda nominal "), **masses, terms=2)


def _width_k(m, g=1e-8):
    p = par()
    s = m * m
    inside = jnp.minimum(s, (p["m_B+"] - p["m_K+"]) ** 2)
    return b_to_v.width_k(s, g, p["m_B+"], p["m_K+"], _b_to_k(inside)[0])


def _width_kstar(m, g=1e-8):
    p = par()
    s = m * m
    v, _, a1, a12, *_ = _b_to_v("B->K*", jnp.minimum(s, (p["m_B0"] - p["m_K*0"]) ** 2))
    return b_to_v.width_kstar(s, g, 0.0, p["m_B0"], p["m_K*0"], v, a1, a12)


def _radiation(parent, m_v, g_r):
    m_p, f_p, v_ij = {"K": (0.493677, 0.1557, 0.2243), "pi": (0.13957039, 0.1302, 0.9737)}[parent]
    rate = meson_radiation.width(m_p, M_MU, m_v, 1.0, g_r, f_p, v_ij, G_F)
    return rate / meson_radiation.width_leptonic(m_p, M_MU, f_p, v_ij, G_F)


def _spectrum(e_l, m_v):
    m_p, f_p, v_ij = 0.493677, 0.1557, 0.2243
    return meson_radiation.spectrum(e_l, m_p, M_MU, m_v, 0.01, 0.01, f_p, v_ij, G_F)


def _thermal(x, m_chi):
    one = jnp.ones_like(x)
    channel = relic.Channel(M_MU, 1e-3 * one[None], 0.0 * one[None])
    return relic.thermal_average(x, m_chi * one, one, [channel], one, 1e-3 * one)


def _sigma(energy, m_chi):
    one = jnp.ones_like(energy)
    channel = relic.Channel(M_MU, 1e-3 * one[None], 0.0 * one[None])
    return relic.cross_section(energy**2, m_chi * one, one, channel, 1.0 * one, 0.01 * one)


def _average_t3r(x, m_eta):
    one = jnp.ones_like(x)
    return t3r.thermal_average(x, m_eta * one, 0.075 * one, 10.0 * one)


def _bin(m, gamma):
    made, sums = panels.make_panels([(1.0, 6.0**0.5)], singular=[0.0], sqrt_points=[])
    return jnp.einsum("sp,pnb->b", sums, breit_wigner.weights(made, m, gamma * m).sq)


_X = (1e-4, 1e4, "log")
_SQRT_S = r"$\sqrt{q^2}$ [GeV]"
_Q2 = r"$q^2$ [GeV$^2$]"
_MV = r"$m_V$ [GeV]"

PLOTS: tuple[Plot, ...] = (
    # -- g2
    Plot(
        ("g2.vector", "g2.axial"),
        (1e-3, 1e3, "log"),
        r"$x=m_\mu/m_V$",
        {"$F(x)$": g2.vector, r"$-\tilde{F}(x)$": lambda x: -g2.axial(x)},
        y="log",
        latex={
            "g2.vector": r"F(x)=\int_0^1 dz\,\frac{2z^2(1-z)}{1-z+x^2z^2}",
            "g2.axial": r"\tilde F(x)=\int_0^1 dz\,\frac{2z(1-z)(z-4)-4x^2z^3}{1-z+x^2z^2}",
        },
    ),
    Plot(
        ("g2.scalar", "g2.pseudoscalar"),
        (1e-3, 1e3, "log"),
        r"$x=m_\mu/m_\phi$",
        {"scalar": g2.scalar, "$-$ pseudoscalar": lambda x: -g2.pseudoscalar(x)},
        y="log",
        latex={
            "g2.scalar": r"\int_0^1 dz\,\frac{(1-z)^2(1+z)}{(1-z)^2x^2+z}",
            "g2.pseudoscalar": r"-\int_0^1 dz\,\frac{(1-z)^3}{(1-z)^2x^2+z}",
        },
    ),
    Plot(
        ("g2.c_phi", "g2.c_a"),
        (1e-2, 1e2, "log"),
        r"$r=m/m_\mu$",
        {r"$C_{\phi'}$": g2.c_phi, r"$C_{A'}$": g2.c_a},
        latex={
            "g2.c_phi": r"C_{\phi'}(r)=\int_0^1 dx\,\frac{(1-x)^2(1+x)}{(1-x)^2+x\,r^2}",
            "g2.c_a": r"C_{A'}(r)=\int_0^1 dx\,\frac{x(1-x)(2-x)r^2+x^3}{x^2+(1-x)r^2}",
        },
    ),
    Plot(
        ("g2.delta_a_mu_vector",),
        (1e-3, 1e2, "log"),
        _MV,
        {
            "$g_V=10^{-3}$": lambda m: g2.delta_a_mu_vector(1e-3, 0.0, m, M_MU),
            "$g_A=10^{-3}$, minus": lambda m: -g2.delta_a_mu_vector(0.0, 1e-3, m, M_MU),
        },
        r"$|\Delta a_\mu|$",
        "log",
        latex={"g2.delta_a_mu_vector": r"\Delta a_\mu=\frac{x^2}{8\pi^2}\left[g_V^2F(x)+g_A^2\tilde F(x)\right]"},
    ),
    Plot(
        ("g2.delta_a_mu_scalar",),
        (1e-3, 1e2, "log"),
        r"$m_\phi$ [GeV]",
        {
            "$g_S=10^{-3}$": lambda m: g2.delta_a_mu_scalar(1e-3, 0.0, m, M_MU),
            "$g_P=10^{-3}$, minus": lambda m: -g2.delta_a_mu_scalar(0.0, 1e-3, m, M_MU),
        },
        r"$|\Delta a_\mu|$",
        "log",
    ),
    Plot(
        ("g2.tuned_axial",),
        (1e-4, 1.0, "log"),
        "$g_V$",
        {"0.2 GeV": lambda g: g2.tuned_axial(g, 0.2, M_MU, 3.7e-9), "5 GeV": lambda g: g2.tuned_axial(g, 5.0, M_MU, 3.7e-9)},
        r"$|g_A|$ for $\Delta a_\mu\leq 3.7\times10^{-9}$",
        "log",
    ),
    # -- loops
    Plot(
        ("loops.penguin_f9", "loops.penguin_g9", "loops.penguin_sum"),
        _X,
        r"$x=m_\chi^2/m_\Phi^2$",
        {"$F_9$": loops.penguin_f9, "$G_9$": loops.penguin_g9, "$F_9+G_9$": loops.penguin_sum},
        latex={
            "loops.penguin_f9": r"F_9=\frac{-2+9x-18x^2+11x^3-6x^3\ln x}{36(x-1)^4}",
            "loops.penguin_g9": r"G_9=\frac{-16+45x-36x^2+7x^3+6(3x-2)\ln x}{36(x-1)^4}",
            "loops.penguin_sum": r"F_9+G_9=\frac{3(x-1)-(x+2)\ln x}{6(x-1)^2}",
        },
    ),
    Plot(
        ("loops.penguin_f15",),
        _X,
        r"$y=m_\phi^2/m_\chi^2$",
        {"$F(y)$": loops.penguin_f15},
        latex={"loops.penguin_f15": r"F(y)=\frac{3-3y+(1+2y)\ln y}{6(y-1)^2}"},
    ),
    Plot(
        ("loops.inami_lim_s0",),
        (1e-2, 1e2, "log"),
        "$x=m_t^2/m_W^2$",
        {"$S_0$": loops.inami_lim_s0},
        y="log",
        latex={"loops.inami_lim_s0": r"S_0=\frac{4x-11x^2+x^3}{4(1-x)^2}-\frac{3x^3\ln x}{2(1-x)^3}"},
    ),
    Plot(
        ("loops.box_f3",),
        (1e-6, 1e3, "log"),
        "$x$",
        {
            "$F(x,x,x)$": lambda x: loops.box_f3(x, x, x),
            "$F(x,1,1)$": lambda x: loops.box_f3(x, 1.0, 1.0),
            "$F(x,0,1)$": lambda x: loops.box_f3(x, 0.0, 1.0),
        },
        y="log",
        latex={"loops.box_f3": r"F(x,y,z)=\int_0^\infty\frac{s^2\,ds}{(s+1)(s+x)(s+y)(s+z)}"},
    ),
    Plot(
        ("loops.mixing_box",),
        (1e-6, 1e3, "log"),
        "$x$",
        {
            "$F(x,x)$": lambda x: loops.mixing_box(x, x),
            "$F(x,0)$": lambda x: loops.mixing_box(x, jnp.zeros_like(x)),
            "$F(x,1)$": lambda x: loops.mixing_box(x, jnp.ones_like(x)),
        },
        y="log",
        latex={"loops.mixing_box": r"F(x,y)=\frac{1}{(1-x)(1-y)}+\frac{h(x)-h(y)}{x-y},\qquad h(t)=\frac{t^2\ln t}{(1-t)^2}"},
    ),
    # -- dark loops
    Plot(
        ("dark_loops.penguin_sum_full",),
        (1e-3, 1e2, "log"),
        _Q2,
        {
            "real, $m_\\chi$ = 1 GeV": lambda q2: dark_loops.penguin_sum_full(q2, 1.0, 1e3)[0],
            "imaginary": lambda q2: dark_loops.penguin_sum_full(q2, 1.0, 1e3)[1],
            "real, 1 MeV": lambda q2: dark_loops.penguin_sum_full(q2, 1e-3, 1e3)[0],
            "imaginary, 1 MeV": lambda q2: dark_loops.penguin_sum_full(q2, 1e-3, 1e3)[1],
        },
        r"$S(q^2)$, $m_\Phi$ = 1 TeV",
    ),
    Plot(
        ("dark_loops.penguin_f15_full",),
        (1e-3, 1e2, "log"),
        _Q2,
        {
            "real, $m_\\phi$ = 1 GeV": lambda q2: dark_loops.penguin_f15_full(q2, 1.0, 1e3)[0],
            "imaginary": lambda q2: dark_loops.penguin_f15_full(q2, 1.0, 1e3)[1],
        },
        r"$F(q^2)$, $m_\chi$ = 1 TeV",
    ),
    Plot(
        ("dark_loops.mixing_running",),
        (170.0, 1e4, "log"),
        "heavy scale [GeV]",
        {"": dark_loops.mixing_running},
        r"$C_1(4.2\,\mathrm{GeV})/C_1(m)$",
    ),
    Plot(
        ("dark_loops.penguin_coupling",),
        (300.0, 2e4, "log"),
        r"$m_\Phi$ [GeV]",
        {
            f"{label}": (
                lambda m, c=c: jnp.abs(dark_loops.penguin_coupling(jnp.ones((1, 1)), jnp.full((1, 1), c), m, 3.5 + 0.0 * m))
            )
            for label, c in ((r"$m_\chi$ = 1 MeV", 1e-3), ("5 GeV", 5.0), ("100 GeV", 100.0))
        },
        r"$|\tilde g(3.5\,\mathrm{GeV}^2)|$ [GeV$^{-2}$]",
        "log",
    ),
    # -- kinematics
    Plot(
        ("kinematics.kallen",),
        (0.0, 2.0, "linear"),
        "$y$",
        {
            "$z=0$": lambda y: kinematics.kallen(1.0, y, 0.0),
            "$z=0.1$": lambda y: kinematics.kallen(1.0, y, 0.1),
            "$z=0.5$": lambda y: kinematics.kallen(1.0, y, 0.5),
        },
        r"$\lambda(1,y,z)$",
        latex={"kinematics.kallen": r"\lambda(x,y,z)=x^2+y^2+z^2-2xy-2xz-2yz"},
    ),
    Plot(
        ("kinematics.momentum",),
        (0.0, 5.5, "linear"),
        _MV,
        {r"$B^+\to K^+V$": lambda m: kinematics.momentum(5.27934, 0.493677, m)},
        "momentum [GeV]",
        latex={"kinematics.momentum": r"p=\frac{\lambda^{1/2}(m^2,m_1^2,m_2^2)}{2m}"},
    ),
    Plot(
        ("kinematics.beta",),
        (0.01, 10.0, "log"),
        _SQRT_S,
        {
            "e": lambda q: kinematics.beta(M_E, q * q),
            r"$\mu$": lambda q: kinematics.beta(M_MU, q * q),
            r"$\tau$": lambda q: kinematics.beta(1.77686, q * q),
        },
        r"$\beta$",
        latex={"kinematics.beta": r"\beta=\sqrt{1-4m_\ell^2/s}"},
    ),
    Plot(
        ("kinematics.sqrt_pos",),
        (-1.0, 1.0, "linear"),
        "$x$",
        {"": kinematics.sqrt_pos},
    ),
    # -- widths
    Plot(
        ("widths.vector_to_fermions",),
        (0.1, 10.0, "log"),
        _MV,
        {
            "$g_V=10^{-2}$, muons": lambda m: widths.vector_to_fermions(m, M_MU, 1e-2, 0.0),
            "$g_A=10^{-2}$, muons": lambda m: widths.vector_to_fermions(m, M_MU, 0.0, 1e-2),
        },
        r"$\Gamma$ [GeV]",
        "log",
        latex={
            "widths.vector_to_fermions": r"\Gamma=\frac{n_c m_V}{12\pi}\,\beta\left[g_V^2(1+2r)+g_A^2(1-4r)\right],\quad"
            r" r=m_f^2/m_V^2"
        },
    ),
    Plot(
        ("widths.vector_to_scalars",),
        (0.1, 10.0, "log"),
        _MV,
        {"$g=10^{-2}$, $m_S$ = 0.2 GeV": lambda m: widths.vector_to_scalars(m, 0.2, 1e-2)},
        r"$\Gamma$ [GeV]",
        "log",
        latex={"widths.vector_to_scalars": r"\Gamma=\frac{n_c g^2 m_V\beta^3}{48\pi}"},
    ),
    Plot(
        ("widths.scalar_to_fermions",),
        (0.1, 10.0, "log"),
        r"$m_\phi$ [GeV]",
        {
            "$g_S=10^{-2}$, muons": lambda m: widths.scalar_to_fermions(m, M_MU, 1e-2, 0.0),
            "$g_P=10^{-2}$, muons": lambda m: widths.scalar_to_fermions(m, M_MU, 0.0, 1e-2),
        },
        r"$\Gamma$ [GeV]",
        "log",
        latex={"widths.scalar_to_fermions": r"\Gamma=\frac{n_c m_\phi}{8\pi}\,\beta\left[g_S^2\beta^2+g_P^2\right]"},
    ),
    # -- penguins of the Z and the photon
    Plot(
        ("z_penguins.c0", "z_penguins.d0", "z_penguins.d0_prime"),
        (1e-6, 20.0, "log"),
        "$v=m_q^2/m_W^2$",
        {"$C_0$": z_penguins.c0, "$D_0$": z_penguins.d0, "$D_0'$": z_penguins.d0_prime},
    ),
    Plot(
        ("z_penguins.h_e0", "z_penguins.h_a2", "z_penguins.h_m1", "z_penguins.h_z0", "z_penguins.h_n0"),
        (1e-6, 1e2, "log"),
        "$v=m_q^2/m_W^2$",
        {
            rf"$|h_{{{n}}}|$": (lambda v, f=f: jnp.abs(f(v)))
            for n, f in (
                ("E0", z_penguins.h_e0),
                ("A2", z_penguins.h_a2),
                ("M1", z_penguins.h_m1),
                ("Z0", z_penguins.h_z0),
                ("N0", z_penguins.h_n0),
            )
        },
        y="log",
    ),
    # -- leptoquarks
    Plot(
        ("leptoquarks.g2_f", "leptoquarks.g2_g"),
        _X,
        "$x=m_q^2/M^2$",
        {"$F$": leptoquarks.g2_f, "$G$": leptoquarks.g2_g},
        y="log",
        latex={
            "leptoquarks.g2_f": r"F=\frac{2x(x+2)\ln x-(5x+1)(x-1)}{12(x-1)^4}",
            "leptoquarks.g2_g": r"G=\frac{(x-7)(x-1)+2(x+2)\ln x}{6(x-1)^3}",
        },
    ),
    Plot(
        ("leptoquarks.z_flip", "leptoquarks.z_flip_slope"),
        _X,
        "$x=m_q^2/M^2$",
        {"$h$": leptoquarks.z_flip, "$b$": leptoquarks.z_flip_slope},
        latex={
            "leptoquarks.z_flip": r"h=\frac{x(x-1-\ln x)}{(x-1)^2}",
            "leptoquarks.z_flip_slope": r"b=\frac{x^3-6x^2+3x+2+6x\ln x}{12(x-1)^4}",
        },
    ),
    Plot(
        ("leptoquarks.a_mu_s1", "leptoquarks.a_mu_s3"),
        (1e3, 2e4, "log"),
        "$M$ [GeV]",
        {
            "S1, couplings 0.12": lambda m: leptoquarks.a_mu_s1(0.12, 0.12, m, leptoquarks.top_mass(m), M_MU),
            r"S3, $\sum|\eta|^2=1$, minus": lambda m: -leptoquarks.a_mu_s3(1.0, m, M_MU),
        },
        r"$|\Delta a_\mu|$",
        "log",
    ),
    Plot(
        ("leptoquarks.top_mass", "leptoquarks.top_yukawa"),
        (200.0, 1e5, "log"),
        r"scale [GeV]",
        {
            "running": lambda m: leptoquarks.top_mass(m),
            "$m_t(m_t)$": lambda m: leptoquarks.top_mass(m, "msbar") + 0.0 * m,
            "pole": lambda m: leptoquarks.top_mass(m, "pole") + 0.0 * m,
        },
        "top mass [GeV]",
    ),
    Plot(
        ("leptoquarks.r_d_ratios",),
        (-0.3, 0.3, "linear"),
        "$C_S$ (other coefficients 0)",
        {
            label: (lambda c, i=i: leptoquarks.r_d_ratios(0.0 * c, c, 0.0 * c)[i])
            for i, label in enumerate(("$R_D$", "$R_{D^*}$", r"$R_{\Lambda_c}$"))
        },
        "over the Standard Model",
    ),
    Plot(
        ("leptoquarks.bc_tau_nu",),
        (-0.3, 0.5, "linear"),
        "$C_{S_L}$",
        {"": lambda c: leptoquarks.bc_tau_nu(0.0, c)},
        r"BR$(B_c\to\tau\nu)$",
    ),
    Plot(
        ("leptoquarks.kl_mumu", "leptoquarks.kl_mumu_short"),
        (-2e-11, 2e-11, "linear"),
        r"coefficient [GeV$^{-2}$]",
        {
            r"$\chi=-0.71$": lambda c: leptoquarks.kl_mumu(c),
            r"$\chi=+0.71$": lambda c: leptoquarks.kl_mumu(c, 0.71),
            "short distance": leptoquarks.kl_mumu_short,
        },
        r"BR$(K_L\to\mu\mu)$",
    ),
    Plot(
        ("leptoquarks.lambda_of_dipole",),
        (1e-10, 1e-8, "log"),
        r"$\Delta a_\mu$",
        {"": lambda d: leptoquarks.lambda_of_dipole(d, M_MU)},
        r"$\Lambda_{22}$ [GeV]",
        "log",
    ),
    # -- charm
    Plot(
        ("charm.h", "charm.h_massless"),
        (0.1, 22.0, "linear"),
        _Q2,
        {
            "Re, $m_c$ = 1.67 GeV": lambda q2: jnp.real(charm.h(q2, 1.67, 4.8)),
            "Im": lambda q2: jnp.imag(charm.h(q2, 1.67, 4.8)),
            "Re, $m=0$": lambda q2: jnp.real(charm.h_massless(q2, 4.8)),
        },
        r"$h(q^2,m)$, $\mu$ = 4.8 GeV",
    ),
    Plot(
        ("charm.f8_7", "charm.f8_9"),
        (0.0, 0.9, "linear"),
        r"$s=q^2/m_b^2$",
        {
            "Re $F_8^{(7)}$": lambda s: jnp.real(charm.f8_7(s, 0.0)),
            "Im $F_8^{(7)}$": lambda s: jnp.imag(charm.f8_7(s, 0.0)),
            "Re $F_8^{(9)}$": lambda s: jnp.real(charm.f8_9(s)),
        },
        note=r"$\mu=m_b$.",
    ),
    Plot(
        ("charm.li2",),
        (0.0, 0.999, "linear"),
        "$x$",
        {r"$\mathrm{Li}_2(x)$": charm.li2},
        latex={"charm.li2": r"\mathrm{Li}_2(x)=\sum_{k\ge1}\frac{x^k}{k^2}"},
    ),
    Plot(
        ("charm.clausen",),
        (1e-3, np.pi, "linear"),
        r"$\theta$",
        {r"$\mathrm{Cl}_2(\theta)$": charm.clausen},
        latex={"charm.clausen": r"\mathrm{Cl}_2(\theta)=\sum_{k\ge1}\frac{\sin k\theta}{k^2}"},
    ),
    Plot(
        ("charm.seidel_a", "charm.seidel_b", "charm.seidel_c"),
        (0.5, 22.0, "linear"),
        _Q2,
        {
            "Re $A$": lambda q2: jnp.real(charm.seidel_a(q2, 4.8, 4.8)),
            "Re $B$": lambda q2: jnp.real(charm.seidel_b(q2, 4.8, 4.8)),
            "Re $C$": lambda q2: jnp.real(charm.seidel_c(q2, 4.8)),
        },
        note=r"$m_b=\mu=4.8$ GeV.",
    ),
    # -- B -> X_s
    Plot(
        ("bxsll.sigma_9", "bxsll.sigma_7"),
        (0.02, 0.98, "linear"),
        r"$s=q^2/m_b^2$",
        {r"$\sigma_9$": lambda s: bxsll.sigma_9(bxsll.nodes(s)), r"$\sigma_7$": lambda s: bxsll.sigma_7(bxsll.nodes(s), 0.0)},
        note=r"$\mu=m_b$.",
    ),
    Plot(
        ("bxsll.tau_77", "bxsll.tau_79", "bxsll.tau_99", "bxsll.tau_710", "bxsll.tau_910"),
        (0.02, 0.98, "linear"),
        r"$s=q^2/m_b^2$",
        {
            rf"$\tau_{{{n}}}$": (lambda s, f=f: f(bxsll.nodes(s)))
            for n, f in (
                ("77", bxsll.tau_77),
                ("79", bxsll.tau_79),
                ("99", bxsll.tau_99),
                ("7,10", bxsll.tau_710),
                ("9,10", bxsll.tau_910),
            )
        },
    ),
    # -- QCD factorisation, form factors, QCD
    Plot(
        ("qcdf.ei",),
        (0.01, 5.0, "linear"),
        "$x$",
        {r"$\mathrm{Ei}(x)$": qcdf.ei},
        latex={"qcdf.ei": r"\mathrm{Ei}(x)=\mathrm{P}\int_{-\infty}^{x}\frac{e^t}{t}\,dt"},
    ),
    Plot(
        ("qcdf.inverse_lambda_b_minus",),
        (0.05, 8.0, "linear"),
        _Q2,
        {
            "Re": lambda q2: jnp.real(qcdf.inverse_lambda_b_minus(q2, 5.27934, 0.3)),
            "Im": lambda q2: jnp.imag(qcdf.inverse_lambda_b_minus(q2, 5.27934, 0.3)),
        },
        r"$1/\lambda_{B,-}$ [GeV$^{-1}$]",
    ),
    Plot(
        ("form_factors.b_to_k", "form_factors.bcl"),
        (0.0, 22.9, "linear"),
        _Q2,
        {label: (lambda q2, i=i: _b_to_k(q2)[i]) for i, label in enumerate(("$f_+$", "$f_0$", "$f_T$"))},
        r"$B\to K$",
    ),
    Plot(
        ("form_factors.b_to_v", "form_factors.bsz"),
        (0.0, 19.2, "linear"),
        _Q2,
        {
            label: (lambda q2, i=i: _b_to_v("B->K*", q2)[i])
            for i, label in enumerate(("$V$", "$A_0$", "$A_1$", "$A_{12}$", "$T_1$", "$T_2$", "$T_{23}$"))
        },
        r"$B\to K^*$",
    ),
    Plot(
        ("form_factors.z_variable", "form_factors.t_points"),
        (-5.0, 23.0, "linear"),
        _Q2,
        {r"$B\to K$": lambda q2: form_factors.z_variable(q2, *np.array(form_factors.t_points(5.27934, 0.493677))[[0, 2]])},
        "$z$",
        latex={"form_factors.z_variable": r"z(q^2)=\frac{\sqrt{t_+-q^2}-\sqrt{t_+-t_0}}{\sqrt{t_+-q^2}+\sqrt{t_+-t_0}}"},
    ),
    Plot(
        ("lbl.form_factors",),
        (0.0, 20.2, "linear"),
        _Q2,
        {
            label: (lambda q2, i=i: _lambda_b(q2)[i])
            for i, label in (
                (0, r"$f^V_\perp$"),
                (1, "$f^V_0$"),
                (2, r"$f^A_\perp$"),
                (3, "$f^A_0$"),
                (4, r"$f^T_\perp$"),
                (5, "$f^T_0$"),
            )
        },
        r"$\Lambda_b\to\Lambda$",
    ),
    Plot(
        ("qcd.alpha_s_5", "qcd.run"),
        (4.2, 300.0, "log"),
        r"$\mu$ [GeV]",
        {"": lambda mu: qcd.alpha_s_5(0.1180, mu)},
        r"$\alpha_s(\mu)$, five flavours",
    ),
    Plot(
        ("qcd.m_b_msbar",),
        (4.2, 300.0, "log"),
        r"$\mu$ [GeV]",
        {"": lambda mu: qcd.m_b_msbar(4.18, mu, 0.1180)},
        r"$m_b(\mu)$ [GeV]",
    ),
    Plot(
        ("qcd.alpha_e_5",),
        (4.2, 150.0, "log"),
        r"$\mu$ [GeV]",
        {"": lambda mu: 1.0 / qcd.alpha_e_5(1.0 / 127.95, mu)},
        r"$1/\alpha_e(\mu)$",
    ),
    # -- resonances
    Plot(
        ("breit_wigner.inverse_propagator",),
        (0.5, 12.0, "linear"),
        _Q2,
        {
            "real": lambda q2: breit_wigner.inverse_propagator(q2, 2.2, 0.22)[0],
            "imaginary": lambda q2: breit_wigner.inverse_propagator(q2, 2.2, 0.22)[1],
        },
        r"$1/D$ [GeV$^{-2}$], $m_V$ = 2.2, $\Gamma$ = 0.22 GeV",
        latex={"breit_wigner.inverse_propagator": r"D=q^2-m^2+i\,\Gamma\sqrt{q^2}"},
    ),
    Plot(
        ("breit_wigner.weights",),
        (0.3, 10.0, "log"),
        _MV,
        {rf"$\Gamma/m={g:g}$": (lambda m, g=g: _bin(m, g)) for g in (0.001, 0.03, 0.3)},
        r"$\int dq/|D|^2$ [GeV$^{-3}$], $1<q^2<6$ GeV$^2$",
        "log",
    ),
    Plot(
        ("resonance_bins.pole_fraction",),
        (1e-3, 1e2, "log"),
        "width/window",
        {"": lambda r: resonance_bins.pole_fraction(r, 1.0)},
        latex={"resonance_bins.pole_fraction": r"\frac{2}{\pi}\arctan\frac{w}{\Gamma}"},
    ),
    Plot(
        ("resonance_bins.window_integral",),
        (1.8, 2.2, "linear"),
        "centre of the window [GeV]",
        {f"$\\Gamma$ = {g:g} GeV": (lambda q, g=g: resonance_bins.window_integral(q, 0.02, 2.0, g)) for g in (0.1, 0.01, 0.001)},
        r"$\int dq/|D|^2$ [GeV$^{-3}$]",
        "log",
        note="$m$ = 2 GeV, window of 20 MeV.",
    ),
    Plot(
        ("resonance_bins.outside_pole",),
        (1.8, 2.2, "linear"),
        "centre of the window [GeV]",
        {"": lambda q: resonance_bins.outside_pole(q, 0.05, 2.0)},
    ),
    Plot(
        ("leptonic.light_vector",),
        (0.5, 15.0, "log"),
        _MV,
        {
            "real": lambda m: leptonic.light_vector(1.0, m, 0.1 * m, 5.36688)[0],
            "imaginary": lambda m: leptonic.light_vector(1.0, m, 0.1 * m, 5.36688)[1],
        },
        r"[GeV$^{-2}$], unit coupling, $\Gamma/m=0.1$",
        "symlog",
        note="The double zero at $m_V=M_{B_s}$ is multiplied out.",
    ),
    # -- B -> K(*) V
    Plot(
        ("b_to_v.width_k", "b_to_v.width_kstar"),
        (0.01, 5.2, "log"),
        _MV,
        {r"$B\to KV$": _width_k, r"$B\to K^*V$": _width_kstar},
        r"$\Gamma$ [GeV], $g_L=10^{-8}$",
        "log",
    ),
    Plot(
        ("b_to_v.dark_shape",),
        (0.0, 5.0, "linear"),
        _SQRT_S,
        {r"$m_\chi$ = 0.5 GeV": lambda q: b_to_v.dark_shape(q, 0.5), "1.5 GeV": lambda q: b_to_v.dark_shape(q, 1.5)},
        latex={"b_to_v.dark_shape": r"\tfrac12\beta(3-\beta^2)"},
    ),
    Plot(
        ("b_to_v.contact_k",),
        (0.0, 4.78, "linear"),
        _SQRT_S,
        {"": lambda q: b_to_v.contact_k(q, 5.27934, 0.493677, _b_to_k(q * q)[0])[0]},
        r"$d\Gamma/dq\,/|G|^2$ [GeV$^4$]",
    ),
    # -- coherent and electron scattering of neutrinos
    Plot(
        ("cevns.helm",),
        (0.0, 0.25, "linear"),
        "$q$ [GeV]",
        {"Ar": lambda q: cevns.helm(q, 40.0), "CsI": lambda q: cevns.helm(q, 130.0)},
        "form factor",
    ),
    Plot(
        ("cevns.michel",),
        (0.0, 0.055, "linear"),
        r"$E_\nu$ [GeV]",
        {r"$\nu_e$": lambda e: cevns.michel(e, "e"), r"$\bar\nu_\mu$": lambda e: cevns.michel(e, "mu")},
        r"[GeV$^{-1}$]",
    ),
    Plot(
        ("cevns.recoil_shape", "cevns.flux_factor"),
        (0.0, 200.0, "linear"),
        "recoil $T$ [keV]",
        {
            "Ar, 30 MeV": lambda t: cevns.recoil_shape(1e-6 * t, 0.03, 37.2),
            "Ar, 50 MeV": lambda t: cevns.recoil_shape(1e-6 * t, 0.05, 37.2),
            r"averaged, $\nu_e$": lambda t: cevns.flux_factor(1e-6 * t, 37.2)[0],
        },
    ),
    Plot(
        ("neutrino_electron.spectrum", "neutrino_electron.standard_model"),
        (1e-5, 7e-4, "log"),
        "recoil $T$ [GeV]",
        {
            rf"$\nu_{n}$": (lambda t, f=f: neutrino_electron.spectrum(*neutrino_electron.standard_model(f, 0.2387), t, 0.862e-3))
            for n, f in (("e", "e"), (r"\mu", "mu"))
        },
        note="$E$ = 0.862 MeV (beryllium line).",
    ),
    Plot(
        ("neutrino_electron.largest_recoil",),
        (1e-4, 1.0, "log"),
        r"$E_\nu$ [GeV]",
        {"": neutrino_electron.largest_recoil},
        "[GeV]",
        "log",
        latex={"neutrino_electron.largest_recoil": r"T_{\max}=\frac{2E^2}{m_e+2E}"},
    ),
    # -- dark photons
    Plot(
        (
            "dark_photon.dark_photon_widths",
            "dark_photon.lepton_width",
            "dark_photon.hadron_width",
            "dark_photon.unit_widths",
            "dark_photon.r_ratio",
        ),
        (0.05, 5.0, "log"),
        _MV,
        {
            label: (lambda m, k=k: dark_photon.dark_photon_widths(m, 1e-3 + 0.0 * m, hadronic_tables().m_r, hadronic_tables().r)[k])
            for k, label in (("ee", "$ee$"), ("mumu", r"$\mu\mu$"), ("tautau", r"$\tau\tau$"), ("hadrons", "hadrons"))
        },
        r"$\Gamma$ [GeV], $\epsilon=10^{-3}$",
        "log",
    ),
    Plot(
        ("dark_photon.axial_bremsstrahlung",),
        (1e-3, 10.0, "log"),
        _MV,
        {
            "muons": lambda m: dark_photon.axial_bremsstrahlung(m, M_MU),
            "muons, $x>0.5$": lambda m: dark_photon.axial_bremsstrahlung(m, M_MU, 0.5),
        },
        "axial over vector",
        "log",
    ),
    Plot(
        ("dark_photon.window",),
        (1e-3, 1e3, "log"),
        r"$x=\Gamma/\Gamma_\mathrm{ref}$",
        {f"stretch {s:g}": (lambda x, s=s: dark_photon.window(x, 0.1, s)) for s in (2.0, 10.0, 100.0)},
        "$t_0$ = 0.1",
    ),
    Plot(
        ("dark_photon.prompt",),
        (1e-3, 1e2, "log"),
        r"$t_1\Gamma$",
        {"": lambda x: dark_photon.prompt(x, 1.0)},
        latex={"dark_photon.prompt": r"1-e^{-t_1\Gamma}"},
    ),
    Plot(
        ("dark_photon.peak_fraction",), (1e-3, 1e2, "log"), "width/half window", {"": lambda x: dark_photon.peak_fraction(x, 1.0)}
    ),
    # -- matching of the dark effective theory
    Plot(
        ("deft_matching.c4_from_mixing",),
        (500.0, 2e4, "log"),
        r"$m_\chi$ [GeV]",
        {"": lambda m: deft_matching.c4_from_mixing(0.1, 1.0, 1e-2, 1e-1, 100.0, m)},
        r"$C_4^{bsV}$",
        "log",
        note=r"$g_D=0.1$, $y_s=0.01$, $y_b=0.1$, $v_\phi$ = 100 GeV.",
    ),
    Plot(
        ("deft_matching.c6_from_loop",),
        (500.0, 2e4, "log"),
        r"$m_\chi$ [GeV]",
        {
            f"$m_\\phi$ = {p:g} GeV": (lambda m, p=p: jnp.abs(deft_matching.c6_from_loop(1.0, 1.0, 0.1, 1.0, p, m)))
            for p in (1.0, 30.0)
        },
        r"$|C_6|/\Lambda^2$ [GeV$^{-2}$]",
        "log",
    ),
    # -- hadronic width
    Plot(
        ("hadronic_width.smooth_step",),
        (-0.5, 1.5, "linear"),
        "$x$",
        {"": lambda x: hadronic_width.smooth_step(x, 0.0, 1.0)},
        latex={"hadronic_width.smooth_step": r"3t^2-2t^3"},
    ),
    Plot(
        ("hadronic_width.vector_r",),
        (0.2, 4.0, "linear"),
        _MV,
        {
            "(2/3, $-$1/3)": lambda m: hadronic_width.vector_r(m, 2 / 3 + 0.0 * m, -1 / 3 + 0.0 * m, hadronic_tables()),
            "(1/3, 1/3)": lambda m: hadronic_width.vector_r(m, 1 / 3 + 0.0 * m, 1 / 3 + 0.0 * m, hadronic_tables()),
        },
        "$R_V$",
        "log",
        note="Couplings to up- and down-type quarks: of the photon, and of baryon number.",
    ),
    Plot(
        ("hadronic_width.width", "hadronic_width.vector_width", "hadronic_width.axial_width"),
        (0.1, 10.0, "log"),
        _MV,
        {
            "vector": lambda m: hadronic_width.vector_width(m, 1e-3 + 0.0 * m, 1e-3 + 0.0 * m, hadronic_tables()),
            "axial": lambda m: hadronic_width.axial_width(m, 1e-3 + 0.0 * m, 1e-3 + 0.0 * m),
        },
        r"$\Gamma$ [GeV], couplings $10^{-3}$",
        "log",
    ),
    # -- kaons and pions
    Plot(
        ("kaon.f_plus",),
        (0.0, 0.13, "linear"),
        _Q2,
        {r"$K\to\pi$": lambda q2: kaon.f_plus(q2, 0.493677)},
        latex={"kaon.f_plus": r"f_+(q^2)=\frac{f_+(0)}{1-\lambda\,q^2/m_K^2}"},
    ),
    Plot(
        ("kaon.charged_width", "kaon.neutral_width"),
        (1e-3, 0.36, "log"),
        _MV,
        {r"$K^+\to\pi^+V$": lambda m: kaon.charged_width(m, 1e-12), r"$K_L\to\pi^0V$": lambda m: kaon.neutral_width(m, 1e-12j)},
        r"$\Gamma$ [GeV], $|g|=10^{-12}$",
        "log",
    ),
    Plot(
        ("meson_radiation.width", "meson_radiation.width_leptonic"),
        (1e-3, 0.38, "log"),
        _MV,
        {
            r"$K\to\mu\nu V$, vector": lambda m: _radiation("K", m, 1.0),
            "left-handed": lambda m: _radiation("K", m, 0.0),
            r"$\pi\to\mu\nu V$, vector": lambda m: _radiation("pi", m, 1.0),
        },
        r"over $P\to\mu\nu$, unit coupling",
        "log",
    ),
    Plot(
        ("meson_radiation.spectrum",),
        (0.106, 0.26, "linear"),
        r"$E_\mu$ [GeV]",
        {f"$m_V$ = {m:g} GeV": (lambda e, m=m: _spectrum(e, m)) for m in (0.01, 0.1, 0.2)},
        r"$d\Gamma/dE_\mu$",
        "log",
    ),
    Plot(
        ("neutrino_mass.seesaw_yukawa",),
        (1.0, 1e5, "log"),
        "$M$ [GeV]",
        {r"$m_\nu$ = 0.05 eV": lambda m: neutrino_mass.seesaw_yukawa(5e-11, m)},
        r"$|y_\nu|$",
        "log",
        latex={"neutrino_mass.seesaw_yukawa": r"|y_\nu|=\frac{\sqrt{m_\nu M}}{v}"},
    ),
    # -- relic density
    Plot(
        ("relic.bessel_k_scaled",),
        (1.0, 100.0, "log"),
        "$z$",
        {"$e^zK_1$": lambda z: relic.bessel_k_scaled(1, z), "$e^zK_2$": lambda z: relic.bessel_k_scaled(2, z)},
    ),
    Plot(
        ("relic.cross_section",),
        (0.5, 3.0, "linear"),
        r"$\sqrt{s}$ [GeV]",
        {f"$m_\\chi$ = {m:g} GeV": (lambda e, m=m: _sigma(e, m)) for m in (0.2, 0.4)},
        r"$\sigma$ [GeV$^{-2}$]",
        "log",
        note=r"$m_V$ = 1 GeV, $\Gamma$ = 10 MeV, $g_D=1$, muon coupling $10^{-3}$.",
    ),
    Plot(
        ("relic.thermal_average",),
        (3.0, 300.0, "log"),
        r"$m_\chi/T$",
        {f"$m_\\chi$ = {m:g} GeV": (lambda x, m=m: _thermal(x, m)) for m in (0.3, 0.45, 0.55)},
        r"$\langle\sigma v\rangle$ [GeV$^{-2}$]",
        "log",
        note=r"$m_V$ = 1 GeV, $\Gamma$ = 1 MeV, $g_D=1$, muon coupling $10^{-3}$.",
    ),
    Plot(
        ("relic.forbidden_estimate",),
        (0.04, 0.3, "log"),
        r"$m_\chi$ [GeV]",
        {
            "corrected": lambda m: relic.forbidden_estimate(m, 8.0, 0.05, 1.0, M_MU),
            "as printed": lambda m: relic.forbidden_estimate(m, 8.0, 0.05, 1.0, M_MU, printed=True),
        },
        r"$\Omega h^2$",
        "log",
    ),
    # -- running of the muoquark model
    Plot(
        ("rge_muoquark.exact_abelian", "rge_muoquark.exact_nonabelian"),
        (0.0, 30.0, "linear"),
        r"$\ln(\mu/\mathrm{3\,TeV})$",
        {
            "$g_Y$": lambda t: rge_muoquark.exact_abelian(t, 0.363, 0.1, 0.0)[0],
            "$g_X$": lambda t: rge_muoquark.exact_abelian(t, 0.363, 0.1, 0.0)[1],
            "$g_3$": lambda t: rge_muoquark.exact_nonabelian(t, 1.0, -19.0 / 3.0),
        },
        note="Starting values 0.363, 0.1 and 1.0.",
    ),
    # -- U(1)_T3R
    Plot(
        ("t3r.phi_mass", "t3r.delta_a_mu", "t3r.inverse_c_phi"),
        (0.01, 0.2, "linear"),
        r"$m_{A'}$ [GeV]",
        {"251e-11": lambda m: 1e3 * t3r.phi_mass(m, 251e-11, 10.0), "38e-11": lambda m: 1e3 * t3r.phi_mass(m, 38e-11, 10.0)},
        r"$m_{\phi'}$ [MeV], $V$ = 10 GeV",
    ),
    Plot(
        ("t3r.fermion_amplitude",),
        (1e-2, 20.0, "log"),
        r"$t=m_{\phi'}^2/(4m_f^2)$",
        {"Re": lambda t: t3r.fermion_amplitude(t)[0], "Im": lambda t: t3r.fermion_amplitude(t)[1]},
    ),
    Plot(
        ("t3r.phi_to_photons", "t3r.phi_to_vectors", "t3r.phi_to_eta"),
        (0.01, 0.2, "linear"),
        r"$m_{\phi'}$ [GeV]",
        {
            r"$\gamma\gamma$": lambda m: t3r.phi_to_photons(m, 10.0),
            "$A'A'$, 20 MeV": lambda m: t3r.phi_to_vectors(m, 0.02, 10.0),
            r"$\eta\eta$, 30 MeV": lambda m: t3r.phi_to_eta(m, 0.03, 10.0),
        },
        r"$\Gamma$ [GeV]",
        "log",
    ),
    Plot(
        ("t3r.electron_width", "t3r.kinetic_mixing", "t3r.chiral_width", "t3r.pion_photon_width", "t3r.gauge_coupling"),
        (0.01, 0.27, "linear"),
        r"$m_{A'}$ [GeV]",
        {
            "$ee$": lambda m: t3r.electron_width(m, t3r.kinetic_mixing(m, 10.0)),
            r"$\mu\mu$": lambda m: t3r.chiral_width(m, M_MU, t3r.gauge_coupling(m, 10.0)),
            r"$\pi^0\gamma$": lambda m: t3r.pion_photon_width(m, t3r.gauge_coupling(m, 10.0) / 2, -t3r.gauge_coupling(m, 10.0) / 2),
        },
        r"$\Gamma$ [GeV], $V$ = 10 GeV",
        "log",
    ),
    Plot(
        ("t3r.needed_displacement", "t3r.decay_length"),
        (0.3, 1e3, "log"),
        "energy [GeV]",
        {"110 MeV": lambda e: t3r.needed_displacement(e, 0.11, 10.0), "200 MeV": lambda e: t3r.needed_displacement(e, 0.2, 10.0)},
        r"$d/\ln N$ [m]",
        "log",
    ),
    Plot(
        ("t3r.nucleon_scalar", "t3r.nucleon_vector"),
        (0.001, 0.1, "log"),
        r"$m_\eta$ [GeV]",
        {
            r"$\phi'$": lambda m: _GEV2_CM2 * t3r.nucleon_scalar(m, 0.075, 10.0),
            "$A'$": lambda m: _GEV2_CM2 * t3r.nucleon_vector(m, 10.0),
        },
        r"$\sigma$ [cm$^2$]",
        "log",
    ),
    Plot(
        ("t3r.thermal_average", "t3r.annihilation"),
        (3.0, 100.0, "log"),
        r"$m_\eta/T$",
        {f"{1e3 * m:g} MeV": (lambda x, m=m: _average_t3r(x, m)) for m in (0.030, 0.034, 0.037)},
        r"$\langle\sigma v\rangle$ [GeV$^{-2}$]",
        "log",
        note=r"$m_{\phi'}$ = 75 MeV, $V$ = 10 GeV.",
    ),
    # -- tridents, W, weak charges
    Plot(
        ("trident.exchange",),
        (1e-3, 1e2, "log"),
        _MV,
        {f"$Q^2$ = {q:g} GeV$^2$": (lambda m, q=q: trident.exchange(1e-6 + 0.0 * m, m, jnp.array([q]))[0]) for q in (0.01, 1.0)},
        r"$v^2g_\nu g_\mu/(m_V^2+Q^2)$",
        "log",
        latex={"trident.exchange": r"\frac{v^2g_\nu g_\mu}{m_V^2+Q^2}"},
        note=r"$g_\nu g_\mu=10^{-6}$.",
    ),
    Plot(
        ("w_decay.width", "w_decay.width_light", "w_decay.width_to_lepton"),
        (0.1, 80.0, "log"),
        _MV,
        {
            "exact": lambda m: w_decay.width(m, 0.1, 0.0, M_W, G_F),
            "$m_V\\ll m_W$": lambda m: w_decay.width_light(m, 0.1, 0.0, M_W, G_F),
        },
        r"$\Gamma(W\to\ell\nu V)$ [GeV], $g_\ell=0.1$",
        "log",
        latex={"w_decay.width_light": r"\Gamma=\frac{g_\ell^2\,G_F M_W^5}{512\sqrt2\,\pi^3m_V^2}"},
    ),
    Plot(
        ("weak_charge.yukawa", "weak_charge.overlap"),
        (1e-4, 1.0, "log"),
        _MV,
        {"proton": lambda m: m * m * weak_charge.yukawa(m, 0.0248), "caesium": lambda m: overlap(m)},
        r"$f(m_V)$",
    ),
)
