package cohort

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// realColumns reads number columns of a csv.gz in EHRLAB_DATA, or in shared/data beside the checkout.
func realColumns(t *testing.T, file string, names ...string) *frame.Frame {
	t.Helper()
	folder := os.Getenv("EHRLAB_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(folder, file))
	if err != nil {
		t.Skipf("no real data: EHRLAB_DATA is not set and there is no %s in shared/data beside the checkout", file)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(unzipped)
	header, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	values := make([][]float64, len(names))
	for {
		record, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			v, err := strconv.ParseFloat(record[slices.Index(header, name)], 64)
			if err != nil {
				t.Fatal(err)
			}
			values[i] = append(values[i], v)
		}
	}
	columns := make([]*frame.Column, len(names))
	for i, name := range names {
		columns[i] = frame.NewNumber(name, values[i])
	}
	return frame.Must(columns...)
}

// The usual cohort of Diabetes 130: the first encounter of a patient, without deaths and discharges to a hospice, as the
// published list has them: no encounter has the last of its codes. The
// figures are those of a script in another language: the least encounter_id of each patient_nbr, then the codes.
func TestTheUsualDiabetesCohort(t *testing.T) {
	f := realColumns(t, "uci-diabetes-130/diabetic_data.csv.gz", "encounter_id", "patient_nbr", "discharge_disposition_id")
	one := Filter{Title: "first encounter of a patient", First: "patient_nbr", By: []string{"encounter_id"}}
	alive := Filter{Title: "neither dead nor in a hospice", Column: "discharge_disposition_id", NotIn: []string{"11", "13", "14", "19", "20", "21"}}
	for _, tt := range []struct {
		name    string
		filters []Filter
		want    []int // excluded, left and subjects left of each step
	}{
		{"first, then alive", []Filter{one, alive}, []int{30_248, 71_518, 71_518, 1_545, 69_973, 69_973}},
		{"first of those alive", []Filter{alive, one}, []int{2_423, 99_343, 69_990, 29_353, 69_990, 69_990}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, counts, notes, err := Select(f, f.Column("patient_nbr"), tt.filters)
			if err != nil {
				t.Fatal(err)
			}
			if len(notes) != 1 || !strings.Contains(notes[0], `no row has the value "21"`) {
				t.Errorf("notes %q; want one on code 21", notes)
			}
			var got []int
			for _, c := range counts[2:] { // after all rows and their subjects
				got = append(got, c.Value)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if tt.name == "first, then alive" {
				sum := 0.0
				for _, row := range rows {
					sum += f.Column("encounter_id").Numbers[row]
				}
				if sum != 10_959_774_563_338 {
					t.Errorf("the encounters sum to %v: other ones are kept", sum)
				}
			}
		})
	}
}
