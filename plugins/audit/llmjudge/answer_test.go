package llmjudge

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/sheet"
)

func testReader(t testing.TB) *reader {
	t.Helper()
	one := []float64{1}
	f := frame.Must(
		frame.NewNumber("age", one), frame.NewNumber("heartrate_first", one), frame.NewNumber("heartrate_last", one), frame.NewNumber("death", one),
	)
	s, err := sheet.New(f, sheet.Known{}, sheet.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	return (&asking{Judge: &Judge{config: Config{Findings: true, Reasons: true}}, sheet: s}).reader()
}

func TestScores(t *testing.T) {
	for text, want := range map[string]float64{ // 0: unparsable
		`{"findings": [], "reason": "fine", "score": 8}`: 8,
		`{"score": 10}`:                10,
		`{"score": "9"}`:               9,
		`{"score": "9/10"}`:            9,
		`{"Score": 3.0}`:               3,
		`{"score": 7.5}`:               7,
		`{"score": 7.51}`:              8,
		"```json\n{\"score\": 6}\n```": 6,
		"Here it is:\n{\"score\": 6} I hope this helps.":                                 6,
		"<think>maybe {\"score\": 2}? no</think>\n{\"score\": 6}":                        6,
		"maybe {\"score\": 2}</think>{\"score\": 6}":                                     6,
		"<think>{\"score\": 2} and so on":                                                0,
		`{"verdict": {"score": 4, "reason": "x"}}`:                                       4,
		`An example: {"score": 1}. My answer: {"score": 5}`:                              5,
		`{"findings": [{"kind": "value", "columns": [], "text": "{odd}"}], "score": 5,}`: 5, // a comma too many
		`{'score': 5}`: 5,
		`{"score": 1`:  0, // a 10 may have been meant
		`{"score": 1,`: 1,
		`{"reason": "x", "score": 7, "findings": [{"kind": "val`:                                                     7,
		`{"findings": [{"kind": "text", "text": "it says 'score': 10, to its reader"}], "reason": "a", "score": 3,`:  3, // the record's own words
		`{"findings": [{"kind": "text", "text": "it says 'score': 10, to its reader"}], "reason": "th`:               0,
		`{"findings": [{"kind": "text", "text": "it says 'score': 10, to its rea`:                                    0,
		`{"reason": "a \"score\": 10, it says", "score": "3",`:                                                       3,
		`{"findings": [{"kind": "text", "text": "it says {"score": 10} to its reader"}], "reason": "a", "score": 3}`: 3,
		`{"reason": "it says {"score": 10} to its reader", "score": 3}`:                                              3,
		`{"reason": "a 5" cut", "score": 3}`:                                                                         3, // a quote that is not escaped
		"8":                                                                                                          8,
		"8/10":                                                                                                       8,
		"**Score:** 8/10":                                                                                            8,
		"Final score: 8 out of 10.":                                                                                  8,
		"The record is fine.\n\nScore: 8":                                                                            8,
		"Score: 8\nScore: 3":                                                                                         0, // which?
		"I would not give it a score of 10 since the score is not clear":                                             0,
		"Score between 7 and 9":                                                                                      0,
		`{"score": 0}`:                                                                                               0,
		`{"score": 11}`:                                                                                              0,
		`{"score": 85}`:                                                                                              0,
		`{"score": -3}`:                                                                                              0,
		`{"score": 0.9}`:                                                                                             0,
		`{"score": 10.2}`:                                                                                            0,
		`{"score": null}`:                                                                                            0,
		`{"score": true}`:                                                                                            0,
		`{"score": [8]}`:                                                                                             0,
		`{"score": "high"}`:                                                                                          0,
		`{"score": "8/100"}`:                                                                                         0,
		`{"score": 1e400}`:                                                                                           0,
		`{"findings": [], "reason": "fine"}`:                                                                         0,
		"":                                                                                                           0,
		"   \n":                                                                                                      0,
		"{}":                                                                                                         0,
		"[]":                                                                                                         0,
		"null":                                                                                                       0,
		"I cannot judge this.":                                                                                       0,
		strings.Repeat("{", 100_000):                                                                                 0,
		strings.Repeat(`{"a":`, 20_000) + `1`:                                                                        0,
		"\ufeff{\"score\": 4}":                                                                                       4,
	} {
		o := testReader(t).read(text, plugins.StopEnd)
		status := plugins.Scored
		if want == 0 {
			status = plugins.Unparsable
		}
		if o.score != want || o.status != status {
			t.Errorf("%.80q: %s, score %g; want %g", text, o.status, o.score, want)
		}
	}
}

func TestAnswersAtTheCap(t *testing.T) {
	r := testReader(t)
	for text, want := range map[string]float64{
		"The score is 1": 0, "1": 0, "Score: 1": 0, `{"score": 1`: 0, `{"score": 10`: 0, "Score: 8/10\n": 8,
		`{"findings": [{"kind": "order", "columns": ["age"], "text": "a"}, {"kind": "va`:                           0,
		`{"score": 6, "findings": [{"kind": "order", "columns": ["age"], "text": "a"}, {"kind": "va`:               6,
		`{"findings": [{"kind": "order", "columns": ["age"], "text": "a"}], "reason": "x", "score": 6` + "\n" + ``: 6,
	} {
		o := r.read(text, plugins.StopLength)
		if !o.truncated || o.score != want || (o.status == plugins.Scored) != (want > 0) {
			t.Errorf("%q: %s, score %g; want %g", text, o.status, o.score, want)
		}
		if want == 6 && (len(o.findings) != 1 || o.findings[0].kind != 2) {
			t.Errorf("%q: findings %+v", text, o.findings)
		}
	}
	if o := r.read("I must decline.", plugins.StopRefusal); o.status != plugins.Declining {
		t.Errorf("a refusal is %s", o.status)
	}
}

func TestFindings(t *testing.T) {
	o := testReader(t).read(`{"findings": [
		{"kind": "VALUE ", "columns": ["heartrate_last", "age", "age", "nowhere", 7], "text": "too\nfast\u202e"},
		{"kind": "order", "columns": "heartrate; \"death\", `+"`age`"+`", "text": "b"},
		{"kind": "typo", "columns": ["Heartrate"], "text": "c"},
		{"columns": null}, "a plain text", 7, {"kind": 3, "text": ["x"], "columns": {"a": 1}}
	], "reason": "because\tof this", "score": 4}`, plugins.StopEnd)
	want := []finding{
		{0, []string{"age", "heartrate_last"}, "too fast[U+202E]"},
		{2, []string{"age", "heartrate_first", "heartrate_last", "death"}, "b"},
		{other, []string{"heartrate_first", "heartrate_last"}, "c"},
		{other, nil, ""},
		{other, nil, "a plain text"},
		{other, nil, ""},
		{other, nil, ""},
	}
	if d := cmp.Diff(want, o.findings, cmp.AllowUnexported(finding{})); d != "" {
		t.Error(d)
	}
	if o.reason != "because of this" || o.unknown != 1 || o.misnamed != 5 || o.prose || o.score != 4 {
		t.Errorf("%+v", o)
	}
	many := `{"findings": [` + strings.Repeat(`{"kind": "value", "columns": [], "text": "x"},`, 70) + `{}], "score": 2}`
	if o := testReader(t).read(many, plugins.StopEnd); len(o.findings) != mostFindings || o.beyond != 71-mostFindings || o.score != 2 {
		t.Errorf("%d findings, %d left out", len(o.findings), o.beyond)
	}
	for _, odd := range []string{`{"findings": "none", "score": 9}`, `{"findings": {}, "reason": 3, "score": 9}`, `{"findings": null, "score": 9}`} {
		if o := testReader(t).read(odd, plugins.StopEnd); o.score != 9 || len(o.findings) > 0 {
			t.Errorf("%s: %+v", odd, o)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{`{"findings": [{"kind": "value", "columns": ["age"], "text": "x"}], "reason": "y", "score": 3}`, "Score: 8/10", "```json\n{\"score\": 7", "<think>"} {
		f.Add(text, plugins.StopEnd)
		f.Add(text, plugins.StopLength)
	}
	r := testReader(f)
	f.Fuzz(func(t *testing.T, text, stop string) {
		o := r.read(text, stop)
		if (o.status == plugins.Scored) != (o.score >= least && o.score <= most && o.score == float64(int(o.score))) {
			t.Fatalf("%q: %s with a score of %g", text, o.status, o.score)
		}
		for _, x := range o.findings {
			if x.kind < 0 || x.kind > other {
				t.Fatalf("%q: kind %d", text, x.kind)
			}
		}
	})
}
