package style

import (
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
)

// Panels are the panels of a figure, or the figure as its only one, ready to be drawn: checked, with the labels of the
// figure where they have none, and all with the same series in the same order, so that the index of a series is that of
// its colour. The figure is left as it is.
func Panels(fig plugins.Figure) ([]plugins.Figure, error) {
	if len(fig.Panels) == 0 {
		if err := check(&fig); err != nil {
			return nil, err
		}
		fig.Series = slices.Clone(fig.Series)
		return []plugins.Figure{fig}, nil
	}
	if len(fig.Series)+len(fig.Matrices) > 0 {
		return nil, fmt.Errorf("a figure has panels, or series or matrices of its own: there are %d, %d and %d", len(fig.Panels), len(fig.Series), len(fig.Matrices))
	}
	panels := slices.Clone(fig.Panels)
	order := unionOf(panels)
	for i := range panels {
		panel := &panels[i]
		if err := check(panel); err != nil {
			return nil, fmt.Errorf("panel %q: %w", panel.Title, err)
		}
		if len(panel.Panels) > 0 {
			return nil, fmt.Errorf("panel %q has panels itself", panel.Title)
		}
		if panel.XLabel == "" {
			panel.XLabel = fig.XLabel
		}
		if panel.YLabel == "" {
			panel.YLabel = fig.YLabel
		}
		panel.Series = inOrder(panel.Series, order)
	}
	return panels, nil
}

// place is a name and how often it came before in the panel.
type place struct {
	name  string
	again int
}

// unionOf lists the series of all panels in the order in which they come.
func unionOf(panels []plugins.Figure) []place {
	var order []place
	for _, panel := range panels {
		seen := map[string]int{}
		for _, s := range panel.Series {
			p := place{s.Name, seen[s.Name]}
			seen[s.Name]++
			if !slices.Contains(order, p) {
				order = append(order, p)
			}
		}
	}
	return order
}

// inOrder puts series into the order; those that lack have no points.
func inOrder(series []plugins.Series, order []place) []plugins.Series {
	out := make([]plugins.Series, len(order))
	for i, p := range order {
		out[i].Name = p.name
	}
	seen := map[string]int{}
	for _, s := range series {
		out[slices.Index(order, place{s.Name, seen[s.Name]})] = s
		seen[s.Name]++
	}
	return out
}

// Notes are the notes of a figure and of its panels.
func Notes(fig plugins.Figure) []string {
	notes := slices.Clone(fig.Notes)
	for _, panel := range fig.Panels {
		notes = append(notes, panel.Notes...)
	}
	return notes
}

// check reports a figure whose lists do not fit together.
func check(fig *plugins.Figure) error {
	for i := range fig.Series {
		s := &fig.Series[i]
		n := len(s.X)
		fits := func(have int) bool { return have == n || have == 0 }
		if !fits(len(s.Y)) || !fits(len(s.Low)) || len(s.Low) != len(s.High) || n > 0 && len(s.Y)+len(s.Values) == 0 {
			return fmt.Errorf("series %q: %d x for %d y, %d low and %d high", s.Name, n, len(s.Y), len(s.Low), len(s.High))
		}
		if !fits(len(s.Values)) || !fits(len(s.N)) || !fits(len(s.Labels)) {
			return fmt.Errorf("series %q: %d x for %d lists of values, %d counts and %d labels", s.Name, n, len(s.Values), len(s.N), len(s.Labels))
		}
		for _, x := range s.X {
			if !Finite(x) {
				return fmt.Errorf("series %q: an x is no finite number", s.Name)
			}
			if fig.Categories != nil && (x < 0 || x >= float64(len(fig.Categories)) || x != math.Trunc(x)) {
				return fmt.Errorf("series %q: x %v is no index into %d categories", s.Name, x, len(fig.Categories))
			}
		}
	}
	return nil
}

// Categorical gives each distinct x of a figure, or of all its panels, a place of its own, in ascending order. What has
// categories already stays as it is.
func Categorical(fig plugins.Figure) plugins.Figure {
	if len(fig.Panels) > 0 {
		var all []float64
		for _, panel := range fig.Panels {
			if panel.Categories == nil {
				all = append(all, allX(&panel)...)
			}
		}
		fig.Panels = slices.Clone(fig.Panels)
		for i := range fig.Panels {
			fig.Panels[i] = categorical(fig.Panels[i], distinct(all))
		}
		return fig
	}
	return categorical(fig, distinct(allX(&fig)))
}

func categorical(fig plugins.Figure, values []float64) plugins.Figure {
	if fig.Categories != nil {
		return fig
	}
	fig.Categories = make([]string, len(values))
	for i, v := range values {
		fig.Categories[i] = FormatValue(v)
	}
	series := slices.Clone(fig.Series)
	for i := range series {
		xs := make([]float64, len(series[i].X))
		for k, x := range series[i].X {
			xs[k] = x // reported as a mistake when it is no number
			if at, found := slices.BinarySearch(values, x); found {
				xs[k] = float64(at)
			}
		}
		series[i].X = xs
	}
	fig.Series = series
	return fig
}

// Pairs leaves out the points of a figure that have no x or no y, in a copy. Lists that do not fit together stay, to be
// reported.
func Pairs(fig plugins.Figure) plugins.Figure {
	if len(fig.Panels) > 0 {
		fig.Panels = slices.Clone(fig.Panels)
		for i := range fig.Panels {
			fig.Panels[i] = Pairs(fig.Panels[i])
		}
		return fig
	}
	series := slices.Clone(fig.Series)
	for i := range series {
		s := &series[i]
		if len(s.Y) != len(s.X) {
			continue
		}
		xs, ys := s.X, s.Y
		has := func(k int) bool { return k >= len(xs) || Finite(xs[k]) && Finite(ys[k]) }
		s.Low, s.High, s.N, s.Labels, s.Values = kept(s.Low, has), kept(s.High, has), kept(s.N, has), kept(s.Labels, has), nil
		s.X, s.Y = kept(s.X, has), kept(s.Y, has)
	}
	fig.Series = series
	return fig
}

// kept are the elements whose index has what it takes.
func kept[T any](list []T, has func(k int) bool) []T {
	var out []T
	for k, v := range list {
		if has(k) {
			out = append(out, v)
		}
	}
	return out
}
