package prompt

import "testing"

func TestEstimateTokens(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{"", 0},
		{"age", 1},
		{"lactate", 2},
		{"the patient is ill", 1 + 2 + 1 + 1},
		{"1.75,12", 1 + 1 + 1 + 1 + 1},
		{"1234567", 3},
		{`{"age":64}`, 1 + 1 + 1 + 1 + 1},
		{"a\nb", 3},
		{"a  b", 3},
		{"µmol/L", 1 + 1 + 1 + 1},
		{"\xff\xfe", 2}, // no UTF-8 is no reason to stop
	} {
		if got := EstimateTokens(c.text); got != c.want {
			t.Errorf("%q: %d tokens, want %d", c.text, got, c.want)
		}
	}
}
