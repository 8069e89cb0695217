"""Measures how well fipjax agrees with other ways to the same numbers, stores that in docs/validation.json, and writes the page.

    python docs/generate_validation.py                     # kernels and papers (a minute), then the page
    python docs/generate_validation.py --all               # and flavio's reference values, all samplers (about ten minutes)
    python docs/generate_validation.py --only samplers

The build of the documentation writes the page from the stored numbers; it does not measure.  tests/cli/test_docs_site.py measures a
part again and compares.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import math
import platform
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from generate_kernels import write_if_changed

HERE = Path(__file__).resolve().parent
STORE = HERE / "validation.json"
OUT = HERE / "generated" / "validation.md"
REFERENCE = HERE.parent / "tests" / "observables" / "reference"
NUISANCE = HERE.parent / "tests" / "analyses" / "reference" / "nuisance64.json"


# -- kernels against mpmath -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kernel:
    """name; function of x in JAX and the same in mpmath; where; digits that the closed form needs; absolute: error not relative."""

    name: str
    function: Callable[[Any], Any]
    exact: Callable[[Any], Any]
    x: Sequence[float]
    digits: int = 120
    slope: bool = True
    absolute: bool = False


def kernels_table() -> tuple[Kernel, ...]:
    """What is compared; the closed forms are written down anew here."""
    import jax.numpy as jnp
    import mpmath as mp

    import fipjax  # noqa: F401  (float64)
    from fipkernels import (
        breit_wigner,
        charm,
        dark_loops,
        g2,
        kinematics,
        leptoquarks,
        loops,
        qcdf,
        relic,
        resonance_bins,
        t3r,
        widths,
        z_penguins,
    )
    from fipkernels.panels import make_panels

    def integrals(x):
        a = x * x
        s = mp.sqrt(1 - 4 * a)
        i0 = mp.re(mp.log((1 + s) / (1 - s)) / s)
        i1 = (mp.log(a) + i0) / (2 * a)
        i2 = (i1 - i0 + 1) / a
        return a, i1, i2, (i2 - i1 + mp.mpf(1) / 2) / a

    def vector(x):
        _, _, i2, i3 = integrals(x)
        return 2 * (i2 - i3)

    def axial(x):
        a, i1, i2, i3 = integrals(x)
        return -8 * i1 + 10 * i2 - 2 * i3 - 4 * a * i3

    def c_phi(r):
        _, _, i2, i3 = integrals(1 / r)
        return (2 * i2 - i3) / (r * r)

    def box(x, y, z):
        t = (x, y, z)
        return sum(v**2 * mp.log(v) / ((v - 1) * mp.fprod(v - w for j, w in enumerate(t) if j != i)) for i, v in enumerate(t))

    def mixing(x, y):
        h = lambda t: t * t * mp.log(t) / (1 - t) ** 2  # noqa: E731
        return 1 / ((1 - x) * (1 - y)) + (h(x) - h(y)) / (x - y)

    low, high = 1.0, math.sqrt(6.0)
    panels, sums = make_panels([(low, high)], singular=[0.0], sqrt_points=[])

    def bin_integral(part):
        # int dq (1 + q^2) over the bin, times Re 1/D or |1/D|^2
        def run(m, gamma):
            w = breit_wigner.weights(panels, m, gamma * m)
            f = (1.0 + panels.q**2)[..., None]
            return jnp.einsum("sp,pnb->sb", sums, getattr(w, part) * f)[0]

        return run

    def bin_exact(part):
        def run(m, gamma):
            g = gamma * m
            d = lambda q: q * q - m * m + 1j * g * q  # noqa: E731
            steps = sorted({m + s * g * 10**k for s in (-1, 1) for k in range(10)} | {m})
            cuts = [mp.mpf(low), *(c for c in steps if low < c < high), mp.sqrt(6)]
            f = (lambda q: (1 + q * q) * mp.re(1 / d(q))) if part == "re" else (lambda q: (1 + q * q) / abs(d(q)) ** 2)
            return mp.quad(f, cuts)

        return run

    def amplitude(t):
        f = (
            mp.asin(mp.sqrt(t)) ** 2
            if t <= 1
            else -((mp.log((1 + mp.sqrt(1 - 1 / t)) / (1 - mp.sqrt(1 - 1 / t))) - mp.pi * 1j) ** 2) / 4
        )
        return mp.re(2 * (t + (t - 1) * f) / t**2)

    def penguin_full(q2):
        x, m2 = mp.mpf(1) / 10**6, mp.mpf(1)
        start = (3 * (x - 1) - (x + 2) * mp.log(x)) / (6 * (x - 1) ** 2)
        root = mp.sqrt(1 - 4 * m2 / q2) if q2 > 4 * m2 else 0
        cuts = [0, (1 - root) / 2, (1 + root) / 2, 1] if root else [0, 1]
        return start - 2 * mp.quad(lambda v: v * (1 - v) * mp.log(abs(1 - v * (1 - v) * q2 / m2)), cuts)

    def width(m):
        r = (mp.mpf("0.1056583755") / m) ** 2
        return m / (12 * mp.pi) * mp.sqrt(1 - 4 * r) * (mp.mpf("0.01") ** 2 * (1 + 2 * r) + mp.mpf("0.03") ** 2 * (1 - 4 * r))

    def peak(gamma):
        m, w, q = mp.mpf(2), mp.mpf("0.02"), mp.mpf("2.003")
        return mp.quad(lambda s: 1 / ((s * s - m * m) ** 2 + (gamma * s) ** 2), [q - w / 2, m - gamma, m, m + gamma, q + w / 2])

    def momentum(m2):
        m, m1 = mp.mpf(5.27934), mp.mpf(0.493677)
        return mp.sqrt((m - m1 - m2) * (m + m1 + m2) * (m - m1 + m2) * (m + m1 - m2)) / (2 * m)

    everywhere = np.geomspace(1e-8, 1e6, 71)
    masses = np.geomspace(1e-6, 1e6, 60)  # an even number: 1, where closed forms are 0/0, is not among them
    return (
        Kernel("g2.vector", g2.vector, vector, everywhere),
        Kernel("g2.axial", g2.axial, axial, everywhere),
        Kernel("g2.c_phi", g2.c_phi, c_phi, everywhere),
        Kernel(
            "loops.penguin_f9",
            loops.penguin_f9,
            lambda x: (-2 + 9 * x - 18 * x**2 + 11 * x**3 - 6 * x**3 * mp.log(x)) / (36 * (x - 1) ** 4),
            masses,
        ),
        Kernel(
            "loops.penguin_g9",
            loops.penguin_g9,
            lambda x: (-16 + 45 * x - 36 * x**2 + 7 * x**3 + 6 * (3 * x - 2) * mp.log(x)) / (36 * (x - 1) ** 4),
            masses,
        ),
        Kernel(
            "loops.inami_lim_s0",
            loops.inami_lim_s0,
            lambda x: (4 * x - 11 * x**2 + x**3) / (4 * (1 - x) ** 2) - 3 * x**3 * mp.log(x) / (2 * (1 - x) ** 3),
            masses,
        ),
        Kernel(
            "loops.box_f3 (x, 0.3, 2)",
            lambda x: loops.box_f3(x, 0.3 + 0.0 * x, 2.0 + 0.0 * x),
            lambda x: box(x, mp.mpf(0.3), mp.mpf(2)),
            masses,
        ),
        Kernel("loops.mixing_box (x, 0.3)", lambda x: loops.mixing_box(x, 0.3 + 0.0 * x), lambda x: mixing(x, mp.mpf(0.3)), masses),
        Kernel(
            "dark_loops.penguin_sum_full, real part",
            lambda q: dark_loops.penguin_sum_full(q, 1.0, 1e3)[0],
            penguin_full,
            np.geomspace(0.01, 100, 17),
            30,
            slope=False,
        ),
        Kernel(
            "z_penguins.c0",
            z_penguins.c0,
            lambda v: (v * (3 * v + 2) * mp.log(v) / (v - 1) ** 2 + v * (v - 6) / (v - 1)) / 8,
            masses,
        ),
        Kernel(
            "z_penguins.d0_prime",
            z_penguins.d0_prime,
            lambda v: -(6 * v**2 * (3 * v - 2) * mp.log(v) / (v - 1) ** 4 - v * (8 * v**2 + 5 * v - 7) / (v - 1) ** 3) / 12,
            masses,
        ),
        Kernel(
            "leptoquarks.g2_f",
            leptoquarks.g2_f,
            lambda x: (2 * x * (x + 2) * mp.log(x) - (5 * x + 1) * (x - 1)) / (12 * (x - 1) ** 4),
            masses,
        ),
        Kernel(
            "leptoquarks.g2_g",
            leptoquarks.g2_g,
            lambda x: ((x - 7) * (x - 1) + 2 * (x + 2) * mp.log(x)) / (6 * (x - 1) ** 3),
            masses,
        ),
        Kernel("charm.li2", charm.li2, lambda x: mp.polylog(2, x), np.linspace(0.01, 0.99, 33), 40, slope=False),
        Kernel("charm.clausen", charm.clausen, lambda t: mp.clsin(2, t), np.linspace(0.02, 3.1, 33), 40, slope=False),
        Kernel("qcdf.ei", qcdf.ei, mp.ei, np.geomspace(0.01, 20, 41), 40),
        Kernel(
            "relic.bessel_k_scaled, order 1",
            lambda z: relic.bessel_k_scaled(1, z),
            lambda z: mp.exp(z) * mp.besselk(1, z),
            np.geomspace(1, 1000, 31),
            40,
        ),
        Kernel(
            "relic.bessel_k_scaled, order 2",
            lambda z: relic.bessel_k_scaled(2, z),
            lambda z: mp.exp(z) * mp.besselk(2, z),
            np.geomspace(1, 1000, 31),
            40,
        ),
        Kernel(
            "t3r.fermion_amplitude, real part",
            lambda t: t3r.fermion_amplitude(t)[0],
            amplitude,
            np.concatenate([np.geomspace(1e-6, 0.95, 24), np.geomspace(1.05, 10, 9)]),
            60,
        ),
        Kernel(
            "breit_wigner.weights, |1/D|^2 in [1, 6] GeV^2, m = 2, Gamma/m",
            lambda g: bin_integral("sq")(2.0 + 0.0 * g, g),
            lambda g: bin_exact("sq")(mp.mpf(2), g),
            np.geomspace(1e-9, 1, 19),
            30,
            slope=False,
        ),
        Kernel(
            "breit_wigner.weights, |1/D|^2 in [1, 6] GeV^2, Gamma/m = 0.001, m",
            lambda m: bin_integral("sq")(m, 1e-3 + 0.0 * m),
            lambda m: bin_exact("sq")(m, mp.mpf(1e-3)),
            np.geomspace(0.3, 9, 24),
            30,
            slope=False,
        ),
        Kernel(
            "breit_wigner.weights, Re 1/D in [1, 6] GeV^2, Gamma/m = 0.1, m",
            lambda m: bin_integral("re")(m, 0.1 + 0.0 * m),
            lambda m: bin_exact("re")(m, mp.mpf(0.1)),
            np.geomspace(0.3, 9, 24),
            30,
            slope=False,
        ),
        Kernel(
            "resonance_bins.window_integral (approximate: 0.01 promised), width 1e-6 to 1",
            lambda g: resonance_bins.window_integral(2.003, 0.02, 2.0, g),
            peak,
            np.geomspace(1e-6, 1.0, 13),
            30,
            slope=False,
        ),
        Kernel(
            "kinematics.momentum, B -> K V, to 1e-4 GeV of threshold",
            lambda m: kinematics.momentum(5.27934, 0.493677, m),
            momentum,
            5.27934 - 0.493677 - np.geomspace(1e-4, 4.7, 21),
            40,
            slope=False,
        ),
        Kernel(
            "widths.vector_to_fermions",
            lambda m: widths.vector_to_fermions(m, 0.1056583755, 0.01, 0.03),
            width,
            np.geomspace(0.2114, 100, 41),
            40,
        ),
    )


def measure(k: Kernel, every: int = 1) -> dict[str, Any]:
    """Largest deviation in value and first derivative, relative to the value (or absolute)."""
    import jax
    import jax.numpy as jnp
    import mpmath as mp

    x = np.asarray(k.x, float)[::every]
    got = np.asarray(k.function(jnp.asarray(x)))
    # numbers that float32 holds exactly, so that what is measured is the function and not the rounding of its argument
    x32 = x.astype(np.float32)
    got32 = np.asarray(k.function(jnp.asarray(x32)), float)
    slope = np.asarray(jax.vmap(jax.grad(lambda v: jnp.sum(k.function(v))))(jnp.asarray(x))) if k.slope else None
    worst, worst_slope, worst32, where = 0.0, 0.0, 0.0, float(x[0])
    with mp.workdps(k.digits):
        for i, v in enumerate(x):
            v = mp.mpf(float(v))
            exact = k.exact(v)
            error = float(abs(mp.mpf(float(got[i])) - exact) / (1 if k.absolute else abs(exact)))
            if error > worst:
                worst, where = error, float(v)
            exact32 = k.exact(mp.mpf(float(x32[i])))
            worst32 = max(worst32, float(abs(mp.mpf(float(got32[i])) - exact32) / (1 if k.absolute else abs(exact32))))
            if slope is not None:
                h = v * mp.mpf(10) ** (-k.digits // 4)
                exact_slope = (k.exact(v + h) - k.exact(v - h)) / (2 * h)
                worst_slope = max(worst_slope, float(abs(mp.mpf(float(slope[i])) - exact_slope) / abs(exact_slope)))
    return {
        "name": k.name, "low": float(np.min(k.x)), "high": float(np.max(k.x)), "points": len(x), "value": worst, "at": where,
        "slope": worst_slope if k.slope else None, "float32": worst32 if math.isfinite(worst32) else None, "absolute": k.absolute,
    }  # fmt: skip


def kernels() -> list[dict[str, Any]]:
    """All kernels of the table."""
    return [measure(k) for k in kernels_table()]


# -- numbers of the papers ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """paper; what; the number stated there (or by an evaluation of its formulas by hand); how to get it here."""

    paper: str
    what: str
    stated: float
    here: Callable[[], float]
    slow: bool = False


def _edge(name: str, m: float, context, params: Callable[[Any], dict], low: float = 1e-14, high: float = 3.0) -> float:
    """Coupling at which a bound is reached, by nested grids in its logarithm; models of 2106.12582."""
    import jax.numpy as jnp

    from fipjax.constraints import CONSTRAINTS
    from fipjax.models.deft import build

    for _ in range(6):
        c = jnp.geomspace(low, high, 64)
        point = {k: jnp.broadcast_to(v, c.shape) for k, v in {"m_V": m, **params(c)}.items()}
        first = int(jnp.argmax(CONSTRAINTS[name].ratio(build(point), context) > 1.0))
        low, high = float(c[first - 1]), float(c[first])
    return low


def _theory(model: str, conventions: str = "default", **params):
    import jax.numpy as jnp

    from fipjax.likelihood import build_theory
    from fipjax.models import get_model

    return build_theory(get_model(model), {k: jnp.full((1,), float(v)) for k, v in params.items()}, conventions)


def _example(name: str):
    import importlib

    folder = str(HERE.parent / "examples")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def checks() -> tuple[Check, ...]:
    """Numbers that the papers state, with their formulas as printed unless the text says otherwise."""
    import jax.numpy as jnp

    import fipjax
    from fipjax.constraints import Context
    from fipkernels import dark_loops, g2, leptoquarks, loops, t3r

    printed = Context("2021", "as_printed")

    def quoted(subset: str) -> float:
        like = fipjax.Likelihood("dark_z_A", uncertainties="quoted", conventions="as_printed", data="datta2022", constraints="none")
        if subset == "all":
            return float(like.sm_chi2())
        d = like.dataset
        rows = [i for i, o in enumerate(d.observables) if "mumu" in o]
        r = d.sm - d.value
        error = np.where(r > 0, d.plus, d.minus)
        return float((r**2 / (error**2 + d.sm_error**2))[rows].sum())

    def case_a() -> float:
        like = fipjax.Likelihood("dark_z_A", uncertainties="quoted", conventions="as_printed", data="datta2022", constraints="none")
        return float(like.chi2({k: jnp.array([v]) for k, v in {"m_V": 0.01007, "epsilon": 1.6e-5, "epsilon_Z": 0.002}.items()})[0])

    def table(row: str, column: int) -> float:
        tables = _example("t3r_tables")
        factor = {**tables.TABLE_1, **tables.TABLE_2}[row][0]
        return factor * float(tables.predictions(names=[row])[row][column])

    def coupling(panel_mass: float) -> float:
        return math.sqrt(251e-11 / float(g2.delta_a_mu_vector(1.0, 0.0, panel_mass, 0.1056583755)))

    def pole(g: float) -> float:
        from fipjax.analysis import running

        return float(running.run(running.benchmark(gX=g)).stop)

    def box() -> float:
        # largest |y_s y_b| of one light fermion, |C1| = 6e-12 GeV^-2 at 1 TeV, as the paper states it
        c1 = abs(complex(dark_loops.mixing_c1(jnp.ones((1, 1)), jnp.full((1, 1), 1e-3), jnp.full((1,), 1e3))[0]))
        return math.sqrt(6e-12 / c1)

    deft, split, dark_z, muoquarks, t3r_paper = "2106.12582", "2002.11150", "2210.15662", "2103.13991", "2105.07655"
    return (
        Check(deft, "F(0), eq. (4.13)", 2 / 3, lambda: float(g2.vector(0.0))),
        Check(
            deft,
            "W universality, coupling at 100 MeV, eq. (4.10)",
            0.004,
            lambda: _edge("W_universality", 0.1, printed, lambda c: {"gamma_V": 0.9, "C4_mumuV": c}),
        ),
        Check(
            deft,
            "W width, coupling at 100 MeV, eq. (4.11)",
            0.022,
            lambda: _edge("W_width", 0.1, printed, lambda c: {"gamma_V": 0.9, "C4_mumuV": c}),
        ),
        Check(
            deft,
            "Bs -> mu mu, |C4 C4t| at 1 GeV^2/m_V^2, eq. (4.4)",
            1.5e-10,
            lambda: 100.0 * _edge("Bs_mumu", 0.1, printed, lambda c: {"gamma_V": 1e-8, "C4_bsV": 1.0, "C4t_mumuV": -c}),
        ),
        Check(
            deft,
            "Bs mixing, |C4|/m_V",
            2.5e-6,
            lambda: 5.0 * _edge("Bs_mixing", 0.2, printed, lambda c: {"gamma_V": 1e-8, "C4_bsV": c}),
        ),
        Check(
            deft,
            "Bs mixing, |C6| M_Bs^2",
            5e-5,
            lambda: 5.36688**2 * _edge("Bs_mixing", 0.2, printed, lambda c: {"gamma_V": 1e-8, "C6_bsV": c}),
        ),
        Check(
            split,
            "g-tilde/r at 1 TeV, 1 MeV, GeV^-2",
            2.76e-8,
            lambda: float(
                dark_loops.penguin_coupling(jnp.ones((1, 1)), jnp.full((1, 1), 1e-3), jnp.full((1,), 1e3), loop_norm="paper")[0]
            ),
        ),
        Check(split, "F of the box, equal masses, eq. (3)", 1 / 3, lambda: float(loops.box_f3(1.0, 1.0, 1.0))),
        Check(split, "|y_s y_b| of one fermion from the box", 0.09, box),
        Check(dark_z, "chi2 of the Standard Model, 27 numbers", 93.56, lambda: quoted("all"), True),
        Check(dark_z, "chi2 of the Standard Model, 21 numbers with muons", 84.30, lambda: quoted("mu"), True),
        Check(dark_z, "chi2 at the best fit of case A", 85.8, case_a, True),
        Check(
            dark_z,
            "Delta a_mu at the best fit of case B",
            7.7e-4,
            lambda: float(_theory("dark_z_B", "as_printed", m_V=0.0103, g_mu=0.28).a_mu[0]),
        ),
        Check(
            dark_z,
            "Delta a_mu at the best fit of case C",
            7.38e-6,
            lambda: float(_theory("dark_z_C", "as_printed", m_V=0.0302, g_mu=0.033).a_mu[0]),
        ),
        Check(
            dark_z,
            "Delta a_mu at the best fit of case A",
            -3.45e-7,
            lambda: float(_theory("dark_z_A", "as_printed", m_V=0.01007, epsilon=1.6e-5, epsilon_Z=0.002).a_mu[0]),
        ),
        Check(t3r_paper, "prefactor of eq. (3) at V = 10 GeV", 6.98e-7, lambda: t3r.M_MU_PRINTED**2 / (16 * math.pi**2 * 100.0)),
        Check(
            t3r_paper,
            "smallest m_phi', m_A' = 0.2 GeV, GeV",
            0.074,
            lambda: float(t3r.phi_mass(0.2, 2.52e-9, 10.0, t3r.M_MU_PRINTED)),
        ),
        Check(t3r_paper, "R_K, benchmark A", 0.82, lambda: table("<Rmue>(B+->Kll)[1.1,6.0]", 1), True),
        Check(t3r_paper, "R_K*, benchmark B", 0.78, lambda: table("<Rmue>(B0->K*ll)[1.1,6.0]", 2), True),
        Check(t3r_paper, "1e9 BR(Bs -> mu mu), benchmark C", 2.67, lambda: table("BR(Bs->mumu)", 3), True),
        Check(
            t3r_paper, "1e8 BR(B0 -> K0 mu mu) [15,22], benchmark D", 29.4, lambda: table("<dBR/dq2>(B0->Kmumu)[15,22]", 4), True
        ),
        Check(muoquarks, "muon coupling that explains g-2 at 20 MeV", 5.6e-4, lambda: coupling(0.02)),
        Check(
            muoquarks,
            "v_Phi for 20 MeV, 5e-4, charge 1, GeV",
            60.0,
            lambda: float(leptoquarks.v_phi_of_mass(0.02, 5e-4, 1.0, printed=True)),
        ),
        Check(muoquarks, "pole for g_X = 0.25, GeV", 1e11, lambda: pole(0.25), True),
    )


def papers(slow: bool = True) -> list[dict[str, Any]]:
    """All checks, or those that take no time."""
    return [
        {"paper": c.paper, "what": c.what, "stated": c.stated, "here": float(c.here()), "slow": c.slow}
        for c in checks()
        if slow or not c.slow
    ]


# -- observables against flavio ---------------------------------------------------------------------------------------------


def observables(light_every: int = 4) -> list[dict[str, Any]]:
    """Stored flavio values, constant coefficients (all points) and light vectors (every ``light_every``-th), by family."""
    import jax
    import make_bsll_table as table

    from fipjax.likelihood import inputs_for
    from fipjax.observables import Predictor

    par = inputs_for("2021")
    books = {"constant": table.Book(), "light": table.Book()}
    for kind in ("bk", "bsll"):
        fixed = json.loads((REFERENCE / f"flavio_{kind}.json").read_text(encoding="utf-8"))
        names = [n for n in fixed["observables"] if not n.startswith("DeltaM_d")]
        got = table.predict(names, fixed["points"], par, "flavio")
        columns = [("SM", fixed["sm"]), *((f"point {i}", p["values"]) for i, p in enumerate(fixed["points"], 1))]
        for j, (label, column) in enumerate(columns):
            values = dict(zip(fixed["observables"], column, strict=True))
            for i, name in enumerate(names):
                if not table.separate(name):
                    books["constant"].add(table.family(name), name, table.deviation(name, got[i, j], values[name]), label)
        resonant = json.loads((REFERENCE / f"q2dependent_{kind}.json").read_text(encoding="utf-8"))
        p = Predictor(resonant["observables"], "flavio")
        tables = jax.jit(p.tables)(par)
        run = jax.jit(lambda theory, t, p=p: p(theory, t))
        for point in resonant["points"][::light_every]:
            label = f"m = {point['m_V']:g} GeV, Gamma/m = {point['gamma_V']:g}"
            for name, g, w in zip(
                resonant["observables"], np.asarray(run(table.mediators(point), tables))[:, 0], point["values"], strict=True
            ):
                if not table.separate(name):
                    books["light"].add(table.family(name), name, table.deviation(name, g, w), label)
    out = []
    for title in table.TITLES:
        for kind, book in books.items():
            entries = book.entries.get(title)
            if entries:
                worst, name, point = max(entries)
                out.append({
                    "family": title, "coefficients": kind, "relative": table.UNIT[title] == "relative", "comparisons": len(entries),
                    "median": float(np.median([v for v, _, _ in entries])), "largest": float(worst), "where": f"{name}, {point}",
                })  # fmt: skip
    return out


# -- samplers -----------------------------------------------------------------------------------------------------------


def samplers() -> dict[str, Any]:
    """C9 and C10 of muons fitted to a few numbers: posterior by integration on a grid, NUTS, tempered SMC, emcee, and the fit."""
    import emcee
    import jax
    import jax.numpy as jnp

    import fipjax
    from fipjax.priors import Flat

    like = fipjax.Likelihood(
        "wet",
        "2021",
        "none",
        use=["<dBR/dq2>(B+->Kmumu)[1.1,6.0]", "BR(Bs->mumu)", "<Rmue>(B+->Kll)"],
        draws=1000,
        priors={"C9_bsmumu": Flat(-3.0, 3.0), "C10_bsmumu": Flat(-3.0, 3.0)},
    )
    names = list(like.names)
    box = [(-3.0, 3.0)] * len(names)
    n = 601
    axis = np.linspace(-3.0, 3.0, n)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    log_prob = np.asarray(jax.jit(like.log_prob)(jnp.asarray(grid)))
    # trapezoidal rule: ends count half
    end = np.ones(n)
    end[[0, -1]] = 0.5
    weight = np.exp(log_prob - log_prob.max()) * np.outer(end, end).ravel()
    log_z = log_prob.max() + math.log(weight.sum() * (axis[1] - axis[0]) ** 2 / 36.0)
    weight /= weight.sum()

    def row(method, samples=None, weights=None, error=None, **extra):
        out = {"method": method, "error_of_mean": error, **extra}
        for i, name in enumerate(names):
            x = samples[:, i]
            mean = float(np.average(x, weights=weights))
            out[name] = {"mean": mean, "sd": float(np.sqrt(np.average((x - mean) ** 2, weights=weights)))}
        return out

    rows = [row("integral on a grid", grid, weight, log_z=float(log_z))]
    t0 = time.perf_counter()
    nuts = fipjax.sample(like, chains=4, warmup=500, draws=2000, seed=3, progress=False)
    flat = np.stack([nuts.samples[k].ravel() for k in names], -1)
    ess = min(v["ess_bulk"] for v in nuts.diagnostics.values())
    rows.append(row("NUTS", flat, error=float(1 / math.sqrt(ess)), seconds=time.perf_counter() - t0, ok=bool(nuts.ok)))
    t0 = time.perf_counter()
    smc = fipjax.smc(like, particles=2048, repeats=4, seed=3, progress=False)
    flat = np.stack([smc.samples[k].ravel() for k in names], -1)
    ess = min(v["ess_bulk"] for v in smc.diagnostics.values())
    rows.append(row("tempered SMC", flat, error=float(1 / math.sqrt(ess)), log_z=smc.log_z, log_z_error=smc.log_z_error,
                    seconds=time.perf_counter() - t0, ok=bool(smc.ok)))  # fmt: skip
    t0 = time.perf_counter()
    run = jax.jit(lambda x: jnp.where(jnp.all(jnp.abs(x) < 3.0, axis=-1), like.log_prob(x), -jnp.inf))
    walkers = emcee.EnsembleSampler(64, 2, lambda x: np.asarray(run(jnp.asarray(x))), vectorize=True)
    start = np.random.default_rng(3).uniform(-1.0, 1.0, (64, 2))
    np.random.seed(3)  # noqa: NPY002  (emcee draws from the global state)
    walkers.run_mcmc(start, 3000)
    flat = walkers.get_chain(discard=500, flat=True)
    ess = len(flat) / float(np.max(walkers.get_autocorr_time()))
    rows.append(row("emcee", flat, error=float(1 / math.sqrt(ess)), seconds=time.perf_counter() - t0))
    best = fipjax.fit(like, starts=64, progress=False)
    at_grid = grid[int(np.argmax(log_prob))]
    fit = {
        "chi2": float(best.chi2), "best": {k: float(best.best[k]) for k in names},
        "grid_chi2": float(-2.0 * log_prob.max()), "grid": dict(zip(names, map(float, at_grid), strict=True)),
        "step": float(axis[1] - axis[0]),
    }  # fmt: skip
    return {"likelihood": f"model wet, data 2021, {like.n_measurements} numbers, flat priors {box[0][0]:g} to"
    f" {box[0][1]:g}", "names": names,
            "rows": rows, "fit": fit}  # fmt: skip


# -- store and page -----------------------------------------------------------------------------------------------------

SECTIONS = {"kernels": kernels, "papers": papers, "observables": observables, "samplers": samplers}


def versions() -> dict[str, str]:
    """What measured."""
    out = {p: importlib.metadata.version(p) for p in ("fipjax", "jax", "numpy", "mpmath")}
    return {**out, "python": platform.python_version(), "machine": platform.machine()}


def update(which: Sequence[str]) -> dict[str, Any]:
    """Measure sections and store them."""
    data = json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}
    for name in which:
        t0 = time.perf_counter()
        result = SECTIONS[name]()
        data[name] = {"date": datetime.date.today().isoformat(), "versions": versions(), "result": result}
        print(f"{name}: {time.perf_counter() - t0:.0f} s", flush=True)
        STORE.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return data


def _unbroken(text: str) -> str:
    # browsers break lines at a hyphen, not at a minus sign
    return re.sub(r"(?<=[\de])-(?=\d)", "\u2212", text) if len(text) < 24 and "`" not in text else text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
        *("| " + " | ".join(_unbroken(c) for c in r) + " |" for r in rows),
        "",
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _when(section: dict) -> str:
    v = section["versions"]
    return (
        f"*Measured on {section['date']} with fipjax {v['fipjax']}, jax {v['jax']}, Python {v['python']}, {v['machine']}, float64.*"
    )


def _kernels_page(section: dict) -> list[str]:
    rows = []
    for r in section["result"]:
        kind = " (absolute)" if r["absolute"] else ""
        slope = "-" if r["slope"] is None else f"{r['slope']:.1e}"
        rows.append(
            [
                f"`{_cell(r['name'])}`",
                f"{r['low']:.3g} to {r['high']:.3g}",
                str(r["points"]),
                f"{r['value']:.1e}{kind}",
                slope,
                f"{r['at']:.3g}",
                "overflows" if r["float32"] is None else f"{r['float32']:.0e}",
            ]
        )
    return [
        "## Kernels against mpmath", "", _when(section), "",
        "Closed forms and integrals in 30 to 120 digits, written down apart from the kernels; largest deviation on the grid,"
        " relative unless"
        " marked. In float32 masses and other constants are rounded too, which shows next to thresholds. The tests of the kernels"
        " go over more points and functions.", "",
        *_table(["kernel", "range", "points", "value", "first derivative", "worst at", "value in float32"], rows),
    ]  # fmt: skip


def _papers_page(section: dict) -> list[str]:
    rows = []
    for r in section["result"]:
        paper = f"[{r['paper']}](https://arxiv.org/abs/{r['paper']})"
        change = 100 * (r["here"] / r["stated"] - 1)
        rows.append([paper, _cell(r["what"]), f"{r['stated']:.4g}", f"{r['here']:.5g}", f"{change:+.1f} %"])
    return [
        "## Numbers that the papers state", "", _when(section), "",
        "With the papers' formulas as printed. Most are given with two digits or as \"about\"; the differences that are"
        " larger than that are"
        " explained on the page of the paper and under [errata](../errata.md).", "",
        *_table(["paper", "number", "stated", "here", "difference"], rows),
    ]  # fmt: skip


def _observables_page(section: dict) -> list[str]:
    rows = []
    for r in section["result"]:
        kind = "relative" if r["relative"] else "absolute"
        numbers = [str(r["comparisons"]), f"{r['median']:.1e}", f"{r['largest']:.1e}"]
        rows.append([_cell(r["family"]).replace("*", "\\*"), r["coefficients"], kind, *numbers, f"`{r['where']}`"])
    return [
        "## Observables against flavio", "", _when(section), "",
        'Stored values of flavio 2.7.1 (`tests/observables/reference`), `conventions="flavio"`: constant Wilson coefficients,'
        ' and light vectors.'
        " [agreement](../agreement.md) has every point, what is left out here, and where the default differs.", "",
        *_table(["observables", "coefficients", "deviation", "comparisons", "median", "largest", "where"], rows),
    ]  # fmt: skip


def _samplers_page(section: dict) -> list[str]:
    data = section["result"]
    rows = []
    for r in data["rows"]:
        cells = [f"{r[n]['mean']:.4f} +- {r[n]['sd']:.4f}" for n in data["names"]]
        error = "exact" if r["error_of_mean"] is None else f"{r['error_of_mean']:.3f}"
        z = "-" if r.get("log_z") is None else f"{r['log_z']:.3f}" + (f" +- {r['log_z_error']:.3f}" if "log_z_error" in r else "")
        rows.append([r["method"], *cells, error, z])
    fit = data["fit"]
    best = ", ".join(f"{k} = {v:.4f}" for k, v in fit["best"].items())
    grid = ", ".join(f"{k} = {v:.2f}" for k, v in fit["grid"].items())
    return [
        "## Samplers against each"
        " other", "", _when(section), "", f"{data['likelihood']}. Means and standard deviations; the error of a mean is in"
        f" units of the standard deviation.", "",
        *_table(["method", *(f"`{n}`" for n in data["names"]), "error of a mean", "log Z"], rows),
        f"Best fit: chi2 = {fit['chi2']:.4f} at {best}; the best grid point (step {fit['step']:.2g}) has"
        f" {fit['grid_chi2']:.4f} at {grid}.", "",
    ]  # fmt: skip


def _nuisance_page() -> list[str]:
    stored = json.loads(NUISANCE.read_text(encoding="utf-8"))
    kinds = list(stored["quantiles"])
    names = list(stored["quantiles"][kinds[0]])
    rows = []
    for name in names:
        row = [f"`{name}`"]
        for kind in kinds:
            q = stored["quantiles"][kind][name]
            row.append(f"{q[2]:.3g} ({q[1]:.3g} to {q[3]:.3g})")
        rows.append(row)
    return [
        "### Every hadronic input sampled", "",
        f"Model 64 above 2 GeV with {stored['dimensions']} free parameters, medians and 68 %; largest R-hat"
        f" {stored['worst']['rhat']:.3f}, smallest"
        f" effective sample size {stored['worst']['ess']:.0f} ([more](../fits_2106.12582.md)). The couplings themselves are"
        f" hardly determined,"
        " their products are.", "", *_table(["parameter", *kinds], rows),
        "Posteriors with two modes and known answer, and the fits of 2106.12582 against a direct integration:"
        " [samplers](../samplers.md).", "",
    ]  # fmt: skip


def write() -> Path:
    """The page from the stored numbers."""
    data = json.loads(STORE.read_text(encoding="utf-8"))
    out = [
        "# Validation", "",
        "Numbers on this page are written by `docs/generate_validation.py` into `docs/validation.json`, none by hand.", "",
    ]  # fmt: skip
    pages = {"kernels": _kernels_page, "papers": _papers_page, "observables": _observables_page, "samplers": _samplers_page}
    for name, page in pages.items():
        if name in data:
            out += page(data[name])
    out += _nuisance_page()
    write_if_changed(OUT, "\n".join(out))
    return OUT


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--all", action="store_true", help="flavio's values and samplers too")
    p.add_argument("--only", nargs="+", choices=list(SECTIONS), help="these sections")
    args = p.parse_args()
    update(args.only or (list(SECTIONS) if args.all else ["kernels", "papers"]))
    print(write())


if __name__ == "__main__":
    main()
