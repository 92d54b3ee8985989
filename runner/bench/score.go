package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// fidelity and nearest are the metrics whose time has a figure, on 10,000 real and as many synthetic rows of 83 columns.
const (
	fidelity = "ks,tv,kl,wasserstein,jensen-shannon,hellinger,moments,coverage,missingness,homogeneity,correlation,contingency,association,mutual-information"
	nearest  = "nearest"
)

// scores times metrics on wide tables, less the reading of the files; memory is that of the whole process. Python libraries take,
// for orientation, 1.3 s for column shapes, 6.7 s for Pearson's pairs, 11 s for a Quality Report, 12 s for PRDC, and for the distances
// to the closest record about an hour, by extrapolation: pandas, SDMetrics and prdc, on another machine.
func (b *bencher) scores(rows int) error {
	files := []string{"score", "--subsamples", "0", "--label", "c12"}
	for i, role := range []string{"real", "synthetic", "holdout"} {
		name := fmt.Sprintf("%s%d.csv", role, rows)
		if err := wide(filepath.Join(b.dir, name), rows, uint64(i)); err != nil {
			return err
		}
		files = append(files, "--"+role, name)
	}
	of := fmt.Sprintf(" of %d × 83", rows)
	reading, err := b.median(append(files, "--metrics", "tv")...)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		what, metrics string
		figure        time.Duration
	}{
		{"fidelity of columns and pairs", fidelity, time.Second},
		{"closest records", nearest, 3 * time.Second},
	} {
		t, err := b.median(append(files, "--metrics", c.metrics)...)
		if err != nil {
			return err
		}
		row(c.what+of, t.wall-reading.wall, c.figure*time.Duration(rows)/10_000, t.memory)
	}
	t, err := b.run(append([]string{"score"}, append(files[3:], "--metrics", "core")...)...)
	if err == nil {
		fmt.Printf("%-44s %12v %12s %8s %7d MB\n", "core metrics with intervals"+of, t.wall.Round(time.Millisecond), "", "", t.memory>>20)
	}
	return err
}

// wide writes a table of 70 number and 13 category columns, the last of them the label; a quarter of the values is missing.
func wide(path string, rows int, seed uint64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	rng := rand.New(rand.NewPCG(seed, 5))
	w := bufio.NewWriter(file)
	var header []string
	for c := range 70 {
		header = append(header, fmt.Sprintf("n%02d", c))
	}
	for c := range 13 {
		header = append(header, fmt.Sprintf("c%02d", c))
	}
	fmt.Fprintln(w, strings.Join(header, ","))
	fields := make([]string, len(header))
	for range rows {
		severity := rng.NormFloat64()
		for c := range fields {
			switch {
			case c == len(fields)-1:
				if fields[c] = "0"; severity+rng.NormFloat64() > 0.9 {
					fields[c] = "1"
				}
			case rng.IntN(4) == 0:
				fields[c] = ""
			case c < 70:
				fields[c] = strconv.FormatFloat(severity+rng.NormFloat64(), 'f', 4, 64)
			default:
				fields[c] = string(rune('a' + rng.IntN(5)))
			}
		}
		fmt.Fprintln(w, strings.Join(fields, ","))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return file.Close()
}
