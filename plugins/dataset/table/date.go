package table

import (
	"fmt"
	"strings"
	"time"
)

// secondsOf is the length of the units that dates are counted in; a year is 365.25 days.
var secondsOf = map[string]float64{"": 86400, "minutes": 60, "hours": 3600, "days": 86400, "years": 365.25 * 86400}

// unit is the unit of the number that a date becomes.
func (d *DateConfig) unit() string {
	in := d.In
	if in == "" {
		in = "days"
	}
	if d.Since == "" {
		in += " since 1970-01-01"
	}
	return in
}

// The formats that have a name: patterns of the date.
var namedFormats = map[string][]string{
	"":    {"%Y-%m-%d"},
	"iso": {"%Y-%m-%d"},
	"us":  {"%m/%d/%Y"},
	"eu":  {"%d.%m.%Y", "%d/%m/%Y"},
}

// What may follow the date in a format that has a name.
var timesOfDay = []string{"", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S.%f", "T%H:%MZ", "T%H:%M:%SZ", "T%H:%M:%S.%fZ"}

// patterns returns the forms in which a date may be written.
func (d *DateConfig) patterns() ([]string, error) {
	dates, named := namedFormats[d.Format]
	if !named {
		return []string{d.Format}, checkPattern(d.Format)
	}
	var all []string
	for _, date := range dates {
		for _, time := range timesOfDay {
			all = append(all, date+time)
		}
	}
	return all, nil
}

const directives = "YymdbBHIMSfp"

// checkPattern returns what makes a pattern none of a date.
func checkPattern(pattern string) error {
	seen := map[byte]bool{}
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			continue
		}
		i++
		if i == len(pattern) || !strings.Contains(directives+"%", pattern[i:i+1]) {
			return fmt.Errorf(`has the date format %q; want "iso", "us", "eu" or a pattern of %%Y %%y %%m %%d %%b %%H %%I %%M %%S %%f %%p`, pattern)
		}
		seen[pattern[i]] = true
	}
	if !seen['Y'] && !seen['y'] || !seen['m'] && !seen['b'] && !seen['B'] || !seen['d'] {
		return fmt.Errorf(`has the date format %q, which lacks a year, a month or a day, as "%%d.%%m.%%Y" has them`, pattern)
	}
	return nil
}

// moment is what the directives of a pattern have read.
type moment struct {
	year, month, day, hour, minute, second int
	fraction                               float64
	afternoon, halfDay                     bool
}

// parseDate reads a whole text by a pattern and returns the seconds since 1970-01-01 UTC.
//
// Directives are those of strptime in C and Python, of which %m, %d and times may have one digit; years of two digits
// are those from 1969 to 2068, as POSIX has it. Months are English. What stands between directives must be equal.
func parseDate(pattern, text string) (seconds float64, ok bool) {
	var m moment
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' || i+1 == len(pattern) || pattern[i+1] == '%' {
			if text == "" || text[0] != pattern[i] {
				return 0, false
			}
			text = text[1:]
			if pattern[i] == '%' {
				i++
			}
			continue
		}
		i++
		if text, ok = m.read(pattern[i], text); !ok {
			return 0, false
		}
	}
	if text != "" {
		return 0, false
	}
	return m.seconds()
}

// read reads what one directive stands for, and returns the rest.
func (m *moment) read(directive byte, text string) (rest string, ok bool) {
	switch directive {
	case 'Y':
		return digits(text, 4, 4, &m.year)
	case 'y':
		rest, ok = digits(text, 2, 2, &m.year)
		if m.year += 1900; m.year < 1969 {
			m.year += 100
		}
		return rest, ok
	case 'm':
		return digits(text, 1, 2, &m.month)
	case 'd':
		return digits(text, 1, 2, &m.day)
	case 'H':
		return digits(text, 1, 2, &m.hour)
	case 'I':
		m.halfDay = true
		rest, ok = digits(text, 1, 2, &m.hour)
		return rest, ok && m.hour >= 1 && m.hour <= 12
	case 'M':
		return digits(text, 1, 2, &m.minute)
	case 'S':
		return digits(text, 1, 2, &m.second)
	case 'f':
		return m.readFraction(text)
	case 'p':
		if len(text) < 2 || !strings.EqualFold(text[:2], "am") && !strings.EqualFold(text[:2], "pm") {
			return "", false
		}
		m.afternoon = text[0] == 'p' || text[0] == 'P'
		return text[2:], true
	}
	return m.readMonth(text)
}

// digits reads a whole number of least to most digits.
func digits(text string, least, most int, to *int) (rest string, ok bool) {
	n, v := 0, 0
	for n < len(text) && n < most && text[n]-'0' <= 9 {
		v = 10*v + int(text[n]-'0')
		n++
	}
	*to = v
	return text[n:], n >= least
}

// readFraction reads at most nine digits behind the point of the seconds.
func (m *moment) readFraction(text string) (rest string, ok bool) {
	n, unit := 0, 1.0
	for n < len(text) && n < 9 && text[n]-'0' <= 9 {
		m.fraction = 10*m.fraction + float64(text[n]-'0')
		unit *= 10
		n++
	}
	m.fraction /= unit
	return text[n:], n > 0
}

// readMonth reads the English name of a month, whole or its first three letters.
func (m *moment) readMonth(text string) (rest string, ok bool) {
	for month := time.January; month <= time.December; month++ {
		name := month.String()
		for _, form := range []string{name, name[:3]} {
			if len(text) >= len(form) && strings.EqualFold(text[:len(form)], form) {
				m.month = int(month)
				return text[len(form):], true
			}
		}
	}
	return "", false
}

// seconds returns the moment, unless there is no such day or time of day. 24:00 is the end of the day.
func (m *moment) seconds() (float64, bool) {
	hour := m.hour
	if m.halfDay {
		if hour %= 12; m.afternoon {
			hour += 12
		}
	}
	midnight := hour == 24 && m.minute == 0 && m.second == 0 && m.fraction == 0
	if hour > 23 && !midnight || m.minute > 59 || m.second > 59 {
		return 0, false
	}
	day := time.Date(m.year, time.Month(m.month), m.day, 0, 0, 0, 0, time.UTC)
	if day.Year() != m.year || int(day.Month()) != m.month || day.Day() != m.day {
		return 0, false // as of 31 April, which would be 1 May
	}
	return float64(day.Unix()) + float64(3600*hour+60*m.minute+m.second) + m.fraction, true
}

// parseClock reads a time since admission, such as 36:15 or -0:30:00, of any number of hours, as seconds.
func parseClock(text string) (seconds float64, ok bool) {
	sign := 1.0
	if strings.HasPrefix(text, "-") {
		sign, text = -1, text[1:]
	}
	var hours, minute, second int
	if text, ok = digits(text, 1, 6, &hours); !ok || !strings.HasPrefix(text, ":") {
		return 0, false
	}
	if text, ok = digits(text[1:], 2, 2, &minute); !ok || minute > 59 {
		return 0, false
	}
	if strings.HasPrefix(text, ":") {
		if text, ok = digits(text[1:], 2, 2, &second); !ok || second > 59 {
			return 0, false
		}
	}
	return sign * float64(3600*hours+60*minute+second), text == ""
}
