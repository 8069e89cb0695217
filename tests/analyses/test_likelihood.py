"""The likelihood: chi2 by hand, transformations, constraints, errors; and model 44 against the paper's findings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fipjax
from fipjax.errors import InputError
from fipjax.likelihood import Likelihood, build_theory, in_blocks
from fipjax.models import get_model, list_models
from fipjax.priors import Flat, Gaussian, LogFlat, SignedLog

DEMO = ["LHCb:1403.8044:B+->Kmumu", "LHCb:2103.11769", "BR(Bs->mumu)", "DeltaM_s", "a_mu"]
POINT = {"m_V": 5.0, "gamma_V": 0.1, "C4_bsV": 3e-7, "C4_mumuV": -3e-2, "C4t_mumuV": 1e-2}


@pytest.fixture(scope="module")
def like():
    return Likelihood("deft44", "2021", "none", use=DEMO, region="high", draws=1000)


def test_chi2_by_hand(like):
    """chi2 from the predictions, with the error on the side of the prediction."""
    d, th = like.dataset, like.theory_covariance
    pred = fipjax.predict("deft44", POINT, list(d.observables), data="2021")
    r = np.array([pred[o] for o in d.observables]) - d.value
    sigma_side = np.sqrt(np.where(r > 0, d.plus, d.minus) ** 2 + np.diag(th))
    total = d.covariance + th
    scale = np.sqrt(np.diag(total))
    want = (r / sigma_side) @ np.linalg.solve(total / np.outer(scale, scale), r / sigma_side)
    assert float(like.chi2(POINT)) == pytest.approx(want, rel=1e-9)
    assert float(like.log_prob(POINT)) == pytest.approx(-want / 2, rel=1e-9)
    pulls = like.pulls(POINT)
    assert [p["observable"] for p in pulls] == list(d.observables)
    np.testing.assert_allclose([p["pull"] for p in pulls], r / sigma_side, rtol=1e-9)


def test_asymmetric_error_is_exact_in_one_dimension():
    """One measurement without theory error: chi2 = 1 at +plus and at -minus."""
    one = Likelihood("wet", "2021", use=["<Rmue>(B+->Kll)[1.1,6.0]"], uncertainties="none")
    plus, minus = np.hypot(0.042, 0.013), np.hypot(0.039, 0.012)
    for shift, want in ((plus, 1.0), (-minus, 1.0), (-2 * minus, 4.0), (0.0, 0.0)):
        chi2 = one._chi2(jnp.array([[0.846 + shift]]))
        assert float(chi2[0]) == pytest.approx(want, abs=1e-12)


def test_inputs_of_every_shape(like):
    """dict or array, scalar or batch, jit, vmap, grad: the same numbers."""
    rng = np.random.default_rng(0)
    x = {n: np.asarray(like.priors[n].from_unit(jnp.array(rng.uniform(0.2, 0.8, 6)))) for n in like.names}
    a = np.stack([x[n] for n in like.names], axis=-1)
    ref = np.array([float(like.log_prob({n: v[i] for n, v in x.items()})) for i in range(6)])
    # 1e-9: other order of summation in the batched contractions, amplified by chi2 of up to 1e6
    np.testing.assert_allclose(like.log_prob(x), ref, rtol=1e-9)
    np.testing.assert_allclose(like.log_prob(a), ref, rtol=1e-9)
    np.testing.assert_allclose(like.log_prob(a.reshape(2, 3, 5)), ref.reshape(2, 3), rtol=1e-9)
    np.testing.assert_allclose(jax.vmap(like.log_prob)(jnp.array(a)), ref, rtol=1e-9)
    np.testing.assert_allclose(jax.jit(like.log_prob)(jnp.array(a)), ref, rtol=1e-9)
    g = jax.vmap(jax.grad(like.log_prob))(jnp.array(a))
    g2 = jax.grad(lambda y: jnp.sum(like.log_prob(y)))(jnp.array(a))
    np.testing.assert_allclose(g, g2, rtol=1e-7)


def test_gradient_against_differences(like):
    x0 = jnp.array([POINT[n] for n in like.names])
    g = np.asarray(jax.grad(like.log_prob)(x0))
    for i in range(len(like.names)):
        h = 1e-5 * abs(float(x0[i]))
        num = (float(like.log_prob(x0.at[i].add(h))) - float(like.log_prob(x0.at[i].add(-h)))) / (2 * h)
        # 1e-5: second-order error of the step, and 1e-13 of chi2 over it
        assert g[i] == pytest.approx(num, rel=2e-5, abs=1e-7 / h * 1e-4)


def test_blocks_do_not_change_results():
    """Padding and splitting into blocks is invisible."""
    x = {"a": jnp.arange(10.0), "b": jnp.arange(10.0) * 2}
    f = lambda y: {"s": y["a"] + y["b"], "m": jnp.stack([y["a"], y["b"]])}  # noqa: E731
    for block in (3, 5, 10, 64):
        out = in_blocks(f, x, block)
        np.testing.assert_array_equal(out["s"], np.arange(10.0) * 3)
        np.testing.assert_array_equal(out["m"], [np.arange(10.0), np.arange(10.0) * 2])


def test_standard_model_point(like):
    """Couplings of zero give the Standard Model; sm_chi2 agrees."""
    zero = dict(POINT, C4_bsV=0.0, C4_mumuV=0.0, C4t_mumuV=0.0)
    assert float(like.chi2(zero)) == pytest.approx(like.sm_chi2(), rel=1e-12)
    # 2021: B -> K mu mu is low by 15 to 30 %, R_K and a_mu pull the same way
    assert 60 < like.sm_chi2() < 100


# all data of 2021 for one model; for the others what takes less time to compile (all data in the long validation below)
@pytest.mark.parametrize("model,use", [("deft44", None), ("deft46", DEMO), ("deft64", DEMO), ("deft66", DEMO)])
def test_no_nan_over_the_full_prior(model, use):
    """Random points over the whole prior range, value and gradient finite, for every model."""
    # bounds have their own test (tests/constraints/test_every_bound.py)
    like = Likelihood(model, "2021", "none", use=use, uncertainties="none")
    if use is None:
        # every b -> s l l decay, Bs -> mu mu, mixing, g-2
        assert like.n_measurements > 250
        assert {o.split("(")[1][:4] for o in like.dataset.observables if o.startswith("<dBR")} == {"B+->", "B0->", "Bs->", "Lamb"}
    rng = np.random.default_rng(7)
    n = 4096
    x = {k: like.priors[k].from_unit(jnp.array(rng.uniform(size=n))) for k in like.names}
    value, grads = jax.jit(jax.value_and_grad(lambda y: jnp.sum(like.log_prob(y))))(x)
    assert np.isfinite(value)
    for k, g in grads.items():
        assert np.isfinite(g).all(), k


@pytest.mark.validate
@pytest.mark.parametrize("model", ["deft44", "deft46", "deft64", "deft66"])
def test_no_nan_in_a_million_points(model):
    like = Likelihood(model, "2021", uncertainties="none")
    rng = np.random.default_rng(11)
    run = jax.jit(jax.value_and_grad(lambda y: jnp.sum(like.log_prob(y))))
    for _ in range(16):
        x = {k: like.priors[k].from_unit(jnp.array(rng.uniform(size=65536))) for k in like.names}
        value, grads = run(x)
        assert np.isfinite(value) and all(np.isfinite(g).all() for g in grads.values())


def test_constraints_are_one_definition():
    """Hard mask and smooth term switch at the same point: Gamma_V = Gamma(V -> mu mu)."""
    fixed = {"C4t_mumuV": 0.0, "C4_bsV": 0.0, "m_V": 10.0}
    like = Likelihood("deft44", "2021", ["total_width"], use=["a_mu"], uncertainties="none", fixed=fixed)
    free = Likelihood(
        "deft44",
        "2021",
        "none",
        use=["a_mu"],
        uncertainties="none",
        fixed=fixed,
    )
    g = 0.3
    limit = g * g / (12 * np.pi)  # muon mass negligible: (m_mu/m_V)^4
    for factor, allowed in ((0.99, False), (1.01, True)):
        x = {"gamma_V": np.array([limit * factor]), "C4_mumuV": np.array([g])}
        out = like.evaluate(x)
        assert bool(out["allowed"][0]) is allowed
        term = float(out["log_prob"][0] - free.evaluate(x)["log_prob"][0])
        assert (term == 0.0) if allowed else (-0.1 < term < 0.0)
        # outside, -(1/2)(ln r/0.05)^2 with r = 1/0.99: finite gradient
        d = jax.grad(lambda gam: like.log_prob({"gamma_V": gam, "C4_mumuV": jnp.array(g)}))(jnp.array(limit * factor))
        assert np.isfinite(d)


def test_width_defaults_to_the_muon_channel():
    x = {"m_V": 1.0, "C4_bsV": 1e-9, "C4_mumuV": 0.1}
    gamma = 0.1**2 / (12 * np.pi) * np.sqrt(1 - 4 * 0.1056583755**2) * (1 + 2 * 0.1056583755**2)
    names = ["<dBR/dq2>(B+->Kmumu)[0.1,0.98]"]
    a, b = (fipjax.predict("deft", {**x, **e}, names)[names[0]] for e in ({}, {"gamma_V": gamma}))
    assert a == pytest.approx(b, rel=1e-12)


def test_restrictions_agree_with_the_general_model():
    """The general model with zeros for the couplings that a restriction does not have."""
    x = {"m_V": 3.0, "gamma_V": 0.05}
    names = ["<dBR/dq2>(B+->Kmumu)[1.1,2.0]", "BR(Bs->mumu)", "DeltaM_s", "a_mu"]
    zeros = {p.name: 0.0 for p in get_model("deft").parameters if not p.required and p.name != "gamma_V"}
    for model, bs, v, a in (
        ("deft44", "C4_bsV", "C4_mumuV", "C4t_mumuV"),
        ("deft46", "C4_bsV", "C6_mumuV", "C6t_mumuV"),
        ("deft64", "C6_bsV", "C4_mumuV", "C4t_mumuV"),
        ("deft66", "C6_bsV", "C6_mumuV", "C6t_mumuV"),
    ):
        y = {**x, bs: 2e-8, v: -0.02, a: 0.01}
        p, q = fipjax.predict(model, y, names), fipjax.predict("deft", {**zeros, **y}, names)
        for n in names:
            assert p[n] == pytest.approx(q[n], rel=1e-12)
        # 2106.12582 section 4.1: only C4 times axial C4 reaches Bs -> mu mu
        assert (abs(p["BR(Bs->mumu)"] / p.sm["BR(Bs->mumu)"] - 1) > 1e-3) == (model == "deft44")


def test_heavy_limit_is_a_contact_interaction():
    """m_V -> infinity at fixed C4 c4/m_V^2 gives C9 = -K C4 c4/m_V^2 of the 'wet' model; 1e-4: (q/m_V)^2."""
    from fipjax.hadronic import default_inputs, derive

    n = complex(derive(default_inputs().central())["n"])
    m, product = 1000.0, -1e-6
    c9 = -product / m**2 / n
    names = ["<dBR/dq2>(B+->Kmumu)[1.1,6.0]", "<dBR/dq2>(B+->Kmumu)[15.0,22.0]", "<Rmue>(B+->Kll)[1.1,6.0]"]
    light = fipjax.predict("deft", {"m_V": m, "gamma_V": 1e-3, "C4_bsV": 1e-3, "C4_mumuV": product / 1e-3}, names)
    heavy = fipjax.predict("wet", {"C9_bsmumu": c9}, names)
    for k in names:
        assert light[k] == pytest.approx(heavy[k], rel=1e-4)


def test_complex_couplings_violate_cp():
    """A weak phase times the strong phase of the width gives A_CP of opposite sign for opposite phases."""
    x = {"m_V": 2.0, "gamma_V": 0.3, "C4_mumuV": -0.02}
    name = "<ACP>(B+->Kmumu)[1.1,6.0]"
    a, b, c = (fipjax.predict("deft", {**x, "C4_bsV": g}, [name])[name] for g in (1e-7j, -1e-7j, 1e-7))
    assert abs(a) > 0.05 and a * b < 0 and abs(c) < 0.01


@pytest.mark.parametrize(
    "kwargs,says",
    [
        ({"model": "deft45"}, "did you mean"),
        ({"data": "2019"}, "2021"),
        ({"constraints": ["width"]}, "total_width"),
        ({"use": ["nonsense"]}, "nonsense"),
        ({"region": "middle"}, "high"),
        ({"fixed": {"m_V": -1.0}}, "m_V"),
        ({"fixed": {"mV": 1.0}}, "m_V"),
        ({"priors": {"m_V": {"prior": "flat", "min": 5, "max": 2}}}, "min < max"),
        ({"priors": {"m_V": {"prior": "flat", "min": -5, "max": 2}}}, "m_V"),
        ({"priors": {"gamma_V": {"prior": "log", "min": 1e-3, "max": 2.0}}}, "gamma_V"),
        ({"uncertainties": "both"}, "fixed"),
        ({"draws": 3}, "100"),
        ({"fixed": {n: 1e-3 for n in ("m_V", "gamma_V", "C4_bsV", "C4_mumuV", "C4t_mumuV")}}, "no free parameter"),
    ],
)
def test_bad_arguments_are_one_line(kwargs, says):
    with pytest.raises(InputError) as err:
        Likelihood(**{"model": "deft44", "data": "2021", **kwargs})
    assert says in str(err.value) and "\n" not in str(err.value)


@pytest.mark.parametrize("x", [{"m_V": 1.0}, {**POINT, "C9": 1.0}, np.zeros(4), np.zeros(())])
def test_bad_points(like, x):
    with pytest.raises(InputError):
        like.log_prob(x)


@pytest.mark.parametrize(
    "prior",
    [Flat(-1.0, 3.0), Flat(2.0, 20.0), LogFlat(1e-10, 1.0), LogFlat(1e-3, 2.0, -1), SignedLog(1e-10, 1.0), Gaussian(1.0, 0.3)],
)
def test_priors(prior):
    """Coordinates are inverse to each other, densities integrate to one and are the Jacobian of each other."""
    s = jnp.linspace(0.01, 0.99, 41)
    x = prior.from_unit(s)
    np.testing.assert_allclose(prior.to_unit(x), s, atol=1e-9)
    u = prior.to_real(x)
    np.testing.assert_allclose(prior.from_real(u), x, rtol=1e-8, atol=1e-18)
    dens = jnp.exp(prior.log_prob(x)) * jnp.abs(jax.vmap(jax.grad(prior.from_unit))(s))
    np.testing.assert_allclose(dens, 1.0, rtol=1e-9)
    jac = jax.vmap(jax.grad(lambda t: prior.from_real(t)))(u)
    np.testing.assert_allclose(prior.log_prob_real(u), prior.log_prob(x) + jnp.log(jnp.abs(jac)), rtol=1e-7, atol=1e-7)
    lo, hi = prior.support
    if np.isfinite(hi):
        assert prior.log_prob(jnp.array(hi + 1.0)) == -np.inf and prior.log_prob(jnp.array(lo - 1.0)) == -np.inf


def test_every_model_builds_and_documents_itself():
    for m in list_models():
        x = {n: jnp.asarray(p.from_unit(jnp.array([0.4]))) for n, p in m.priors.items()}
        x.update({p.name: jnp.array([1.0]) for p in m.parameters if p.required and p.name not in x})
        build_theory(m, x)
        assert m.paper and m.description and all(p.description and p.latex for p in m.parameters)
        for region in m.regions.values():
            assert set(region) <= set(m.parameter_names)


def test_fingerprint_changes_with_the_likelihood(like):
    other = Likelihood("deft44", "2021", use=DEMO[:-1], region="high", uncertainties="none")
    assert like.fingerprint() != other.fingerprint()
    assert like.fingerprint()["model"] == "deft44"
