"""One-loop running of the muoquark model against an effective potential with all 30 real scalars, and in its limits."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fipkernels import rge_muoquark as rge

jax.config.update("jax_enable_x64", True)

SIGMA = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
EPS2 = np.array([[0, 1], [-1, 0]])  # i sigma_2
EPS3 = np.zeros((3, 3, 3))
EPS3[0, 1, 2] = EPS3[1, 2, 0] = EPS3[2, 0, 1] = 1.0
EPS3[0, 2, 1] = EPS3[2, 1, 0] = EPS3[1, 0, 2] = -1.0


def gell_mann():
    m = np.zeros((8, 3, 3), complex)
    for k, (i, j) in enumerate([(0, 1), (0, 2), (1, 2)]):
        m[2 * k][i, j] = m[2 * k][j, i] = 1
        m[2 * k + 1][i, j], m[2 * k + 1][j, i] = -1j, 1j
    m[6] = np.diag([1, -1, 0])
    m[7] = np.diag([1, 1, -2]) / math.sqrt(3)
    return m


def couplings(seed=0, eps=0.35):
    """Random couplings of order one."""
    rng = np.random.default_rng(seed)
    c = {k: jnp.asarray(rng.normal()) for k in (*rge.GAUGE, *rge.QUARTIC, "y_mu", "y_nu", *rge.MASSES)}
    c |= {k: jnp.asarray(rng.normal(size=(3, 3))) for k in ("y_u", "y_d")}
    c |= {k: jnp.asarray(rng.normal(size=3)) for k in ("eta3", "eta1L", "eta1R", "etat")}
    return {**c, "eps": jnp.asarray(eps)}


def fields(phi):
    """H (2,), Phi, S1 (colour), S3 (isospin, colour) from 30 real fields."""
    z = (phi[:15] + 1j * phi[15:]) / math.sqrt(2.0)
    return z[:2], z[2], z[3:6], z[6:].reshape(3, 3)


def potential(phi, c):
    """Quadratic and quartic part of eqs. (3) and (5) with the 17th operator."""
    h, p, s1, s3 = fields(phi)
    conj = jnp.conj
    hh, pp, ss1, ss3 = (jnp.sum(jnp.abs(x) ** 2) for x in (h, p, s1, s3))
    m = conj(s3) @ s3.T  # S3^I+ S3^J
    w = conj(s1) @ s3.T  # S1^+ S3^I
    hs = jnp.einsum("a,iab,b->i", conj(h), SIGMA, h)
    hss = jnp.einsum("a,iab,jbc,c->ij", conj(h), SIGMA, SIGMA, h)
    quadratic = c["mH2"] * hh + c["mPhi2"] * pp + c["M1_2"] * ss1 + c["M3_2"] * ss3
    quartic = (
        0.5 * c["lH"] * hh**2 + 0.25 * c["lPhi"] * pp**2 + c["lPhiH"] * pp * hh + c["lPhi1"] * pp * ss1 + c["lPhi3"] * pp * ss3
        + 0.5 * c["l1"] * ss1**2 + c["lH1"] * hh * ss1 + c["lH3"] * hh * ss3 + c["kH3"] * jnp.sum(hss * m)
        + 2 * c["kH13"] * jnp.real(jnp.sum(hs * w)) + 0.5 * c["l3"] * ss3**2 + 0.5 * c["k3"] * jnp.sum(m * m.T)
        + 0.5 * c["n3"] * jnp.sum(m * m) + c["l13"] * ss1 * ss3 + c["k13"] * jnp.sum(jnp.abs(w) ** 2)
        + 2 * c["n13"] * jnp.real(jnp.sum(w * w)) + 2 * c["s13"] * jnp.real(1j * jnp.einsum("ijk,i,jk", EPS3, w, m))
    )  # fmt: skip
    return jnp.real(quadratic), jnp.real(quartic)


# one compilation for all field values and couplings
HESSIANS = jax.jit(jax.hessian(lambda f, c: jnp.stack(potential(f, c))))
SLOPES = jax.jit(jax.jacrev(lambda f, c: jnp.stack(potential(f, c))))
VALUES = jax.jit(potential)


def generators(q_phi):
    """The 13 generators on the 15 complex scalars."""
    out = []
    blocks = [slice(0, 2), slice(2, 3), slice(3, 6), slice(6, 15)]
    unit = np.eye(3)

    def build(h, p, s1, s3):
        t = np.zeros((15, 15), complex)
        for b, m in zip(blocks, (h, p, s1, s3), strict=True):
            t[b, b] = m
        return t

    none = (np.zeros((2, 2)), 0.0, np.zeros((3, 3)))
    for lam in gell_mann():
        bar = -lam.T / 2
        out.append(build(none[0], 0.0, bar, np.kron(unit, bar)))
    for a in range(3):
        out.append(build(SIGMA[a] / 2, 0.0, none[2], np.kron(-1j * EPS3[a], unit)))
    for k in range(2):
        ch = {f: q[k] for f, q in rge.CHARGES.items()} | {"Phi": (0.0, q_phi)[k]}
        out.append(np.diag([ch["H"]] * 2 + [ch["Phi"]] + [ch["S"]] * 12).astype(complex))
    return np.array(out)


# Weyl fermions: q (generation, isospin, colour), u^c, d^c (generation, colour), l (isospin), e^c, nu^c
Q, U, D = np.arange(18).reshape(3, 2, 3), 18 + np.arange(9).reshape(3, 3), 27 + np.arange(9).reshape(3, 3)
L, E, N = np.array([36, 37]), 38, 39


def mass_matrix(phi, c):
    """M(phi), L = - psi^T M psi/2 + h.c., of the 40 Weyl fermions."""
    h, _, s1, s3 = fields(phi)
    h_c = np.conj(h)
    ht_c = EPS2 @ h  # conjugate of i sigma_2 H^*
    m = np.zeros((40, 40), complex)
    for i in range(3):
        for a in range(2):
            for col in range(3):
                for j in range(3):
                    m[U[j, col], Q[i, a, col]] += c["y_u"][i, j] * ht_c[a]
                    m[D[j, col], Q[i, a, col]] += c["y_d"][i, j] * h_c[a]
                for b in range(2):
                    triplet = sum((EPS2 @ SIGMA[k])[a, b] * s3[k, col] for k in range(3))
                    m[Q[i, a, col], L[b]] += c["eta3"][i] * triplet + c["eta1L"][i] * EPS2[a, b] * s1[col]
        for col in range(3):
            m[U[i, col], E] += c["eta1R"][i] * np.conj(s1[col])
            m[D[i, col], N] += c["etat"][i] * np.conj(s1[col])
    for a in range(2):
        m[E, L[a]] += c["y_mu"] * h_c[a]
        m[N, L[a]] += c["y_nu"] * ht_c[a]
    return m + m.T


def numbers(c):
    return {k: np.asarray(v) for k, v in c.items()}


@functools.cache
def yukawas(seed):
    """Y^a = dM/dphi_a (30, 40, 40): M is linear."""
    c = numbers(couplings(seed))
    return np.array([mass_matrix(e, c) for e in np.eye(30)])


def supertrace(phi, c, y, gens):
    """16 pi^2 dV/dln(mu) of the one-loop effective potential at fixed fields: quartic and quadratic part."""
    quadratic, hessian = np.asarray(HESSIANS(phi, c))
    h, p, s1, s3 = fields(np.asarray(phi))
    z = np.concatenate([np.asarray(h), [p], np.asarray(s1), np.asarray(s3).ravel()])
    g = np.array([c["g3"]] * 8 + [c["g2"]] * 3 + [c["gY"], c["gX"]])
    moved = g[:, None] * (gens @ z)
    vector = 2.0 * np.real(np.conj(moved) @ moved.T)
    kinetic = np.eye(13)
    kinetic[11, 12] = kinetic[12, 11] = -float(c["eps"])
    vector = np.linalg.solve(kinetic, vector)
    m = np.einsum("aij,a->ij", y, np.asarray(phi))
    mm = np.conj(m) @ m
    return (
        0.5 * np.trace(hessian @ hessian) + 1.5 * np.trace(vector @ vector) - np.real(np.trace(mm @ mm)),
        np.trace(hessian @ quadratic),
    )


@pytest.mark.parametrize("q_phi", [3.0, 0.5])
def test_quartics_and_masses_from_the_effective_potential(q_phi):
    """V with couplings replaced by their beta functions is the supertrace plus wave functions, at 40 random field values (17
    invariants).  1e-11: sums of 1e5 terms of order one."""
    c = couplings(1)
    y, gens = yukawas(1), generators(q_phi)
    b = {**c, **rge.beta_quartic(c, q_phi), **rge.beta_masses(c, q_phi)}
    # wave functions per real scalar: trace of the Yukawa matrices and quadratic Casimirs, independent of the kernel
    tr = np.real(np.einsum("aij,bij->ab", np.conj(y), y))
    g = np.array([c["g3"]] * 8 + [c["g2"]] * 3 + [c["gY"], c["gX"]])
    inverse = np.eye(13)
    inverse[11:, 11:] = np.array([[1.0, c["eps"]], [c["eps"], 1.0]]) / (1.0 - c["eps"] ** 2)
    casimir = np.einsum("a,ab,b,aij,bjk->ik", g, inverse, g, gens, gens)
    np.testing.assert_allclose(casimir, np.diag(np.diag(casimir)), atol=1e-12)
    pair = 2.0 * np.diag(tr)[:15] - 6.0 * np.real(np.diag(casimir))
    np.testing.assert_allclose(tr, np.diag(np.diag(tr)), atol=1e-12)
    leg = rge.legs(c, q_phi)
    expected = np.array([leg["H"]] * 2 + [leg["Phi"]] + [leg["1"]] * 3 + [leg["3"]] * 9)
    np.testing.assert_allclose(pair, expected, rtol=1e-12)
    rng = np.random.default_rng(5)
    # every field along its own direction: sum_a (A_a/2) phi_a dV/dphi_a
    for _ in range(40):
        phi = jnp.asarray(rng.normal(size=30))
        quartic, quadratic = supertrace(phi, c, y, gens)
        d2, d4 = np.asarray(SLOPES(phi, c)) @ (0.5 * np.tile(pair, 2) * np.asarray(phi))
        v2, v4 = VALUES(phi, b)
        scale = abs(quartic) + abs(d4)
        assert abs(float(v4) - quartic - d4) < 1e-11 * scale
        assert abs(float(v2) - quadratic - d2) < 1e-11 * (abs(quadratic) + abs(d2))


def test_yukawa_couplings_from_the_general_formula():
    """Machacek and Vaughn, Nucl. Phys. B236 (1984) 221, for 40 Weyl fermions and 30 real scalars; 1e-11: rounding of 1e6 terms."""
    c = couplings(2)
    y = yukawas(2)
    n = numbers(c)
    y_dag = np.conj(y)  # symmetric matrices
    y2f = np.einsum("aij,ajk->ik", y_dag, y)
    y2s = np.real(np.einsum("aij,bij->ab", y_dag, y))
    own = {f: float(v) for f, v in rge._own(c).items()}
    f3, f2 = 4 / 3 * n["g3"] ** 2, 0.75 * n["g2"] ** 2
    c2 = np.zeros(40)
    c2[:18], c2[18:27], c2[27:36] = f3 + f2 + own["q"], f3 + own["u"], f3 + own["d"]
    c2[36:38], c2[38], c2[39] = f2 + own["l"], own["e"], own["nu"]
    b = numbers(rge.beta_yukawa(c))
    predicted = np.array([mass_matrix(e, b) for e in np.eye(30)])
    for a in range(30):
        vertex = sum(y[k] @ y_dag[a] @ y[k] for k in range(30))
        expected = 0.5 * (y2f.T @ y[a] + y[a] @ y2f) + 2.0 * vertex + np.einsum("b,bij->ij", y2s[a], y)
        expected -= 3.0 * (c2[:, None] + c2[None, :]) * y[a]
        np.testing.assert_allclose(predicted[a], expected, atol=1e-11 * np.abs(expected).max())


def test_gauge_sums():
    """Charge sums field by field; footnote 6 of the paper (192, 86, and 612 for q_Phi = 3, 577 for 1/2); SM: 41/6."""
    multiplicity = {"q": 18, "u": 9, "d": 9}
    for q_phi, s1, n_s in ((3.0, True, 12), (3.0, False, 9), (0.5, False, 9)):
        sums = np.zeros((2, 2))
        for f, m in multiplicity.items():
            sums += 2 / 3 * m * np.outer(rge.CHARGES[f], rge.CHARGES[f])
        for f, m in (("l", 2), ("e", 1), ("nu", 1)):
            v = np.array(rge.CHARGES[f])
            for charge in ([v[0], 0], v, [v[0], 0]):
                sums += 2 / 3 * m * np.outer(charge, charge)
        sums += 1 / 3 * 2 * np.outer(rge.CHARGES["H"], rge.CHARGES["H"]) + 1 / 3 * np.outer([0, q_phi], [0, q_phi])
        sums += 1 / 3 * n_s * np.outer(rge.CHARGES["S"], rge.CHARGES["S"])
        np.testing.assert_allclose(rge.abelian_sums(q_phi, s1), (sums[0, 0], sums[0, 1], sums[1, 1]), rtol=1e-14)
    for q_phi, last in ((3.0, 612.0), (0.5, 577.0)):
        yy, yx, xx = rge.abelian_sums(q_phi, s1=False)
        # (192 gY gX + (86 gY^2 + ...) eps)/(192 pi^2) in units of 1/(16 pi^2)
        np.testing.assert_allclose([12 * 2 * yx, 12 * yy, 12 * xx], [192.0, 86.0, last], rtol=1e-14)
    # no leptoquarks, no X: the Standard Model's 41/6
    assert rge.abelian_sums()[0] - 12 / 3 / 9 == pytest.approx(41 / 6, rel=1e-14)


def zero():
    c = {k: jnp.zeros(()) for k in (*rge.GAUGE, *rge.QUARTIC, "y_mu", "y_nu", *rge.MASSES)}
    c |= {k: jnp.zeros((3, 3)) for k in ("y_u", "y_d")}
    return c | {k: jnp.zeros(3) for k in ("eta3", "eta1L", "eta1R", "etat")}


def test_limits():
    """Standard Model top and Higgs couplings; O(N) models; the paper's footnote 2; charge combinations without mixing."""
    y_t, l_h, g3, g2, g_y = 0.9, 0.3, 1.1, 0.6, 0.35
    c = zero() | {"y_u": jnp.diag(jnp.array([0, 0, y_t])), "lH": jnp.array(l_h)}
    c |= {"g3": jnp.array(g3), "g2": jnp.array(g2), "gY": jnp.array(g_y)}
    b = rge.beta(c)
    sm_yt = y_t * (4.5 * y_t**2 - 8 * g3**2 - 9 / 4 * g2**2 - 17 / 12 * g_y**2)
    assert float(b["y_u"][2, 2]) * rge.LOOP == pytest.approx(sm_yt, rel=1e-13)
    # V = lambda |H|^4 with lambda = lH/2 has beta 24 lambda^2 + ... : for lH
    sm = 12 * l_h**2 + 12 * l_h * y_t**2 - 12 * y_t**4 - l_h * (9 * g2**2 + 3 * g_y**2)
    sm += 2.25 * g2**4 + 1.5 * g2**2 * g_y**2 + 0.75 * g_y**4
    assert float(b["lH"]) * rge.LOOP == pytest.approx(sm, rel=1e-13)
    for name, factor in (("lH", 12), ("l1", 14), ("l3", 26)):
        assert float(rge.beta_quartic(zero() | {name: jnp.array(0.7)})[name]) == pytest.approx(factor * 0.49, rel=1e-14)
    b = rge.beta(zero() | {"gX": jnp.array(0.3)})
    assert float(b["l3"]) == pytest.approx(1024 * 0.3**4 / (27 * math.pi**2), rel=1e-13)
    for field, eta in (("y_u", 17 / 12), ("eta3", 5 / 6), ("eta1L", 5 / 6), ("eta1R", 13 / 3), ("y_mu", 15 / 4)):
        shape = zero()[field]
        tiny = {field: shape.at[..., -1].set(1e-9) if shape.ndim else jnp.array(1e-9)}
        for g, per in (("gY", eta), ("gX", {"y_u": 2 / 3, "y_mu": 54.0}.get(field, 82 / 3))):
            value = rge.beta_yukawa(zero() | tiny | {g: jnp.array(1.0)})[field]
            assert float(value.ravel()[-1]) == pytest.approx(-per * 1e-9, rel=1e-12)


