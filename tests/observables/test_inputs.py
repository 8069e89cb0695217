"""The inputs that ship with fipjax: published numbers, form factor fits, correlations, draws."""

from collections import Counter

import numpy as np
import pytest

from fipjax.hadronic import default_inputs

INPUTS = default_inputs()
SIGMA = dict(zip(INPUTS.names, INPUTS.sigma, strict=True))
CENTRAL = INPUTS.central()

FITS = {
    "B->K BSZ": 8,
    "B->K* BSZ": 19,
    "Bs->phi BSZ": 19,
    "Lambdab->Lambda SSE": 28,
    "Lambdab->Lambda nominal": 18,
}


def names_of(prefix):
    return [n for n in INPUTS.names if n.startswith(prefix + " ")]


@pytest.mark.parametrize("prefix,count", FITS.items())
def test_form_factor_fits_are_one_block(prefix, count):
    """All coefficients of a fit are in one correlation block, with a positive-definite covariance and no other member."""
    names = names_of(prefix)
    assert len(names) == count
    blocks = [{INPUTS.names[i] for i in idx} for idx, _ in INPUTS.blocks]
    assert set(names) in blocks
    # the eigenvalues of the correlation matrix have no units; those of the covariance span what the errors span
    assert np.linalg.eigvalsh(INPUTS.correlation(names)).min() > 1e-4
    assert np.linalg.eigvalsh(INPUTS.covariance(names)).min() > 0


def test_coefficients_fixed_by_exact_relations_are_no_parameters():
    for process in ("B->K*", "Bs->phi"):
        for fixed in ("a0_A12", "a0_T2"):
            assert f"{process} BSZ {fixed}" not in INPUTS.names
    for fit in ("SSE", "nominal"):
        for fixed in ("a0_fAperp", "a0_fT5perp"):
            assert f"Lambdab->Lambda {fit} {fixed}" not in INPUTS.names


@pytest.mark.parametrize(
    "name,value,sigma",
    [
        # arXiv:1503.05534v2, combined fit, rounded
        ("B->K* BSZ a0_A0", 0.369, 0.029),
        ("B->K* BSZ a0_A1", 0.30, 0.03),
        ("B->K* BSZ a0_V", 0.38, 0.03),
        ("B->K* BSZ a1_T2", 0.50, 0.17),
        ("B->K* BSZ a2_T23", 3.82, 2.20),
        ("Bs->phi BSZ a0_A0", 0.42, 0.02),
        ("Bs->phi BSZ a0_T1", 0.30, 0.01),
        # arXiv:1602.01399, nominal fit and higher-order fit
        ("Lambdab->Lambda nominal a0_fV0", 0.4221, 0.0188),
        ("Lambdab->Lambda nominal a1_fV0", -1.1386, 0.1683),
        ("Lambdab->Lambda SSE a0_fV0", 0.4229, 0.0274),
        ("Lambdab->Lambda SSE a2_fV0", 1.7972, 1.1506),
        # PDG 2022, arXiv:2212.10497, arXiv:1808.08917, arXiv:1503.04849
        ("m_K*0", 0.89555, 0.0002),
        ("m_Lambdab", 5.6196, 0.00017),
        ("bag_B0_1", 0.837, 0.030),
        ("Lambda->ppi alpha_-", 0.750, 0.0098),
        ("lambda_1", -0.362, 0.067),
    ],
)
def test_published_numbers(name, value, sigma):
    """To half a unit of the last digit printed here."""

    def digits(x):
        return len(f"{x}".split(".")[1])

    n = max(digits(value), digits(sigma))
    assert abs(CENTRAL[name] - value) <= 0.5001 * 10.0**-n
    assert abs(SIGMA[name] - sigma) <= 0.5001 * 10.0**-n


def test_lifetime_of_the_lambda_b():
    hbar = 6.582119569e-13  # GeV ps
    assert CENTRAL["tau_Lambdab"] * hbar == pytest.approx(1.471, abs=5e-4)


def test_every_parameter_is_in_at_most_one_block():
    """Draws mix the members of a block: a second block with the same parameter would undo the first."""
    count = Counter(INPUTS.names[i] for idx, _ in INPUTS.blocks for i in idx)
    assert max(count.values()) == 1
    assert len(set(INPUTS.names)) == len(INPUTS.names)
    for idx, m in INPUTS.blocks:
        assert m.shape == (len(idx), len(idx))
        np.testing.assert_allclose(np.diag(m), 1.0, rtol=0)
        np.testing.assert_array_equal(m, m.T)
        assert np.linalg.eigvalsh(m).min() > 0
        assert (INPUTS.sigma[idx] > 0).all()


def test_every_entry_is_documented():
    for name, entry in INPUTS.info.items():
        assert {"value", "sigma", "unit", "latex", "source", "used_by"} <= set(entry), name
        assert entry["source"] and entry["latex"] and entry["unit"], name
        assert np.all(np.asarray(entry["sigma"]) >= 0) and np.isfinite(entry["value"]), name


def test_bag_parameters_of_both_mesons_are_correlated():
    """The ratio of the two is known better than either."""
    c = INPUTS.covariance(["bag_B0_1", "bag_Bs_1"])
    d, s = CENTRAL["bag_B0_1"], CENTRAL["bag_Bs_1"]
    grad = np.array([1 / d, -1 / s])
    assert np.sqrt(grad @ c @ grad) < 0.01 < SIGMA["bag_B0_1"] / d


def test_the_two_lattice_fits_agree_at_the_end_point():
    """Nominal and higher-order fit of Lambda_b -> Lambda agree within errors at maximal q^2, where z = 0."""
    for f in ("fVt", "fV0", "fVperp", "fAt", "fA0", "fT0", "fTperp", "fT50"):
        a, b = f"Lambdab->Lambda nominal a0_{f}", f"Lambdab->Lambda SSE a0_{f}"
        assert abs(CENTRAL[a] - CENTRAL[b]) < max(SIGMA[a], SIGMA[b])
        assert SIGMA[b] > SIGMA[a]


def test_draws_reproduce_the_covariance():
    n = 4000
    draws = INPUTS.draw(n, seed=3)
    assert tuple(draws) == INPUTS.names
    x = np.array([draws[k] for k in INPUTS.names])
    fixed = INPUTS.sigma == 0
    assert (x[fixed] == INPUTS.value[fixed, None]).all()
    u = (x[~fixed] - INPUTS.value[~fixed, None]) / INPUTS.sigma[~fixed, None]
    # 5 standard deviations of a mean and of a covariance of unit normals
    assert np.abs(u.mean(axis=1)).max() < 5 / np.sqrt(n)
    want = INPUTS.correlation()[np.ix_(~fixed, ~fixed)]
    spread = np.sqrt((1 + want**2) / n)
    assert (np.abs(u @ u.T / n - want) < 5 * spread).all()
