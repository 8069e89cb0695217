"""W -> l nu V of a vector that mixes with photon and Z: what the W carries is not bounded, what is left is (arXiv:2210.15662)."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fipjax.constraints.base import CONSTRAINTS, Context
from fipjax.constraints.electroweak import G_F
from fipjax.theory import Theory, VectorMediator
from fipkernels import w_decay
from fipkernels.dark_photon import E_CHARGE

G, S2 = 0.74348, 0.2312  # g/cos(theta_W), sin^2
DATTA, PRINTED, NOW = Context("datta2022"), Context("datta2022", "as_printed"), Context()
M_W = 80.379


def dark_z(m, epsilon_z=0.0, g_mu=0.0, g_mu_a=0.0, epsilon=0.0, printed=False, invisible=1.0, charged_current=True):
    m, epsilon_z, g_mu, g_mu_a, epsilon = jnp.broadcast_arrays(
        *(jnp.atleast_1d(jnp.asarray(v, float)) for v in (m, epsilon_z, g_mu, g_mu_a, epsilon))
    )
    a = 0.25 * G * epsilon_z
    v = (-1 + 4 * S2) * a
    if printed:
        # eqs. (2.10), (2.11): couplings by mixing doubled, other sign of the axial one, +e epsilon
        v, l_a = 2 * v + 2 * E_CHARGE * epsilon, -2 * a
    else:
        l_a = a
    width = 1e-6 * m
    return Theory(
        (
            VectorMediator(
                m, width, mu_V=(v + g_mu)[None], mu_A=(l_a + g_mu_a)[None], e_V=v[None], e_A=l_a[None], nue_L=2 * a[None],
                numu_L=2 * a[None], epsilon=epsilon, charged_current=-G * (1 - S2) * epsilon_z if charged_current else None,
                partial_widths={"nunu": invisible * width}, scheme="narrow" if printed else "sqrt_q2",
            ),
        )
    )  # fmt: skip


def ratio(name, theory, context=NOW):
    return np.asarray(CONSTRAINTS[name].ratio(theory, context))


def limit(name, context, m, coupling, **fixed):
    c = np.geomspace(1e-5, 3.0, 40_001)
    r = np.asarray(jax.jit(lambda x: CONSTRAINTS[name].ratio(dark_z(m, **{coupling: x}, **fixed), context))(c))
    return c[np.argmax(r > 1.0)]


@pytest.mark.parametrize("m", [0.01, 0.1])
def test_printed_bounds(m):
    """Notes, section 11: (5.4) 0.02195 and (4.42) 0.0763 for B(nunu) = 0.7, both times m_V/100 MeV; the grid is fine to 3e-4."""
    assert limit("W_width", PRINTED, m, "g_mu", printed=True) / (10 * m) == pytest.approx(0.02195, rel=5e-4)
    assert limit("W_width", PRINTED, m, "epsilon_z", printed=True, invisible=0.7) / (10 * m) == pytest.approx(0.0763, rel=1e-3)
    # eq. (4.41)
    assert limit("W_width", PRINTED, m, "g_mu", printed=True, invisible=0.25) / (10 * m) == pytest.approx(2 * 0.02195, rel=5e-4)
    # 'for a dark photon C = e epsilon'
    assert limit("W_width", PRINTED, m, "epsilon", printed=True) * E_CHARGE / (10 * m) == pytest.approx(0.02195, rel=5e-4)


@pytest.mark.parametrize("name", ["W_width", "W_universality"])
def test_mixing_is_not_bounded(name):
    """delta = g_L(l) - g_L(nu) - charged_current = 0: no growth; at mixing of 0.1 and 5 MeV only a logarithm squared, 1e-3 GeV."""
    none = ratio(name, dark_z(0.005), NOW)
    mixed = ratio(name, dark_z(0.005, epsilon_z=0.1, epsilon=0.1), NOW)
    assert mixed == pytest.approx(none, abs=0.01)
    # without the W's part it would be excluded by far
    assert limit("W_width", NOW, 0.005, "epsilon_z", charged_current=False) < 0.01
    # and mixing does not disturb the bound on a direct coupling
    alone = limit(name, NOW, 0.05, "g_mu")
    assert limit(name, NOW, 0.05, "g_mu", epsilon_z=1e-2, epsilon=1e-2) == pytest.approx(alone, rel=1e-3)


def test_uncompensated_part():
    """The growth is that of delta: direct vector minus axial coupling of the muon, and nothing for a right-handed one."""
    m, g = 0.05, 3e-3
    per = float(w_decay.width(m, g, 0.0, M_W, G_F))
    expected = abs(2.091 + per - 2.085) / 0.084
    for t in (dark_z(m, 1e-3, g_mu=g), dark_z(m, -1e-3, g_mu_a=-g), dark_z(m, 1e-3, g_mu=0.5 * g, g_mu_a=-0.5 * g)):
        assert ratio("W_width", t, DATTA)[0] == pytest.approx(expected, rel=1e-4)
    right = ratio("W_width", dark_z(m, 1e-3, g_mu=g, g_mu_a=g), DATTA)[0]
    assert right == pytest.approx(0.006 / 0.084, rel=1e-3)
    # electrons enter universality with the other sign: W -> e nu V
    t = dark_z(m, 1e-3).mediators[0]
    for lepton, sign in (("mu_V", 1.0), ("e_V", -1.0)):
        changed = replace(t, **{lepton: getattr(t, lepton) + g})
        r = ratio("W_universality", Theory((changed,)), DATTA)[0]
        unit = float(w_decay.width_to_lepton(M_W, G_F))
        new = (1 + per / unit) ** sign
        assert r == pytest.approx(abs(new - 0.996) / 0.016, rel=1e-4)


def test_gradients():
    m = jnp.array([1e-3, 0.1, 10.0, 80.0, 90.0])

    def total(x, printed):
        out = 0.0
        t = dark_z(m, *x, printed=printed)
        for n in ("W_width", "W_universality"):
            r = CONSTRAINTS[n].ratio(t, PRINTED if printed else NOW)
            out = out + jnp.sum(CONSTRAINTS[n].log_likelihood(r))
        return out

    for printed in (False, True):
        gradient = jax.jit(jax.grad(lambda x, p=printed: total(x, p)))
        for size in (0.0, 1e-3, 1.0):
            slopes = gradient([size * jnp.ones(5)] * 4)
            assert all(np.all(np.isfinite(s)) for s in slopes)
