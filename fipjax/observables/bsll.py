"""All b -> s l l decays in one group: they share the panels in q, the propagator weights and the charm functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fipjax.errors import InputError
from fipjax.hadronic import Effective, central_derived, default_inputs, derive, effective_coefficients
from fipjax.observables import mixing as mixing_group
from fipjax.observables.base import BINNED, POINT, Family, Request, register_family, register_group
from fipjax.observables.decays import DECAYS, HIGH_Q2, LEPTONS, LOW_Q2, QCDF_Q2, SPECTATORS, Decay, Stretch, spectator_amplitudes
from fipjax.theory import ScalarMediator, Theory, VectorMediator, charged, charged_powers, propagating, scalar_charges, wilson
from fipkernels import breit_wigner as bw
from fipkernels import bvll, mixing, quadratic
from fipkernels.indexing import once, spread, take
from fipkernels.panels import join, make_panels

_SHORT = {"mumu": "mu", "ee": "e"}
_OPERATORS = {"C7": "7", "C9": "9", "C10": "10", "CS": "S", "CP": "P"}


def coefficients(theory: Theory, lepton: str, m_b=None) -> quadratic.Coefficients:
    """Wilson coefficients of b -> s l l from the theory: WCxf names for heavy physics, coupling products for mediators.

    Sources: vectors, then scalars.  m_b: MS-bar mass at 4.8 GeV, which the operators S and P hold; needed with scalars.
    """
    constants = {}
    for wcxf, op in _OPERATORS.items():
        for prime in ("", "p"):
            c = wilson(theory, f"{wcxf}{prime}_bs" + ("" if wcxf == "C7" else lepton))
            if c is not None:
                constants[op + prime] = c
                if op == "10":  # contact interaction: the longitudinal part is the same coefficient
                    constants["H" + prime] = c
    light: list[dict[str, Any]] = []
    strong: list[dict[str, Any]] = []
    lowest: dict[tuple[int, str], int] = {}
    for source, med in enumerate(theory.mediators):
        # a part with a strong phase may have powers of its own
        left = 0 if med.bs_L_strong is not None else dict(med.lowest).get("bs_L", 0)
        light.append({})
        for prime, bs, power in (("", med.bs_L, left), ("p", med.bs_R, dict(med.lowest).get("bs_R", 0))):
            entries, powers = vector_products(med, _SHORT[lepton], bs, power)
            light[-1].update({op + prime: x for op, x in entries.items()})
            lowest.update({(source, op + prime): k for op, k in powers.items()})
        entries, powers = vector_products(med, _SHORT[lepton], med.bs_L_strong, 0)
        strong.append(entries)
        lowest.update({(source, op): k for op, k in powers.items()})
    for scalar in theory.scalars:
        light.append(scalar_products(scalar, _SHORT[lepton], m_b))
        strong.append({})
    return quadratic.Coefficients(constants, tuple(light), tuple(strong) if any(strong) else (), tuple(lowest.items()))


def vector_products(m: VectorMediator, lepton: str, bs, power: int):
    """Operator -> product of the couplings to b-s and to "e" or "mu" in the exchange of V; operator -> lowest power of q^2 in it.

    bs: (K, B) or None (then both are empty), zero below q^(2 power).
    """
    if bs is None:
        return {}, {}
    entry, powers = {}, {}
    for op, coupling, k in zip(("9", "10"), charged(m, lepton), charged_powers(m, lepton), strict=True):
        if coupling is not None:
            entry[op], powers[op] = quadratic.multiply(bs[power:], coupling[k:]), power + k
            if op == "10" and m.scheme == "narrow":
                entry["H"], powers["H"] = entry[op], powers[op]
            elif op == "10" and powers[op] == 0:
                entry["H"] = longitudinal(bs, coupling, m.mass)
    return entry, powers


def scalar_products(s: ScalarMediator, lepton: str, m_b):
    """Operator -> coupling product of the exchange of S in the conventions of vectors, N C(q^2) = product/D(q^2).

    The propagator of a scalar has the opposite sign of that of a vector: L_eff = -J_1 J_2/D, which is +J_1 J_2/m^2 for a heavy S.
    With L_eff = N C_S m_b (sbar P_R b)(lbar l) + N C_P m_b (sbar P_R b)(lbar gamma5 l), N m_b C_S = -bs_R l_S/D and
    N m_b C_P = -i bs_R l_P/D; P_L gives the primed ones.  The i is a weak phase: lbar i gamma5 l is odd under CP, sbar P_R b goes
    into bbar P_L s.
    """
    if m_b is None:
        raise ValueError("coefficients of a scalar need m_b")
    entry = {}
    for prime, bs in (("", s.bs_R), ("p", s.bs_L)):
        for op, charge, phase in zip("SP", scalar_charges(s, lepton), (1.0, 1.0j), strict=True):
            if bs is not None and charge is not None:
                entry[op + prime] = -phase * quadratic.multiply(bs, charge) / m_b
    return entry


def longitudinal(bs, axial, mass):
    """(1 - q^2/m^2) bs_0 axial_0 as a polynomial (2, B): what multiplies 2 m_l/q^2 in the amplitude P.

    2106.12582 eq. (A.6) with the sign of the dimension-six term corrected: couplings that grow with q^2 are transverse
    and drop out, only the dimension-four couplings bs_0, axial_0 remain.
    """
    g = bs[0] * axial[0]
    return jnp.stack([g, -g / (mass * mass)])


# Panels: smallest Bernstein radii of singular points (12 nodes each). Tests hold bin integrals to 1e-6, through narrow resonances.
_RHO = (3.5, 6.0)
# Below this all decays share their panels; above, each has its own, up to its end point, which is at 18.9 GeV^2 or more
_SHARED = 17.0


@dataclass
class _Part:
    """Bins (or points) of one decay on the nodes: sums (S, P) over the panels it uses, the first ``shared`` of which are
    shared; edges (2, S) in q."""

    decay: Decay
    needs: tuple[tuple[str, str], ...]
    count: int
    panels: np.ndarray
    sums: np.ndarray
    shared: int
    edges: np.ndarray


class _Nodes:
    """Nodes for one lepton flavour: panels for bins, or single nodes for points.

    The first ``shared`` panels serve all decays, the others one decay each.
    """

    def __init__(self, lepton: str, wanted: Mapping[str, tuple[list, set]], binned: bool):
        self.lepton, self.binned = lepton, binned
        if binned:
            sums = self._panels(wanted)
        else:
            points = sorted({x for bins, _ in wanted.values() for x in bins})
            self.q = np.sqrt(np.array(points))[:, None]
            self.w = 0.5 / self.q  # integrals over dq become densities in q^2
            self.shared = len(points)
            sums = {k: np.array([[float(p == b) for p in points] for b in bins]) for k, (bins, _) in wanted.items()}
        self.parts: dict[str, _Part] = {}
        for k, (bins, needs) in wanted.items():
            used = np.flatnonzero(sums[k].any(axis=0))
            here = int(np.sum(used < self.shared))
            # sums first, then differences
            order = tuple(sorted(needs, key=lambda x: (x[1] != "sum", x[0])))
            edges = np.sqrt(np.array([b if binned else (b, b) for b in bins])).T
            self.parts[k] = _Part(DECAYS[k], order, len(bins), used, sums[k][:, used], here, edges)

    def _panels(self, wanted):
        par = {**default_inputs().central(), **central_derived()}
        q_lo = 2.0 * par[LEPTONS[self.lepton]]
        # charm thresholds at their central values: a cusp of c9 at the pole mass, of c7 at the mass used there
        cusp = 2.0 * par["m_c_pole"]
        inside = [math.sqrt(x) for x in (LOW_Q2, HIGH_Q2, QCDF_Q2)]
        border = math.sqrt(_SHARED)

        def make(bins, ends, poles):
            points = [q_lo, *ends, cusp]
            singular = [-q_lo, 0.0, *points, 2.0 * par["m_c BVgamma"], *poles]
            return make_panels(bins, singular=singular, sqrt_points=points, cuts=inside, rho=_RHO)

        ends = {k: DECAYS[k].endpoint(par) for k in wanted}
        edges = {k: [(max(math.sqrt(a), q_lo), min(math.sqrt(b), ends[k])) for a, b in bins] for k, (bins, _) in wanted.items()}
        # what is below the border and what is above it: (decay, number of the bin) -> its part there
        low = {(k, i): (a, min(b, border)) for k, bins in edges.items() for i, (a, b) in enumerate(bins) if a < border}
        parts, columns = [], []  # panels, and (decay, bins, sums) on them
        self.shared = 0
        if low:
            singular = {p for k, _ in low for p in DECAYS[k].poles}
            panels, sums = make([*low.values()], sorted({ends[k] for k, _ in low}), sorted(singular))
            parts.append(panels)
            self.shared = len(panels.q)
            columns.append(([*low], sums))
        for k, bins in edges.items():
            high = {(k, i): (max(a, border), b) for i, (a, b) in enumerate(bins) if b > border}
            if high:
                panels, sums = make([*high.values()], [ends[k]], DECAYS[k].poles)
                parts.append(panels)
                columns.append(([*high], sums))
        self.panels = join(parts)
        self.q, self.w = self.panels.q, self.panels.w
        out = {k: np.zeros((len(bins), len(self.q))) for k, (bins, _) in wanted.items()}
        start = 0
        for owners, sums in columns:
            for (k, i), row in zip(owners, sums, strict=True):
                out[k][i, start : start + sums.shape[1]] = row
            start += sums.shape[1]
        return out

    def contract(self, kernels, lay):
        """kernels: decay -> (rows, O, P, n).  Tables of every decay; those on the shared panels as one array (P, O, n Rl) and
        turned, (P, n Rl, O)."""
        tables, rows = {}, []
        for k, part in self.parts.items():
            t = quadratic.to_table(kernels[k], lay, jnp.asarray(self.w[part.panels]), jnp.asarray(part.sums))
            if part.shared:
                rows.append(spread(t.light[: part.shared], part.panels[: part.shared], self.shared))
            tables[k] = t._replace(light=t.light[part.shared :], turned=t.turned[part.shared :])
        shared = jnp.concatenate(rows, axis=1) if rows else None
        return {"decays": tables, "shared": None if shared is None else (shared, jnp.swapaxes(shared, 1, 2))}

    def trim(self, tables, lay):
        """The same tables without rows that are zero everywhere, and the numbers of the others; concrete arrays."""
        n, decays, shared = self.q.shape[1], tables["decays"], tables["shared"]
        every = [*(t.light for t in decays.values()), *(() if shared is None else shared[:1])]
        keep = quadratic.used_rows(lay, n, every)

        def cut(light):
            short = quadratic.keep_rows(lay, n, light, keep)
            return short, np.swapaxes(short, 1, 2)

        short = {k: quadratic.Table(t.sm, t.constant, *cut(t.light)) for k, t in decays.items()}
        return {"decays": short, "shared": None if shared is None else cut(shared[0])}, keep

    def weights(self, theory: Theory, c: quadratic.Coefficients):
        """(weights per mediator or None where it does not couple, cross weights) on the nodes."""
        active = [bool(entry) for entry in c.light]
        if not any(active):
            return [], None
        states = propagating(theory)
        if self.binned:
            weights = [self._weights(m) if a else None for a, m in zip(active, states, strict=True)]
            return weights, bw.cross_weights_all(self.panels, states) if sum(active) > 1 else None
        q = jnp.asarray(self.q)
        weights = [bw.point_weights(q, m.mass, m.width, m.propagator) for m in states]
        return weights, bw.cross_point_weights_all(q, states)

    def _weights(self, m: VectorMediator | ScalarMediator) -> bw.Weights:
        """Of the whole resonance; with scheme "narrow", of the exchange off shell: no phase of the width."""
        if m.scheme == "narrow":
            w = bw.weights(self.panels, m.mass, m.width, m.propagator)
            return w._replace(im=jnp.zeros_like(w.im))
        return bw.weights(self.panels, m.mass, m.width, m.scheme, dict(m.resolution).get(_SHORT[self.lepton]))

    def _narrow(self, theory: Theory) -> VectorMediator | None:
        """The vector whose bins follow the recipe of 2210.15662 eqs. (2.13), (2.14), if there is one."""
        found = [m for m in theory.mediators if m.scheme == "narrow"]
        if found and len(propagating(theory)) > 1:
            raise InputError("a vector with scheme 'narrow' beside another light state (allowed: it must be the only one)")
        return found[0] if found and self.binned else None

    def evaluate(self, theory: Theory, c: quadratic.Coefficients, lay, keep, tables, scalars, phase):
        """decay -> {(form, kind): (S, B)}; keep: the rows that the tables have."""
        narrow = self._narrow(theory)
        weights, cross = self.weights(theory, c)
        rows = quadratic.rows(c, lay, self.q * self.q, weights, cross, keep)
        light = self._light(rows, tables)
        if narrow is not None and light:
            resolution = dict(narrow.resolution).get(_SHORT[self.lepton])
            if resolution is None:
                raise InputError("scheme 'narrow' without a resolution (allowed: resolution for this lepton)")
            peak = [bw.on_shell_weights(self.panels, narrow.mass, narrow.width, resolution)]
            on_shell = self._light(quadratic.rows(c, lay, self.q * self.q, peak, keep=keep), tables)
        out = {}
        for k, part in self.parts.items():
            values = quadratic.constant_part(tables["decays"][k], rows)
            if k in light:
                add = light[k]
                if narrow is not None:
                    inside = (narrow.mass > part.edges[0][:, None]) & (narrow.mass < part.edges[1][:, None])
                    add = jnp.where(inside, on_shell[k], add)
                values = values + add
            out[k] = _named(part, values, scalars[k], phase)
        return out

    def _light(self, rows: quadratic.Rows, tables) -> dict[str, Any]:
        """decay -> (O, S, B), the terms with propagators; empty without mediators."""
        out: dict[str, Any] = {}
        if not rows.light:
            return out
        # shared panels first, then those of each decay: cut once, so that the reverse pass puts the pieces together again
        cuts = [len(part.panels) - part.shared for part in self.parts.values()]
        pieces = list(zip(*(jax.lax.split(x, [self.shared, *cuts]) for x in rows.light), strict=True))
        if self.shared:
            counts = [tables["decays"][k].sm.shape[0] for k, part in self.parts.items() if part.shared]
            common = iter(jax.lax.split(quadratic.per_panel(*tables["shared"], pieces[0]), counts, axis=1))
        for (k, part), own in zip(self.parts.items(), pieces[1:], strict=True):
            sums, terms = jnp.asarray(part.sums), []
            if part.shared:
                every = np.zeros((sums.shape[0], self.shared))
                every[:, part.panels[: part.shared]] = part.sums[:, : part.shared]
                terms.append(quadratic.add_panels(jnp.asarray(every), next(common)))
            if part.shared < len(part.panels):
                terms.append(quadratic.light_part(tables["decays"][k], own, sums[:, part.shared :]))
            if terms:
                out[k] = sum(terms[1:], terms[0])
        return out


def _named(part: _Part, values, scalars, phase):
    """Integrals (O, S, B) by name; for mesons that mix, those of the time-integrated untagged decay."""
    n = len(part.needs)
    if part.decay.mixing:
        # (J + J_bar - y h)/(1 - y^2), arXiv:1502.05509 eq. (28)
        y = scalars["y"]
        h = jnp.real(phase) * values[n : 2 * n] + jnp.imag(phase) * values[2 * n : 3 * n]
        values = (values[:n] - y * h) / (1.0 - y * y)
    return {need: x[0] for need, x in zip(part.needs, jax.lax.split(values, (1,) * n), strict=True)}


@dataclass
class Contracted:
    """Tables contracted for one layout of the coefficients: pairs (lepton, components), static.  kept: (name of a table, rows with
    propagators that it has), static."""

    tables: dict
    scalars: dict
    mixing: Any
    m_b: Any
    layouts: tuple
    kept: tuple


jax.tree_util.register_dataclass(Contracted, data_fields=["tables", "scalars", "mixing", "m_b"], meta_fields=["layouts", "kept"])


@lru_cache(maxsize=16)
def _frozen_spectator(decays: tuple[str, ...], q2: tuple[float, ...]):
    """:func:`spectator_amplitudes` at the central values of the default inputs, as host arrays."""
    par = default_inputs().central()
    with jax.ensure_compile_time_eval():
        out = jax.jit(lambda x, p: spectator_amplitudes(x, p, derive(p), decays))(np.array(q2), par)
        return {k: tuple(np.asarray(x) for x in v) for k, v in out.items()}


def _slice(p: quadratic.Process, a: int, b: int) -> quadratic.Process:
    """Panels a to b of a process."""
    cache: dict[int, Any] = {}

    def cut(x, axis):
        # forms share arrays: keep them shared
        return cache.setdefault(id(x), jax.lax.slice_in_dim(x, a, b, axis=axis))

    forms = {k: tuple((i, j, cut(c, 0), *number) for i, j, c, *number in terms) for k, terms in p.forms.items()}
    return quadratic.Process(cut(p.s, 1), cut(p.s_bar, 1), {k: cut(x, 1) for k, x in p.u.items()}, forms, p.support)


class BsllGroup:
    """All b -> s l l requests."""

    def __init__(self, requests: Sequence[Request], conventions: str = "default"):
        self.requests = list(requests)
        self.conventions = conventions
        wanted: dict[tuple[str, bool], dict[str, tuple[list, set]]] = {}
        self.plan: list[tuple] = []
        for r in self.requests:
            quantity, key, leptons, combine = decode(r.family.name)
            binned = r.family.kind == BINNED
            spot = r.args if binned else r.args[0]
            where = []
            for lep in leptons:
                bins, needs = wanted.setdefault((lep, binned), {}).setdefault(key, ([], set()))
                needs.update(DECAYS[key].quantities[quantity].needs)
                if spot not in bins:
                    bins.append(spot)
                where.append((lep, binned, key, quantity, bins.index(spot)))
            if combine == "mean" and quantity == "AFB":  # ratio of means: weights are the rates
                combine, rate = "weighted", "BR" if binned else "dBR/dq2"
                where += [(lep, binned, key, rate, i) for lep, _, _, _, i in where]
            self.plan.append((combine, where, r))
        self.nodes = {k: _Nodes(k[0], w, k[1]) for k, w in wanted.items()}
        self.decays = sorted({key for w in wanted.values() for key in w})
        self.leptons = sorted({lep for lep, _ in wanted})
        self._arrange()

    def _arrange(self):
        """Blocks of equal (lepton, binned, decay, quantity), and where each request finds its numbers in them."""
        blocks: dict[tuple, int] = {}
        for _, where, _ in self.plan:
            for lep, binned, key, quantity, _ in where:
                blocks.setdefault((lep, binned, key, quantity), 0)
        start = 0
        for b in blocks:
            lep, binned, key, _ = b
            blocks[b] = start
            start += self.nodes[lep, binned].parts[key].count
        self.blocks = blocks
        index = [[blocks[w[:4]] + w[4] for w in where] for _, where, _ in self.plan]
        self.first = np.array([i[0] for i in index])
        self.second = np.array([i[1] if len(i) > 1 else i[0] for i in index])
        self.rate = np.array([i[2:] if len(i) == 4 else i[:1] * 2 for i in index])
        self.combine = np.array([c for c, _, _ in self.plan])
        # differential quantities: per GeV^2 of the bin as it was asked for
        width = []
        for _, where, r in self.plan:
            per = DECAYS[where[0][2]].quantities[where[0][3]].per_q2 and len(r.args) == 2
            width.append(r.args[1] - r.args[0] if per else 1.0)
        self.width = np.array(width)

    def families(self):
        """Members of each family (decays of one builder; panels and points apart): (lepton, binned, decay, part) in order."""
        out: dict[tuple, list] = {}
        for (lep, binned), nodes in self.nodes.items():
            for k, part in nodes.parts.items():
                out.setdefault((DECAYS[k].build, binned), []).append((lep, binned, k, part))
        return out

    def tables(self, par: Mapping[str, Any], sm: Mapping[str, Any]):
        out: dict[str, Any] = {"n": sm["n"], "n_bar": sm["n_bar"], "processes": [], "scalars": {}, "mixing": None, "m_b": sm["m_b"]}
        spectator = self.spectator(par, sm)
        # charm functions on the panels that the decays of each scale use, all leptons and points at once
        effective: dict[tuple, Any] = {}
        position: dict[tuple, np.ndarray] = {}
        for mu in sorted({DECAYS[k].mu for k in self.decays}):
            used, pieces = {}, []
            for key, nodes in self.nodes.items():
                own = [part.panels for part in nodes.parts.values() if part.decay.mu == mu]
                if own:
                    used[key] = np.unique(np.concatenate(own))
                    pieces.append(nodes.q[used[key]])
            flat = np.concatenate([x.ravel() for x in pieces])
            everything = effective_coefficients(jnp.asarray(flat) ** 2, par, sm, mu)
            start = 0
            for (key, index), x in zip(used.items(), pieces, strict=True):
                effective[key, mu] = everything.part(start, start + x.size, x.shape)
                position[key, mu] = np.searchsorted(index, np.arange(len(self.nodes[key].q)))
                start += x.size
        for (build, _), members in self.families().items():
            q = np.concatenate([self.nodes[lep, b].q[part.panels] for lep, b, _, part in members])
            stretches = [Stretch(DECAYS[k], lep, len(part.panels)) for lep, _, k, part in members]
            mu = members[0][3].decay.mu
            eff = [effective[(lep, b), mu].take(position[(lep, b), mu][part.panels]) for lep, b, _, part in members]
            extra = None
            if members[0][2] in spectator:
                pieces = [[take(x, part.panels) for x in spectator[k][lep, b]] for lep, b, k, part in members]
                extra = tuple(jnp.concatenate(x) for x in zip(*pieces, strict=True))
            forms = tuple(sorted({f for _, _, _, part in members for f, _ in part.needs}))
            process = build(jnp.asarray(q), stretches, par, sm, Effective.join(eff), forms, self.conventions, extra)
            out["processes"].append(process)
        for k in self.decays:
            out["scalars"][k] = DECAYS[k].scalars(par, sm)
            if DECAYS[k].mixing:
                out["mixing"] = mixing_group.bs_tables(par, sm)
        return out

    def spectator(self, par, sm):
        """decay -> (lepton, binned) -> amplitudes of QCD factorisation on the nodes; one evaluation for all nodes and decays."""
        decays = [k for k in self.decays if k in SPECTATORS]
        q = {key: nodes.q for key, nodes in self.nodes.items() if any(k in nodes.parts for k in decays)}
        if not q:
            return {}
        q2 = np.concatenate([x.ravel() for x in q.values()]) ** 2
        if self.conventions == "flavio":  # a table at the central values: not varied with the inputs
            amp: Any = _frozen_spectator(tuple(decays), tuple(q2))
        else:
            amp = spectator_amplitudes(jnp.asarray(q2), par, sm, decays)
        ends = np.cumsum([0, *(x.size for x in q.values())])
        return {
            k: {
                key: tuple(a[i:j].reshape(x.shape) for a in amp[k])
                for (key, x), i, j in zip(q.items(), ends[:-1], ends[1:], strict=True)
            }
            for k in decays
        }

    def _walk(self, tables, integrate):
        """Apply ``integrate(process, forms, kind, lepton, stretches, mixing)`` -> (..., O, P, ...) to all members of all families.

        Decays of one family and lepton are done together; yields (lepton, binned, decay, part, pieces), where pieces are triples
        (array, positions of the forms in it, panels in it) in the order of the part's needs, then "cos" and "sin" of a decay with
        mixing.
        """
        for process, members in zip(tables["processes"], self.families().values(), strict=True):
            ends = np.cumsum([0, *(len(m[3].panels) for m in members)])
            for lep in dict.fromkeys(m[0] for m in members):
                mine = [i for i, m in enumerate(members) if m[0] == lep]
                lo, hi = int(ends[mine[0]]), int(ends[mine[-1] + 1])
                own = _slice(process, lo, hi)
                done: dict[str, Any] = {}
                for i in mine:
                    _, binned, k, part = members[i]
                    flavio = self.conventions == "flavio" and not part.decay.averaged
                    pieces = []
                    for kind in ("sum", "difference"):
                        wanted = [f for f, y in part.needs if y == kind]
                        if not wanted:
                            continue
                        name = "twice" if flavio and kind == "sum" else kind
                        if name not in done:
                            forms = sorted({f for j in mine for f, y in members[j][3].needs if y == kind})
                            done[name] = forms, integrate(own, forms, name, lep, [members[j] for j in mine], None)
                        forms, g = done[name]
                        pieces.append((g, [forms.index(f) for f in wanted], slice(int(ends[i]) - lo, int(ends[i + 1]) - lo)))
                    if part.decay.mixing:
                        forms = [f for f, _ in part.needs]
                        piece = _slice(process, int(ends[i]), int(ends[i + 1]))
                        for kind in ("cos", "sin"):
                            mix = bvll.mixing(tables["n_bar"] / tables["n"])
                            g = integrate(piece, forms, kind, lep, [members[i]], mix)
                            pieces.append((g, list(range(len(forms))), slice(0, len(part.panels))))
                    yield lep, binned, k, part, pieces

    def contract(self, theory: Theory, tables) -> Contracted:
        """Tables for theories of the structure of this one (values do not matter)."""
        layouts = {lep: quadratic.layout(coefficients(theory, lep, tables["m_b"])) for lep in self.leptons}
        kernels: dict[tuple, dict] = {key: {} for key in self.nodes}

        def integrate(process, forms, kind, lep, members, mix):
            return quadratic.contract_nodes(process, forms, kind, layouts[lep], tables["n"], tables["n_bar"], mix)

        for lep, binned, k, _, pieces in self._walk(tables, integrate):
            rows = [take(g[:, :, panels], forms, axis=1) for g, forms, panels in pieces]
            kernels[lep, binned][k] = jnp.concatenate(rows, axis=1)
        done = {
            f"{lep} {binned}": nodes.contract(kernels[lep, binned], layouts[lep]) for (lep, binned), nodes in self.nodes.items()
        }
        every = tuple((f"{lep} {binned}", tuple(range(quadratic.light_rows(layouts[lep])))) for lep, binned in self.nodes)
        return Contracted(done, tables["scalars"], tables["mixing"], tables["m_b"], tuple(layouts.items()), every)

    def trim(self, tables: Contracted) -> Contracted:
        """Contracted tables, concrete arrays, without what is zero for every theory of their structure."""
        layouts, short, kept = dict(tables.layouts), {}, []
        for (lep, binned), nodes in self.nodes.items():
            name = f"{lep} {binned}"
            short[name], keep = nodes.trim(tables.tables[name], layouts[lep])
            kept.append((name, keep))
        return replace(tables, tables=short, kept=tuple(kept))

    def work(self, tables) -> int:
        """Products of couplings and propagators at one point."""
        if not isinstance(tables, Contracted):
            return 0
        kept = dict(tables.kept)
        return sum(nodes.q.size * len(kept[f"{lep} {binned}"]) for (lep, binned), nodes in self.nodes.items())

    def _at_point(self, theory: Theory, tables, coeffs, phase):
        """Values of :meth:`_Nodes.evaluate` at one point, straight from the amplitudes."""
        values: dict[tuple, dict] = {key: {} for key in self.nodes}
        weights: dict[tuple, Any] = {}
        for key, nodes in self.nodes.items():
            per_mediator, _ = nodes.weights(theory, coeffs[key[0]])
            weights[key] = next((w for w, entry in zip(per_mediator, coeffs[key[0]].light, strict=False) if entry), None)

        def integrate(process, forms, kind, lep, members, mix):
            q = np.concatenate([self.nodes[lep, b].q[part.panels] for _, b, _, part in members])
            w = np.concatenate([self.nodes[lep, b].w[part.panels] for _, b, _, part in members])
            light = None
            if weights[lep, members[0][1]] is not None:
                rows = [[take(x, part.panels) for x in weights[lep, b]] for _, b, _, part in members]
                light = bw.Weights(*(jnp.concatenate(x) for x in zip(*rows, strict=True)))
            args = (coeffs[lep], jnp.asarray(q * q), jnp.asarray(w), light, tables["n"], tables["n_bar"], mix)
            return quadratic.point_integrals(process, forms, kind, *args)

        for lep, binned, k, part, pieces in self._walk(tables, integrate):
            rows = jnp.concatenate([take(g[:, panels], forms) for g, forms, panels in pieces])
            binned_values = jnp.einsum("op,sp->os", rows, jnp.asarray(part.sums), precision="highest")[..., None]
            values[lep, binned][k] = _named(part, binned_values, tables["scalars"][k], phase)
        return values

    def evaluate(self, theory: Theory, tables):
        contracted = isinstance(tables, Contracted)
        m_b = tables.m_b if contracted else tables["m_b"]
        coeffs = {lep: coefficients(theory, lep, m_b) for lep in self.leptons}
        sizes = {x.shape[-1] for x in jax.tree.leaves(list(coeffs.values()))}
        single = sizes <= {1} and all(sum(bool(x) for x in c.light) <= 1 for c in coeffs.values())
        single = single and all(m.scheme != "narrow" for m in theory.mediators)
        if not contracted and not single:
            tables, contracted = self.contract(theory, tables), True
        mixing_tables = tables.mixing if contracted else tables["mixing"]
        phase = None
        if mixing_tables is not None:
            qp = -mixing.q_over_p(*mixing_group.bs_matrix(theory, mixing_tables))
            phase = qp / jnp.abs(qp)
        if contracted:
            scalars, layouts, kept, values = tables.scalars, dict(tables.layouts), dict(tables.kept), {}
            for (lep, binned), nodes in self.nodes.items():
                if quadratic.layout(coeffs[lep]) != layouts[lep]:
                    raise ValueError("tables were contracted for coefficients of another structure")
                name = f"{lep} {binned}"
                t = tables.tables[name]
                values[lep, binned] = nodes.evaluate(theory, coeffs[lep], layouts[lep], kept[name], t, scalars, phase)
        else:
            scalars, values = tables["scalars"], self._at_point(theory, tables, coeffs, phase)
        return self._observables(values, scalars)

    def _observables(self, values, scalars):
        """(n_requests, B) from the integrals."""
        parts = []
        for lep, binned, key, quantity in self.blocks:
            parts.append(DECAYS[key].quantities[quantity].formula(values[lep, binned][key], scalars[key]))
        b = max(p.shape[1] for p in parts)
        flat = once(jnp.concatenate([jnp.broadcast_to(p, (p.shape[0], b)) for p in parts]))
        out, order = [], []
        for kind in dict.fromkeys(self.combine):
            mine = np.flatnonzero(self.combine == kind)
            one = take(flat, self.first[mine])
            if kind == "one":
                out.append(one / self.width[mine][:, None])
            else:
                two = take(flat, self.second[mine])
                rates = (take(flat, self.rate[mine, i]) for i in (0, 1))
                out.append(_COMBINED[kind](one, two, rates))
            order.append(mine)
        return take(jnp.concatenate(out), np.argsort(np.concatenate(order)))


def _weighted(one, two, rates):
    """Mean of two numbers with two rates as weights."""
    x, y = rates
    return (x * one + y * two) / (x + y)


# Numbers of two leptons in one: ways of combining them
_COMBINED: dict[str, Callable[..., Any]] = {
    "ratio": lambda one, two, _: one / two,
    "difference": lambda one, two, _: one - two,
    "mean": lambda one, two, _: 0.5 * (one + two),
    "weighted": _weighted,
}


def decode(name: str) -> tuple[str, str, tuple[str, ...], str]:
    """(quantity, decay, leptons, how they are combined) from a flavio name."""
    head, process = name.split("(", 1)
    head, process = head.strip("<>"), process[:-1]
    key, lepton = process[:-2], process[-2:]
    if process.endswith("mumu"):
        key, lepton = process[:-4], "mumu"
    if lepton != "ll":
        return head, key, (lepton,), "one"
    if head == "Rmue":
        return ("dBR/dq2", key, ("mumu", "ee"), "ratio") if key != "B->Xs" else ("BR", key, ("mumu", "ee"), "ratio")
    if head.startswith("Dmue_"):
        return head[5:], key, ("mumu", "ee"), "difference"
    return head, key, ("mumu", "ee"), "mean"


_RATIO_TEX = {"B+->K": "R_K", "B0->K": "R_{K^0}", "B0->K*": "R_{K^{*0}}", "B+->K*": "R_{K^{*+}}", "Bs->phi": r"R_\phi"}
_TEX_LEPTON = {"mumu": r"\mu^+\mu^-", "ee": "e^+e^-"}


def _register():
    par = default_inputs().central()
    par = {**par, **central_derived()}
    for key, decay in DECAYS.items():
        # inclusive: bins may extend to the kinematic limit of the meson; the rate ends at the b quark's pole mass
        hi = decay.endpoint(par) ** 2 if key != "B->Xs" else par["m_B0"] ** 2
        for lep in decay.leptons:
            q2 = (4.0 * par[LEPTONS[lep]] ** 2, hi)
            proc, t = f"{key}{lep}", f"({decay.latex}{_TEX_LEPTON[lep]})"
            for head, x in decay.quantities.items():
                cust = (1e8, "1e-8 GeV^-2") if x.unit == "GeV^-2" else None
                average = ", bin average" if x.unit else "" if head == "BR" else ", ratio of bin integrals"
                rows = (
                    (BINNED, f"<{head}>({proc})", rf"\langle {x.latex}\rangle{t}", x.text + average),
                    (POINT, f"{head}({proc})", x.latex + t, x.text),
                )
                for kind, name, latex, text in rows:
                    if kind in x.kinds:
                        register_family(Family(name, kind, x.unit, latex, text, decay.papers, "bsll", q2, cust))
                        if key == "B->Xs" and lep == "mumu":
                            ll = name.replace("mumu)", "ll)")
                            mean = latex.replace(_TEX_LEPTON["mumu"], r"\ell^+\ell^-")
                            register_family(
                                Family(ll, kind, x.unit, mean, text + ", mean of e and mu", decay.papers, "bsll", q2, cust)
                            )
        if key in _RATIO_TEX:
            q2 = (4.0 * par["m_mu"] ** 2, hi)
            tex, text = _RATIO_TEX[key], "ratio of muon to electron rates"
            register_family(
                Family(f"<Rmue>({key}ll)", BINNED, "", rf"\langle {tex}\rangle", text + ", bins integrated first", "hep-ph/0310219",
                       "bsll", q2)
            )  # fmt: skip
            register_family(Family(f"Rmue({key}ll)", POINT, "", tex, text, "hep-ph/0310219", "bsll", q2))
        if "P5p" in decay.quantities:
            q2 = (4.0 * par["m_mu"] ** 2, hi)
            for name in ("P4p", "P5p"):
                tex = f"Q_{name[1]}"
                text = f"difference of P{name[1]}' between muons and electrons"
                register_family(
                    Family(f"<Dmue_{name}>({key}ll)", BINNED, "", rf"\langle {tex}\rangle({decay.latex})", text, "arXiv:1605.03156",
                           "bsll", q2)
                )  # fmt: skip
    register_group("bsll", BsllGroup)


_register()
