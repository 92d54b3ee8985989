package table

import (
	"testing"
	"time"
)

func TestParseDate(t *testing.T) {
	at := func(y int, m time.Month, d, h, min, s int) float64 {
		return float64(time.Date(y, m, d, h, min, s, 0, time.UTC).Unix())
	}
	for _, test := range []struct {
		format, text string
		want         float64
	}{
		{"iso", "1970-01-01", 0},
		{"iso", "1969-12-31T23:59:59", -1},
		{"iso", "2180-07-23 14:00", at(2180, 7, 23, 14, 0, 0)},
		{"iso", "2180-07-23 14:00:05.250", at(2180, 7, 23, 14, 0, 5) + 0.25},
		{"iso", "2012-02-29T24:00:00Z", at(2012, 3, 1, 0, 0, 0)},
		{"us", "1/2/2006", at(2006, 1, 2, 0, 0, 0)},
		{"us", "01/02/2006 7:05", at(2006, 1, 2, 7, 5, 0)},
		{"eu", "1.2.2006", at(2006, 2, 1, 0, 0, 0)},
		{"eu", "31/12/2006 23:59:59", at(2006, 12, 31, 23, 59, 59)},
		{"%d%b%Y", "05MAR2014", at(2014, 3, 5, 0, 0, 0)},
		{"%B %d, %Y", "march 5, 2014", at(2014, 3, 5, 0, 0, 0)},
		{"%d-%b-%y %I:%M %p", "05-Mar-68 12:30 am", at(2068, 3, 5, 0, 30, 0)},
		{"%d-%b-%y %I:%M %p", "05-Mar-69 1:30 PM", at(1969, 3, 5, 13, 30, 0)},
		{"%Y%m%d%%", "20140305%", at(2014, 3, 5, 0, 0, 0)},
	} {
		patterns, err := (&DateConfig{Format: test.format}).patterns()
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, p := range patterns {
			if got, ok := parseDate(p, test.text); ok {
				found++
				if got != test.want {
					t.Errorf("%s %q: got %v, want %v", test.format, test.text, got, test.want)
				}
			}
		}
		if found != 1 {
			t.Errorf("%s %q: %d patterns fit", test.format, test.text, found)
		}
	}
	for format, texts := range map[string][]string{
		"iso":      {"", "2006-13-01", "2006-02-29", "2006-1-2x", "06-01-02", "2006-01-02 25:00", "2006-01-02 24:01", "2006-01-02T10", "2006-01-02 10:60", "0000-00-00"},
		"us":       {"13/1/2006", "1.2.2006", "2006-01-02"},
		"eu":       {"1/13/2006", "0.1.2006"},
		"%d%b%Y":   {"05MXR2014", "MAR2014", "05MAR14"},
		"%I%p %F%": nil,
	} {
		patterns, err := (&DateConfig{Format: format}).patterns()
		if (err != nil) != (texts == nil) {
			t.Errorf("%s: %v", format, err)
		}
		for _, text := range texts {
			for _, p := range patterns {
				if got, ok := parseDate(p, text); ok {
					t.Errorf("%s %q: is taken for %v", format, text, got)
				}
			}
		}
	}
}

// Every day of four centuries reads back as itself.
func TestParseDateInverts(t *testing.T) {
	day := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 400 * 366 {
		for pattern, layout := range map[string]string{"%Y-%m-%d": "2006-01-02", "%d%b%Y": "02Jan2006", "%B %d %Y": "January 2 2006"} {
			if got, ok := parseDate(pattern, day.Format(layout)); !ok || got != float64(day.Unix()) {
				t.Fatalf("%s of %v: got %v, %v", pattern, day, got, ok)
			}
		}
		day = day.AddDate(0, 0, 1)
	}
}

func TestParseClock(t *testing.T) {
	for text, want := range map[string]float64{
		"00:00": 0, "00:07": 420, "36:15": 130500, "48:00": 172800, "-00:30": -1800, "100:00:01": 360001, "7:05": 25500,
	} {
		if got, ok := parseClock(text); !ok || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", ":", "7", "7:5", "7:60", "7:00:60", "7:00:", "--7:00", "7:00 ", "x:00", "1234567:00"} {
		if got, ok := parseClock(text); ok {
			t.Errorf("%q: is taken for %v", text, got)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	f.Add("%Y-%m-%d", "2006-01-02")
	f.Add("%d%b%y %I:%M:%S.%f %p", "05MAR68 12:30:01.5 am")
	f.Add("%%%", "%")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		got, ok := parseDate(pattern, text) // whatever the pattern: no panic
		if ok && checkPattern(pattern) == nil && (got < -63e9 || got > 254e9) {
			t.Errorf("%q %q: %v is beyond the years 0 to 9999", pattern, text, got)
		}
		parseClock(text)
	})
}
