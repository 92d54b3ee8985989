package main

import (
	"fmt"
	"strings"
	"time"
)

// views is a file whose tables, plots and page rest on strategies × features × sizes × seeds cells with the scores of up to 83 columns.
func views(seeds int) string {
	var list []string
	for i := range seeds {
		list = append(list, fmt.Sprint(i+1))
	}
	return fmt.Sprintf(`name: "views"
datasets: icu: {use: "simulated-icu", with: {rows: 1500, hospitals: 5}}
features: {
	top: {use: "importance", with: ladder: [5, 10, 20]}
	all: use: "all"
}
strategies: {
	floor: use:    "independent"
	resample: use: "resample"
}
metrics: {
	ks: {use: "ks", with: curves: true}
	wasserstein: use: "wasserstein"
	missingness: use: "missingness"
	utility: {use: "downstream", with: {model: "logistic", train: "synthetic", test: "real", resamples: 20}}
}
matrix: [{strategy: ["floor", "resample"], features: ["top5", "top10", "top20", "all"], n: [60, 80, 100, 120, 140], seed: [%s]}]
tables: {
	fidelity: {rows: ["strategy", "features", "n"], columns: [{score: "ks.mean"}, {score: "wasserstein.mean"}, {score: "missingness.mean"}], over: "seed", mark: "best"}
	utility: {rows: ["strategy", "n"], across: "features", columns: [{score: "utility.auroc"}], over: "seed"}
	columns: {rows: ["strategy", "features", "column"], columns: [{score: "ks.ks_complement"}, {score: "wasserstein.wasserstein_1_scaled"}], over: ["n", "seed"]}
	best: {kind: "argmax", rows: ["features", "n"], of: "strategy", columns: [{score: "ks.mean"}], over: "seed"}
	worst: {kind: "worst-k", k: 5, rows: ["strategy", "n"], columns: [{score: "ks.ks_complement"}], over: "seed", where: features: "all"}
}
plots: {
	sizes: {kind: "line", x: "n", y: "ks.mean", series: "strategy", over: "seed", where: features: "all"}
	bars: {kind: "bars", x: "features", y: "utility.auroc", series: "strategy", over: "seed", where: n: 140}
	boxes: {kind: "box", x: "features", y: "ks.mean", series: "strategy", over: "seed", where: n: 140}
	roc: {kind: "roc", curve: "utility.roc", series: "strategy", over: "seed", where: {features: "all", n: 140}}
	shapes: {kind: "density", curve: "ks.density", series: "strategy", over: "seed", where: {features: "all", n: 140, column: ["age", "sysbp_min", "wbc_first_early"]}}
}
`, strings.Join(list, ", "))
}

// rendering times what remakes the tables, plots and page of a version of so many cells.
func (b *bencher) rendering(cells int) error {
	const combinations = 2 * 4 * 5
	seeds := max(cells/combinations, 2)
	if err := b.write("views.cue", views(seeds)); err != nil {
		return err
	}
	if _, err := b.run("run", "views.cue"); err != nil {
		return err
	}
	t, err := b.median("report", "views")
	if err == nil {
		row(fmt.Sprintf("tables, plots and page of %d cells again", seeds*combinations), t.wall, 5*time.Second, t.memory)
	}
	return err
}
