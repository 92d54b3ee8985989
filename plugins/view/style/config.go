// Package style is the house style of figures: page, fonts, colours, axes, small multiples, legend and notes. A view
// plugin draws only what lies inside the axes.
//
// Most views hand a Chart to Draw; those whose axes are not an x and a y of series lay out a Page of their own.
// It draws on gonum's canvases and leaves out gonum's plot package, which parses fonts when a program starts.
package style

import (
	"errors"
	"fmt"
	"strings"
)

// Config is the part of a view's with block that all views share.
type Config struct {
	WidthMM  float64 `json:"widthMM"`  // of the whole figure
	HeightMM float64 `json:"heightMM"` // of the whole figure; 0: as high as it needs
	Legend   string  `json:"legend"`   // below, right or none
	Columns  int     `json:"columns"`  // of small multiples; 0: as many as have room
	Scales   string  `json:"scales"`   // of the axes of small multiples: shared or free
}

// Schema is the CUE of Config.
const Schema = `
widthMM?:  number & >=50 & <=400 // of the whole figure: 85 is a column of most journals, 178 both
heightMM?: number & >=0 & <=400  // of the whole figure; 0: as high as it needs
legend?:   "below" | "right" | "none" // where the names of the series stand
columns?:  int & >=0 & <=20      // of small multiples; 0: as many as have room
scales?:   "shared" | "free"     // of the axes of small multiples
`

// Defaults fit one column of a journal.
func Defaults() Config { return Config{WidthMM: 88, Legend: "below", Scales: "shared"} }

// FreeScales are the defaults of views whose small multiples show different quantities.
func FreeScales() Config {
	c := Defaults()
	c.Scales = "free"
	return c
}

// Check reports settings that cannot be met.
func (c Config) Check() error {
	switch {
	case !(c.WidthMM >= 50 && c.WidthMM <= 400):
		return fmt.Errorf("widthMM %v: want 50 to 400", c.WidthMM)
	case !(c.HeightMM >= 0 && c.HeightMM <= 400):
		return fmt.Errorf("heightMM %v: want 0 to 400", c.HeightMM)
	case c.Legend != "below" && c.Legend != "right" && c.Legend != "none":
		return errors.New(`legend: want "below", "right" or "none"`)
	case c.Columns < 0 || c.Columns > 20:
		return fmt.Errorf("columns %d: want 0 to 20", c.Columns)
	case c.Scales != "shared" && c.Scales != "free":
		return errors.New(`scales: want "shared" or "free"`)
	}
	return nil
}

// Values is the part of a with block that views with an axis of values share.
type Values struct {
	YMin  *float64    `json:"yMin,omitempty"` // end of the axis of values; as the data need when absent
	YMax  *float64    `json:"yMax,omitempty"`
	Lines []Reference `json:"lines,omitempty"`
}

// Explained are the labels of lines, as notes: in the figure they would lie over data.
func Explained(lines []Reference) []string {
	var out []string
	for _, l := range lines {
		if l.Label != "" {
			out = append(out, fmt.Sprintf("Dashed line at %s: %s.", FormatValue(l.Y), strings.TrimSuffix(l.Label, ".")))
		}
	}
	return out
}

// Reference is a line across the figure at a value, e.g. at chance level.
type Reference struct {
	Y     float64 `json:"y"`
	Label string  `json:"label,omitempty"`
}

// ValuesSchema is the CUE of Values.
const ValuesSchema = `
yMin?: number // end of the axis of values
yMax?: number
lines?: [...{y: number, label?: string}] // lines across the figure, e.g. at chance level
`

// Check reports settings that contradict each other.
func (v Values) Check() error {
	if v.YMin == nil || v.YMax == nil {
		return nil
	}
	if *v.YMin >= *v.YMax {
		return fmt.Errorf("yMin %v is not below yMax %v", *v.YMin, *v.YMax)
	}
	if (scale{min: *v.YMin, max: *v.YMax}).narrow() {
		return fmt.Errorf("yMin %v and yMax %v are too close to tell values between them apart", *v.YMin, *v.YMax)
	}
	return nil
}
