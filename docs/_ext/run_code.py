"""The directive ``run``: Python that is executed when the page is built, with what it prints and draws below it.

    ```{run}
    1 + 1
    ```

Blocks of a page share their names.  Below the code come what was printed, and the value of the last line: a figure as a picture,
anything else as text.  ``run_code = False`` (``sphinx-build -D run_code=0``) shows the code alone.  Results are kept under
a hash of all code so far and of the package, so that a page that has not changed is not run again.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import json
import time
from functools import lru_cache
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

_LOG = logging.getLogger(__name__)
_PICTURES = Path("generated") / "run"


@lru_cache(maxsize=1)
def _package() -> str:
    """Hash of the source of fipjax and fipkernels."""
    import fipjax
    import fipkernels

    digest = hashlib.sha256()
    for module in (fipjax, fipkernels):
        root = Path(module.__file__).parent
        for path in sorted(root.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def execute(code: str, space: dict, name: str) -> tuple[str, object]:
    """Run code in ``space``: (what it printed, value of its last line if that is an expression)."""
    tree = ast.parse(code, filename=name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, name, "exec"), space)
        value = eval(compile(ast.Expression(last.value), name, "eval"), space) if last is not None else None
    return printed.getvalue(), value


class Page:
    """Names, and blocks so far, of a page that is being read."""

    def __init__(self, store: Path):
        self.space: dict = {"__name__": "__page__"}
        self.store = store
        self.pending: list[str] = []
        self.key = hashlib.sha256(_package().encode())
        self.seconds = 0.0

    def run(self, code: str, name: str) -> dict:
        """{"text", "picture"}: from the store, or by running this block and all before it that were not run."""
        self.key.update(code.encode())
        stem = self.key.hexdigest()[:20]
        record, picture = self.store / f"{stem}.json", self.store / f"{stem}.png"
        self.pending.append(code)
        if record.exists():
            result = json.loads(record.read_text(encoding="utf-8"))
            if not result["picture"] or picture.exists():
                return result
        start = time.perf_counter()
        for block in self.pending:
            text, value = execute(block, self.space, name)
        self.pending.clear()
        self.seconds += time.perf_counter() - start
        drawn = hasattr(value, "_repr_png_") or hasattr(value, "savefig")
        if value is not None and not drawn:
            text += repr(value)
        self.store.mkdir(parents=True, exist_ok=True)
        if drawn:
            value.savefig(picture, dpi=160)
        result = {"text": text.rstrip(), "picture": picture.name if drawn else ""}
        record.write_text(json.dumps(result), encoding="utf-8")
        return result


class Run(SphinxDirective):
    """See the module."""

    has_content = True
    optional_arguments = 0

    def run(self):
        code = "\n".join(self.content)
        block = nodes.literal_block(code, code, language="python")
        self.set_source_info(block)
        if not self.config.run_code:
            return [block]
        pages = self.env.temp_data.setdefault("run_code_pages", {})
        if self.env.docname not in pages:
            pages[self.env.docname] = Page(Path(self.env.srcdir) / _PICTURES)
        page = pages[self.env.docname]
        where = f"{self.env.docname}, line {self.lineno}"
        try:
            result = page.run(code, where)
        except Exception as error:  # a broken example is a broken build
            _LOG.warning("%s: %s: %s", where, type(error).__name__, error, location=block)
            return [block]
        out = [block]
        if result["text"]:
            text = nodes.literal_block(result["text"], result["text"], language="text", classes=["result"])
            out.append(text)
        if result["picture"]:
            uri = "/" + (_PICTURES / result["picture"]).as_posix()
            out.append(nodes.image(uri=uri, alt="figure drawn by the code above", classes=["result"]))
        return out


def blocks(page: Path) -> list[str]:
    """The code of a Markdown page's ``run`` blocks, for tests."""
    inside, out = False, []
    for line in page.read_text(encoding="utf-8").splitlines():
        if inside and line.startswith("```"):
            inside = False
        elif inside:
            out[-1].append(line)
        elif line.startswith("```{run}"):
            inside = True
            out.append([])
    return ["\n".join(b) for b in out]


def setup(app):
    """Sphinx calls this."""
    app.add_config_value("run_code", True, "env", (bool, int, str))
    app.connect("config-inited", lambda _, config: setattr(config, "run_code", str(config.run_code) not in ("0", "False")))
    app.add_directive("run", Run)
    return {"version": "1", "parallel_read_safe": False}
