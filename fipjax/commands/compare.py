"""``fipjax compare --with flavio``: the same point in fipjax and in flavio, side by side.

Heavy new physics goes to flavio as it is.  flavio has no light mediators.  But what a bin sees of one is its rate at every q^2,
and at one q^2 a light mediator is a set of constant coefficients: rates at the nodes of a quadrature that follows the resonance
give the integral over the bin.  The phase of the propagator is a strong one, which does not change sign in the CP-conjugate decay,
while flavio conjugates every coefficient; its rate and CP asymmetry, once with C and once with the propagator conjugated, give the
rates of both decays.  That works for rates of B -> K(*) l l and their ratios, and for B_s -> l l and Delta M_s (without the
absorptive part of its exchange, which matters for a mass close to m_Bs).
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fipjax.commands import path
from fipjax.errors import InputError, MissingDependency, unknown

_VARIABLE = "FIPJAX_FLAVIO_PYTHON"
_SUGGESTED = ("<dBR/dq2>(B+->Kmumu)[1.1,6.0]", "<Rmue>(B+->Kll)[1.1,6.0]", "BR(Bs->mumu)", "DeltaM_s")
_CONSTANT = (*_SUGGESTED[:2], "<dBR/dq2>(B0->K*mumu)[1.1,6.0]", "<P5p>(B0->K*mumu)[4.0,6.0]", *_SUGGESTED[2:])
_RATE = re.compile(r"<?dBR/dq2>?\((B\+|B0)->(K\*?)(mumu|ee)\)")
_RATIO = re.compile(r"<Rmue>\((B\+|B0)->(K\*?)ll\)")
_ORDER = 24  # nodes on either side of a resonance


def add(command) -> None:
    """Add the command."""
    p = command("compare", _compare, "predict a point with fipjax and with flavio, side by side")
    p.add_argument("--with", dest="peer", default="flavio", metavar="NAME", help="flavio")
    p.add_argument("--model", default="wet", metavar="NAME", help="a name of 'fipjax models', or FILE.py:NAME (default: wet)")
    p.add_argument("--set", action="append", metavar="NAME=NUMBER", help="a parameter; may be repeated")
    p.add_argument("--fit", type=path, metavar="FIT.json", help="the best point of a fit instead of --set")
    p.add_argument("--observable", action="append", metavar="NAME", help="flavio name with bin; may be repeated")
    p.add_argument("--conventions", default="flavio", help="of fipjax: flavio (default), default or as_printed")
    p.add_argument("--json", action="store_true", help="print JSON")


# ------------------------------------------------------------------------------------------------ flavio


def flavio_python() -> str:
    """The interpreter that has flavio: the one of FIPJAX_FLAVIO_PYTHON, else this one.  MissingDependency if there is none."""
    hint = f"pip install flavio, or set {_VARIABLE} to the Python of an environment that has it"
    named = os.environ.get(_VARIABLE)
    if named:
        if not (Path(named).is_file() and os.access(named, os.X_OK)):
            raise MissingDependency(f"{_VARIABLE} = {named!r} is no program ({hint})")
        return named
    if importlib.util.find_spec("flavio") is None:
        raise MissingDependency(f"flavio is not installed here ({hint})")
    return sys.executable


@dataclass
class Request:
    """Calls of flavio, collected and made in one process."""

    calls: list[tuple[str, list[float], int | None]] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)

    def point(self, at_b: dict[str, complex], at_mix: dict[str, complex]) -> int:
        from fipjax.hadronic import MU_B, MU_MIX

        def pairs(d):
            return {k: [complex(v).real, complex(v).imag] for k, v in d.items()}

        self.points.append({"wc": pairs(at_b), "scale": MU_B, "mixing": pairs(at_mix), "mixing_scale": MU_MIX})
        return len(self.points) - 1

    def call(self, name: str, arguments, point: int | None) -> int:
        self.calls.append((name, [float(a) for a in arguments], point))
        return len(self.calls) - 1

    def run(self) -> tuple[str, list[float | str]]:
        """(version, values), a text where flavio has no number.  Raises MissingDependency or InputError."""
        from fipjax.bench.peers import own_environment

        python = flavio_python()
        script = Path(__file__).parents[1] / "_flavio_peer.py"
        text = json.dumps({"calls": self.calls, "points": self.points})
        try:
            done = subprocess.run(
                [python, str(script)], input=text, capture_output=True, text=True, env=own_environment(), check=False
            )
        except OSError as err:
            raise InputError(f"cannot start {python!r}: {err.strerror or err}") from None
        try:
            answer = json.loads(done.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError):
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise InputError(f"flavio in {python!r} failed with exit code {done.returncode}: {last}") from None
        if "missing" in answer:
            raise MissingDependency(f"{python!r} has no flavio: {answer['missing']} (pip install flavio there, or set {_VARIABLE})")
        return answer["flavio"], answer["values"]


# ------------------------------------------------------------------------------------------------ light mediators


def bin_nodes(q2min: float, q2max: float, poles: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (GeV^2) and weights of an integral over a bin in q^2 with resonances (mass, width) in GeV.

    Gauss-Legendre in u with q = m + w sinh u, split at the masses and half way between them; w half the width.
    """
    x, weight = np.polynomial.legendre.leggauss(_ORDER)
    a, b = math.sqrt(q2min), math.sqrt(q2max)
    poles = sorted(poles)
    masses = [m for m, _ in poles]
    edges = [a, *(0.5 * (m + n) for m, n in zip(masses, masses[1:], strict=False) if a < 0.5 * (m + n) < b), b]
    nodes, weights = [], []
    for lo, hi in zip(edges, edges[1:], strict=False):
        m, width = min(poles, key=lambda p: abs(p[0] - 0.5 * (lo + hi)))
        w = max(0.5 * width, 1e-12 * m)
        cuts = [lo, *([m] if lo < m < hi else []), hi]
        for c, d in zip(cuts, cuts[1:], strict=False):
            u0, u1 = math.asinh((c - m) / w), math.asinh((d - m) / w)
            u = 0.5 * (u0 + u1) + 0.5 * (u1 - u0) * x
            q = m + w * np.sinh(u)
            nodes.append(q * q)
            weights.append(0.5 * (u1 - u0) * weight * w * np.cosh(u) * 2.0 * q)
    return np.concatenate(nodes), np.concatenate(weights)


