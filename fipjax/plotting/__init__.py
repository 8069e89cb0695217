"""Pictures of scans, fits, posteriors and models, ready for print.

>>> import fipjax
>>> figure = fipjax.plot("scan.zarr", x="m_V", y="C4_mumuV")
>>> figure.savefig("regions.pdf")
"""

from __future__ import annotations

from fipjax.plotting.bounds import plot_bounds
from fipjax.plotting.corner import plot_corner
from fipjax.plotting.files import load, plot, plot_file
from fipjax.plotting.fits import plot_pulls, plot_spectrum
from fipjax.plotting.flows import running
from fipjax.plotting.planes import exclusion
from fipjax.plotting.scans import plot_profile, plot_scan
from fipjax.plotting.spectra import spectrum
from fipjax.plotting.style import Figure, save

__all__ = [
    "Figure",
    "exclusion",
    "load",
    "plot",
    "plot_bounds",
    "plot_corner",
    "plot_file",
    "plot_profile",
    "plot_pulls",
    "plot_scan",
    "plot_spectrum",
    "running",
    "save",
    "spectrum",
]
