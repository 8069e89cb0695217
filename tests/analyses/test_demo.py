"""The demo of the README: model 44 above 2 GeV against the 2021 data, and what arXiv:2106.12582 says must be seen."""

from pathlib import Path

import numpy as np
import pytest

import fipjax
from fipjax.runfile import load_run

DEMO = Path(__file__).parents[2] / "examples" / "demo.toml"


@pytest.fixture(scope="module")
def like():
    return load_run(DEMO).likelihood()


@pytest.fixture(scope="module")
def posterior(like):
    return fipjax.sample(like, chains=4, warmup=700, draws=1000, seed=1, target_accept=0.99, progress=False)


def test_best_fit(like):
    """Negative C4_bsV C4_mumuV, far better than the Standard Model, g-2 and R_K explained."""
    r = fipjax.fit(like, starts=64, progress=False)
    assert r.best["C4_bsV"] * r.best["C4_mumuV"] < 0
    assert r.delta_chi2 > 40
    pulls = {p["observable"]: p["pull"] for p in r.pulls}
    assert abs(pulls["a_mu"]) < 1 and abs(pulls["<Rmue>(B+->Kll)[1.1,6.0]"]) < 2


def test_both_signs_are_free_and_the_data_choose(like):
    """With both signs of the muon coupling allowed, the fit above the resonance region takes the negative product."""
    both = fipjax.Likelihood("deft44", "2021", use=list(like.dataset.observables), region="high", uncertainties="none")
    r = fipjax.fit(both, starts=64, seed=2, progress=False)
    assert r.best["C4_bsV"] * r.best["C4_mumuV"] < 0


def test_posterior_has_the_mass_coupling_correlation(posterior):
    """arXiv:2106.12582, fig. 1(a): |C4_bsV C4_mumuV| grows with m_V, between 1e-8 and 1e-6."""
    assert all(d["rhat"] < 1.02 for d in posterior.diagnostics.values()), posterior.verdict
    m = posterior.samples["m_V"].ravel()
    product = np.log10(-(posterior.samples["C4_bsV"] * posterior.samples["C4_mumuV"]).ravel())
    assert np.corrcoef(np.log10(m), product)[0, 1] > 0.8
    lo, hi = np.quantile(product, [0.025, 0.975])
    assert -8.5 < lo < hi < -6.0


@pytest.mark.validate
def test_posterior_against_an_ensemble_sampler(like):
    """Quantiles of every parameter agree with emcee (affine-invariant ensemble, differential evolution moves).

    0.15 standard deviations: statistical errors of both at an effective size of about 1000 are 0.05 for quantiles of 16, 50
    and 84 per cent.
    """
    import emcee
    import jax
    import jax.numpy as jnp

    post = fipjax.sample(like, chains=4, warmup=1000, draws=3000, seed=4, target_accept=0.99, progress=False)
    names = like.names
    u = np.stack([np.asarray(like.priors[n].to_real(jnp.asarray(post.samples[n].ravel()))) for n in names], axis=1)

    @jax.jit
    def log_prob(y):
        x = {n: like.priors[n].from_real(y[:, i]) for i, n in enumerate(names)}
        return like.log_prob(x) + sum(like.priors[n].log_prob_real(y[:, i]) for i, n in enumerate(names))

    rng = np.random.default_rng(0)
    sampler = emcee.EnsembleSampler(
        200,
        len(names),
        lambda y: np.asarray(log_prob(jnp.asarray(y))),
        vectorize=True,
        moves=[(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)],
    )
    sampler.run_mcmc(u[rng.choice(len(u), 200, replace=False)], 12000)
    chain = sampler.get_chain(discard=3000, flat=True)
    for i, n in enumerate(names):
        a, b = (np.quantile(z[:, i], [0.16, 0.5, 0.84]) for z in (u, chain))
        assert np.abs(a - b).max() < 0.15 * chain[:, i].std(), (n, a, b)
