"""Everything that draws, under one name; the code is in :mod:`~fipjax.plotting.scans`, :mod:`~fipjax.plotting.fits`,
:mod:`~fipjax.plotting.corner` and :mod:`~fipjax.plotting.files`.

Every function returns a :class:`matplotlib.figure.Figure` at print size, in the style of
:mod:`fipjax.plotting.style`; :func:`fipjax.plotting.style.save` writes it.
"""

from __future__ import annotations

from fipjax.plotting._common import DELTA_CHI2, PROBABILITIES, SIGMAS
from fipjax.plotting.corner import MAX_COLUMNS, density_2d, plot_corner, thresholds
from fipjax.plotting.files import MIN_BINS, load, plot, plot_file
from fipjax.plotting.fits import plot_pulls, plot_spectrum
from fipjax.plotting.scans import plot_profile, plot_scan

__all__ = [
    "DELTA_CHI2",
    "MAX_COLUMNS",
    "MIN_BINS",
    "PROBABILITIES",
    "SIGMAS",
    "density_2d",
    "load",
    "plot",
    "plot_corner",
    "plot_file",
    "plot_profile",
    "plot_pulls",
    "plot_scan",
    "plot_spectrum",
    "thresholds",
]
