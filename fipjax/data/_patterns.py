"""Entries of ``use`` and ``drop``: set ids, arXiv numbers, observables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fipjax.errors import InputError, unknown

if TYPE_CHECKING:
    from fipjax.data._measurements import Measurement, MeasurementSet

_HINT = "set id, arXiv number or observable; see 'fipjax data'"


def arxiv_numbers(s: MeasurementSet) -> tuple[str, ...]:
    """What a set can be named by besides its id: the reference as it is written and every arXiv number in it."""
    found = re.findall(r"\d{4}\.\d{4,5}|[a-z-]+/\d{7}", s.arxiv)
    return tuple(dict.fromkeys(x for x in (s.arxiv, *found) if x))


def _parts(text: str) -> list[str]:
    """Wildcards * and ? apart from the rest.  The star of a K* in front of its leptons is none: K*mumu is not Kmumu."""
    return re.split(r"(K\*(?=mumu|ee|ll|nunu)|\*|\?)", text)


def _regex(text: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(p, re.escape(p)) for p in _parts(text)))


@dataclass(frozen=True)
class Pattern:
    """One entry.  head: without the bin, if there is one; bin: its edges, so that [1.1,6] is [1.1,6.0]."""

    text: str
    head: str
    bin: tuple[float, float] | None
    literal: bool
    head_regex: re.Pattern[str]
    regex: re.Pattern[str]

    @classmethod
    def of(cls, text: str) -> Pattern:
        number = r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*"
        m = re.fullmatch(rf"(.*)\[{number},{number}\]", text)
        head, edges = text, None
        if m:
            try:
                head, edges = m[1], (float(m[2]), float(m[3]))
            except ValueError:
                pass
        literal = not {"*", "?"} & set(_parts(head))
        return cls(text, head, edges, literal, _regex(head), _regex(text))

    def names_set(self, s: MeasurementSet) -> bool:
        """The id itself, or an arXiv number."""
        return self.text == s.id or self.cites(s)

    def cites(self, s: MeasurementSet) -> bool:
        return self.text.removeprefix("arXiv:") in arxiv_numbers(s)

    def covers_set(self, s: MeasurementSet) -> bool:
        """The id with wildcards, or an arXiv number."""
        return self.names_set(s) or bool(self.regex.fullmatch(s.id))

    def names(self, m: Measurement) -> bool:
        """The observable, with its bin if it has one, and no wildcard."""
        same = self.bin == m.bin and self.head == m.observable.split("[")[0]
        return self.literal and (same or self.text == m.observable)

    def matches(self, s: MeasurementSet, m: Measurement) -> bool:
        if self.covers_set(s):
            return True
        name = m.observable.split("[")[0]
        if self.bin is not None:
            return self.bin == m.bin and bool(self.head_regex.fullmatch(name))
        return bool(self.regex.fullmatch(name) or self.regex.fullmatch(m.observable))


def patterns(field: str, entries: Sequence[str]) -> list[Pattern]:
    if isinstance(entries, str) or not all(isinstance(e, str) for e in entries):
        raise InputError(f"{field} = {entries!r} (allowed: a list of texts: {_HINT})")
    return [Pattern.of(e) for e in entries]


def _known(sets: Iterable[MeasurementSet], p: Pattern, predicted: Iterable[str]) -> set[str]:
    """Names for did-you-mean: the bins of the observable if it exists, else everything an entry can be."""
    sets = list(sets)
    observables = {m.observable for s in sets for m in s.measurements}
    same = {o for o in observables if o.split("[")[0] == p.head}
    if p.bin is not None and same:
        return same
    out = {o.split("[")[0] for o in observables} | set(predicted)
    if p.bin is not None:
        out |= observables
    return out.union(*({s.id, *arxiv_numbers(s)} for s in sets))


def check_drop(p: Pattern, sets: Sequence[MeasurementSet], predicted: Iterable[str]) -> None:
    """InputError if an entry names nothing at all: no set, no number of any vintage, no observable that fipjax predicts.

    An entry that only finds nothing in the vintage of the fit is fine: there is nothing to drop.
    """
    predicted = list(predicted)
    if any(p.covers_set(s) or any(p.matches(s, m) for m in s.measurements) for s in sets):
        return
    if p.bin is None and any(p.regex.fullmatch(name) for name in predicted):
        return
    raise unknown("entry of drop", p.text, _known(sets, p, predicted), _HINT)


def no_match(p: Pattern, vintage: str, sets: Sequence[MeasurementSet], predicted: Iterable[str]) -> InputError:
    """The error for an entry of ``use`` that finds no number in the vintage: where there is one, or what was meant."""
    if any(p.covers_set(s) for s in sets if not s.measurements):
        return InputError(f"use = {p.text!r}: the set has upper limits only (allowed: sets of measurements; see 'fipjax data')")
    elsewhere = [s.id for s in sets if any(p.matches(s, m) for m in s.measurements)]
    if elsewhere:
        found = ", ".join(elsewhere[:6]) + (", ..." if len(elsewhere) > 6 else "")
        return InputError(
            f"use = {p.text!r}: not in vintage {vintage!r}, but in {found} (allowed: what is in the vintage, or the id of a set)"
        )
    return unknown(f"measurement in vintage {vintage!r}", p.text, _known(sets, p, predicted), _HINT)


def named_outside(
    use: Sequence[Pattern], sets: Sequence[MeasurementSet], inside: Callable[[MeasurementSet], bool]
) -> tuple[set[str], set[str]]:
    """(ids of sets outside the vintage that ``use`` brings in, ids of those that share an arXiv number but stay out).

    A set id always counts, an arXiv number where the vintage has nothing of that publication: the others are other forms of
    the same data.
    """
    named: set[str] = set()
    shared: set[str] = set()
    for p in use:
        named |= {s.id for s in sets if p.text == s.id}
        out = [s.id for s in sets if p.cites(s) and not inside(s) and s.measurements]
        if any(p.cites(s) and inside(s) for s in sets):
            shared |= set(out)
        elif len(out) > 1:
            raise InputError(f"use = {p.text!r}: {len(out)} sets outside the vintage (allowed: their ids, {', '.join(out)})")
        else:
            named |= set(out)
    return named, shared - named


def check_ids(extra: Sequence[MeasurementSet], shipped: Sequence[MeasurementSet]) -> None:
    """Each set once."""
    seen = {s.id: "a shipped set" for s in shipped}
    for s in extra:
        here = repr(s.path) if s.path else "a set without file"
        if s.id in seen:
            raise InputError(f"measurements: id = {s.id!r} twice, {seen[s.id]} and {here} (allowed: each set once)")
        seen[s.id] = here