def test_exact_gauge_solution():
    """The closed form solves the equations: its derivative is the beta function; and the pole of gX is where it says."""
    for t in (0.0, 3.0, 20.0):
        f = lambda t: jnp.stack(rge.exact_abelian(t, 0.3641, 0.1, 0.1))  # noqa: E731
        g_y, g_x, eps = f(t)
        c = {"g3": 1.0, "g2": 0.6, "gY": g_y, "gX": g_x, "eps": eps}
        b = rge.beta_gauge(c)
        slopes = jax.jacfwd(f)(t)
        np.testing.assert_allclose(slopes * rge.LOOP, [b["gY"], b["gX"], b["eps"]], rtol=1e-12)
        three = lambda t: rge.exact_nonabelian(t, 1.0063, -19 / 3)  # noqa: E731
        assert float(jax.grad(three)(t)) * rge.LOOP == pytest.approx(-19 / 3 * float(three(t)) ** 3, rel=1e-12)
    # notes of arXiv:2103.13991: gX = .1166, eps = .385, gY = .486, g2 = .575, g3 = .508 at the Planck mass
    t = math.log(1.22e19 / 3000.0)
    np.testing.assert_allclose(rge.exact_abelian(t, 0.3641, 0.1, 0.1), [0.486, 0.1166, 0.385], atol=6e-4)
    np.testing.assert_allclose(
        [rge.exact_nonabelian(t, 0.6328, -7 / 6), rge.exact_nonabelian(t, 1.0063, -19 / 3)], [0.575, 0.508], atol=6e-4
    )
    pole = 8 * math.pi**2 / (523 / 9 * 0.25**2)
    assert np.isfinite(float(rge.exact_abelian(0.999 * pole, 0.36, 0.25, 0.0)[1]))
    assert np.isnan(float(rge.exact_abelian(1.001 * pole, 0.36, 0.25, 0.0)[1]))
    # shift of eps up to the Planck mass for different starting values
    for eps0, shift in ((0.1, 0.285), (0.0, 0.229), (-0.1, 0.17), (0.3, 0.40)):
        assert float(rge.exact_abelian(t, 0.3641, 0.1, eps0)[2]) - eps0 == pytest.approx(shift, abs=5e-3)
    # paper: "O(1)" per gX for the light X of footnote 6; 1.35-1.8 for eps << gX, 2.1 for eps = gX
    assert 1.35 < float(rge.exact_abelian(t, 0.3641, 1e-3, 0.0, s1=False)[2]) / 1e-3 < 1.8


