"""Analyses of single papers that are more than a likelihood: renormalisation-group flow, reduced fits.

Submodules are imported on demand: ``fipjax.analysis.running`` needs the optional dependency diffrax (extra "rge").
"""
