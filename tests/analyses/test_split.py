"""The split dark sector: what its Theory holds, and its own constraints."""

import dataclasses
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fipjax
from fipjax.constraints import CONSTRAINTS, Context, dark_sector
from fipjax.errors import InputError
from fipjax.likelihood import build_theory
from fipjax.models import get_model, split
from fipjax.theory import branching, evaluate_at
from fipkernels import dark_loops

jax.config.update("jax_enable_x64", True)

M_MU = 0.1056583755
K = -1.25399431e9
DEFAULT, PRINTED = Context("2021", "default"), Context("2021", "as_printed")


@partial(jax.jit, static_argnames=("model", "conventions"))
def _theory(p, model, conventions):
    return build_theory(get_model(model), p, conventions)


def theory(conventions="default", model="split", **values):
    return _theory({k: jnp.atleast_1d(jnp.asarray(v)) for k, v in values.items()}, model, conventions)


def vector(*args, **values):
    return theory(*args, **values).mediators[0]


POINT = {"m_V": 5.0, "r": -1.0, "g_V": 0.03, "r_AV": -0.44, "g_D": 3.0}


def test_theory():
    """Width and loop coupling as quoted for g_D = 3, m_chi = 1 MeV, g_V = 0.03, m_V = 5 GeV."""
    no_axial = {k: v for k, v in POINT.items() if k != "r_AV"}
    m = vector(**no_axial)
    assert float(m.width[0]) == pytest.approx(1.193781, abs=6e-7)
    assert m.mu_A is None and m.scheme == "sqrt_q2"
    assert float(branching(m, "dark")[0]) + float(branching(m, "mumu")[0]) == pytest.approx(1.0, rel=1e-14)
    assert float(m.dark_strength[0, 0]) == 9.0 and float(m.dark_mass[0, 0]) == 1e-3
    full = theory(**POINT)
    assert float(full.mediators[0].mu_A[0, 0]) == pytest.approx(-0.44 * 0.03)
    # vector and axial contributions to a_mu cancel at g_A = 0.4459 g_V for 5 GeV
    assert abs(float(theory(**(POINT | {"r_AV": -0.4459})).a_mu[0])) < 1e-3 * float(theory(**no_axial).a_mu[0])
    assert full.wc == {} and set(full.couplings) == {"g_D Q_Phi", "g_V", "g_A"}
    # closed dark channel: exactly 0
    closed = vector(**(POINT | {"m_chi1": 2.5}))
    assert float(closed.partial_widths["dark"][0]) == 0.0
    # absent couplings are absent
    bare = vector(m_V=5.0)
    assert bare.bs_L is None and bare.mu_V is None and bare.dark_mass is None and float(bare.width[0]) == 0.0
    printed = vector("as_printed", **POINT)
    assert printed.scheme == "constant" and printed.bs_L.shape == (2, 1)
    assert float(printed.bs_L[1, 0]) == pytest.approx(-2.757944e-8, abs=6e-15) and float(printed.bs_L[0, 0]) == 0.0
    with pytest.raises(InputError, match="m_chi2"):
        theory(**(POINT | {"r2": 1.0}))


def test_sign():
    """r g_V < 0 lowers C9 above the data's q^2, r g_V > 0 below, in either convention."""
    for conventions in ("default", "as_printed"):
        for mv, r in ((5.0, -1.0), (1.0, 1.0)):
            m = vector(conventions, m_V=mv, r=r, g_V=0.03, g_D=1.0)
            c9 = K * float(evaluate_at(m.bs_L, jnp.array([3.5]))[0]) * 0.03 / (3.5 - mv**2)
            assert c9 < 0
    for region, s in (("high", -1), ("low", 1)):
        priors = get_model("split").regions[region]
        assert priors["r"].sign == s and priors["m_V"].min in (2.0, 0.6)


@jax.jit
def fitted(m_chi, m_v):
    ones = jnp.ones_like(m_v)
    return split.penguin_polynomial(ones[None], m_chi * ones[None], 1000.0 * ones, m_v)


EXACT = jax.jit(dark_loops.penguin_sum_full)