def test_batches_and_gradients():
    """A batch axis at the end gives what single points give, 1e-14 of the largest term; gradients are finite at zero couplings."""
    one, two = couplings(3), couplings(4)
    both = {k: jnp.stack([one[k], two[k]], axis=-1) for k in one}
    beta = jax.jit(rge.beta)
    out = beta(both)
    for k, (p, q) in enumerate([(one, beta(one)), (two, beta(two))]):
        assert set(q) == set(p)
        for name in q:
            np.testing.assert_allclose(out[name][..., k], q[name], rtol=1e-12, atol=1e-12)
    grads = jax.jit(jax.grad(lambda c: sum(jnp.sum(v) for v in rge.beta(c).values())))(zero())
    assert all(np.all(np.isfinite(v)) for v in grads.values())
    f32 = {k: v.astype(jnp.float32) for k, v in one.items()}
    low, full = beta(f32), beta(one)
    for name, v in low.items():
        assert v.dtype == jnp.float32
        # cancellation between terms of order one hundred
        np.testing.assert_allclose(v, full[name], atol=1e-4)
    assert float(rge.stability(zero() | {k: jnp.array(0.1) for k in ("lH", "lPhi", "l1", "l3")})) == pytest.approx(0.1)
    unstable = zero() | {k: jnp.array(0.1) for k in ("lH", "lPhi", "l1", "l3")} | {"n3": jnp.array(-0.4)}
    assert float(rge.stability(unstable)) == pytest.approx(-0.3)


