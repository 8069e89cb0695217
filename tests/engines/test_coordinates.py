"""Coordinates of products: one to one, the prior's density with its Jacobian, and plain u where nothing is declared."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fipjax.engines.coordinates import Coordinates
from fipjax.engines.fit import Target
from fipjax.models import get_model
from fipjax.priors import Flat, LogFlat


def target(model="deft64", **replace):
    m = get_model(model)
    priors = {**m.priors, **m.regions["high-paper"], **replace}
    return Target(SimpleNamespace(model=m, priors=priors, names=tuple(priors), fixed={}, log_prob=None))


@pytest.fixture(scope="module")
def points():
    # beyond |u| of 12 the cumulative probability itself has lost digits
    return np.random.default_rng(0).uniform(-12.0, 12.0, size=(2000, 5))


@pytest.mark.parametrize("replace", [{}, {"C4_mumuV": LogFlat(1e-6, 1e-2, -1), "C6_bsV": LogFlat(1e-9, 1e-3)}])
def test_round_trip_and_density(points, replace):
    t = target(**replace)
    c = Coordinates(t)
    w = c.w_of_u(points)
    # logit of values next to 0 or 1: absolute error of 1e-16/s
    np.testing.assert_allclose(c.u_of_w(jnp.asarray(w)), points, atol=1e-8)
    jac = jax.vmap(jax.jacfwd(c.u_of_w))(jnp.asarray(w))
    expected = jax.vmap(t.log_prior_real)(jnp.asarray(points)) + jnp.linalg.slogdet(jac)[1]
    np.testing.assert_allclose(c.log_prior(jnp.asarray(w)), expected, atol=1e-8)


def test_products_follow_the_mass():
    """At fixed w the product grows like m_V^2 + 4 GeV^2 in the middle of its range."""
    c = Coordinates(target())
    t = c.target

    def product(u_m):
        w = jnp.zeros(5).at[0].set(u_m)
        x = t.x(c.u_of_w(w))
        return x["m_V"], jnp.log(-x["C4_mumuV"] * x["C6_bsV"])

    (m1, p1), (m2, p2) = product(-1.0), product(1.0)
    # the logistic curve is straight to 10 % there
    assert float(p2 - p1) == pytest.approx(float(jnp.log((m2**2 + 4) / (m1**2 + 4))), rel=0.1)


def test_anchor_moves_freely():
    """Along the anchor's coordinate products stay as they are."""
    c = Coordinates(target())
    w = jnp.stack([jnp.array([0.3, -0.2, a, 0.5, -0.4]) for a in (-8.0, 0.0, 8.0)])
    x = c.target.x(c.u_of_w(w))
    for partner in ("C4_mumuV", "C4t_mumuV"):
        v = np.asarray(x["C6_bsV"] * x[partner])
        np.testing.assert_allclose(v, v[0], rtol=1e-9)
    assert np.ptp(np.log(np.asarray(x["C6_bsV"]))) > 10


def test_without_products_nothing_changes(points):
    for t in (target("deft64", C6_bsV=Flat(0.0, 1.0)), Target(SimpleNamespace(priors={"a": Flat(0, 1)}, names=("a",)))):
        c = Coordinates(t)
        assert not c
        u = points[:5, : t.n]
        np.testing.assert_array_equal(c.w_of_u(u), u)
        np.testing.assert_array_equal(c.u_of_w(jnp.asarray(u)), u)
        np.testing.assert_allclose(c.log_prior(jnp.asarray(u)), t.log_prior_real(jnp.asarray(u)))
