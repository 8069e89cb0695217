"""Pictures of scans, fits and posteriors, ready for print.

>>> import fipjax
>>> figure = fipjax.plot("scan.zarr", x="m_V", y="C4_mumuV")
>>> figure.savefig("regions.pdf")
"""

from __future__ import annotations

from fipjax.plotting.bounds import plot_bounds
from fipjax.plotting.figures import load, plot, plot_corner, plot_file, plot_pulls, plot_scan, plot_spectrum
from fipjax.plotting.style import Figure, save

__all__ = [
    "Figure",
    "load",
    "plot",
    "plot_bounds",
    "plot_corner",
    "plot_file",
    "plot_pulls",
    "plot_scan",
    "plot_spectrum",
    "save",
]
