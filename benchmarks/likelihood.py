"""Points per second of the likelihood, value and gradient, next to flavio and EOS in the same run: what ``fipjax bench`` prints.

python benchmarks/likelihood.py [CASE ...] [--points N] [--no-peers] [--no-float32] [-o FILE.json]
"""

import sys

from fipjax.cli import main

sys.exit(main(["bench", *sys.argv[1:]]))
