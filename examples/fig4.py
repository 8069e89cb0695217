"""Figure 4 of arXiv:2106.12582: what other bounds leave of model 66.

python examples/fig4.py [--quick] [--out DIR] [--conventions as_printed] [--data latest]
"""

from _deft_bounds import main

if __name__ == "__main__":
    main("deft66", "fig4", __doc__)
