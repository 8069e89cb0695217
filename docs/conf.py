"""Sphinx configuration.  ``make docs`` builds the site into docs/_build/html; nothing is loaded from the network, then or later."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "_ext")]

project = "fipjax"
author = "The fipjax developers"
project_copyright = "The fipjax developers"
release = version = importlib.metadata.version("fipjax")

# text and links only, in a quarter of the time: no plots, no code run, no pages of source, plain theme (for the tests)
THIN = os.environ.get("FIPJAX_DOCS_THIN", "0") == "1"

extensions = ["myst_parser", "sphinx.ext.autodoc", "plain_docstrings", "mathml", "run_code"]
if not THIN:
    extensions.append("sphinx.ext.viewcode")
run_code = not THIN
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_ext", "Thumbs.db"]

# MyST: $...$ is a formula only where it cannot be a shell variable or a price
myst_enable_extensions = ["colon_fence", "dollarmath", "attrs_block"]
myst_dmath_allow_space = False
myst_dmath_allow_digits = False
myst_heading_anchors = 3

html_theme = "basic" if THIN else "furo"
html_title = f"fipjax {release}"
html_static_path = ["_static"]
html_css_files = ["fipjax.css"]
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"
html_theme_options = {} if THIN else {"navigation_with_keys": True, "top_of_page_buttons": []}
pygments_style = "friendly"
pygments_dark_style = "monokai"
highlight_language = "text"

# `vector` in a docstring is a name; what cannot be found is shown as code
default_role = "py:obj"
python_use_unqualified_type_names = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": False}
suppress_warnings = ["toc.empty_glob", "misc.highlighting_failure"]
toc_object_entries = False

# -- pages that are generated -------------------------------------------------------------------------------------------------


def _generate(app) -> None:
    import generate_api
    import generate_commands
    import generate_equations
    import generate_gallery
    import generate_kernels
    import generate_validation

    generate_kernels.write(not THIN)
    generate_equations.write()
    generate_gallery.write()
    generate_validation.write()
    generate_api.write()
    generate_commands.write()


def _other_pages(app, docname: str, source: list[str]) -> None:
    """A page that no list of the index names goes into its last one: a new page is never lost.  Links to pages that are not there
    (yet) become text."""
    source[0] = re.sub(
        r"\[([^\]]+)\]\(([\w-]+)\.md\)", lambda m: m[0] if (HERE / f"{m[2]}.md").exists() else m[1], source[0]
    ) if docname in ("index", "tutorial") else source[0]  # fmt: skip
    if docname == "approximations":
        import generate_equations

        source[0] = source[0].replace("@approximations@", generate_equations.approximations())
    if docname != "index":
        return
    text = source[0]
    named = set(re.findall(r"^(?:.+ <)?([\w./-]+)>?$", text, flags=re.M))
    others = sorted(p.stem for p in HERE.glob("*.md") if p.stem not in named | {"index"})
    source[0] = text.replace("@others@", "\n".join(others))
    if not others:
        source[0] = re.sub(r"```{toctree}\n:caption: Further pages\n.*?```\n", "", source[0], flags=re.S)
    # a page that somebody else is still writing
    for name in named:
        if not (HERE / f"{name}.md").exists() and not name.startswith("generated/"):
            source[0] = re.sub(rf"^{re.escape(name)}\n", "", source[0], flags=re.M)


def setup(app):
    app.connect("builder-inited", _generate)
    app.connect("source-read", _other_pages)
