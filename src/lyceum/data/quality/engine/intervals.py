"""How sure a share can be, and how many rows it takes."""

from math import ceil, sqrt
from statistics import NormalDist

_NORMAL = NormalDist()


def wilson_interval(successes: int, trials: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two-sided score interval of a share; (0, 1) without trials.

    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927), 209-212. Unlike
    p ± z·sqrt(p(1-p)/n) it has a width when no trial fails, and holds its confidence near 0 and 1.
    """
    if not trials:
        return 0.0, 1.0
    z = _NORMAL.inv_cdf(0.5 + confidence / 2)
    share, weight = successes / trials, z * z / trials
    centre = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * sqrt(share * (1 - share) / trials + weight / (4 * trials))
    # at the ends the formula gives 0 and 1 but for rounding
    low = 0.0 if successes == 0 else max(0.0, centre - reach)
    return low, 1.0 if successes == trials else min(1.0, centre + reach)


def rows_to_see(share: float, fall: float, *, confidence: float = 0.95, power: float = 0.8) -> int:
    """Return how many rows show, with `power`, that a share has fallen by `fall` below `share`.

    The usual normal approximation for one proportion: n = ((z_a·sqrt(p0·q0) + z_b·sqrt(p1·q1)) / (p0 - p1))², as in
    J. L. Fleiss, B. Levin, M. C. Paik, "Statistical Methods for Rates and Proportions" (2003), 2.2; z_a is that of the
    two-sided interval.
    """
    fallen = max(0.0, share - fall)
    at_edge = _NORMAL.inv_cdf(0.5 + confidence / 2) * sqrt(share * (1 - share))
    beyond = _NORMAL.inv_cdf(power) * sqrt(fallen * (1 - fallen))
    return max(1, ceil(((at_edge + beyond) / (share - fallen)) ** 2))
