"""The analysis of the split dark sector (examples/split_*.py): sizes and bounds against independently calculated numbers."""

import math

import numpy as np
import pytest


def test_coupling(load):
    """Figure 2: printed values to four digits; corrected, 1 MeV and 1 GeV agree within 5 %: q2 cuts the logarithm off."""
    fig2 = load("split_fig2")
    assert fig2.report() < 5e-4
    light, heavy = (fig2.coupling(np.array([1000.0]), m, "default")[0] for m in (1e-3, 1.0))
    # |2 (4.2431 + 1.0472 i)| against 8.7103 of the expansion with half the loop factor
    assert light / fig2.CHECK[1000][0] == pytest.approx(2 * math.hypot(4.2431, 1.0472) / 8.7103, rel=2e-4)
    assert heavy / light == pytest.approx(1.044, abs=0.005)


def test_bounds(load):
    """Figure 3: bounds of the printed formulas; expected numbers have two digits, 1.3e-8 stands for 1.34e-8."""
    fig3 = load("split_fig3")
    masses = np.array([0.05, 0.5, 2.0, 4.0, 8.0])
    bound = fig3.bound(masses, "3.0", "as_printed", ("BKinv_babar",))
    np.testing.assert_allclose(bound, [fig3.CHECK[m][0] for m in masses], rtol=0.03)
    # B -> K V below the dimuon threshold, B -> K* V(mu mu) above it
    closed = fig3.closed_check(np.array([0.1, 0.5, 2.0, 4.0, 4.5]))
    np.testing.assert_allclose(closed[:4], [fig3.CHECK[m][3] for m in (0.1, 0.5, 2.0, 4.0)], rtol=0.015)
    assert np.isnan(closed[4])
    # the same from the constraint, for a V that does not decay; its window is the only bound
    assert fig3.stable(np.array([0.1]), "as_printed")[0] == pytest.approx(closed[0], rel=2e-3)


def test_boxes(load):
    """Figure 6: largest Yukawa products for one fermion, for opposite ones, and for delta_Y = 0.05."""
    fig6 = load("split_fig6")
    assert fig6.largest_y(None, "as_printed")[0] == pytest.approx(0.0871, rel=2e-3)
    assert fig6.largest_y(0.0, "as_printed") == pytest.approx((8.71, 8.71), rel=2e-3)
    assert fig6.largest_y(0.05, "as_printed") == pytest.approx((6.8, 7.5), abs=0.05)
    assert fig6.penguin(2, "as_printed") / fig6.penguin(1, "as_printed") == pytest.approx(6.1395 / 8.7103, rel=1e-4)
    # 4.2431 at 3.5 GeV^2 for 1 MeV; for 10 GeV the expansion 2.5708 holds
    assert fig6.penguin(2, "default") / fig6.penguin(1, "default") == pytest.approx((4.2431 - 2.5708) / 4.2431, rel=2e-3)


def test_planes(load):
    """Lines of Figures 4 and 5, and the points of the priors."""
    split = load("_split")
    # eq. (26) for g_A = -0.44 g_V at 1 and 5 GeV
    np.testing.assert_allclose(split.drell_yan_vector([1.0, 5.0]), [0.0579, 0.0846], rtol=1e-3)
    # eq. (14): g_V of Delta a_mu = 4e-9 at 10 GeV
    assert split.vector_shift(10.0, 6.52e-2) == pytest.approx(4e-9, rel=2e-3)
    # eq. (27), on a grid of 1.6 %, and the exact rate
    np.testing.assert_allclose(split.trident_limit(np.array([2.0, 10.0]), "as_printed"), [4e-3, 2e-2], rtol=0.02)
    np.testing.assert_allclose(split.trident_limit(np.array([2.0, 10.0]), "default"), [4.6e-3, 1.90e-2], rtol=0.04)
    model = split.two_fermions()
    p = {
        k: np.array([v])
        for k, v in {"m_V": 5.0, "r": -1.0, "g_V": 0.03, "g_D": 1.0, "m_Phi": 1e3, "m_chi1": 1e-3, "Q_Phi": 1.0}.items()
    }
    g = float(model.printed({k: split.jnp.asarray(v) for k, v in p.items()}).mediators[0].bs_L[1, 0])
    # S(x1) - S(x2) for S(x1)
    assert g == pytest.approx(-2.757944e-8 * 6.1395 / 8.7103, rel=1e-4)


@pytest.mark.validate
@pytest.mark.parametrize("conventions", ["as_printed", "default"])
def test_high_masses(load, conventions):
    """What the paper states about Figure 4: nothing at 2.5 GeV, an untuned band above M_B - M_K, no untuned point below it."""
    split = load("_split")
    like = split.likelihood(conventions, "2021", "high", draws=1000)
    x, best = split.scan(like, 100_000)
    assert best < like.sm_chi2() - 25.0
    x = split.within(x, best)
    r = split.applied(x, conventions, "2021")
    untuned = split.vector_shift(x["m_V"], x["g_V"]) < split.A_MU_MAX
    below = x["m_V"] < split.END
    assert below.sum() > 100 and not (r["all"] & below & untuned).any()
    assert not (r["recast"] & (x["m_V"] < 2.7)).any()
    assert (r["all"] & untuned).sum() > 30
