"""Writes docs/generated/api.md: the public functions and classes of fipjax by what they are for."""

from __future__ import annotations

import importlib
from pathlib import Path

from generate_kernels import write_if_changed

OUT = Path(__file__).resolve().parent / "generated" / "api.md"

# what `import fipjax` gives, then the modules one needs for a model, an observable or a bound of one's own
GROUPS = (
    ("Predict", "fipjax", ("predict", "Prediction")),
    ("Likelihood", "fipjax", ("Likelihood",)),
    ("Engines", "fipjax", ("scan", "fit", "sample", "smc", "profile")),
    ("Results", "fipjax", ("Scan", "FitResult", "FitInterrupted", "Posterior", "SMCPosterior", "ProfileResult")),
    ("Read results back", "fipjax", ("open_scan", "load_fit", "load_posterior", "load_profile")),
    ("Pictures", "fipjax", ("plot", "plot_bounds")),
    (
        "Pictures, one kind each",
        "fipjax.plotting",
        ("plot_scan", "plot_pulls", "plot_spectrum", "plot_corner", "plot_file", "save"),
    ),
    ("Models", "fipjax", ("Model", "Parameter", "Theory", "VectorMediator", "register_model")),
    ("Lists", "fipjax", ("list_models", "list_observables", "list_constraints", "list_sets", "load_set")),
    ("Priors", "fipjax.priors", ("Flat", "LogFlat", "SignedLog", "Gaussian", "prior_from_dict")),
    ("Inputs", "fipjax.hadronic", ("Inputs", "default_inputs")),
    ("Observables of your own", "fipjax.observables.base", ("Family", "Request", "register_family", "register_group", "parse")),
    ("Bounds of your own", "fipjax.constraints.base", ("Constraint", "Context", "register_constraint", "choose")),
    ("Run files", "fipjax.runfile", ("load_run", "RunFile")),
    ("Errors", "fipjax.errors", ("InputError", "MissingDependency")),
)


def listed() -> set[str]:
    """Names of the page, with their module."""
    return {f"{module}.{name}" for _, module, names in GROUPS for name in names}


def public() -> set[str]:
    """What `import fipjax` offers."""
    import fipjax

    return {f"fipjax.{n}" for n in fipjax.__all__ if n not in ("kernels", "__version__")}


def write() -> Path:
    """The page.  A public name that no group has goes under "More", so that none is missing."""
    import fipjax

    groups = list(GROUPS)
    everywhere = {n.rpartition(".")[2] for n in listed()}
    more = sorted(n.rpartition(".")[2] for n in public() if n.rpartition(".")[2] not in everywhere)
    if more:
        groups.append(("More", "fipjax", tuple(more)))
    out = [
        "# API reference", "",
        "Everything here can be imported from `fipjax` unless a module is named. Wrong input raises"
        " `fipjax.errors.InputError` with one line:"
        " the field, its value, what is allowed. The kernels have [pages of their own](../physics.md).", "",
    ]  # fmt: skip
    for title, module, names in groups:
        out += [f"## {title}", ""]
        place = importlib.import_module(module)
        for name in names:
            thing = getattr(place, name)
            kind = "autoclass" if isinstance(thing, type) else "autofunction"
            if isinstance(thing, type) and issubclass(thing, Exception):
                kind = "autoexception"
            # the module where it lives: its docstring's cross references are relative to that
            home = f"{getattr(thing, '__module__', module)}.{name}" if not hasattr(fipjax, name) else f"fipjax.{name}"
            out += ["```{eval-rst}", f".. {kind}:: {home}", *(["   :members:"] if kind == "autoclass" else []), "```", ""]
    write_if_changed(OUT, "\n".join(out))
    return OUT
