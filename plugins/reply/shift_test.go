package reply_test

import (
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/reply"
)

// 1,5 may be 1.5 of one who writes a comma for the point: where the last value may be missing, nobody knows.
func TestAFieldTooManyShiftsNothing(t *testing.T) {
	contract := func(missing bool) reply.Contract {
		return reply.Contract{Container: reply.CSV, Rows: 1, Columns: []reply.Column{
			{Name: "a", Kind: frame.Number}, {Name: "b", Kind: frame.Number}, {Name: "c", Kind: frame.Number, Missing: missing},
		}}
	}
	for _, c := range []struct {
		text    string
		missing bool
		want    int
	}{
		{"a,b,c\n1,5,2,\n", true, 0}, {"a,b,c\n1,5,2,\n", false, 1}, {"a,b,c,\n1,5,2,\n", true, 1}, {"a,b,c\n1,5,\n", true, 1},
	} {
		r := reply.Parse(c.text, plugins.StopEnd, contract(c.missing))
		if len(r.Records) != c.want || c.want == 0 && r.Account.Rejected[reply.WrongFields] != 1 {
			t.Errorf("%q, the last may be missing: %v: records %+v, rejected %v", c.text, c.missing, r.Records, r.Account.Rejected)
		}
	}
}
