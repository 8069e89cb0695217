"""Running, charm functions, CKM and form factors."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.test_util import check_grads

from fipjax.hadronic import default_inputs, derive, effective_coefficients, two_loop_table
from fipkernels import charm, ckm, form_factors, qcd


def test_alpha_s_and_masses():
    """Three-loop running against CRunDec (arXiv:1703.03751) as used by flavio; 1e-7 and 2e-6 (expanded mass running there)."""
    assert abs(qcd.alpha_s_5(0.1184, 4.8) / 0.21679944756894 - 1) < 1e-7
    assert abs(qcd.alpha_s_5(0.1184, 4.2) / 0.22553124753927 - 1) < 1e-7
    assert abs(qcd.m_b_msbar(4.195, 4.8, 0.1184) / 4.094053707418 - 1) < 2e-6
    assert abs(qcd.alpha_e_5(0.00781549, 4.8) / 0.00756908489599 - 1) < 1e-11
    assert abs(qcd.pole_from_msbar(4.195, qcd.alpha_s_5(0.1184, 4.195), 4) / 4.797412100434 - 1) < 1e-7
    # three-loop top mass: other scale choice than CRunDec, 1e-3
    assert abs(qcd.top_msbar(172.5, 0.1184) / 162.855787 - 1) < 1e-3


def test_four_loop_running_is_close_and_consistent():
    a3, m3 = qcd.run(0.1184, 91.1876, 4.8, 5, loops=3)
    a4, m4 = qcd.run(0.1184, 91.1876, 4.8, 5, loops=4)
    assert 0 < abs(a4 / a3 - 1) < 2e-3 and 0 < abs(m4 / m3 - 1) < 2e-3
    back, m = qcd.run(a3, 4.8, 91.1876, 5)
    np.testing.assert_allclose([back, m * m3], [0.1184, 1.0], rtol=4e-9)
    check_grads(lambda a: qcd.run(a, 91.1876, 4.8, 5), (0.1184,), order=1, rtol=1e-5)


def test_quark_bubble():
    """h(q^2, m) is continuous through the threshold, real below, and Im h = i pi * phase space above; massless limit."""
    m, mu = 1.68, 4.8
    for q2 in (0.5, 4 * m * m * (1 - 1e-9), 4 * m * m * (1 + 1e-9), 20.0):
        z = 4 * m * m / q2
        with mp.workdps(30):
            z_ = mp.mpf(z)
            if z > 1:
                root = mp.sqrt(z_ - 1) * mp.atan(1 / mp.sqrt(z_ - 1))
            else:
                root = mp.sqrt(1 - z_) * (mp.log((1 + mp.sqrt(1 - z_)) / mp.sqrt(z_)) - mp.mpc(0, 1) * mp.pi / 2)
            want = -mp.mpf(4) / 9 * mp.log(m**2 / mu**2) + mp.mpf(8) / 27 + 4 * z_ / 9 - mp.mpf(4) / 9 * (2 + z_) * root
        # 1e-9: conditioning of sqrt(|z - 1|) at 1e-9 from the threshold
        assert abs(complex(charm.h(jnp.array(q2), m, mu)) - complex(want)) < 1e-9
    assert abs(complex(charm.h(jnp.array(10.0), 1e-4, mu)) - complex(charm.h_massless(jnp.array(10.0), mu))) < 1e-8


def test_dilogarithm_and_clausen():
    for x in (1e-8, 0.1, 0.5, 0.50001, 0.9, 0.999):
        assert abs(float(charm.li2(jnp.array(x))) / float(mp.polylog(2, x)) - 1) < 1e-13
    for t in (1e-6, 0.5, 2.0, np.pi):
        assert abs(float(charm.clausen(jnp.array(t))) - float(mp.clsin(2, t))) < 1e-11


# C7eff + C7'eff + delta C7 and C9 + Y + ... at mu = 4.8 GeV from flavio 2.7.1 (SM, default inputs)
C7_C9 = {
    0.3: (-0.3753944057 - 0.01131003433j, 4.35271678518 + 0.08869729173j),
    3.0: (-0.37801073011 - 0.01353316938j, 4.36239614448 + 0.08901647383j),
    6.0: (-0.38098901854 - 0.01626821834j, 4.42584001254 + 0.08811588200j),
    15.5: (-0.40173980387 - 0.03277675193j, 4.50308562720 + 0.59171357656j),
    20.0: (-0.40119492022 - 0.04500203841j, 4.40464725695 + 0.61096030615j),
}


@pytest.fixture(scope="module")
def effective():
    """q^2 -> (c7 with C7', c9)."""

    def compute(q2, par):
        sm = derive(par)
        eff = effective_coefficients(q2, par, sm)
        return eff.c7 + sm["c"]["C7p"], eff.c9

    c7, c9 = jax.jit(compute)(jnp.array(list(C7_C9)), default_inputs().central())
    return {q2: (complex(c7[i]), complex(c9[i])) for i, q2 in enumerate(C7_C9)}


@pytest.mark.parametrize("q2", sorted(C7_C9))
def test_effective_coefficients(effective, q2):
    """Against flavio 2.7.1 (two-loop tables, Seidel functions, CKM-suppressed parts).  2e-3 in c9: the charm pole mass differs by
    0.1 % (four active flavours here); 1e-4 in c7 (m_s)."""
    (c7, c9), (want7, want9) = effective[q2], C7_C9[q2]
    assert abs(c7 - want7) < 1e-4
    assert abs(c9 - want9) < 2e-3


def test_two_loop_interpolation():
    """Nodes of the table are reproduced, and a tri-linear function is interpolated exactly between them."""
    t = two_loop_table()
    i, j, k = 3, 7, 20
    out = charm.two_loop(t, t["muhat"][i], t["z"][j], jnp.array(t["shat"][k]))
    np.testing.assert_allclose(out["F17"], t["F17"][i, j, k], rtol=1e-12)
    np.testing.assert_allclose(out["F29"], t["F29"][i, j, k] / t["shat"][k], rtol=1e-12)
    u, z, s = np.meshgrid(t["muhat"], t["z"], t["shat"], indexing="ij")
    fake = {**t, **{n: (1 + 2 * u) * (3 - z) * (0.5 + s) + 0j for n in ("F17", "F27", "F19", "F29")}}
    got = charm.two_loop(fake, 1.037, 0.0973, jnp.array(0.411))["F27"]
    np.testing.assert_allclose(got, (1 + 2 * 1.037) * (3 - 0.0973) * 0.911, rtol=1e-12)


def test_ckm():
    """Unitary, moduli as given, gamma exact, and lambda_t as in flavio (2e-11: its digits)."""
    v = ckm.tree(0.2248, 0.04197, 0.00364, 1.15)
    m = np.array([[complex(v[f"V{u}{d}"]) for d in "dsb"] for u in "uct"])
    np.testing.assert_allclose(m @ m.conj().T, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(np.abs([m[0, 1], m[1, 2], m[0, 2]]), [0.2248, 0.04197, 0.00364], rtol=1e-13)
    gamma = np.angle(-m[0, 0] * m[0, 2].conj() / (m[1, 0] * m[1, 2].conj()))
    assert abs(gamma - 1.15) < 1e-13
    lam_t, lam_u = ckm.lambdas(v)
    assert abs(complex(lam_t) - (-0.04119293936909 + 0.00074577524313j)) < 2e-13
    assert abs(complex(lam_u) - (0.00033380193805 - 0.00074709124753j)) < 2e-13
    conj = ckm.lambdas(ckm.tree(0.2248, 0.04197, 0.00364, -1.15))[0]
    assert abs(complex(conj) - complex(lam_t).conjugate()) < 1e-16


def test_form_factors():
    """f+(0) = f0(0); the fit of 2305.06301 at q^2 = 0; the FNAL/MILC expansion (1509.06235) at five q^2 values."""
    par = default_inputs().central()
    a = {k: par["B->K BSZ " + k] for k in ("a0_f+", "a1_f+", "a2_f+", "a1_f0", "a2_f0", "a0_fT", "a1_fT", "a2_fT")}
    fp, f0, ft = form_factors.b_to_k(jnp.array([0.0, 10.0]), a, 5.27966, 0.497611)
    assert fp[0] == f0[0] == a["a0_f+"] and ft[0] == a["a0_fT"]
    assert fp[1] > fp[0] and f0[1] > f0[0]
    b = (0.466, -0.885, -0.213)
    want = {0.0: 0.33436, 3.5: 0.40855, 10.0: 0.63091, 16.0: 1.06086, 22.9: 2.68656}
    for q2, f in want.items():
        got = form_factors.bcl(jnp.array(q2), b, 5.4154, 5.27934, 0.493677, vector=True)
        assert abs(float(got) - f) < 1e-5  # five printed digits
    assert (
        abs(float(form_factors.bcl(jnp.array(16.0), (0.292, 0.281, 0.150), 5.711, 5.27934, 0.493677, vector=False)) - 0.56322)
        < 1e-5
    )


def test_everything_is_differentiable_in_the_inputs():
    """d c9/d(inputs) is finite for every input, and matches a finite difference in m_c."""
    par = default_inputs().central()

    def f(p):
        return jnp.real(effective_coefficients(jnp.array(5.0), p, derive(p)).c9)

    f, g = jax.jit(f), jax.jit(jax.grad(f))(par)
    assert all(np.isfinite(v) for v in g.values())
    h = 1e-5
    num = (f({**par, "m_c": par["m_c"] + h}) - f({**par, "m_c": par["m_c"] - h})) / (2 * h)
    # the two-loop table is piecewise linear in m_c^2: 1e-6 relative to the step suffices inside a cell
    assert abs(g["m_c"] - num) < 1e-5 * abs(num)