# -- two loops ----------------------------------------------------------------------------------------------------------


def test_content_gives_the_one_loop_sums():
    """The table of multiplets behind the two-loop terms: 2/3 per Weyl fermion and 1/3 per complex scalar."""
    sums = np.zeros(3)
    for weight, rows in ((2 / 3, rge.FERMIONS), (1 / 3, rge.SCALARS)):
        for copies, d3, d2, y, x in rows:
            x = 3.0 if np.isnan(x) else x
            sums += weight * copies * d3 * d2 * np.array([y * y, y * x, x * x])
    np.testing.assert_allclose(sums, rge.abelian_sums(3.0), rtol=1e-14)


def test_two_loop_standard_model():
    """b_ij of the Standard Model (Machacek, Vaughn 1983; without the factor 3/5 of SU(5)): rows Y, 2, 3; and the top's share."""
    fermions = [
        (3, *row[1:4], 0.0) for row in ((3, 3, 2, 1 / 6), (3, 3, 1, 2 / 3), (3, 3, 1, -1 / 3), (3, 1, 2, -1 / 2), (3, 1, 1, -1))
    ]
    content = {"fermions": fermions, "scalars": [(1, 1, 2, 1 / 2, 0.0)]}
    expected = np.array([[199 / 18, 9 / 2, 44 / 3], [3 / 2, 35 / 6, 12.0], [11 / 6, 9 / 2, -26.0]])
    top = np.array([-17 / 6, -3 / 2, -2.0])
    rng = np.random.default_rng(3)
    for _ in range(3):
        g, y = rng.uniform(0.3, 1.2, 3), rng.uniform(0.5, 1.0)
        c = {"gY": g[0], "g2": g[1], "g3": g[2], "gX": 0.2, "eps": 0.0, "y_u": jnp.zeros((3, 3)).at[2, 2].set(y)}
        out = rge.beta_gauge_two_loop(c, **content)
        want = g**3 * (expected @ g**2 + top * y * y)
        np.testing.assert_allclose([out["gY"], out["g2"], out["g3"]], want, rtol=1e-12)


