"""Bounds on light scalars: which apply, narrow and wide limits of the searches for B -> K(*) S, consistency, finite gradients."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fipjax
from fipjax.constraints import CONSTRAINTS, Context, list_constraints
from fipjax.constraints import b_invisible as inv
from fipjax.constraints import b_visible as vis
from fipjax.constraints.bs import BS_MU_MU, MIXING
from fipjax.hadronic import default_inputs, derive
from fipjax.models import get_model
from fipjax.observables.decays import _FF_K, form_factors_v
from fipjax.theory import ScalarMediator, Theory, VectorMediator
from fipkernels.form_factors import b_to_k

LATEST = Context()
SCANS = {"BKstV_mumu_lhcb": ("B0->K*", "lhcb_1508.04094"), "BKV_mumu_lhcb": ("B+->K", "lhcb_1612.07818")}
M_MU = 0.1056583755
APPLY = {
    "BKV_mumu_lhcb", "BKstV_mumu_lhcb", "BKV_belle2_llp", "BKinv_babar", "BKinv_cleo", "BKstinv_babar", "BKnunu_belle2",
    "BKnunu_belle2_evidence", "BKnunu_total", "BKstnunu_total", "Bs_mixing", "Bs_mumu", "g2", "g2_bound", "perturbativity",
    "total_width",
}  # fmt: skip


def scalar(mass, width, left=0.0, right=1e-9, g_s=1e-3, g_p=0.0, **more):
    one = lambda x: jnp.asarray([[x]])  # noqa: E731
    return ScalarMediator(jnp.array([mass]), jnp.array([width]), one(left), one(right), one(g_s), one(g_p), **more)


def ratio(name, *scalars, context=LATEST):
    out = CONSTRAINTS[name].ratio(Theory(scalars=scalars), context)
    return None if out is None else float(out[0])


@pytest.fixture(scope="module")
def quarks():
    sm = jax.jit(lambda p: {k: v for k, v in derive(p).items() if k in ("m_b", "m_s")})(default_inputs().central())
    return float(sm["m_b"]), float(sm["m_s"])


def produced(key, mass, left, right, quarks):
    """BR(B -> K(*) S), written out."""
    par = default_inputs().central()
    m_b, m_s = quarks
    if key == "B+->K":
        m, k, tau = par["m_B+"], par["m_K+"], par["tau_B+"]
        f = b_to_k(mass**2, {n: par["B->K BSZ " + n] for n in _FF_K}, par["m_B0"], par["m_K0"])[1]
        amplitude = 0.5 * abs(left + right) * (m**2 - k**2) / (m_b - m_s) * f
        p = math.sqrt((m**2 - (k + mass) ** 2) * (m**2 - (k - mass) ** 2)) / (2.0 * m)
    else:
        m, k, tau = par["m_B0"], par["m_K*0"], par["tau_B0"]
        p = math.sqrt((m**2 - (k + mass) ** 2) * (m**2 - (k - mass) ** 2)) / (2.0 * m)
        amplitude = abs(right - left) * m * p / (m_b + m_s) * form_factors_v(jnp.asarray(mass**2), par, ["B->K*"]).a0
    return float(tau * amplitude**2 * p / (8.0 * math.pi * m**2))


def test_which_bounds_apply():
    """Bounds that know vectors only leave a scalar out."""
    point = {"m_S": 1.5, "gamma_S": 1e-3, "y_bsR": 1e-9, "y_muS": 1e-4, "y_muP": 1e-4}

    def names(theory):
        # traced alone: what comes out is a matter of structure
        return set(
            jax.eval_shape(lambda x: {c.name: r for c in list_constraints() if (r := c.ratio(x, LATEST)) is not None}, theory)
        )

    assert names(get_model("light_scalar").build({k: jnp.array([v]) for k, v in point.items()})) == APPLY
    # without couplings to b-s: what is left
    alone = Theory(scalars=(ScalarMediator(jnp.ones(1), jnp.ones(1), mu_S=jnp.ones((1, 1))),))
    assert names(alone) == set()


@pytest.mark.parametrize("name", SCANS)
@pytest.mark.parametrize(("mass", "g_s", "g_p"), [(0.6, 3e-4, 0.0), (2.5, 0.0, 3e-4), (4.0, 2e-4, 2e-4)])
def test_narrow_scalar_is_branching_over_limit(name, mass, g_s, g_p, quarks):
    key, table = SCANS[name]
    b = math.sqrt(1.0 - 4.0 * M_MU**2 / mass**2)
    muons = mass * b / (8.0 * math.pi) * (g_s**2 * b**2 + g_p**2)
    width, left, right = 4.0 * muons, 1e-9, -3e-9j
    t = vis.lhcb_table(table)
    lifetime = 6.582119569e-13 / width
    # the tables hold limits on a grid; prompt below the first lifetime
    limit = float(vis.interpolate_2d(jnp.array([mass]), jnp.array([lifetime]), t.mass, t.tau, t.limit, hold_y="low")[0])
    want = produced(key, mass, left, right, quarks) * 0.25 / limit
    got = ratio(name, scalar(mass, width, left, right, g_s, g_p))
    # tails outside the window: width over resolution, 5e-5
    assert got == pytest.approx(want, rel=1e-4)
    # the partial width of the model counts where it is given
    told = scalar(mass, width, left, right, g_s, g_p, partial_widths={"mumu": jnp.array([0.5 * width])})
    assert ratio(name, told) == pytest.approx(2.0 * want, rel=1e-4)


@pytest.mark.parametrize(("name", "scheme"), [("BKV_mumu_lhcb", "sqrt_q2"), ("BKstV_mumu_lhcb", "constant")])
def test_wide_scalar_against_direct_windows(name, scheme):
    """Every window by numerical integration of the spectrum; the blocks' choice loses at most 20 %."""
    key, table = SCANS[name]
    mass, width = 2.2, 0.4
    s = scalar(mass, width, 1e-9, 2e-9j, 1e-2, -2e-2, scheme=scheme)
    w = vis.windows(key, table, True)
    got = np.asarray(vis.window_ratio(s, w))[:, 0]
    x, weight = np.polynomial.legendre.leggauss(8)
    q = w.mass[:, None] + 0.5 * w.width[:, None] * x
    par_m = mass * mass
    d = q**2 - par_m + 1j * width * (q if scheme == "sqrt_q2" else mass)
    b = np.sqrt(np.maximum(1.0 - 4.0 * M_MU**2 / q**2, 0.0))
    muons = q * b / (8.0 * math.pi) * (1e-4 * b**2 + 4e-4)
    plus, minus = (np.asarray(r) for r in vis.production_rates(key, jnp.asarray(q), scalar=True))
    made = plus * abs(1e-9 + 2e-9j) ** 2 + minus * abs(1e-9 - 2e-9j) ** 2
    density = 2.0 * q**2 / np.pi * made * muons / abs(d) ** 2
    t = vis.lhcb_table(table)
    limit = t.limit[np.isfinite(t.limit[:, 0]) & (t.mass < inv.mode(key).end), 0]
    want = np.sum(0.5 * w.width[:, None] * weight * density, axis=1) / limit
    far = (np.abs(w.mass - mass) > w.width) & (w.mass > 0.25)
    # variation of the spectrum across a window of some MeV
    np.testing.assert_allclose(got[far], want[far], rtol=3e-3)
    pole = float(vis.on_shell_ratio(s, key, "mu", t, "low")[0] * vis.pole_fraction(width, np.interp(mass, t.mass, t.resolution)))
    whole = max(got.max(), pole)
    assert 0.8 * whole < float(vis.lhcb_ratio(s, key, table)[0]) <= whole * (1.0 + 1e-12)


