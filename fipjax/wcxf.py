"""Wilson coefficients of a point in the exchange format WCxf (arXiv:1712.05298): EFT "WET", basis "flavio".

The coefficients of a Theory are defined at 4.8 GeV (b -> s l l, b -> s gamma, b -> s nu nu) and 4.2 GeV (Delta B = 2); a WCxf file
has one scale, so a point may need two files.  WCxf holds constants.  A light mediator has coefficients that depend on q^2: what
goes into a file is their value at one q^2, or the heavy part alone, and the caller has to say which.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fipjax._version import __version__
from fipjax.errors import InputError, MissingDependency
from fipjax.hadronic import MU_B, MU_MIX, default_inputs, derive
from fipjax.likelihood import build_theory
from fipjax.models import Model, get_model
from fipjax.observables.bsll import coefficients
from fipjax.observables.mixing import exchange
from fipjax.prediction import check_parameters
from fipjax.theory import ScalarMediator, Theory, VectorMediator, couples_to_bs, propagating
from fipkernels.breit_wigner import inverse_propagator

EFT, BASIS = "WET", "flavio"
_LEPTONS = {"mumu": "m_mu", "ee": "m_e"}
_MIXING = ("CVLL", "CVRR", "CVLR", "CSLL", "CSRR", "CSLR")
#: imaginary part of the propagator, relative to its size, above which its strong phase is worth a remark
_PHASE = 1e-3


@lru_cache(maxsize=1)
def _constants() -> dict[str, Any]:
    par = default_inputs().central()
    keep = ("n", "m_b", "m_s", "m_b_mix", "m_s_mix")
    out = jax.jit(lambda p: {k: v for k, v in derive(p).items() if k in keep})(par)
    return {k: complex(v) if k == "n" else float(v) for k, v in out.items()} | {k: par[k] for k in ("m_mu", "m_e", "m_Bs")}


@dataclass(frozen=True)
class Coefficients:
    """``at_b``, ``at_mix``: name -> complex value at 4.8 GeV, and of Delta B = 2 at 4.2 GeV.  notes: what the numbers leave out."""

    at_b: dict[str, complex]
    at_mix: dict[str, complex]
    notes: list[str] = field(default_factory=list)


def point_theory(model: str | Model, params: Mapping[str, Any], conventions: str = "default") -> Theory:
    """Theory of one point, arrays of shape (1,).  Raises InputError as :func:`fipjax.predict`, and for more than one point."""
    m = get_model(model)
    flat, shape = check_parameters(m, params)
    if math.prod(shape) != 1:
        raise InputError(f"parameters of {math.prod(shape)} points (allowed: one point)")
    return build_theory(m, {n: jnp.asarray(a) for n, a in flat.items()}, conventions)


def light_sources(theory: Theory) -> list[VectorMediator | ScalarMediator]:
    """Mediators with non-zero couplings to b-s that give b -> s l l or mixing."""
    out = []
    for m in propagating(theory):
        couplings = [g for g in (m.bs_L, m.bs_R, getattr(m, "bs_L_strong", None)) if g is not None]
        if any(bool(np.any(np.asarray(g) != 0)) for g in couplings):
            out.append(m)
    return out


def light_at(theory: Theory, q2: float, *, conjugate: bool = False, strange_mass: bool = True) -> dict[str, complex]:
    """b -> s l l coefficients of light mediators at q2 (GeV^2): C9, C10 and, from the longitudinal part of axial exchange, C_P; of
    scalars C_S and C_P.

    conjugate: the propagator's strong phase reversed, so that a program that conjugates the whole number in the CP-conjugate decay
    arrives at what belongs there.  strange_mass: with the equation of motion of the s quark, C_P' = -m_s/m_b C_P; without it for
    programs that neglect m_s in B -> K(*) l l, as flavio and fipjax do.
    """
    c = _constants()
    ratio = c["m_s"] / c["m_b"] if strange_mass else 0.0
    at = jnp.asarray([float(q2)])
    out: dict[str, complex] = {}

    def add(name: str, value: complex) -> None:
        if value != 0:
            out[name] = out.get(name, 0.0) + value

    for lepton, mass in _LEPTONS.items():
        parts = coefficients(theory, lepton, c["m_b"])
        for source, med in enumerate(propagating(theory)):
            re, im = inverse_propagator(at, med.mass, med.width, med.propagator)
            d = complex(re[0], -im[0] if conjugate else im[0]) / c["n"]
            sign = -1j if conjugate else 1j

            def value(op, parts=parts, source=source, d=d, sign=sign):
                weak, strong = (complex(parts.coupling(source, op, at, absorptive)[0]) for absorptive in (False, True))
                return (weak + sign * strong) * d

            for prime, other in (("", "p"), ("p", "")):
                add(f"C9{prime}_bs{lepton}", value("9" + prime))
                c10 = value("10" + prime)
                add(f"C10{prime}_bs{lepton}", c10)
                # longitudinal part of the exchange beyond that of a contact interaction; equations of motion of b and s
                extra = 2.0 * c[mass] / float(q2) * (value("H" + prime) - c10)
                add(f"CP{prime}_bs{lepton}", extra)
                add(f"CP{other}_bs{lepton}", -ratio * extra)
                for op in ("S", "P"):
                    add(f"C{op}{prime}_bs{lepton}", value(op + prime))
    return out


def mixing_at(theory: Theory) -> dict[str, complex]:
    """Delta B = 2 coefficients of the light mediators, dispersive part, at q^2 = m_Bs^2 as in DeltaM_s; GeV^-2, at 4.2 GeV."""
    c = _constants()
    out: dict[str, complex] = {}
    tables = {"m": c["m_Bs"], "m_b": c["m_b_mix"], "m_s": c["m_s_mix"], "running": c["m_b_mix"] / c["m_b"]}
    for med in light_sources(theory):
        if not couples_to_bs(med):
            continue
        for op in _MIXING:
            m12, _ = exchange(med, tables, {k: float(k == op) for k in _MIXING})
            # M12 = -C <O>
            value = -complex(m12[0])
            if value != 0:
                out[f"{op}_bsbs"] = out.get(f"{op}_bsbs", 0.0) + value
    return out


def heavy(theory: Theory) -> tuple[dict[str, complex], dict[str, complex]]:
    """Constant coefficients that are not 0: (at 4.8 GeV, Delta B = 2 at 4.2 GeV)."""
    at_b: dict[str, complex] = {}
    at_mix: dict[str, complex] = {}
    for name, v in theory.wc.items():
        value = complex(np.asarray(v).reshape(-1)[0])
        if not np.isfinite(value):
            raise InputError(f"Wilson coefficient {name} = {value} (allowed: finite)")
        if value != 0:
            (at_mix if name.endswith(("_bsbs", "_bdbd")) else at_b)[name] = value
    return at_b, at_mix


def point_coefficients(theory: Theory, q2: float | None = None, heavy_only: bool = False) -> Coefficients:
    """Wilson coefficients of a theory of one point.

    q2: GeV^2 at which light mediators are taken; heavy_only: leave them out.  InputError if there are any and neither is given.
    """
    if q2 is not None and heavy_only:
        raise InputError("q2 and heavy_only together (allowed: one of them)")
    if q2 is not None and not (math.isfinite(q2) and q2 > 0):
        raise InputError(f"q2 = {q2} (allowed: > 0 GeV^2)")
    light = light_sources(theory)
    if light and q2 is None and not heavy_only:
        which = ", ".join(f"{m.name} at {float(np.asarray(m.mass).reshape(-1)[0]):.4g} GeV" for m in light)
        raise InputError(
            f"light mediator {which}: its coefficients depend on q^2, WCxf holds constants (allowed: --q2 NUMBER for their values "
            "at one q^2 in GeV^2, or --heavy-only to leave them out)"
        )
    at_b, at_mix = heavy(theory)
    notes = []
    if theory.a_mu is not None and bool(np.any(np.asarray(theory.a_mu) != 0)):
        notes.append(f"not in the file: the shift of a_mu, {float(np.asarray(theory.a_mu).reshape(-1)[0]):.4g}")
    if light and heavy_only:
        notes.append(f"not in the file: exchange of {', '.join(m.name for m in light)}")
    if light and q2 is not None:
        for name, v in light_at(theory, q2).items():
            at_b[name] = at_b.get(name, 0.0) + v
        for name, v in mixing_at(theory).items():
            at_mix[name] = at_mix.get(name, 0.0) + v
        notes.append(f"light mediators at q^2 = {q2:g} GeV^2 (mixing: m_Bs^2): the numbers hold for observables at that q^2 only")
        re, im = zip(*(inverse_propagator(jnp.asarray(float(q2)), m.mass, m.width, m.propagator) for m in light), strict=True)
        if max(float(abs(b[0])) / math.hypot(float(a[0]), float(b[0])) for a, b in zip(re, im, strict=True)) > _PHASE:
            notes.append("the phase of the propagator is a strong one; programs that read the file take it for a weak phase")
        if any(m.scheme == "narrow" for m in light):
            notes.append("the model's own recipe for bins (narrow width) is not that of a constant")
        if any(g is not None for m in light if isinstance(m, VectorMediator) for g in (m.nue_L, m.numu_L, m.nutau_L)):
            notes.append("not in the file: b -> s nu nu by the mediator")
    return Coefficients({k: v for k, v in at_b.items() if v != 0}, {k: v for k, v in at_mix.items() if v != 0}, notes)


def _number(v: complex) -> float | dict[str, float]:
    return {"Re": float(v.real), "Im": float(v.imag)} if complex(v).imag != 0 else float(complex(v).real)


def to_wcxf(
    model: str | Model,
    params: Mapping[str, Any],
    *,
    q2: float | None = None,
    heavy_only: bool = False,
    conventions: str = "default",
) -> list[dict[str, Any]]:
    """WCxf content of one point: dicts eft, basis, scale, values, metadata, one per scale (4.8 GeV, and 4.2 GeV for mixing).

    model, params: as for :func:`fipjax.predict`, one point.  q2: GeV^2 at which light mediators are taken; heavy_only: leave them
    out.  ``json.dump`` each into a file of its own, or give it to ``wcxf.WC(**content)``.
    Raises InputError for bad parameters, and for a light mediator with neither q2 nor heavy_only.
    """
    m = get_model(model)
    c = point_coefficients(point_theory(m, params, conventions), q2, heavy_only)
    about = f"fipjax {__version__}, model {m.name}"
    shown = {k: _number(complex(np.asarray(v).reshape(-1)[0])) for k, v in params.items()}
    out = []
    for scale, values in ((MU_B, c.at_b), (MU_MIX, c.at_mix)):
        if values or (scale == MU_B and not c.at_mix):
            meta = {"generator": about, "parameters": shown, "notes": c.notes}
            numbers = {k: _number(v) for k, v in sorted(values.items())}
            out.append({"eft": EFT, "basis": BASIS, "scale": scale, "values": numbers, "metadata": meta})
    return out


def write_wcxf(contents: list[dict[str, Any]], path: str | os.PathLike) -> list[Path]:
    """Write what :func:`to_wcxf` returned.

    The first to ``path`` (.json, .yml or .yaml), the second beside it with its scale in the name.  Returns the paths.
    Raises InputError if a file cannot be written, MissingDependency for YAML without PyYAML.
    """
    first = Path(path)
    if first.suffix not in (".json", ".yml", ".yaml"):
        raise InputError(f"output {str(path)!r} (allowed: a name that ends in .json, .yml or .yaml)")
    out = []
    for i, content in enumerate(contents):
        target = first if i == 0 else first.with_name(f"{first.stem}_{content['scale']:g}GeV{first.suffix}")
        if first.suffix == ".json":
            text = json.dumps(content, indent=2, allow_nan=False) + "\n"
        else:
            try:
                import yaml
            except ImportError:
                raise MissingDependency('YAML needs PyYAML (pip install "fipjax[yaml]")') from None
            text = yaml.safe_dump(content, sort_keys=False)
        try:
            target.write_text(text, encoding="utf-8")
        except OSError as err:
            raise InputError(f"cannot write {str(target)!r}: {err.strerror or err}") from None
        out.append(target)
    return out
