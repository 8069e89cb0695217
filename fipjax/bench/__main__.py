"""``python -m fipjax.bench CASE POINTS FILE``: one case in the precision of this process, as JSON (used by :mod:`fipjax.bench`)."""

import json
import sys

from fipjax.bench import _single

print(json.dumps(_single(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
