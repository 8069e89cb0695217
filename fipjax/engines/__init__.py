"""Engines: scans, best fits and posteriors from one likelihood."""
