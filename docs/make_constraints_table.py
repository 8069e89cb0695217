"""Writes docs/constraints.md from the registered bounds: python docs/make_constraints_table.py"""

from __future__ import annotations

from pathlib import Path

from fipjax.constraints import list_constraints

HEAD = """# Bounds

<!-- Written by docs/make_constraints_table.py. -->

One definition each, a number r >= 0 that must stay below 1: a mask in scans, a smooth term in fits and samplers (see
`fipjax/constraints/base.py`). The smooth term by kind: "limit" (nothing below 1, a half-parabola in ln r above, with the
stated relative softness), "gaussian" (the measurement's parabola; excluded beyond the stated number of sigma), "chi2" (half the
chi2 difference). `fipjax constraints --long` lists the same. Bounds in italics are not part of "all": projections, other readings
of the same data, or statements that go beyond a bound.
"""


def text() -> str:
    """The whole page."""
    lines = [HEAD]
    groups: dict[str, list] = {}
    for c in list_constraints():
        groups.setdefault(c.group, []).append(c)
    for group in sorted(groups):
        lines += [f"## {group}", "", "| bound | meaning | CL | kind | applies to | source |", "|---|---|---|---|---|---|"]
        for c in groups[group]:
            name = f"*{c.name}*" if c.opt_in else f"`{c.name}`"
            kind = {
                "limit": f"limit, {c.softness:g}",
                "gaussian": f"gaussian, {c.strength:g} sigma",
                "chi2": f"chi2 < {c.strength:g}",
            }[c.kind]
            cells = (name, c.description, c.cl, kind, c.applies, c.source)
            lines.append("| " + " | ".join(x.replace("|", "\\|") for x in cells) + " |")
        notes = [f"* `{c.name}`: {c.notes}" for c in groups[group] if c.notes]
        lines += ["", *notes, ""] if notes else [""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("constraints.md").write_text(text())
