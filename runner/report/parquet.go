package report

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// numeric are the columns of the table with one row a value that hold numbers; whole are those that hold whole ones.
var (
	numeric = []string{"value", "low", "high", "level", "median", "sd", "min", "max", "next_low", "next_high", "site_sd", "new_site_low", "new_site_high", "measured", "planned", "place", "printed", "printed_low", "printed_high"}
	whole   = []string{"measured", "planned", "place"}
)

// parquetOf is a table with one row a value, as the CSV file; what is empty there is missing here. Axes and dimensions stand before the
// columns that every table has.
func parquetOf(head []string, rows [][]string) ([]byte, error) {
	columns := make([]*frame.Column, len(head))
	first := slices.Index(head, csvColumns[0]) // no axis has its name here
	for c, name := range head {
		if c >= first && slices.Contains(numeric, name) {
			values := make([]float64, len(rows))
			for r, row := range rows {
				if values[r] = math.NaN(); row[c] != "" {
					v, err := strconv.ParseFloat(row[c], 64)
					if err != nil {
						return nil, err
					}
					values[r] = v
				}
			}
			columns[c] = frame.NewNumber(name, values)
			columns[c].Integer = slices.Contains(whole, name)
			continue
		}
		texts, missing := make([]string, len(rows)), make([]bool, len(rows))
		for r, row := range rows {
			texts[r], missing[r] = row[c], row[c] == ""
		}
		columns[c] = frame.NewCategoryFromStrings(name, texts, missing)
	}
	f, err := frame.New(columns...)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := frame.WriteParquet(&b, f); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