def fit_error(m_chi, m_v, q2):
    value = np.asarray(fitted(m_chi, jnp.array([m_v])))
    assert value.shape == (6, 1) and value[0, 0] == 0.0
    g = sum(value[k, 0] * q2**k for k in range(6)) / q2
    return np.abs(g / (dark_loops.LOOP_NORM["correct"] / 1e6 * np.asarray(EXACT(q2, m_chi, 1000.0)[0])) - 1)


def test_fit_in_q2():
    """What the module's text states about the polynomial, and that it is exact at the pole."""
    for m_v in (1.0, 2.0, 3.0, 5.0, 8.0, 15.0):
        for a, b, limit in ((0.05, 0.4, 0.17), (0.4, 1.1, 0.062), (1.1, 6.0, 0.02), (6.0, 29.0, 0.013), (28.7, 28.9, 0.005)):
            assert np.max(fit_error(1e-3, m_v, np.linspace(a, b, 101))) < limit
    for m_chi in (0.0, 1e-3, 0.3, 1.0, 5.0):
        for m_v in (0.3, 0.6, 1.0, 2.0, 4.7):
            assert fit_error(m_chi, m_v, np.array([m_v**2]))[0] < 1e-12
    # heavy dark fermion: no threshold in the range, the expansion is good as well
    assert np.max(fit_error(5.0, 5.0, np.linspace(0.05, 29.0, 101))) < 1e-6
    # cusp at 4 m_chi^2 inside
    assert 0.05 < np.max(fit_error(1.0, 8.0, np.linspace(1.1, 29.0, 401))) < 0.11


def test_loop_options():
    """Full dependence against the expansion: factor 2.05 at 3.5 GeV^2 for 1 MeV, of which the paper's loop factor 2 hides most."""
    full, printed = (float(evaluate_at(vector(c, **POINT).bs_L, jnp.array([3.5]))[0]) for c in ("default", "as_printed"))
    assert full / printed == pytest.approx(2.687 / 2.758, rel=0.02)
    expansion = dataclasses.replace(get_model("split"), build=partial(split.build, loop="expansion"))
    m = build_theory(expansion, {k: jnp.array([v]) for k, v in POINT.items()}).mediators[0]
    assert float(m.bs_L[1, 0]) == pytest.approx(-5.515888e-8, abs=6e-15)
    with pytest.raises(InputError, match="expansion"):
        split.build({"m_V": jnp.ones(1), "m_Phi": jnp.ones(1), "m_chi1": jnp.ones(1), "r": jnp.ones(1)}, loop="none")


def test_explicit_yukawas():
    values = {"m_V": 5.0, "Y1": -0.3, "g_V": 0.03, "g_D": 3.0}
    t = theory(model="split_uv", **values)
    same = vector(m_V=5.0, r=-0.9, g_V=0.03, g_D=3.0)
    np.testing.assert_allclose(t.mediators[0].bs_L, same.bs_L, rtol=1e-13)
    # H = C1 O1 = -C O; 0.79 from 1 TeV to 4.2 GeV
    c = float(t.wc["CVLL_bsbs"][0])
    assert c == pytest.approx(-0.09 / (128 * math.pi**2 * 1e6) * 0.795, rel=2e-3)
    assert float(t.couplings["Y1"][0]) == pytest.approx(math.sqrt(0.3), rel=1e-14)
    printed = theory("as_printed", "split_uv", **values)
    assert float(printed.wc["CVLL_bsbs"][0]) / c == pytest.approx(0.84 / 0.795, rel=2e-3)
    # opposite couplings: box suppressed by 1e4, penguin only by S(x1) - S(x2)
    pair = theory("as_printed", "split_uv", **(values | {"Y2": 0.3, "m_chi2": 10.0}))
    assert float(pair.wc["CVLL_bsbs"][0] / printed.wc["CVLL_bsbs"][0]) == pytest.approx(9.985e-5, rel=1e-3)
    assert float(pair.mediators[0].bs_L[1, 0] / printed.mediators[0].bs_L[1, 0]) == pytest.approx(6.1395 / 8.7103, rel=1e-4)
    assert pair.mediators[0].dark_mass.shape == (2, 1)
    # 10 GeV fermions are too heavy to be decay products
    dark = [float(t.mediators[0].partial_widths["dark"][0]) for t in (pair, printed)]
    assert dark[0] == pytest.approx(dark[1], rel=1e-14)
    # Y -> 0: gradients finite
    slope = jax.grad(
        lambda y: sum(jnp.sum(jnp.abs(v)) for v in theory(model="split_uv", **(values | {"Y1": y})).couplings.values())
    )(0.0)
    assert np.isfinite(slope)


