package gate

import (
	"encoding/xml"
	"strings"
	"time"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr,omitempty"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string       `xml:"classname,attr"`
	Name    string       `xml:"name,attr"`
	Time    string       `xml:"time,attr"`
	File    string       `xml:"file,attr,omitempty"`
	Line    int          `xml:"line,attr,omitempty"`
	Skipped *junitReason `xml:"skipped,omitempty"`
	Failure *junitReason `xml:"failure,omitempty"`
	Error   *junitReason `xml:"error,omitempty"`
	Out     string       `xml:"system-out,omitempty"`
}

type junitReason struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit returns the report as JUnit XML: a suite for each check, a case for each comparison. What is worse, beyond a limit or underpowered is
// a failure, what is missing or not comparable an error; what passes by leave alone is skipped, so that it is seen.
func (r *Report) JUnit() ([]byte, error) {
	all := junitSuites{Name: "ehrlab check " + r.Experiment}
	index := map[string]int{}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		at, known := index[c.Check.Name]
		if !known {
			at = len(all.Suites)
			index[c.Check.Name] = at
			all.Suites = append(all.Suites, junitSuite{
				Name: r.Experiment + "." + c.Check.Name, Time: "0", Timestamp: timestamp(r.Time),
				Properties: []junitProperty{{"version", r.Checked.Name}, {"baseline", c.Baseline.Describe()}},
			})
		}
		all.Suites[at].add(r, c)
	}
	for _, s := range all.Suites {
		all.Tests, all.Failures, all.Errors, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors, all.Skipped+s.Skipped
	}
	b, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), append(b, '\n')...), nil
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05")
}

func (s *junitSuite) add(r *Report, c *Comparison) {
	name := c.Score
	if where := c.Where(); where != "" {
		name += " " + where
	}
	out := junitCase{Class: r.Experiment + "." + c.Check.Name, Name: name, Time: "0", File: uri(c.Check.File), Line: c.Check.Line}
	reason := &junitReason{Message: c.Message(), Type: string(c.Verdict), Text: strings.Join(append([]string{c.Title(), c.Message()}, "against "+c.Baseline.Describe()), "\n")}
	s.Tests++
	switch {
	case c.Breach != "" && c.Verdict != Worse:
		reason.Type = "limit"
		fallthrough
	case !c.Passes() && (c.Verdict == Worse || c.Verdict == Underpowered):
		out.Failure = reason
		s.Failures++
	case !c.Passes():
		out.Error = reason
		s.Errors++
	case c.spared():
		out.Skipped = &junitReason{Message: c.Message()}
		s.Skipped++
	default:
		out.Out = c.Message()
	}
	s.Cases = append(s.Cases, out)
}
