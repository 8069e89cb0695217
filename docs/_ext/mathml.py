"""Formulas as MathML, which browsers draw themselves: no script, no font from elsewhere, nothing to load.

LaTeX that latex2mathml does not know is a warning, hence an error under ``sphinx-build -W``.
"""

from __future__ import annotations

import re

from docutils import nodes
from latex2mathml.converter import convert
from latex2mathml.exceptions import InvalidStyleForGenfracError, NoAvailableTokensError
from sphinx.util import logging

_LOG = logging.getLogger(__name__)


def mathml(latex: str, display: str = "inline") -> str:
    """<math> element for a formula; ValueError for a command that is not known."""
    try:
        text = convert(latex, display=display)
    except (InvalidStyleForGenfracError, NoAvailableTokensError, IndexError, KeyError, ValueError) as error:
        raise ValueError(f"{latex!r}: {error!r}") from error
    # what is not known comes out as it was typed
    left = re.search(r"<m[io]>(\\[a-zA-Z]+)</m[io]>", text)
    if left:
        raise ValueError(f"{latex!r}: {left[1]} is not known")
    return text


def _write(translator, node, display: str) -> None:
    try:
        translator.body.append(mathml(node.astext().strip(), display))
    except ValueError as error:
        _LOG.warning("formula %s", error, location=node)
        translator.body.append(f"<code>{translator.encode(node.astext())}</code>")


def _inline(translator, node) -> None:
    _write(translator, node, "inline")
    raise nodes.SkipNode


def _block(translator, node) -> None:
    translator.body.append('<div class="formula">')
    _write(translator, node, "block")
    translator.body.append("</div>")
    raise nodes.SkipNode


def setup(app):
    """Sphinx calls this."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