class _Light:
    """Requests for one point with light mediators, and how their answers become values."""

    def __init__(self, theory, request: Request):
        from fipjax import wcxf

        self.wcxf, self.theory, self.request = wcxf, theory, request
        self.at_b, self.at_mix = wcxf.heavy(theory)
        for name, v in wcxf.mixing_at(theory).items():
            self.at_mix[name] = self.at_mix.get(name, 0.0) + v
        self.light = wcxf.light_sources(theory)

        def one(v):
            return float(np.asarray(v).reshape(-1)[0])

        self.poles = [(one(m.mass), one(m.width)) for m in self.light]
        self._rates: dict[tuple, Any] = {}

    def refuse(self, name: str) -> str:
        """Why an observable cannot be compared; empty if it can."""
        if any(m.scheme == "narrow" for m in self.light):
            return "light mediator with a recipe of its own for bins (narrow width)"
        if name == "a_mu" and self.theory.a_mu is not None:
            return "the shift of a_mu is not a Wilson coefficient of b decays"
        if _RATE.fullmatch(name) or _RATIO.fullmatch(name) or name in ("BR(Bs->mumu)", "BR(Bs->ee)", "DeltaM_s", "a_mu"):
            return ""
        return "light mediator: only rates of B -> K(*) l l, their ratios, Bs -> l l and Delta M_s can be made from constants"

    def _point(self, q2: float, conjugate: bool, strange_mass: bool) -> int:
        light = self.wcxf.light_at(self.theory, q2, conjugate=conjugate, strange_mass=strange_mass)
        names = {*self.at_b, *light}
        return self.request.point({n: self.at_b.get(n, 0.0) + light.get(n, 0.0) for n in names}, self.at_mix)

    def rate(self, meson: str, kaon: str, lepton: str, args: tuple[float, ...]):
        """Function values -> CP-averaged dBR/dq2, mean over the bin."""
        key = (meson, kaon, lepton, args)
        if key in self._rates:
            return self._rates[key]
        par = _masses()
        end = (par["m_" + meson] - par[{"K": "m_K", "K*": "m_K*"}[kaon] + ("+" if meson == "B+" else "0")]) ** 2
        low = 4.0 * par["m_mu" if lepton == "mumu" else "m_e"] ** 2
        if len(args) == 1:
            q2, weights = np.array(args), np.ones(1)
        else:
            q2, weights = bin_nodes(max(args[0], low), min(args[1], end), self.poles)
            weights = weights / (args[1] - args[0])
        process = f"({meson}->{kaon}{lepton})"
        # flavio's A_CP of B -> K* is half of (G - Gbar)/(G + Gbar)
        factor = 2.0 if kaon == "K*" else 1.0
        calls = []
        for x in q2:
            row = []
            for conjugate in (False, True):
                i = self._point(float(x), conjugate, strange_mass=False)
                row += [self.request.call(f"{name}{process}", [x], i) for name in ("dBR/dq2", "ACP")]
            calls.append(row)

        def value(v):
            total = 0.0
            for (mean, a, mean_bar, a_bar), w in zip(calls, weights, strict=True):
                total += w * 0.5 * (v[mean] * (1.0 + factor * v[a]) + v[mean_bar] * (1.0 - factor * v[a_bar]))
            return total

        self._rates[key] = value
        return value

    def plan(self, name: str, args: tuple[float, ...]):
        """Function values of flavio -> value of an observable."""
        if match := _RATE.fullmatch(name):
            return self.rate(match[1], match[2], match[3], args)
        if match := _RATIO.fullmatch(name):
            mu, e = (self.rate(match[1], match[2], lepton, args) for lepton in ("mumu", "ee"))
            return lambda v: mu(v) / e(v)
        if name.startswith("BR"):
            # untagged: the sum of both decays, whose amplitudes have these moduli
            q2 = _masses()["m_Bs"] ** 2
            i, j = (self.request.call(name, [], self._point(q2, conjugate, strange_mass=True)) for conjugate in (False, True))
            return lambda v: 0.5 * (v[i] + v[j])
        i = self.request.call(name, [], self.request.point(self.at_b, self.at_mix))
        return lambda v: v[i]


