"""Run files: one TOML file says model, data and what to do.

plugins = ["mine.py"]         # your own observables, bounds, measurements, models (docs/own_model.md); optional

[model]
name = "deft44"               # or "mymodel.py:NAME"; paths are relative to the run file
region = "high"

[parameters.gamma_V]          # replaces the model's prior, or fixes the parameter
fixed = 0.1

[data]
vintage = "2021"
use = ["LHCb:1403.8044:B+->Kmumu", "a_mu"]

[scan]
[scan.grid.m_V]
min = 2.0
max = 20.0
n = 100
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fipjax.errors import InputError, unknown

# section -> key -> (types, what is allowed)
_TEXT, _LIST, _INT, _NUM, _BOOL = "a text", "a list of texts", "a positive integer", "a number", "true or false"
_TEXT_LIST = "a text or a list of texts"
SECTIONS: dict[str, dict[str, str]] = {
    "model": {"name": _TEXT, "region": _TEXT},
    "data": {
        "vintage": _TEXT,
        "use": _LIST,
        "drop": _LIST,
        "measurements": _LIST,
        "constraints": _TEXT_LIST,
        "uncertainties": _TEXT,
        "conventions": _TEXT,
        "charmonium": _BOOL,
        "draws": _INT,
        "seed": _INT,
    },
    "scan": {
        "method": _TEXT,
        "n": _INT,
        "chunk": _INT,
        "seed": _INT,
        "grid": "tables",
        # method adaptive
        "levels": _INT,
        "threshold": _NUM,
        "safety": _NUM,
        "max_points": _INT,
        "cuts": _BOOL,
        "seeds": "a fit file or a list of tables",
    },
    "fit": {"starts": _INT, "maxiter": _INT, "seed": _INT, "with_prior": _BOOL},
    "sample": {
        "method": "nuts or smc",
        "chains": _INT,
        "warmup": _INT,
        "draws": _INT,
        "seed": _INT,
        "thin": _INT,
        "target_accept": _NUM,
        "max_tree_depth": _INT,
        "dense_mass": _BOOL,
        # method smc
        "particles": _INT,
        "repeats": _INT,
        "moves": _INT,
        "target_ess": _NUM,
        "cells": _INT,
    },
    "profile": {
        "parameters": _LIST,
        "points": "a positive integer or a list of them",
        "range": "[min, max], or one such pair for each parameter",
        "scale": _TEXT_LIST,
        "starts": _INT,
        "sweeps": _INT,
        "maxiter": _INT,
        "seed": _INT,
        "with_prior": 'true, false or "gaussian"',
    },
    "parameters": {},
}


PRIOR_KEYS = ("fixed", "prior", "min", "max", "sign", "mean", "sigma")


@dataclass(frozen=True)
class RunFile:
    """Validated content of a run file; ``path`` is where it came from."""

    path: str
    model: str
    region: str | None
    parameters: dict[str, dict[str, Any]]
    data: dict[str, Any]
    scan: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)
    sample: dict[str, Any] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()

    @property
    def model_reference(self) -> str:
        """The model, a file of the user's own with its path."""
        from fipjax import plugins

        return str(Path(self.path).parent / self.model) if plugins.is_reference(self.model) else self.model

    def likelihood(self):
        """The Likelihood that the file describes."""
        from fipjax import plugins
        from fipjax.likelihood import Likelihood

        data = dict(self.data)
        vintage = data.pop("vintage", "latest")
        constraints = data.pop("constraints", "all")
        base = Path(self.path).parent
        own = {p.path: p for p in (*plugins.load_plugins(self.plugins, base).files, *plugins.COMMAND_LINE)}
        data["measurements"] = [base / m for m in data.pop("measurements", [])] + [m for p in own.values() for m in p.measurements]
        fixed = {n: t["fixed"] for n, t in self.parameters.items() if "fixed" in t}
        priors = {n: t for n, t in self.parameters.items() if "fixed" not in t}
        return Likelihood(self.model_reference, vintage, constraints, region=self.region, priors=priors, fixed=fixed, **data)


