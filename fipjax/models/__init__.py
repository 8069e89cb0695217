"""Models: parameters and one function ``params -> Theory`` each."""

from fipjax.models.base import MODELS, Model, Parameter, get_model, list_models, register_model
from fipjax.models import deft, wet  # noqa: E402,F401  (register themselves)

__all__ = ["MODELS", "Model", "Parameter", "get_model", "list_models", "register_model"]
