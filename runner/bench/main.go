// Command bench measures the ehrlab process against the figures of its design, and prints each as a ratio:
// below 1 is within the figure. It builds the command, makes its experiments in a temporary folder and
// removes them. As machines differ, the time that this one takes for a fixed piece of work stands on top.
package main

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	runs := flag.Int("runs", 5, "counted runs of each short command; the median is quoted")
	large := flag.Int("cells", 10_000, "cells of the large rerun")
	vitals := flag.Int("vitals", 10_000_000, "rows of the table of vital signs that becomes a matrix")
	rated := flag.Int("rows", 10_000, "rows of the tables that are rated; five times as many, too")
	rendered := flag.Int("rendered", 1000, "cells of the version whose tables, plots and page are made again")
	flag.Parse()
	if err := bench(*runs, *large, *vitals, *rated, *rendered); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench makes its folder, and runs every measurement in it.
func bench(runs, large, vitals, rated, rendered int) error {
	dir, err := os.MkdirTemp("", "ehrlab-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bencher{dir: dir, binary: filepath.Join(dir, "ehrlab"), runs: runs}
	build := exec.Command("go", "build", "-o", b.binary, "./runner/cmd/ehrlab")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	fmt.Printf("%s/%s, %d processors; SHA-256 of 256 MiB takes %v here\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), reference())
	fmt.Printf("%-44s %12s %12s %8s %10s\n", "what", "measured", "figure", "ratio", "memory")
	steps := []func() error{
		b.start, b.vet,
		func() error { return b.rerun(1000, 100*time.Millisecond) },
		func() error { return b.rerun(large, time.Duration(large)*50*time.Microsecond) },
		b.planning,
		func() error { return b.rendering(rendered) },
		func() error { return b.scores(rated) },
		func() error { return b.scores(5 * rated) },
		func() error { return b.extract(vitals) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// reference is a fixed piece of work.
func reference() time.Duration {
	block := make([]byte, 1<<20)
	start := time.Now()
	h := sha256.New()
	for range 256 {
		h.Write(block)
	}
	return time.Since(start).Round(time.Millisecond)
}

type bencher struct {
	dir, binary string
	runs        int
}

// timing is one run of a process.
type timing struct {
	wall   time.Duration
	memory int64 // peak resident bytes
	out    string
}

// run runs the command once.
func (b *bencher) run(args ...string) (timing, error) {
	cmd := exec.Command(b.binary, args...)
	cmd.Dir = b.dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	err := cmd.Run()
	t := timing{wall: time.Since(start), out: out.String()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		t.memory = usage.Maxrss << 10
	}
	if err != nil {
		return t, fmt.Errorf("ehrlab %s: %w\n%s", strings.Join(args, " "), err, errs.String())
	}
	return t, nil
}

// median runs the command several times after a warm-up, and returns the run with the median time.
func (b *bencher) median(args ...string) (timing, error) {
	if _, err := b.run(args...); err != nil {
		return timing{}, err
	}
	var all []timing
	for range b.runs {
		t, err := b.run(args...)
		if err != nil {
			return t, err
		}
		all = append(all, t)
	}
	slices.SortFunc(all, func(x, y timing) int { return int(x.wall - y.wall) })
	return all[len(all)/2], nil
}

func row(what string, measured, figure time.Duration, memory int64) {
	fmt.Printf("%-44s %12v %12v %8.2f %7d MB\n", what, measured.Round(10*time.Microsecond), figure, float64(measured)/float64(figure), memory>>20)
}

func (b *bencher) start() error {
	t, err := b.median("version")
	if err == nil {
		row("start (version)", t.wall, 20*time.Millisecond, t.memory)
	}
	return err
}

// vet checks a file of 200 lines.
func (b *bencher) vet() error {
	text := experiment("vet", 2, 3)
	for i := 0; strings.Count(text, "\n") < 200; i++ {
		text += fmt.Sprintf("tables: t%d: {rows: [\"strategy\", \"features\"], columns: [{score: \"ks.mean\", title: \"column %d\"}], over: [\"n\", \"seed\"]}\n", i, i)
	}
	if err := b.write("vet.cue", text); err != nil {
		return err
	}
	t, err := b.median("vet", "vet.cue")
	if err == nil {
		row("vet of a file of 200 lines", t.wall, 150*time.Millisecond, t.memory)
	}
	return err
}

// rerun runs an experiment of so many cells, then times the run that has nothing to do.
func (b *bencher) rerun(cells int, figure time.Duration) error {
	const sizes = 50
	name := fmt.Sprintf("cells%d", cells)
	if err := b.write(name+".cue", experiment(name, sizes, cells/sizes)); err != nil {
		return err
	}
	first, err := b.run("run", name+".cue")
	if err != nil {
		return err
	}
	steps := 2 * cells // what is above them is shared
	row(fmt.Sprintf("first run of %d cells, a step", cells), first.wall/time.Duration(steps), 3*time.Millisecond, first.memory)
	again, err := b.median("run", name+".cue")
	if err != nil {
		return err
	}
	if !strings.Contains(again.out, "nothing to do") {
		return fmt.Errorf("the rerun of %s did something:\n%s", name, again.out)
	}
	row(fmt.Sprintf("rerun of %d cells, nothing to do", cells), again.wall, figure, again.memory)
	return nil
}

// planning expands 100,000 cells of which none is cached.
func (b *bencher) planning() error {
	if err := b.write("plan.cue", experiment("plan", 250, 400)); err != nil {
		return err
	}
	t, err := b.median("plan", "--json", "plan.cue")
	if err == nil {
		row("plan of 100000 cells", t.wall, 5*time.Second, t.memory)
	}
	return err
}

// extract writes the raw eICU tables of a simulated cohort, with about so many rows of vital signs, and times an
// experiment that makes the matrix of 83 columns of them: memory is the figure, 1 GB. The time is set against that of gzip
// for the same table of vital signs, which the extraction reads twice.
func (b *bencher) extract(rows int) error {
	const rowsOfStay = 645 // of an average stay, one in five minutes
	source := fmt.Sprintf(`datasets: icu: {use: "simulated-icu", with: rows: %d}`, max(rows/rowsOfStay, 200))
	matrix := `datasets: icu: {use: "eicu", with: {root: "raw", matrix: "johnson2018"}, governance: "simulated"}`
	for name, data := range map[string]string{"write": source, "extract": matrix} {
		if err := b.write(name+".cue", study(name, data, 50, 1)); err != nil {
			return err
		}
	}
	if _, err := b.run("data", "write", "write.cue", "icu", "raw"); err != nil {
		return err
	}
	vitals := filepath.Join(b.dir, "raw", "vitalPeriodic.csv.gz")
	zip := time.Duration(0)
	if gzip, err := exec.LookPath("gzip"); err == nil {
		start := time.Now()
		if err := exec.Command(gzip, "-dc", vitals).Run(); err != nil {
			return err
		}
		zip = time.Since(start)
	}
	t, err := b.run("run", "extract.cue")
	if err != nil {
		return err
	}
	const gigabyte = 1e9
	what := fmt.Sprintf("matrix of %d rows of vital signs", rows)
	fmt.Printf("%-44s %12v %12s %8.2f %7d MB\n", what, t.wall.Round(time.Millisecond), "1 GB", float64(t.memory)/gigabyte, t.memory>>20)
	if zip > 0 {
		row("  against twice gzip -dc of them", t.wall, 2*zip.Round(time.Millisecond), t.memory)
	}
	return nil
}

func (b *bencher) write(name, text string) error {
	return os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600)
}

// experiment is a file whose steps do next to nothing: sizes × seeds cells of a small simulated cohort.
func experiment(name string, sizes, seeds int) string {
	return study(name, `datasets: icu: {use: "simulated-icu", with: rows: 400}`, sizes, seeds)
}

// study is a file with sizes × seeds cells of a data set, of which two columns are read.
func study(name, datasets string, sizes, seeds int) string {
	list := func(n int) string {
		var items []string
		for i := range n {
			items = append(items, fmt.Sprint(i+1))
		}
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf(`name: %q
%s
features: few: {use: "list", with: columns: ["age", "heartrate_max"]}
strategies: floor: use: "independent"
metrics: ks: use: "ks"
matrix: [{strategy: ["floor"], features: ["few"], n: [%s], seed: [%s]}]
tables: all: {rows: ["strategy"], columns: [{score: "ks.mean"}], over: ["n", "seed"]}
`, name, datasets, list(sizes), list(seeds))
}
