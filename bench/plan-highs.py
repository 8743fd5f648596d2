#!/usr/bin/env python3
"""Solves a program that `loam plan --mps FILE` wrote with HiGHS (PyPI highspy), on one thread, to the same gap.

    loam plan SCENARIO.yaml --mps program.mps
    bench/plan-highs.py program.mps [--gap 0.005] [--time 120]

Prints the size, the objective (millions of USD), the bound and the time: both solvers must agree within their gaps.
"""
import argparse
import time

import highspy


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mps")
    parser.add_argument("--gap", type=float, default=0.005)
    parser.add_argument("--time", type=float, default=120)
    a = parser.parse_args()
    h = highspy.Highs()
    for option, value in (("output_flag", False), ("mip_rel_gap", a.gap), ("time_limit", a.time), ("threads", 1)):
        h.setOptionValue(option, value)
    h.readModel(a.mps)
    lp, start = h.getLp(), time.monotonic()
    h.run()
    info = h.getInfo()
    print(f"{lp.num_col_} columns, {lp.num_row_} rows, {sum(int(i) == 1 for i in lp.integrality_)} integers: "
          f"{h.modelStatusToString(h.getModelStatus())}, {info.objective_function_value:.6g}, "
          f"bound {info.mip_dual_bound:.6g}, {time.monotonic() - start:.1f} s")


main()
