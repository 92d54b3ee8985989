"""Makes real.json: how well XGBoost predicts in three public data sets, for real_test.go, which does the same.

    /usr/bin/python3 real.py ../../../../../shared/data > real.json    (XGBoost 1.7.4: Debian's python3-xgboost)

Rows are put into five folds by an identifier or, without one, by their place. Each fold that is tested on is predicted by
a model of the others, or of the others but the next one, which stops the boosting early where a setting asks for it. The
area under the ROC curve is that of all margins together; where rows or columns are drawn, the mean over seeds.
It sets one program against another: how well the models would do among patients to come is another question.
"""

import csv
import gzip
import json
import os
import sys

import numpy as np
import xgboost

FOLDS = 5

# label: the column, and its values of class 1; category: text columns, cut to a number of characters where that is above 0;
# missing: the texts that stand for it
SETS = [
    dict(
        name="eICU demo: death in hospital", files=["eicu-demo/apachePredVar.csv.gz"], fold="patientunitstayid",
        label="diedinhospital", positive=["1"], missing=["", "-1"], category={"admitdiagnosis": 0}, tested=FOLDS, seeds=10,
        skip=["apachepredvarid", "patientunitstayid", "dischargelocation", "var03hspxlos"],
    ),
    dict(
        name="heart disease",
        files=[f"uci-heart-disease/processed.{h}.data.gz" for h in ("cleveland", "hungarian", "switzerland", "va")],
        header="age sex cp trestbps chol fbs restecg thalach exang oldpeak slope ca thal num".split(), fold="",
        label="num", positive=["1", "2", "3", "4"], missing=["?"], category={"cp": 1, "restecg": 1, "slope": 1, "thal": 1},
        tested=FOLDS, seeds=20, skip=[],
    ),
    dict(
        name="Diabetes 130: readmission within 30 days", files=["uci-diabetes-130/diabetic_data.csv.gz"], fold="patient_nbr",
        label="readmitted", positive=["<30"], missing=["?"], tested=1, seeds=3, skip=["encounter_id", "patient_nbr"],
        category=dict({c: 0 for c in (
            "race gender age weight payer_code medical_specialty max_glu_serum A1Cresult metformin repaglinide nateglinide "
            "chlorpropamide glimepiride acetohexamide glipizide glyburide tolbutamide pioglitazone rosiglitazone acarbose miglitol "
            "troglitazone tolazamide examide citoglipton insulin glyburide-metformin glipizide-metformin glimepiride-pioglitazone "
            "metformin-rosiglitazone metformin-pioglitazone change diabetesMed admission_type_id discharge_disposition_id admission_source_id").split()},
            diag_1=2, diag_2=2, diag_3=2),
    ),
]

FITS = [
    dict(rounds=100, settings=dict(eta=0.1, max_depth=6)),
    dict(rounds=60, settings=dict(eta=0.3, max_depth=3, reg_lambda=5, reg_alpha=1, gamma=1, min_child_weight=5)),
    dict(rounds=100, settings=dict(eta=0.1, max_depth=5, subsample=0.8, colsample_bytree=0.7)),
    dict(rounds=100, settings=dict(eta=0.1, max_depth=4, scale_pos_weight=5)),
    dict(rounds=400, patience=15, settings=dict(eta=0.1, max_depth=4, min_child_weight=3)),
]


def read(folder, s):
    """The rows of a set as text, by column."""
    names, lines = s.get("header"), []
    for file in s["files"]:
        with gzip.open(os.path.join(folder, file), "rt", encoding="utf-8", newline="") as f:
            rows = list(csv.reader(f))
        if "header" not in s:
            names, rows = rows[0], rows[1:]
        lines += [r for r in rows if r]
    return {n: [r[i] for r in lines] for i, n in enumerate(names)}


def encoded(table, s, train):
    """A column for a number, and a 0/1 column for each level that the training rows have; NaN is missing."""
    out = []
    for name, texts in table.items():
        if name in s["skip"] or name == s["label"]:
            continue
        if name not in s["category"]:
            out.append(np.array([np.nan if t in s["missing"] else float(t) for t in texts], dtype=np.float32))
            continue
        width = s["category"][name] or None
        texts = np.array(["" if t in s["missing"] else t[:width] for t in texts])
        for level in sorted(set(texts[train]) - {""}, key=str.encode):
            out.append(np.where(texts == "", np.nan, texts == level).astype(np.float32))
    return np.column_stack(out)


def area(y, p):
    """Area under the ROC curve: the share of pairs of one row of each class in the right order, ties half."""
    order = np.unique(p, return_inverse=True)[1]
    ones, zeros = np.bincount(order, y == 1), np.bincount(order, y == 0)
    return float(np.sum(ones * (np.cumsum(zeros) - zeros / 2)) / (ones.sum() * zeros.sum()))


def margins(x, y, fold, tested, fit, seed):
    other = (tested + 1) % FOLDS
    stops = fit.get("patience", 0)
    train = (fold != tested) & ~((fold == other) & bool(stops))
    p = dict(fit["settings"], objective="binary:logistic", tree_method="hist", max_bin=256, base_score=0.5, seed=seed)
    watch = {}
    if stops:
        watch = dict(evals=[(xgboost.DMatrix(x[fold == other], y[fold == other]), "validation")], early_stopping_rounds=stops)
    m = xgboost.train(p, xgboost.DMatrix(x[train], y[train]), fit["rounds"], verbose_eval=False, **watch)
    trees = (0, m.best_iteration + 1) if stops else (0, 0)
    return m.predict(xgboost.DMatrix(x[fold == tested]), output_margin=True, iteration_range=trees)


def main():
    out = {"command": "/usr/bin/python3 real.py ../../../../../shared/data > real.json", "xgboost": xgboost.__version__, "sets": []}
    for s in SETS:
        table = read(sys.argv[1], s)
        y = np.array([t in s["positive"] for t in table[s["label"]]], dtype=np.float32)
        fold = np.array([int(t) % FOLDS for t in table[s["fold"]]] if s["fold"] else np.arange(len(y)) % FOLDS)
        drawn = fold < s["tested"]
        columns = [encoded(table, s, fold != t) for t in range(s["tested"])]
        fits = []
        for fit in FITS:
            random = {"subsample", "colsample_bytree"} & set(fit["settings"])
            areas = []
            for seed in range(s["seeds"] if random else 1):
                p = np.zeros(len(y))
                for t, x in enumerate(columns):
                    p[fold == t] = margins(x, y, fold, t, fit, seed)
                areas.append(area(y[drawn], p[drawn]))
            fits.append(dict(fit, seeds=len(areas), auroc=round(float(np.mean(areas)), 6), sd=round(float(np.std(areas)), 6)))
            print(s["name"], fits[-1], file=sys.stderr)
        out["sets"].append(dict(s, rows=len(y), ones=int(y.sum()), columns=[x.shape[1] for x in columns], fits=fits))
    json.dump(out, sys.stdout, indent=1)
    print()


main()
