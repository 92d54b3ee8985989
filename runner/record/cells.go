package record

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
)

var cellColumns = []string{"cell", "status", "stage", "reason"}

// encodeCells writes one row a cell, in the order of the plan.
func encodeCells(axes []string, cells []Cell) ([]byte, error) {
	header := []string{"cell"}
	for _, a := range axes {
		header = append(header, axisColumn(a, cellColumns))
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(append(header, cellColumns[1:]...)); err != nil {
		return nil, err
	}
	var row []string
	for i := range cells {
		c := &cells[i]
		row = append(row[:0], c.ID)
		for _, a := range axes {
			row = append(row, c.Axes[a])
		}
		if err := w.Write(append(row, string(c.Status), c.Stage, c.Reason)); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// decodeCells reads what encodeCells wrote.
func decodeCells(raw []byte, axes []string) ([]Cell, error) {
	var cells []Cell
	err := eachRow(raw, func(line int, row []string) error {
		if len(row) != len(axes)+len(cellColumns) {
			return fmt.Errorf("line %d: %d fields, want %d", line, len(row), len(axes)+len(cellColumns))
		}
		c := Cell{ID: row[0], Axes: make(map[string]string, len(axes))}
		for i, a := range axes {
			if row[1+i] != "" {
				c.Axes[a] = row[1+i]
			}
		}
		rest := row[1+len(axes):]
		c.Status, c.Stage, c.Reason = CellStatus(rest[0]), rest[1], rest[2]
		cells = append(cells, c)
		return nil
	})
	return cells, err
}

var countColumns = []string{"dataset", "cell", "stage", "count", "value"}

func countDims(c *Count) map[string]string { return c.Dims }

// encodeCounts writes one row a count, in the order given.
func encodeCounts(counts []Count) ([]byte, error) {
	dims := dimKeys(counts, countDims)
	header := slices.Clone(countColumns[:4])
	for _, d := range dims {
		header = append(header, dimColumn(d, countColumns))
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(append(header, "value")); err != nil {
		return nil, err
	}
	var row []string
	for i := range counts {
		c := &counts[i]
		row = append(row[:0], c.Dataset, c.Cell, c.Stage, c.Name)
		for _, d := range dims {
			row = append(row, c.Dims[d])
		}
		if err := w.Write(append(row, strconv.Itoa(c.Value))); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// decodeCounts reads what encodeCounts wrote. An empty dimension is one that the count lacks.
func decodeCounts(raw []byte) ([]Count, error) {
	header, err := csv.NewReader(bytes.NewReader(raw)).Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	dims := between(header, "count", "value")
	var counts []Count
	err = eachRow(raw, func(line int, row []string) error {
		value, err := strconv.Atoi(row[len(row)-1])
		if err != nil || len(row) != len(dims)+len(countColumns) {
			return fmt.Errorf("line %d: want %d fields, the last a whole number", line, len(dims)+len(countColumns))
		}
		c := Count{Dataset: row[0], Cell: row[1], Stage: row[2], Count: plugins.Count{Name: row[3], Value: value}}
		for i, d := range dims {
			if row[4+i] == "" {
				continue
			}
			if c.Dims == nil {
				c.Dims = map[string]string{}
			}
			c.Dims[dimOf(d)] = row[4+i]
		}
		counts = append(counts, c)
		return nil
	})
	return counts, err
}

// eachRow calls do with every row of a CSV file after its header.
func eachRow(raw []byte, do func(line int, row []string) error) error {
	r := csv.NewReader(bytes.NewReader(raw))
	for line := 1; ; line++ {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if line == 1 {
			continue
		}
		if err := do(line, row); err != nil {
			return err
		}
	}
}
