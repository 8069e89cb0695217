"""docs/data.md is what docs/make_data_table.py writes from the data files."""

import importlib.util
import subprocess
import sys
from pathlib import Path

from fipjax.data import list_sets

DOCS = Path(__file__).parents[2] / "docs"


def _script():
    spec = importlib.util.spec_from_file_location("make_data_table", DOCS / "make_data_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_up_to_date():
    script = _script()
    page = script.page()
    assert (DOCS / "data.md").read_text(encoding="utf-8") == page, "run: python docs/make_data_table.py"
    for s in list_sets():
        assert f"`{s.id}`" in page
        assert s.kind == "prediction" or s.source_of_digits in page


def test_bins_are_chained():
    script = _script()
    assert script._bins([(4.0, 6.0), (1.1, 2.5), (2.5, 4.0), (15.0, 17.0)]) == "1.1-2.5-4-6, 15-17"


def test_no_vintage_has_a_set_and_its_successor():
    """As the page says."""
    sets = list_sets()
    for s in sets:
        for t in sets:
            if t.arxiv and f"arXiv:{t.arxiv}" == s.superseded_by:
                assert not set(s.vintages) & set(t.vintages), (s.id, t.id)


def test_page_of_bounds_is_current():
    """docs/constraints.md is what its script writes; in a process of its own, where no test has registered a bound."""
    code = f"import sys; sys.path.insert(0, {str(DOCS)!r}); import make_constraints_table as m; sys.stdout.write(m.text())"
    text = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8").stdout
    page = (DOCS / "constraints.md").read_text(encoding="utf-8")
    assert page == text, "run: python docs/make_constraints_table.py"
