"""Names of observables, the list of them, and the protocol of a group.

An observable is asked for by its flavio name, with the bin ``[q2min,q2max]`` or the point ``[q2]`` (GeV^2) in brackets where it
has one: ``<dBR/dq2>(B+->Kmumu)[1.1,6.0]``, ``dBR/dq2(B+->Kmumu)[3.0]``, ``BR(Bs->mumu)``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fipjax.errors import InputError, unknown
from fipjax.theory import Theory

BINNED, POINT, NUMBER = "binned", "point", "number"


@dataclass(frozen=True)
class Family:
    """One entry of the list: a flavio name without its bin.

    kind: "binned" needs [q2min,q2max], "point" needs [q2], "number" neither.  q2_range: physical region in GeV^2.
    unit: in powers of GeV (as returned); customary: (factor, unit) such that value * factor is in the customary unit.
    """

    name: str
    kind: str
    unit: str
    latex: str
    description: str
    source: str
    group: str
    q2_range: tuple[float, float] | None = None
    customary: tuple[float, str] | None = None


@dataclass(frozen=True)
class Request:
    """A parsed observable: family, numbers in brackets, and the name as it was asked for."""

    family: Family
    args: tuple[float, ...]
    asked: str

    @property
    def name(self) -> str:
        """Canonical name: bin edges as the shortest decimals, at least one digit after the point."""
        return canonical(self.family.name, self.args)


def canonical(name: str, args: Sequence[float]) -> str:
    """``<dBR/dq2>(B+->Kmumu)[1.1,6.0]`` from the name and the numbers."""
    return name + (f"[{','.join(repr(float(a)) for a in args)}]" if args else "")


class Group(Protocol):
    """Observables that are computed together, for given requests (static).

    A group may also have ``contract(theory, tables)``: tables made ready for theories of the same structure.
    """

    def tables(self, par: Mapping[str, Any], sm: Mapping[str, Any]) -> Any:
        """Everything that does not depend on new physics (pytree)."""

    def evaluate(self, theory: Theory, tables: Any) -> Any:
        """One array (B,) or (1,) per request, as a list or stacked."""


FAMILIES: dict[str, Family] = {}
GROUPS: dict[str, Callable[..., Group]] = {}


def register_group(name: str, factory: Callable[..., Group]) -> None:
    """Make a group known; ``factory(requests, conventions)`` builds it for a list of requests."""
    GROUPS[name] = factory


def register_family(family: Family) -> Family:
    """Add an observable to the list."""
    if family.name in FAMILIES:
        raise InputError(f"observable {family.name!r} is already registered")
    FAMILIES[family.name] = family
    return family


def list_observables() -> list[Family]:
    """All observables, by name."""
    return [FAMILIES[k] for k in sorted(FAMILIES)]


_NAME = re.compile(r"^(?P<name>[^\[\]]+?)\s*(?:\[(?P<args>[^\[\]]*)\])?$")


def parse(text: str) -> Request:
    """Request from a name; InputError with one line for an unknown name, a missing or reversed bin, or q^2 out of range."""
    m = _NAME.match(str(text).strip())
    if not m:
        raise InputError(f"observable {text!r} (allowed: NAME, NAME[q2] or NAME[q2min,q2max])")
    name, inner = m["name"].strip(), m["args"]
    if name not in FAMILIES:
        raise unknown("observable", name, FAMILIES, "see 'fipjax observables'")
    fam = FAMILIES[name]
    try:
        args = tuple(float(x) for x in inner.split(",")) if inner is not None and inner.strip() else ()
    except ValueError:
        raise InputError(f"observable {text!r}: bin [{inner}] is not numeric (allowed: q^2 in GeV^2)") from None
    need = {BINNED: 2, POINT: 1, NUMBER: 0}[fam.kind]
    form = {2: "[q2min,q2max]", 1: "[q2]", 0: "no brackets"}[need]
    if len(args) != need:
        raise InputError(f"observable {text!r}: {len(args)} numbers in brackets (allowed: {name}{form if need else ''}, {form})")
    if not all(math.isfinite(a) for a in args):
        raise InputError(f"observable {text!r}: q^2 = {args} (allowed: finite)")
    if need == 2 and not args[0] < args[1]:
        raise InputError(
            f"observable {text!r}: reversed or empty bin, q2min = {args[0]}, q2max = {args[1]} (allowed: q2min < q2max)"
        )
    if need and fam.q2_range is not None:
        lo, hi = fam.q2_range
        inside = args[0] < hi and args[-1] > lo and args[0] >= 0.0 if need == 2 else lo < args[0] < hi
        if (need == 2 and (args[-1] > math.ceil(hi * 10) / 10 + 1.0 or not inside)) or (need == 1 and not inside):
            raise InputError(f"observable {text!r}: q^2 outside the physical region (allowed: {lo:.4g} to {hi:.4g} GeV^2)")
    return Request(fam, args, str(text))