def _check(where: str, key: str, value: Any, allowed: str) -> None:
    def whole(v):
        return isinstance(v, int) and not isinstance(v, bool)

    def pair(v):
        return isinstance(v, list) and len(v) == 2 and all(whole(n) or isinstance(n, float) for n in v)

    is_int = whole(value)
    ok = {
        _TEXT: isinstance(value, str),
        _LIST: isinstance(value, list) and all(isinstance(v, str) for v in value),
        _INT: is_int and value >= (0 if key == "seed" else 1),
        _NUM: is_int or isinstance(value, float),
        _BOOL: isinstance(value, bool),
        _TEXT_LIST: isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value)),
        "nuts or smc": value in ("nuts", "smc"),
        "a positive integer or a list of them": all(whole(v) and v >= 1 for v in (value if isinstance(value, list) else [value])),
        "[min, max], or one such pair for each parameter": pair(value) or (isinstance(value, list) and all(map(pair, value))),
        'true, false or "gaussian"': isinstance(value, bool) or value == "gaussian",
        "a fit file or a list of tables": isinstance(value, str)
        or (isinstance(value, list) and all(isinstance(v, dict) for v in value)),
        "tables": isinstance(value, dict) and all(isinstance(v, (dict, list)) for v in value.values()),
    }[allowed]
    if not ok:
        raise InputError(f"{where}: {key} = {value!r} (allowed: {allowed})")


NUTS_ONLY = ("chains", "warmup", "draws", "thin", "target_accept", "max_tree_depth", "dense_mass")
SMC_ONLY = ("particles", "repeats", "moves", "target_ess", "cells")


def _check_sampler(name: str, sample: dict[str, Any]) -> None:
    """Keys of the other sampler are a mistake, not a detail to pass over."""
    method = sample.get("method", "nuts")
    other = SMC_ONLY if method == "nuts" else NUTS_ONLY
    for key in sample:
        if key in other:
            mine = NUTS_ONLY if method == "nuts" else SMC_ONLY
            raise InputError(f"{name} [sample]: {key} does not belong to method {method!r} (allowed: {', '.join(mine)}, seed)")


def load_run(path: str | Path) -> RunFile:
    """Read and validate a run file; InputError with one line that names file, section, key, value and what is allowed."""
    name = Path(path).name
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"cannot read run file {str(path)!r}: {err}") from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise InputError(f"run file {str(path)!r} is not valid TOML: {err}") from None
    plugins = raw.pop("plugins", [])
    _check(name, "plugins", plugins, _LIST)
    for section, content in raw.items():
        if section not in SECTIONS:
            raise unknown(f"section in {name}", section, [*SECTIONS, "plugins"])
        if not isinstance(content, dict):
            raise InputError(f"{name}: {section} = {content!r} (allowed: a table [{section}])")
        if section == "parameters":
            for p, t in content.items():
                if not isinstance(t, dict):
                    raise InputError(f"{name}: parameters.{p} = {t!r} (allowed: a table with 'fixed' or a prior)")
                if "fixed" in t and len(t) > 1:
                    raise InputError(f"{name}: parameters.{p} has 'fixed' and a prior (allowed: one of them)")
                if not t:
                    raise InputError(f"{name}: parameters.{p} is empty (allowed: 'fixed' or a prior)")
                for key in t:
                    if key not in PRIOR_KEYS:
                        raise unknown(f"key in [parameters.{p}] of {name}", key, PRIOR_KEYS)
            continue
        for key, value in content.items():
            if key not in SECTIONS[section]:
                raise unknown(f"key in [{section}] of {name}", key, SECTIONS[section])
            _check(f"{name} [{section}]", key, value, SECTIONS[section][key])
    _check_sampler(name, raw.get("sample", {}))
    model = raw.get("model", {})
    if "name" not in model:
        raise InputError(f"{name}: model.name is missing (allowed: a model; see 'fipjax models')")
    return RunFile(
        str(path),
        model["name"],
        model.get("region"),
        raw.get("parameters", {}),
        raw.get("data", {}),
        raw.get("scan", {}),
        raw.get("fit", {}),
        raw.get("sample", {}),
        raw.get("profile", {}),
        tuple(plugins),
    )