def test_belle2_displaced(quarks):
    """A search for a scalar: production, branching fraction and lifetime over the published limit."""
    mass, tau = 0.5, 100.0
    width = 6.582119569e-13 / tau
    s = scalar(mass, width, 0.0, 1e-9, 1e-9, 0.0, partial_widths={"mumu": jnp.array([width])})
    t = vis.belle2_tables()["BK_mumu"]
    limit = float(vis.interpolate_2d(s.mass, jnp.array([tau]), t.mass, t.tau, t.limit, hold_y="none")[0])
    one = produced("B+->K", mass, 0.0, 1e-9, quarks) / limit
    got = ratio("BKV_belle2_llp", s)
    t = vis.belle2_tables()["BKst_mumu"]
    limit = float(vis.interpolate_2d(s.mass, jnp.array([tau]), t.mass, t.tau, t.limit, hold_y="none")[0])
    other = produced("B0->K*", mass, 0.0, 1e-9, quarks) / limit
    assert got == pytest.approx(max(one, other), rel=1e-9)
    assert ratio("BKV_belle2_llp", s, context=Context("2021")) is None


@pytest.mark.parametrize(("name", "key"), [("BKinv_cleo", "B+->K"), ("BKstnunu_total", "B0->K*")])
def test_invisible_scalar(name, key, quarks):
    """Narrow: BR(B -> K(*) S) BR(S -> invisible), beside the Standard Model without interference."""
    mass, width = 1.3, 1e-9
    s = scalar(mass, width, 1e-9, 3e-9j, 0.0, 0.0, partial_widths={"dark": jnp.array([0.6e-9]), "nunu": jnp.array([0.1e-9])})
    want = 0.7 * produced(key, mass, 1e-9, 3e-9j, quarks)
    whole = np.array([[0.0]]), np.array([[inv.mode(key).end]])
    # quadrature of 20 nodes: 1e-4
    assert float(inv.exchange(Theory(scalars=(s,)), key, *whole)[0, 0]) == pytest.approx(want, rel=1e-4)
    v = VectorMediator(jnp.array([0.9]), jnp.array([1e-3]), bs_L=jnp.array([[1e-9]]), partial_widths={"dark": jnp.array([1e-3])})
    both, alone = (float(inv.exchange(Theory((v,), scalars=x), key, *whole)[0, 0]) for x in ((s,), ()))
    assert both - alone == pytest.approx(want, rel=1e-4)
    limit, standard = (
        (inv.CLEO_LIMIT, 0.0) if name == "BKinv_cleo" else (1.8e-5, float(inv.standard_model(key, inv._whole(key))[0]))
    )
    assert ratio(name, s) == pytest.approx((want + standard) / limit, rel=1e-4)