def test_box_shifts_mixing():
    """Bs mixing with Y = 0.0871 against its quoted shift of 7 % of the SM for |C1| = 6e-12 GeV^-2; 10 % is the spread of C1SM."""
    sm = fipjax.predict("split_uv", {"m_V": 50.0, "g_D": 1.0}, ["DeltaM_s"])
    value = fipjax.predict("split_uv", {"m_V": 50.0, "g_D": 1e-6, "Y1": 0.0871}, ["DeltaM_s"])
    assert float(value["DeltaM_s"]) / sm.sm["DeltaM_s"] - 1 == pytest.approx(0.07 * 0.795 / 0.84, rel=0.1)


def test_kinetic_mixing():
    """9.6e-4 for g_D = 3 with the paper's weight of scalars, twice that with the right one; widths and a_mu follow."""
    assert float(split.kinetic_mixing_estimate(3.0, printed=True)) == pytest.approx(9.6e-4, rel=2e-3)
    assert float(split.kinetic_mixing_estimate(3.0)) == pytest.approx(1.92e-3, rel=2e-3)
    m = vector(m_V=0.5, g_D=3.0, loop_mixing=0.5, epsilon=1e-4)
    assert float(m.epsilon[0]) == pytest.approx(1e-4 + 0.96e-3, rel=2e-3)
    ee = 0.5 / (12 * math.pi) * (split.E_CHARGE * float(m.epsilon[0])) ** 2
    assert float(m.partial_widths["ee"][0]) == pytest.approx(ee, rel=1e-5)
    assert float(m.partial_widths["tautau"][0]) == 0.0
    # the muon has charge -1: g_V = e epsilon cancels
    e = split.E_CHARGE * 1e-3
    cancelled = theory(m_V=0.5, g_V=e, epsilon=1e-3)
    assert abs(float(cancelled.a_mu[0])) < 1e-12 * float(theory(m_V=0.5, g_V=e).a_mu[0])
    assert float(cancelled.mediators[0].mu_V[0, 0]) == pytest.approx(e)


def test_prediction_is_that_of_the_effective_theory():
    """With the expansion the model is deft64: rates through the same code, 1e-9."""
    expansion = dataclasses.replace(get_model("split"), build=partial(split.build, loop="expansion"))
    values = {"m_V": 8.0, "r": -0.7, "g_V": 0.02, "r_AV": -0.4, "g_D": 2.5}
    m = build_theory(expansion, {k: jnp.array([v]) for k, v in values.items()}).mediators[0]
    names = ["<dBR/dq2>(B+->Kmumu)[1.1,6.0]", "BR(Bs->mumu)", "DeltaM_s"]
    ours = fipjax.predict(expansion, values, names)
    theirs = fipjax.predict(
        "deft64",
        {
            "m_V": 8.0, "gamma_V": float(m.width[0]) / 8.0, "C6_bsV": float(m.bs_L[1, 0]),
            "C4_mumuV": 0.02, "C4t_mumuV": -0.008,
        },
        names,
    )  # fmt: skip
    for n in names:
        assert float(ours[n]) == pytest.approx(float(theirs[n]), rel=1e-9)
    # transverse: no contribution to Bs -> mu mu
    assert float(ours["BR(Bs->mumu)"]) == pytest.approx(ours.sm["BR(Bs->mumu)"], rel=1e-12)


