"""Shared settings of the tests: float64 before anything is traced, strict shapes."""

import jax

jax.config.update("jax_enable_x64", True)