def _masses() -> dict[str, float]:
    from fipjax.hadronic import default_inputs

    return default_inputs().central()


# ------------------------------------------------------------------------------------------------ the comparison


def compare_flavio(model, params, observables=(), *, conventions: str = "flavio") -> dict[str, Any]:
    """Values of fipjax and flavio at one point.

    model, params: as for :func:`fipjax.predict`, one point.  observables: names with bins; default: a few of each kind.
    Returns {"flavio": version, "rows": [{"observable", "unit", "sm": {"fipjax", "flavio", "difference"}, "np": {...}, "note"}]};
    difference = fipjax/flavio - 1, or None; a value of flavio that does not exist is None, with the reason in note.
    Raises MissingDependency without flavio, InputError for bad parameters or names.
    """
    from fipjax.observables.base import parse
    from fipjax.prediction import predict
    from fipjax.wcxf import light_sources, point_theory

    flavio_python()  # before anything is compiled
    theory = point_theory(model, params, conventions)
    light = bool(light_sources(theory))
    names = list(observables) or list(_SUGGESTED if light else _CONSTANT)
    requests = [parse(n) for n in names]
    job = Request()
    source = _Light(theory, job)
    constants = job.point(source.at_b, source.at_mix)
    plans, notes = [], []
    for r in requests:
        why = source.refuse(r.family.name) if light else ""
        if not light and r.family.name == "a_mu" and theory.a_mu is not None:
            why = source.refuse("a_mu")
        notes.append(why)
        sm = job.call(r.family.name, r.args, None)
        if why:
            new = None
        elif light:
            new = source.plan(r.family.name, r.args)
        else:
            i = job.call(r.family.name, r.args, constants)
            new = lambda v, i=i: v[i]  # noqa: E731
        plans.append((sm, new))
    pred = predict(model, params, names, conventions=conventions)
    version, values = job.run()

    def entry(ours: float, theirs: Any) -> dict[str, Any]:
        theirs = theirs if isinstance(theirs, float) and math.isfinite(theirs) else None
        return {"fipjax": ours, "flavio": theirs, "difference": ours / theirs - 1.0 if theirs else None}

    rows = []
    for name, (sm, new), note in zip(names, plans, notes, strict=True):
        try:
            value = None if new is None else new(values)
        except TypeError:  # a text among the numbers
            value = next((v for v in values if isinstance(v, str)), None)
        for v in (values[sm], value):
            note = note or (v if isinstance(v, str) else "")
        rows.append(
            {
                "observable": name,
                "unit": pred.units[name] or "1",
                "sm": entry(float(pred.sm[name]), values[sm]),
                "np": entry(float(np.asarray(pred[name]).reshape(-1)[0]), value),
                "note": note,
            }
        )
    return {"flavio": version, "conventions": conventions, "light": light, "rows": rows}


def _compare(args) -> None:
    from fipjax.cli import _print_json, _table
    from fipjax.commands.export import point

    if args.peer != "flavio":
        raise unknown("program to compare with", args.peer, ["flavio"])
    model, params = point(args.model, args.set, args.fit)
    result = compare_flavio(model, params, args.observable or (), conventions=args.conventions)
    if args.json:
        _print_json({"model": model, "parameters": params, **result})
        return

    def text(v, digits=6):
        return "-" if v is None else f"{v:.{digits}g}"

    table = []
    for r in result["rows"]:
        row = [r["observable"]]
        for kind in ("sm", "np"):
            e = r[kind]
            difference = "-" if e["difference"] is None else f"{e['difference']:+.1e}"
            row += [text(e["fipjax"]), text(e["flavio"]), difference]
        table.append([*row, r["unit"]])
    print(f"flavio {result['flavio']}, fipjax with conventions {result['conventions']!r}")
    _table(table, ["observable", "SM fipjax", "SM flavio", "rel.", "NP fipjax", "NP flavio", "rel.", "unit"])
    for r in result["rows"]:
        if r["note"]:
            print(f"note: {r['observable']}: {r['note']}")
    if result["light"]:
        print("note: light mediator: flavio's values are its rates with constant coefficients at each q^2, integrated here")
