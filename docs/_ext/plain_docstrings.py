"""Docstrings of fipjax as reStructuredText.

They are written to be read in a terminal: formulas in plain text, indented where they stand alone, |C9|^2 for a modulus.  Here
paragraphs become one line each with the characters escaped that would mean something else, indented paragraphs become literal
blocks, "name: meaning" lines of a list of parameters become a list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# roles, literals and names in backticks stay as they are
_KEEP = re.compile(r"(:[a-z:]+:`[^`]+`|``.+?``|`[^`]+`)")
_FIELD = re.compile(r"^((?:[A-Za-z_][\w.'()]*)(?:, [A-Za-z_][\w.'()]*)*): (.+)$")
_UNDERLINE = re.compile(r"^[-=~]{3,}$")


def escape(text: str) -> str:
    """Text with everything escaped that reStructuredText would read as markup; backticks keep their meaning."""
    out = []
    for i, part in enumerate(_KEEP.split(text)):
        out.append(part if i % 2 else re.sub(r"[\\*|`]|_(?=\W|$)", r"\\\g<0>", part))
    return "".join(out)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _paragraphs(lines: Sequence[str]) -> list[list[str]]:
    out: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            out[-1].append(line.rstrip())
        elif out[-1]:
            out.append([])
    return [p for p in out if p]


def _bullets(block: Sequence[str]) -> list[str]:
    items: list[str] = []
    for line in block:
        if re.match(r"\s*[*-] ", line):
            items.append(line.strip()[2:])
        else:
            items[-1] += " " + line.strip()
    return [line for item in items for line in (f"* {escape(item)}", "")]


def _fields(block: Sequence[str]) -> list[str]:
    items: list[list[str]] = []
    for line in block:
        found = _FIELD.match(line)
        if found:
            items.append([found[1], found[2]])
        elif items:
            items[-1][1] += " " + line.strip()
        else:
            items.append(["", line.strip()])
    out = []
    for name, text in items:
        head = ", ".join(f"``{n}``" for n in name.split(", ")) + ": " if name else ""
        out += [f"* {head}{escape(text)}", ""]
    return out


def convert(lines: Sequence[str]) -> list[str]:
    """Lines of a docstring (already dedented) as reStructuredText."""
    out: list[str] = []
    in_fields = False
    for block in _paragraphs(lines):
        if len(block) > 1 and _UNDERLINE.match(block[1].strip()) and not block[0].startswith(" "):
            out += [f".. rubric:: {block[0].strip()}", ""]
            in_fields = block[0].strip() in ("Parameters", "Attributes")
            block = block[2:]
            if not block:
                continue
            if in_fields:
                out += _fields(block)
                continue
        if block[0].lstrip().startswith(">>>"):
            out += [".. code-block:: python", "", *("   " + line.strip() for line in block), ""]
        elif all(_indent(line) > 0 for line in block) and not re.match(r"\s*[*-] ", block[0]):
            least = min(_indent(line) for line in block)
            out += ["::", "", *("   " + line[least:] for line in block), ""]
        elif re.match(r"\s*[*-] ", block[0]):
            out += _bullets(block)
        else:
            # text, and a list or a formula that follows without an empty line
            text: list[str] = []
            for i, line in enumerate(block):
                if re.match(r"[*-] ", line):
                    out += [escape(" ".join(text)), "", *_bullets(block[i:])]
                    text = []
                    break
                text.append(line.strip())
            if text:
                out += [escape(" ".join(text)), ""]
    return out


def _process(app, what, name, obj, options, lines) -> None:
    lines[:] = convert(lines)


def setup(app):
    """Sphinx calls this."""
    app.connect("autodoc-process-docstring", _process)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
