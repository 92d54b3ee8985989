"""Makes reference.json: what scikit-learn's random forests are like on rows that a formula gives, for reference_test.go.

    /usr/bin/python3 reference.py > reference.json    (scikit-learn 1.2.1: Debian's python3-sklearn)

Forests are random: what is stored of each quantity is its mean and SD over seeds.
"""

import json
import sys

import numpy as np
import sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

COLUMNS, TRAIN, TEST, SEEDS = 8, 500, 500, 20
KINDS = (0, 0, 20, 8, 5, 2, 2, 1)  # number of values of a column; 0: as many as rows

FITS = [
    dict(n_estimators=100),
    dict(n_estimators=100, max_features=5, min_samples_leaf=4),
    dict(n_estimators=60, max_depth=4, max_features=1),
]


def noise(row, k):
    """A whole number below 2^32, by integer arithmetic alone."""
    x = (row * 2654435761 + k * 2246822519 + 374761393) % 2**32
    for m in (2246822519, 3266489917):
        x = ((x ^ (x >> 15)) * m) % 2**32
    return x ^ (x >> 16)


def number(row, column):
    u = noise(row, column)
    return (u % KINDS[column] if KINDS[column] else u % 2**20) / (KINDS[column] or 2**20)


def label(row):
    z = 2 * number(row, 0) + number(row, 2) + number(row, 5)
    if number(row, 3) > 0.5:
        z += 1.5 * number(row, 1)
    return int(z + 2 * (noise(row, 200) % 1000) / 1000 > 3)


def quantities(f, x, y, xs, ys):
    p = f.predict_proba(xs)[:, 1]
    out_of_bag = f.oob_decision_function_[:, 1]
    return dict(
        auroc=roc_auc_score(ys, p),
        brier=np.mean((p - ys) ** 2),
        oob_brier=np.mean((out_of_bag - y) ** 2),
        leaves=np.mean([t.get_n_leaves() for t in f.estimators_]),
        depth=np.mean([t.get_depth() for t in f.estimators_]),
        **{f"importance_{j}": v for j, v in enumerate(f.feature_importances_)},
    )


def main():
    rows = np.array([[number(i, j) for j in range(COLUMNS)] for i in range(TRAIN + TEST)])
    y = np.array([label(i) for i in range(TRAIN + TEST)])
    out = {"command": "/usr/bin/python3 reference.py > reference.json", "scikit-learn": sklearn.__version__, "ones": int(y.sum()), "fits": []}
    for settings in FITS:
        found = []
        for seed in range(SEEDS):
            f = RandomForestClassifier(**settings, random_state=seed, oob_score=True).fit(rows[:TRAIN], y[:TRAIN])
            found.append(quantities(f, rows[:TRAIN], y[:TRAIN], rows[TRAIN:], y[TRAIN:]))
        of = {k: [v[k] for v in found] for k in found[0]}
        stats = {k: [float(f"{np.mean(v):.6g}"), float(f"{np.std(v, ddof=1):.3g}")] for k, v in of.items()}
        out["fits"].append({"settings": settings, "quantities": stats})
    json.dump(out, sys.stdout, indent=1)
    print()


main()
