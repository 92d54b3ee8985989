package events

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	shape "github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// layouts are the forms of a date: those of ISO 8601, with "T" or a space before the time of day. A fraction of the second may
// follow it. Without a zone the time is UTC: only differences matter.
var layouts = []string{
	time.DateTime, "2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04:05Z07:00", time.DateOnly, "2006-01-02 15:04", "2006-01-02T15:04",
}

// daysSince returns the days from 1970-01-01 to a date.
func daysSince(text string) (float64, bool) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			// in two steps: nanoseconds since 1970 have more digits than a float64
			return float64(t.Unix())/86400 + float64(t.Nanosecond())/86400e9, true
		}
	}
	return 0, false
}

// time makes days of the column of times; without one, no event has a time.
func (d *dataset) time(ctx context.Context, opts frame.ReadOptions, c *frame.Column, rows int) (*frame.Column, error) {
	out := frame.NewNumber(shape.Time, missing(rows))
	out.Unit = "days"
	if c == nil {
		return out, nil
	}
	if c.Kind == frame.Number {
		return out, d.scale(opts.File, c, out.Numbers)
	}
	of := make([]float64, len(c.Levels))
	for i, level := range c.Levels {
		v, ok := daysSince(level)
		if !ok {
			row := slices.Index(c.Codes, int32(i))
			return nil, frame.FaultAt(ctx, d.config.Path, opts, row, c.Name, "neither a number nor a date such as 2110-04-11 or 2110-04-11 15:08:00")
		}
		of[i] = v
	}
	if len(of) > 0 && d.config.TimeUnit != "" {
		return nil, &frame.FileError{File: opts.File, ColumnName: c.Name, Msg: `holds dates, which have no unit; leave out "timeUnit"`}
	}
	for i, code := range c.Codes {
		if code != frame.Missing {
			out.Numbers[i] = of[code]
		}
	}
	return out, nil
}

// scale makes days of numbers.
func (d *dataset) scale(file string, c *frame.Column, out []float64) error {
	if c.Unit != "" && !strings.HasPrefix(c.Unit, "days") {
		return &frame.FileError{File: file, ColumnName: c.Name, Msg: fmt.Sprintf("in %q by the file itself; want days", c.Unit)}
	}
	if c.Unit != "" && d.config.TimeUnit != "" && d.config.TimeUnit != "days" {
		return &frame.FileError{File: file, ColumnName: c.Name, Msg: `in days by the file itself; leave out "timeUnit"`}
	}
	factor := days[d.config.TimeUnit]
	for i, v := range c.Numbers {
		out[i] = v * factor
	}
	return nil
}
