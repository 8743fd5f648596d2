#!/usr/bin/env python3
"""Writes lp.txt: small programs with what HiGHS (pip install highspy numpy) says about them.

    python3 tests/golden/fleet/lp-make.py tests/golden/fleet/lp.txt

One program is
    program NAME COLS ROWS STATUS OBJECTIVE      STATUS: optimal infeasible unbounded
    c LOWER UPPER INTEGER COST                   a line a column
    r LOWER UPPER COL:VALUE ...                  a line a row
    d DUAL ...                                   of the rows, if the optimum and its duals are the only ones
    e DUAL ...                                   of the columns, likewise
    end
"""
import random
import sys

import highspy
import numpy as np

INF = float('inf')
OUT = open(sys.argv[1], 'w')


def say(*words):
    print(*words, file=OUT)


class Program:
    def __init__(self, name):
        self.name, self.cols, self.rows = name, [], []

    def col(self, lower=0, upper=INF, integer=False, cost=0):
        self.cols.append((lower, upper, integer, cost))
        return len(self.cols) - 1

    def row(self, lower, upper, terms):
        self.rows.append((lower, upper, [(j, a) for j, a in terms if a != 0]))


def solver(p):
    h = highspy.Highs()
    h.setOptionValue('output_flag', False)
    h.setOptionValue('threads', 1)
    h.setOptionValue('mip_rel_gap', 0.0)
    h.setOptionValue('mip_abs_gap', 0.0)
    h.setOptionValue('mip_feasibility_tolerance', 1e-9)
    h.setOptionValue('presolve', 'off')  # which cannot always tell infeasible from unbounded
    for lower, upper, integer, cost in p.cols:
        h.addVar(lower, upper)
        j = h.getNumCol() - 1
        h.changeColCost(j, cost)
        if integer:
            h.changeColIntegrality(j, highspy.HighsVarType.kInteger)
    for lower, upper, terms in p.rows:
        h.addRow(lower, upper, len(terms), np.array([j for j, _ in terms], dtype=np.int32),
                 np.array([a for _, a in terms], dtype=float))
    return h


def is_unique(p, h):
    """No basic value at its bound, no reduced cost of zero: optimum and duals are the only ones."""
    s, b = h.getSolution(), h.getBasis()
    basic = highspy.HighsBasisStatus.kBasic
    for bounds, values, duals, status in ((p.cols, s.col_value, s.col_dual, b.col_status),
                                          (p.rows, s.row_value, s.row_dual, b.row_status)):
        for bound, value, dual, st in zip(bounds, values, duals, status):
            if st == basic and min(abs(value - bound[0]), abs(value - bound[1])) < 1e-5:
                return False
            if st != basic and abs(dual) < 1e-5 and bound[0] != bound[1]:
                return False
    return True


def number(v):
    return '%.12g' % v  # also inf and -inf


def write(p, expected=None):
    h = solver(p)
    h.run()
    status = {highspy.HighsModelStatus.kOptimal: 'optimal', highspy.HighsModelStatus.kInfeasible: 'infeasible',
              highspy.HighsModelStatus.kUnbounded: 'unbounded'}[h.getModelStatus()]
    if expected:
        assert status == expected, (p.name, status)
    objective = h.getInfo().objective_function_value if status == 'optimal' else 0
    say('program', p.name, len(p.cols), len(p.rows), status, '%.12g' % objective)
    for lower, upper, integer, cost in p.cols:
        say('c', number(lower), number(upper), int(integer), number(cost))
    for lower, upper, terms in p.rows:
        say('r', number(lower), number(upper), *('%d:%s' % (j, number(a)) for j, a in terms))
    if status == 'optimal' and not any(c[2] for c in p.cols) and is_unique(p, h):
        s = h.getSolution()
        say('d', *('%.12g' % v for v in s.row_dual))
        say('e', *('%.12g' % v for v in s.col_dual))
    say('end')


def random_lp(rng, name, n, m, integers=0):
    """Rows are put around a point, so that there is one; costs agree with a dual, so that there is an optimum."""
    p = Program(name)
    point = [rng.uniform(-5, 10) for _ in range(n)]
    y = [rng.uniform(-2, 2) for _ in range(m)]
    a = [[round(rng.uniform(-4, 6), 2) if rng.random() < 0.5 else 0 for _ in range(n)] for _ in range(m)]
    for j in range(n):
        kind = rng.random()
        lower = -INF if kind < 0.15 else round(point[j] - rng.uniform(0, 6), 2)
        upper = INF if kind < 0.5 else round(point[j] + rng.uniform(0.5, 8), 2)
        reduced = rng.uniform(-1, 2) if upper < INF and lower > -INF else rng.uniform(0.1, 2) if lower > -INF else 0
        cost = sum(y[i] * a[i][j] for i in range(m)) + reduced
        p.col(lower, upper, j < integers, cost)
    for i in range(m):
        activity = sum(a[i][j] * point[j] for j in range(n))
        lower = activity - rng.uniform(0, 5) if y[i] > 0 or rng.random() < 0.3 else -INF
        upper = activity + rng.uniform(0, 5) if y[i] <= 0 or rng.random() < 0.3 else INF
        p.row(lower, upper, list(enumerate(a[i])))
    return p


