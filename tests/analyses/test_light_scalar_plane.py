"""Bounds on a light scalar in the plane of examples/light_scalar_exclusion.py against estimates of a few lines."""

import math

import numpy as np
import pytest
from load_example import load_example

POINTS = 41
M_B, M_K, M_BS, M_MU = 5.27934, 0.493677, 5.36692, 0.10566
# MS-bar masses at 4.8 GeV, GeV
QUARKS = (4.08, 0.082)
PS = 1.0 / 6.582119569e-13  # in GeV^-1


@pytest.fixture(scope="module")
def example():
    return load_example("light_scalar_exclusion")


@pytest.fixture(scope="module")
def plane(example):
    return example.figure(1e-3, "latest", POINTS)


def at(example, mass, coupling):
    """Row, column and values of the point of the grid nearest to a mass and a coupling."""
    masses, couplings = (np.geomspace(*axis[1:], POINTS) for axis in (example.MASS, example.COUPLING))
    i, j = (int(np.argmin(np.abs(np.log(grid / x)))) for grid, x in ((couplings, coupling), (masses, mass)))
    return (i, j), float(masses[j]), float(couplings[i])


def test_search_for_a_peak(example, plane):
    """BR(B+ -> K+ S) with f_0 = 0.330/(1 - q^2/37.46 GeV^2) over LHCb's limit: 1.1e-9 to 2.4e-9 within 10 steps of its scan."""
    where, m, y = at(example, 2.5, 1e-9)
    p = math.sqrt((M_B**2 - (M_K + m) ** 2) * (M_B**2 - (M_K - m) ** 2)) / (2.0 * M_B)
    current = (M_B**2 - M_K**2) / (QUARKS[0] - QUARKS[1]) * 0.330 / (1.0 - m * m / 37.46)
    rate = 1.638 * PS * y**2 * current**2 * p / (32.0 * math.pi * M_B**2)
    assert rate / 3e-9 < plane.ratios["BKV_mumu_lhcb"][where] < rate / 0.8e-9
    # y_muS drops out; Bs -> mu mu is 10^7 times weaker in the rate
    assert plane.ratios["Bs_mumu"][where] < 1.0


def test_exchange(example, plane):
    """Above m_B - m_K: |amplitude|^2 of S -> mu mu added to that of the Standard Model, by 2 % (mass of the b quark)."""
    where, m, y = at(example, 8.0, 1e-5)
    g = 1e-3 * y / (m**2 - M_BS**2)
    beta = math.sqrt(1.0 - 4.0 * M_MU**2 / M_BS**2)
    # f = 230.3 MeV; a scalar counts with 1/(1 + y_s) in the time-integrated rate
    shift = 1.516 * PS * (g * 0.2303) ** 2 * M_BS**5 * beta**3 / (32.0 * math.pi * sum(QUARKS) ** 2) / 1.064 / 3.63e-9
    want = (shift + 0.0738) / (3.0 * 0.0818)
    assert plane.ratios["Bs_mumu"][where] == pytest.approx(want, rel=0.02) and want > 10.0


def test_what_limits_what(example, plane):
    kinds = {round(m, 1): found for m, found in example.smallest(plane, POINTS)}
    low, high = (next(v for k, v in kinds.items() if a < k < b) for a, b in ((2.2, 2.8), (7.0, 9.0)))
    assert min(low, key=low.get) == "B -> K ll" and low["rare decays"] > 1e3 * low["B -> K ll"]
    assert min(high, key=high.get) == "rare decays" and "B -> K ll" not in high
    texts = [t.get_text() for t in plane.legends[0].get_texts()]
    assert any("S(" in t for t in texts) and not any("V(" in t for t in texts)
