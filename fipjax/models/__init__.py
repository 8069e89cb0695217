"""Models: parameters and one function ``params -> Theory`` each."""

from fipjax.models import dark_z, deft, light_scalar, light_x, muoquarks, split, t3r, wet  # noqa: F401  (register themselves)
from fipjax.models.base import MODELS, Model, Parameter, get_model, list_models, register_model

__all__ = ["MODELS", "Model", "Parameter", "get_model", "list_models", "register_model"]
