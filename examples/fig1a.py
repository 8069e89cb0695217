"""Figure 1(a) of arXiv:2106.12582: a light vector with dimension-four couplings to b-s and to muons (model 44).

python examples/fig1a.py [--quick] [--out DIR] [--data latest] [--fit high-q2]
"""

from _deft_fits import main

if __name__ == "__main__":
    main("deft44", "fig1a", __doc__)
