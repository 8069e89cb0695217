"""Hadronic inputs as sampled parameters: one likelihood, three treatments of theory uncertainties."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fipjax import InputError, Likelihood
from fipjax.engines.sample import sample
from fipjax.hadronic import default_inputs

USE = ["LHCb:1403.8044:B+->Kmumu"]
POINT = {"m_V": 6.5, "gamma_V": 0.05, "C6_bsV": 2e-9, "C4_mumuV": 0.3}


def make(uncertainties, **options):
    options = {"fixed": {"C4t_mumuV": 0.0}, "region": "high", **options}
    return Likelihood("deft64", "2021", constraints="none", use=USE, uncertainties=uncertainties, **options)


@pytest.fixture(scope="module")
def nuisance():
    return make("nuisance")


def at(like, z=None):
    x = {n: jnp.array([v]) for n, v in POINT.items()}
    return x | {n: jnp.array([0.0 if z is None else z[n]]) for n in like.nuisances}


def test_parameters(nuisance):
    names = set(nuisance.nuisances.values())
    # B+ -> K mu mu depends on form factors, CKM factors, charm parameters; not on those of other decays
    assert {"B->K BSZ a0_f+", "B->K BSZ a1_f+", "Vcb", "gamma", "m_c", "B+->K+ deltaC9 a Re", "B+->K+ deltaC9 c Re"} <= names
    assert not any(n.startswith(("B->K* BSZ", "Bs->phi", "Lambdab")) for n in names)
    assert nuisance.names[: len(POINT)] == tuple(POINT)
    assert np.all(nuisance.theory_covariance == 0)


def test_central_point_is_the_likelihood_without_uncertainties(nuisance):
    none = make("none")
    x = {n: jnp.array([v]) for n, v in POINT.items()}
    np.testing.assert_allclose(nuisance.log_prob(at(nuisance)), none.log_prob(x), rtol=1e-10)


def test_physical_values_have_the_covariance_of_the_inputs(nuisance):
    rng = np.random.default_rng(0)
    z = {n: rng.standard_normal(20000) for n in nuisance.nuisances}
    values = nuisance.physical({**{k: np.full(20000, v) for k, v in POINT.items()}, **z})
    names = [n for n in nuisance.nuisances.values() if "BSZ" in n]
    got = np.corrcoef([values[n] for n in names])
    # 20000 draws: 0.7 % statistical error, five of them
    np.testing.assert_allclose(got, default_inputs().correlation(names), atol=0.035)
    assert values["m_V"].shape == (20000,)


def test_gradient_in_every_direction(nuisance):
    """Gradient against central differences; inputs enter through running, form factors, charm loops and normalisation."""
    rng = np.random.default_rng(1)
    z = {n: 0.5 * rng.standard_normal() for n in nuisance.nuisances}
    x = at(nuisance, z)
    value = jax.jit(lambda y: nuisance.log_prob(y)[0])
    grad = jax.jit(jax.grad(lambda y: nuisance.log_prob(y)[0]))(x)
    for n in ("z(Vcb)", "z(B->K BSZ a1_f+)", "z(m_c)", "z(B+->K+ deltaC9 b Im)", "m_V", "C6_bsV"):
        step = 1e-4 * (1.0 if n.startswith("z(") else abs(POINT[n]))
        up, down = ({**x, n: x[n] + s * step} for s in (1, -1))
        numeric = (value(up) - value(down)) / (2 * step)
        # differences of a function of order 10 with steps of 1e-4: 1e-5
        assert abs(float(grad[n][0] - numeric)) < 1e-5 * max(1.0, abs(float(numeric))) + 1e-5, n


def test_profile_agrees_with_fixed_covariance(nuisance):
    """In the linear regime, minimising over the nuisances is the same as adding J J^T to the covariance."""
    names = list(nuisance.nuisances)
    count = len(names)
    shifts = np.concatenate([np.eye(count), -np.eye(count), np.zeros((1, count))])
    batch = {n: jnp.full(len(shifts), v) for n, v in POINT.items()} | {n: jnp.asarray(shifts[:, i]) for i, n in enumerate(names)}
    values = np.asarray(nuisance.predictions(batch))
    jac = 0.5 * (values[:, :count] - values[:, count : 2 * count])
    d = nuisance.dataset
    r = values[:, -1] - d.value
    inverse = np.linalg.inv(d.covariance)
    # Woodbury: min_z (r + J z)^T V^-1 (r + J z) + z^2
    z = -np.linalg.solve(np.eye(len(names)) + jac.T @ inverse @ jac, jac.T @ inverse @ r)
    profiled = float(nuisance.chi2({**at(nuisance), **{n: z[i : i + 1] for i, n in enumerate(names)}})[0]) + z @ z
    linear = r @ np.linalg.solve(d.covariance + jac @ jac.T, r)
    # rates are quadratic in the inputs, which are pulled by up to two standard deviations: chi2 = 63 against 56 here
    assert abs(profiled / linear - 1) < 0.15
    fixed = make("fixed", draws=1000)
    # drawn at the SM, J at the point: errors of rates scale with the rate (within 30 %); 1000 draws
    ratio = np.sqrt(np.diag(fixed.theory_covariance) / np.diag(jac @ jac.T))
    assert np.all((ratio > 0.7) & (ratio < 1.5))


def test_covariance_at_a_point():
    sm = make("fixed", draws=400).theory_covariance
    point = {"m_V": 6.5, "gamma_V": 0.05, "C6_bsV": 2e-7, "C4_mumuV": 0.3}
    there = make("fixed", draws=400, covariance_at=point).theory_covariance
    # the rate, and with it the error, differs by tens of per cent
    assert np.max(np.abs(np.diag(there) / np.diag(sm) - 1)) > 0.1
    with pytest.raises(InputError, match="uncertainties"):
        make("gaussian")


@pytest.mark.validate
def test_sampled_inputs_give_the_posterior_of_the_fixed_covariance():
    """NUTS over model and inputs against NUTS with a fixed covariance: quantiles of the couplings' product."""
    priors = {"m_V": {"prior": "flat", "min": 6.0, "max": 20.0}}
    runs = [sample(make(u, priors=priors), chains=2, warmup=400, draws=800, progress=False) for u in ("nuisance", "fixed")]
    assert all(r.stats["diverging"].mean() < 0.01 for r in runs)
    products = [np.log10(np.abs(r.samples["C6_bsV"] * r.samples["C4_mumuV"])).ravel() for r in runs]
    # the posterior is prior-dominated and wide: medians within a fifth of the width
    width = products[1].std()
    assert abs(np.median(products[0]) - np.median(products[1])) < 0.2 * width
    assert "B->K BSZ a0_f+" in runs[0].samples and not any(n.startswith("z(") for n in runs[0].samples)
