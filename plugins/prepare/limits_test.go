package prepare_test

import (
	"context"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/prepare"
)

// Declared levels hold for prepared rows: what rare ones are merged into is a level too, and made-up rows are merged alike.
func TestDeclaredLevelsFollowTheMerge(t *testing.T) {
	ward := slices.Concat(slices.Repeat([]string{"med"}, 30), []string{"eye"})
	train := frame.Must(frame.NewCategoryFromStrings("ward", ward, nil))
	fitted, err := prepare.Fit(context.Background(), train, prepare.Config{Missing: "keep", Levels: &prepare.Levels{Min: 20, Other: "OTHER"}}, prepare.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	limits := map[string]plugins.Limit{"ward": {Levels: []string{"med", "eye", "burn"}}}
	if got := fitted.Limits(limits)["ward"].Levels; !slices.Equal(got, []string{"med", "eye", "burn", "OTHER"}) || len(limits["ward"].Levels) != 3 {
		t.Errorf("levels %q", got)
	}
	made, counts, err := fitted.Merged(frame.Must(frame.NewCategoryFromStrings("ward", []string{"med", "eye", "burn", "OTHER"}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if c := made.Column("ward"); !slices.Equal(c.Levels, []string{"OTHER", "med"}) || len(counts) != 2 {
		t.Errorf("levels %q, counts %+v", c.Levels, counts)
	}
}