def test_gradients():
    """Everything in the Theory differentiable at interior points, for massless fermions, and at threshold m_V = 2 m_chi."""

    def value(p):
        t = split.build({k: v[None] for k, v in p.items()} | {"m_Phi": jnp.full(1, 1e3), "Q_Phi": jnp.ones(1)})
        m = t.mediators[0]
        return sum(jnp.sum(1e7 * jnp.abs(v)) for v in (m.bs_L[1:], m.width, t.a_mu))

    run = jax.jit(jax.value_and_grad(value))
    p = {"m_V": 1.0, "r": 1.0, "g_V": 0.01, "r_AV": -0.4, "g_D": 1.0, "m_chi1": 1e-3}
    for change in ({}, {"m_chi1": 0.0}, {"m_chi1": 0.5}, {"m_V": 6.0}, {"m_V": 0.2}, {"g_D": 0.0}, {"r": 0.0, "g_V": 0.0}):
        total, slopes = run({k: jnp.asarray(v) for k, v in (p | change).items()})
        assert np.isfinite(total) and all(np.isfinite(s) for s in slopes.values())
    h = 1e-5
    for name in ("m_V", "m_chi1", "g_D"):
        q = p | {"m_chi1": 0.2}
        up, down = (float(run({k: jnp.asarray(v + s * (k == name)) for k, v in q.items()})[0]) for s in (h, -h))
        slope = float(run({k: jnp.asarray(v) for k, v in q.items()})[1][name])
        # central difference
        assert slope == pytest.approx((up - down) / (2 * h), rel=1e-5)


# -- constraints -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m_v,quoted", [(1.4, 0.95), (1.6, 0.40), (1.8, 0.08)])
def test_printed_bs_mumu(m_v, quoted):
    """C9 = -0.6 at 3.5 GeV^2 and g_A = -0.44 g_V: quoted shift of Bs -> mu mu; ratio 1 at 3 sigma; nothing by default."""
    g_v = 0.01
    r = -0.6 / K / 3.5 / g_v * (3.5 - m_v**2) / 2.757944e-8
    values = {"m_V": m_v, "r": r, "g_V": g_v, "r_AV": -0.44, "g_D": 1e-3}
    t = theory("as_printed", **values)
    shift = float(dark_sector.printed_bs_mumu(t.mediators[0])[0])
    assert shift == pytest.approx(quoted, abs=6e-3)
    c = CONSTRAINTS["Bsmumu_split_printed"]
    assert float(c.ratio(t, PRINTED)[0]) == pytest.approx(abs(shift + 0.2016) / 0.3024, rel=1e-12)
    assert c.ratio(t, DEFAULT) is None
    # m_V <= 1.4 GeV excluded, 1.8 GeV not
    assert bool(c.allowed(c.ratio(t, PRINTED))[0]) == (m_v > 1.7)
    assert c.ratio(build_theory(get_model("deft64"), {"m_V": jnp.ones(1), "C6_bsV": jnp.ones(1)}), PRINTED) is None


def test_printed_bs_mumu_on_the_pole():
    """Zero at m_V = M, regular without width."""
    m = vector("as_printed", m_V=5.36688, r=1.0, g_V=0.01, r_AV=-0.4)
    assert float(dark_sector.printed_bs_mumu(dataclasses.replace(m, width=jnp.ones(1)))[0]) == 0.0
    f = lambda mass, width: jnp.sum(  # noqa: E731
        dark_sector.printed_bs_mumu(dataclasses.replace(m, mass=jnp.asarray([mass]), width=jnp.asarray([width])))
    )
    assert np.all(np.isfinite(jax.grad(f, argnums=(0, 1))(5.36688, 0.0)))


def test_relic_density():
    """1.10 at 100 MeV, 0.0413 at 120 MeV (m_V = 8 GeV, g_V = 0.05, alpha_D = 1): through the Theory, 2 %.  The lightest of two
    fermions counts."""
    limit, measured = CONSTRAINTS["relic_density"], CONSTRAINTS["relic_density_measured"]
    values = {"m_V": 8.0, "r": -1.0, "g_V": 0.05, "g_D": math.sqrt(4 * math.pi), "m_chi1": 5.0}
    values = {k: jnp.full(4, v) for k, v in values.items()} | {"m_chi2": jnp.array([0.1, 0.12, 1e-3, 1e-8])}

    @jax.jit
    def run(p):
        t = build_theory(get_model("split"), p)
        return dark_sector.omega(t.mediators[0]), limit.ratio(t, DEFAULT), measured.ratio(t, DEFAULT)

    omega, over, off = run(values)
    np.testing.assert_allclose(omega[:2], [1.10, 0.0413], rtol=0.02)
    # 1 MeV: nothing to annihilate into; 10 eV: radiation, not covered
    assert float(omega[2]) > 1e3 and float(omega[3]) == 0.0
    np.testing.assert_allclose(over, omega / 0.12, rtol=1e-12)
    np.testing.assert_array_equal(limit.allowed(over), [False, True, False, True])
    np.testing.assert_allclose(off, np.abs(omega - 0.12) / (2 * math.hypot(0.0012, 0.012)), rtol=1e-12)
    assert limit.opt_in and measured.opt_in
    assert limit.ratio(theory(m_V=5.0, g_D=1.0), DEFAULT) is None and limit.ratio(theory(m_V=5.0, g_V=0.1), DEFAULT) is None


