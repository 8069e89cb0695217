"""Figure 3(a) of arXiv:2106.12582: what other bounds leave of model 44.

python examples/fig3a.py [--quick] [--out DIR] [--conventions as_printed] [--data latest]
"""

from _deft_bounds import main

if __name__ == "__main__":
    main("deft44", "fig3a", __doc__)
