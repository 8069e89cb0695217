"""Shared by the tests: float64 before anything is traced, strict shapes; the example scripts as modules."""

import importlib
import sys
from pathlib import Path

import jax
import pytest

jax.config.update("jax_enable_x64", True)

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="session")
def load():
    """Imports an example by name."""
    sys.path.insert(0, str(EXAMPLES))
    yield importlib.import_module
    sys.path.remove(str(EXAMPLES))
