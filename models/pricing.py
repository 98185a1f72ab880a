"""What a minute of an agent's places is worth, when better agents are wanted by more tasks than they can take.

Of the assignments that keep up with the stream of tasks, the one that earns most is a linear program:

    maximise    sum of value(category, agent) * rate(category, agent)
    subject to  all tasks that come per minute are given away; the minutes of no agent exceed its places * `share`

The prices are its dual values: what one more place of that agent would earn in a minute. A task that takes an agent's minutes should earn at least
their price there, else it takes the place of one that would earn more. Use them only once values are known: before, they price noise.

Reference: F. P. Kelly, Routing in circuit-switched networks: optimization, shadow prices and decentralization, 1988.
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import linprog

from models.errors import Unsolved

_TINY = 1e-9
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def capacity_prices(values: Floats, minutes: Floats, rates: Floats, places: Floats, *, allowed: Bools | None = None, share: float = 1.0) -> Floats:
    """Return the price of a minute of a place of each agent, zero where there are places enough.

    `values` and `minutes` are tables of categories x agents, `rates` tasks that come per minute in each category. Where more comes than all agents
    together can do, what is not given away earns as much as the worst that is: prices then follow from choosing the best.

    >>> values, minutes = np.array([[2.0, 1.0]]), np.array([[10.0, 10.0]])
    >>> capacity_prices(values, minutes, np.array([0.5]), np.array([4.0, 4.0])).tolist()
    [0.1, 0.0]
    """
    allowed = np.ones(values.shape, dtype=np.bool_) if allowed is None else allowed
    row, column = np.nonzero(allowed & (rates > 0)[:, None])
    if not len(row):
        return np.zeros(len(places))
    variables = np.arange(len(row))
    limits = sp.vstack([
        sp.csr_array((np.ones(len(row)), (row, variables)), shape=(len(rates), len(row))),
        sp.csr_array((minutes[row, column], (column, variables)), shape=(len(places), len(row))),
    ])  # fmt: skip
    worst = float(values[row, column].min())
    unit = max(float(np.ptp(values[row, column])), _TINY)  # values are told in units of their span: a solver wants numbers near one
    answer = linprog(-(values[row, column] - worst) / unit, A_ub=limits, b_ub=np.concatenate([rates, places * share]), method="highs")
    if answer.x is None:
        raise Unsolved(answer.message)
    return np.asarray(np.maximum(-answer.ineqlin.marginals[len(rates) :], 0.0)) * unit