def transport(rng, name, sources, sinks):
    """Degenerate: all supplies and all demands are the same."""
    p = Program(name)
    x = [[p.col(cost=rng.randint(1, 9)) for _ in range(sinks)] for _ in range(sources)]
    for s in range(sources):
        p.row(-INF, sinks, [(x[s][t], 1) for t in range(sinks)])
    for t in range(sinks):
        p.row(sources, INF, [(x[s][t], 1) for s in range(sources)])
    return p


def assignment(rng, name, n):
    p = Program(name)
    x = [[p.col(0, 1, cost=rng.randint(1, 20)) for _ in range(n)] for _ in range(n)]
    for i in range(n):
        p.row(1, 1, [(x[i][k], 1) for k in range(n)])
        p.row(1, 1, [(x[k][i], 1) for k in range(n)])
    return p


def knapsack(rng, name, n, m):
    p = Program(name)
    for j in range(n):
        p.col(0, rng.choice([1, 1, 5]), True, -rng.randint(5, 40))
    for _ in range(m):
        w = [rng.randint(3, 30) for _ in range(n)]
        p.row(-INF, sum(w) // 2, list(enumerate(w)))
    return p


def cover(rng, name, n, m):
    p = Program(name)
    for j in range(n):
        p.col(0, 1, True, rng.randint(1, 12))
    for _ in range(m):
        p.row(1, INF, [(j, 1) for j in rng.sample(range(n), 4)])
    return p


def lots(rng, name, items, periods):
    """Orders with a fixed cost, a smallest lot and stock from month to month; whole units."""
    p = Program(name)
    capacity = [[] for _ in range(periods)]
    for i in range(items):
        stock = None
        for t in range(periods):
            order = p.col(0, 60, True, round(rng.uniform(1, 3), 2))
            opened = p.col(0, 1, True, rng.randint(10, 60))
            kept = p.col(0, INF, False, round(rng.uniform(0.1, 0.5), 2))
            p.row(round(rng.uniform(2, 15), 1), INF,
                  [(order, 1), (kept, -1)] + ([(stock, 1)] if stock is not None else []))
            p.row(-INF, 0, [(order, 1), (opened, -60)])
            p.row(0, INF, [(order, 1), (opened, -7)])
            capacity[t].append((order, 1))
            stock = kept
    for t in range(periods):
        p.row(-INF, 14 * items, capacity[t])
    return p


def shares(rng, name, chips):
    """Whole servers of several kinds: capacity, money, power, and a share of the money for some."""
    p = Program(name)
    speed = [rng.uniform(0.5, 3) for _ in range(chips)]
    price = [s * rng.uniform(0.8, 1.4) for s in speed]
    for c in range(chips):
        p.col(0, 400, True, price[c])
    p.row(900, INF, list(enumerate(speed)))
    p.row(-INF, 5000, list(enumerate(rng.uniform(4, 12) for _ in range(chips))))
    p.row(0, INF, [(c, (0.4 if c % 2 else -0.6) * price[c]) for c in range(chips)])
    return p


def main():
    rng = random.Random(20250119)
    for i in range(10):
        write(random_lp(rng, 'lp%d' % i, 4 + 2 * i, 3 + 2 * i), 'optimal')
    for i in range(3):
        write(transport(rng, 'transport%d' % i, 3 + i, 4 + i), 'optimal')
        write(assignment(rng, 'assignment%d' % i, 4 + 2 * i), 'optimal')
    for i in range(5):
        write(random_lp(rng, 'mip%d' % i, 6 + 2 * i, 4 + i, 4 + i))
    for i in range(4):
        write(knapsack(rng, 'knapsack%d' % i, 12 + 4 * i, 2 + i), 'optimal')
        write(cover(rng, 'cover%d' % i, 12 + 5 * i, 10 + 5 * i), 'optimal')
        write(lots(rng, 'lots%d' % i, 2 + i // 2, 3 + i), 'optimal')
        write(shares(rng, 'shares%d' % i, 4 + 3 * i), 'optimal')
    for i in range(3):  # the sum of three rows says 0 >= 1
        p = random_lp(rng, 'infeasible%d' % i, 8 + i, 5)
        n = len(p.cols)
        a, b = ([round(rng.uniform(-3, 3), 2) for _ in range(n)] for _ in range(2))
        p.row(2, INF, list(enumerate(a)))
        p.row(3, INF, list(enumerate(b)))
        p.row(-INF, 4, [(j, a[j] + b[j]) for j in range(n)])
        write(p, 'infeasible')
    for i in range(3):  # whole numbers only: even coefficients, odd side
        p = Program('parity%d' % i)
        for _ in range(4 + i):
            p.col(0, 6, True, rng.randint(-3, 3))
        odd = 2 * rng.randint(3, 9) + 1
        p.row(odd, odd, [(j, 2 * rng.randint(1, 4)) for j in range(4 + i)])
        write(p, 'infeasible')
    for i in range(3):
        p = Program('unbounded%d' % i)
        x, y, z = (p.col(0, INF, i == 2 and k < 2, c) for k, c in enumerate((-1, 0.5, 0)))
        p.row(-INF, 4, [(x, 1), (y, -1 - i)])
        p.row(-3, INF, [(x, 1), (z, 1)])
        write(p, 'unbounded')
    p = Program('empty')  # no rows
    p.col(1, 4, False, 2)
    p.col(-3, 5, True, -1)
    write(p, 'optimal')
    p = Program('fixed')
    p.col(2, 2, True, 3)
    p.col(0, 1, False, 1)
    p.row(2.25, 2.25, [(0, 1), (1, 1)])
    write(p, 'optimal')


main()
