package cli_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ehrlab/ehrlab/runner/review"
)

// answers KEY FOLDER answers a packet for all its raters, as forms do: real records are rated higher, by an amount that hangs on the record
// and the rater.
func answers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: answers KEY FOLDER")
	}
	key, err := review.ReadKey(ts.MkAbs(args[0]))
	ts.Check(err)
	folder := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(folder, 0o777))
	for k, rater := range key.Raters {
		f, err := os.Create(filepath.Join(folder, "answers-"+rater.Name+".csv"))
		ts.Check(err)
		w := csv.NewWriter(f)
		ts.Check(w.Write([]string{"packet", "rater", "item", "realism", "guess", "confidence", "comment", "seconds"}))
		for i, item := range rater.Items {
			rating, guess := 2, review.Synthetic
			for _, r := range key.Records {
				if r.Name == item.Record && r.Origin == review.Real {
					rating = 4
				}
			}
			for _, b := range item.Record {
				rating += int(b) % 3
			}
			if rating = min(rating%7+rating/7+k%2, 10); rating > 5 {
				guess = review.Real
			}
			ts.Check(w.Write([]string{key.Hash(), rater.Name, item.ID, strconv.Itoa(max(rating, 1)), guess, strconv.Itoa(1 + i%5), "", fmt.Sprint(10 + i)}))
		}
		w.Flush()
		ts.Check(w.Error())
		ts.Check(f.Close())
	}
}
