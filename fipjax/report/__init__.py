"""One page that shows what was run and what came out: ``fipjax report``.

>>> from fipjax.report import write_report
>>> write_report(["fit.json", "posterior.nc", "scan.zarr"], "report.html")
"""

from __future__ import annotations

from fipjax.report.page import render, write_report
from fipjax.report.results import Results, collect

__all__ = ["Results", "collect", "render", "write_report"]
