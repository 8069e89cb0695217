"""Measured values: the shipped sets, the user's own, and how they are combined into a Gaussian likelihood.

A *set* is one TOML file: a publication with its measurements and their correlation.  A *vintage* is a choice of sets.
"""

from fipjax.data._measurements import (
    VINTAGES,
    Dataset,
    Measurement,
    MeasurementSet,
    a_mu_sm,
    list_sets,
    load_set,
    select,
)

__all__ = ["VINTAGES", "Dataset", "Measurement", "MeasurementSet", "a_mu_sm", "list_sets", "load_set", "select"]