def test_annihilation_channels():
    m = vector(m_V=0.3, g_V=0.05, r_AV=-0.4, epsilon=1e-2)
    em = -split.E_CHARGE * 1e-2
    e, mu, tau = dark_sector.channels(m)
    assert (e.m_f, mu.m_f, tau.m_f) == (0.51099895e-3, M_MU, 1.77686)
    np.testing.assert_allclose([e.g_v[0, 0], mu.g_v[0, 0], tau.g_v[0, 0]], [em, 0.05 + em, em], rtol=1e-8)
    np.testing.assert_allclose([e.g_a[0, 0], mu.g_a[0, 0]], [0.0, -0.02], rtol=1e-14)
    nu = dark_sector.channels(dataclasses.replace(m, epsilon=None, numu_L=jnp.full((1, 1), 0.1)))[-1]
    # g gamma P_L = (g/2) gamma (1 - gamma5)
    assert nu.m_f == 0.0 and float(nu.g_v[0, 0]) == 0.05 and float(nu.g_a[0, 0]) == -0.05


def test_top():
    t = theory("as_printed", **POINT)
    assert float(CONSTRAINTS["top_cmumu"].ratio(t, DEFAULT)[0]) == pytest.approx(2.757944e-8 * 0.03 / 1e-6, rel=1e-6)


@pytest.mark.parametrize("heavy,m_chi,tolerance", [("scalar", 1e-3, 1e-6), ("fermion", 1e-3, 1e-5), ("scalar", 0.3, 0.15)])
def test_absorptive_part(heavy, m_chi, tolerance):
    """The polynomial of the strong phase against the loop: pi/3 (-pi/6) far above threshold; the cusp at 4 m_chi^2 is smoothed."""
    one = jnp.ones(1)
    p = split.penguin_polynomial(one[None], m_chi * one[None], 1000.0 * one, 9.0 * one, heavy=heavy, part=1)
    full = dark_loops.penguin_sum_full if heavy == "scalar" else dark_loops.penguin_f15_full
    for q2 in (1.1, 3.5, 6.0, 17.0):
        exact = q2 * full(q2, m_chi, 1000.0)[1] / (16.0 * np.pi**2 * 1e6)
        assert float(evaluate_at(p, jnp.array([q2]))[0]) == pytest.approx(float(exact), rel=tolerance)
    if m_chi < 0.1:
        limit = np.pi / 3 if heavy == "scalar" else -np.pi / 6
        assert float(full(3.5, m_chi, 1000.0)[1]) == pytest.approx(limit, rel=1e-5)


def test_heavy_fermion_version():
    """The loop of eq. (3.15) of 2106.12582 and beta^3 in the width."""
    x = {"m_V": 6.0, "g_V": 0.05, "g_D": 1.0, "r": -1.0, "m_chi1": 1.0}
    a, b = (vector(model=n, **x) for n in ("split_fermion", "split"))
    beta = np.sqrt(1 - 4 / 36)
    assert float(a.partial_widths["dark"][0] / b.partial_widths["dark"][0]) == pytest.approx(
        beta**2 / (2 * (3 - beta**2)), rel=1e-12
    )
    ratio = dark_loops.penguin_f15_full(12.0, 1.0, 1000.0)[0] / dark_loops.penguin_sum_full(12.0, 1.0, 1000.0)[0]
    at = jnp.array([12.0])
    # 3 %: two polynomials fitted across the threshold
    assert float(evaluate_at(a.bs_L, at)[0] / evaluate_at(b.bs_L, at)[0]) == pytest.approx(float(ratio), rel=0.03)
