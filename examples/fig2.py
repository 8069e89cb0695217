"""Figure 2 of arXiv:2106.12582: a light vector with dimension-six couplings to b-s and to muons (model 66).

python examples/fig2.py [--quick] [--out DIR] [--data latest] [--fit high-q2]
"""

from _deft_fits import main

if __name__ == "__main__":
    main("deft66", "fig2", __doc__)
