"""Figure 3(b) of arXiv:2106.12582: what other bounds leave of model 64.

python examples/fig3b.py [--quick] [--out DIR] [--conventions as_printed] [--data latest]
"""

from _deft_bounds import main

if __name__ == "__main__":
    main("deft64", "fig3b", __doc__)