def test_two_body_peaks(quarks):
    """BaBar's recast is for a particle of any spin: a scalar and a vector with the same rate meet the same limit."""
    mass, width = 2.7, 1e-6
    s = scalar(mass, width, 0.0, 2e-7, 0.0, 0.0, partial_widths={"dark": jnp.array([width])})
    br = produced("B+->K", mass, 0.0, 2e-7, quarks)
    v = VectorMediator(jnp.array([mass]), jnp.array([width]), partial_widths={"dark": jnp.array([width])})
    unit = float(vis.production(VectorMediator(v.mass, v.width, bs_L=jnp.array([[1.0]])), "B+->K")[0])
    v = VectorMediator(v.mass, v.width, bs_L=jnp.array([[math.sqrt(br / unit)]]), partial_widths=v.partial_widths)
    for name in ("BKinv_babar", "BKnunu_belle2"):
        want = float(CONSTRAINTS[name].ratio(Theory((v,)), LATEST)[0])
        assert want > 0.01 and ratio(name, s) == pytest.approx(want, rel=1e-3), name


def test_bs_bounds_are_the_observables():
    """Distance from the measurement in units of the bound, from the same predictions as the data's."""
    point = {"m_S": 3.0, "gamma_S": 0.01, "y_bsL": 2e-6, "y_bsR": -3e-6, "y_muS": 1e-3, "y_muP": 2e-3}
    got = fipjax.predict("light_scalar", point, ["BR(Bs->mumu)", "DeltaM_s"], constraints=["Bs_mumu", "Bs_mixing", "total_width"])
    for name, observable, (value, error), sigmas in (
        ("Bs_mumu", "BR(Bs->mumu)", BS_MU_MU["latest"], 3.0),
        ("Bs_mixing", "DeltaM_s", MIXING["latest"], 2.0),
    ):
        shift = got[observable] / got.sm[observable] - 1.0
        assert abs(shift) > 1e-3
        # the width difference enters Delta M_s at second order, (Gamma12/M12)^2 = 2e-5 of the shift
        assert got.constraints[name]["ratio"] == pytest.approx(abs(shift - value) / (sigmas * error), rel=1e-6)
    assert got.constraints["total_width"]["ratio"] == pytest.approx(1.0, rel=1e-8)
    # a width below its parts
    broken = {**point, "gamma_S": 1e-9}
    assert fipjax.predict("light_scalar", broken, [], constraints=["total_width"]).constraints["total_width"]["ratio"] > 100.0


QUICK = {"BKV_mumu_lhcb", "BKV_belle2_llp", "BKstinv_babar", "Bs_mixing", "Bs_mumu", "g2_bound", "perturbativity", "total_width"}


@pytest.mark.parametrize("names", [QUICK, pytest.param(APPLY, marks=pytest.mark.validate)], ids=["quick", "all"])
def test_finite(names):
    """Smooth terms and gradients over the whole range of the parameters, thresholds, poles and exact zeros among them."""
    rng = np.random.default_rng(7)
    n = 512
    special = [0.01, M_MU, 2 * M_MU, 0.5, 1.02, 3.0969, 4.0, 5.27934 - 0.493677, 5.27966 - 0.89555, 5.36688, 20.0, 100.0]
    x = {"m_S": np.exp(rng.uniform(np.log(2e-3), np.log(200.0), n)), "gamma_S": np.exp(rng.uniform(np.log(1e-9), np.log(0.9), n))}
    x["m_S"] = np.where(rng.random(n) < 0.1, rng.choice(special, n), x["m_S"])
    for name in ("y_bsL", "y_bsR", "y_muS", "y_muP"):
        y = np.exp(rng.uniform(np.log(1e-10), np.log(3.0), n)) * rng.choice([-1.0, 1.0], n)
        x[name] = np.where(rng.random(n) < 0.03, 0.0, y)
    x = {k: jnp.asarray(v) for k, v in x.items()}
    chosen = [CONSTRAINTS[k] for k in sorted(names)]

    def smooth(x):
        ratios = {c.name: jnp.broadcast_to(c.ratio(get_model("light_scalar").build(x), LATEST), (n,)) for c in chosen}
        return sum(c.log_likelihood(ratios[c.name]) for c in chosen), ratios

    options = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None

    def evaluate(x):
        total, back, ratios = jax.vjp(smooth, x, has_aux=True)
        return total, ratios, back(jnp.ones_like(total))[0]

    total, ratios, slopes = jax.jit(evaluate, compiler_options=options)(x)
    for name, r in ratios.items():
        assert (np.asarray(r) >= 0.0).all(), name
    assert np.isfinite(np.asarray(total)).all()
    for name, slope in slopes.items():
        bad = ~np.isfinite(np.asarray(slope))
        assert not bad.any(), (name, {k: float(v[bad][0]) for k, v in x.items()})
