"""Fits XGBoost to a table once for each line that it reads, and prints how many seconds it took: see speed_test.go.

    python3 speed.py TABLE ROWS THREADS

TABLE holds the columns, the label last, as 32-bit numbers. The first line of the output is XGBoost's version.
"""

import sys
import time

import numpy
import xgboost

SETTINGS = dict(objective="binary:logistic", tree_method="hist", max_bin=256, eta=0.1, max_depth=6)  # those of Defaults


def main():
    table, rows, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    values = numpy.fromfile(table, "<f4").reshape(-1, rows)
    x, y = numpy.ascontiguousarray(values[:-1].T), values[-1]
    print(xgboost.__version__, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        xgboost.train(dict(SETTINGS, nthread=threads), xgboost.DMatrix(x, y, nthread=threads), 100)
        print(time.perf_counter() - start, flush=True)


main()