def test_two_loop_mixing_is_a_rotation():
    """Only products of charges with couplings matter: in a basis where X is X + a Y, the same matrix of self-energies.

    The sums are bilinear in (gY y, gX x), so doubling every x and halving gX changes nothing but the scale of gX."""
    c = {
        "g3": 1.0,
        "g2": 0.6,
        "gY": 0.4,
        "gX": 0.3,
        "eps": 0.2,
        "eta3": jnp.array([0.1, 0.2, 0.4]),
        "eta1R": jnp.array([0.0, 0.1, 0.3]),
    }
    one = rge.beta_gauge_two_loop({k: v for k, v in c.items() if not k.startswith("eta")}, 3.0)
    twice = [[(n, a, b, y, 2 * (3.0 if np.isnan(x) else x)) for n, a, b, y, x in rows] for rows in (rge.FERMIONS, rge.SCALARS)]
    plain = {k: v for k, v in c.items() if not k.startswith("eta")} | {"gX": 0.15}
    two = rge.beta_gauge_two_loop(plain, fermions=twice[0], scalars=twice[1])
    for k, factor in (("g3", 1.0), ("g2", 1.0), ("gY", 1.0), ("gX", 0.5), ("eps", 1.0)):
        assert float(two[k]) == pytest.approx(factor * float(one[k]), rel=1e-13)
    # Yukawa couplings only slow gauge couplings down: -sum of charges squared
    full = rge.beta_gauge_two_loop(c, 3.0)
    s3 = 18 * (0.01 + 0.04 + 0.16) * (4 / 3) / 8 + 3 * (0.01 + 0.09) * (4 / 3) / 8
    assert float(full["g3"] - one["g3"]) == pytest.approx(-s3, rel=1e-12)
