"""Makes reference.json: what XGBoost fits to rows that a formula gives, for reference_test.go.

    pip install xgboost-cpu==3.2.0
    python reference.py > reference.json
"""

import json
import sys

import numpy as np
import xgboost

COLUMNS, TRAIN, TEST = 6, 600, 300


def noise(row, k):
    """A whole number below 2^32, by integer arithmetic alone."""
    x = (row * 2654435761 + k * 2246822519 + 374761393) % 2**32
    for m in (2246822519, 3266489917):
        x = ((x ^ (x >> 15)) * m) % 2**32
    return x ^ (x >> 16)


def number(row, column):
    """No column has more values than bins, and each value is exact in 32 bits: both programs see the same bins."""
    u = noise(row, column)
    if noise(row, 100 + column) % 100 < (0, 0, 0, 30, 15, 60)[column]:
        return float("nan")
    return (u % 2, u % 16, (u % 200) / 8, (u % 200) / 8, (u % 64) / 4, (u % 120) / 2)[column]


def label(row):
    z = 20 * number(row, 0) + 3 * number(row, 1) - 2 * number(row, 2)
    if number(row, 2) > 12:
        z += 2 * number(row, 1)
    x = number(row, 3)
    z += 25 if x != x else 2 * x  # a value is missing more often than not at random
    x = number(row, 4)
    z += 10 if x != x else -x
    return int(z + noise(row, 200) % 60 > 85)


SETTINGS = [
    dict(max_depth=4, eta=0.3, base_score=0.5),
    dict(max_depth=6, eta=0.1, reg_lambda=2, reg_alpha=0.5, gamma=0.5, min_child_weight=5),
    dict(max_depth=3, eta=0.5, reg_lambda=0.1, scale_pos_weight=3, base_score=0.2, min_child_weight=0),
]
ROUNDS = 30


def main():
    x = np.array([[number(i, j) for j in range(COLUMNS)] for i in range(TRAIN + TEST)], dtype=np.float32)
    y = np.array([label(i) for i in range(TRAIN + TEST)])
    out = {"command": "python reference.py > reference.json", "xgboost": xgboost.__version__, "ones": int(y.sum()), "fits": []}
    for s in SETTINGS:
        p = dict(s, objective="binary:logistic", tree_method="hist", max_bin=256, nthread=1)
        model = xgboost.train(p, xgboost.QuantileDMatrix(x[:TRAIN], y[:TRAIN]), ROUNDS)
        margins = model.predict(xgboost.DMatrix(x), output_margin=True)
        kinds = ["weight", "gain", "cover", "total_gain", "total_cover"]
        importance = {}
        for k in kinds:
            score = model.get_score(importance_type=k)
            importance[k] = [float(f"{score.get(f'f{j}', 0):.7g}") for j in range(COLUMNS)]
        out["fits"].append({
            "settings": s,
            "margins": [float(f"{m:.6f}") for m in margins],
            "importances": importance,
        })
    json.dump(out, sys.stdout, separators=(",", ":"))
    print()


main()
