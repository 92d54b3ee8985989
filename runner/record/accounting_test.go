package record

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/reply"
)

// What the account of replies counts is what tables show, and stands for no patient.
func TestTheAccountOfRepliesIsKnown(t *testing.T) {
	a := reply.Account{Rejected: map[reply.Reason]int{reply.CutOff: 1}, Repairs: map[reply.Repair]int{reply.Quotes: 1}}
	names := map[string]bool{}
	for _, c := range a.Counts(nil) {
		names[c.Name] = true
		if count := (Count{Stage: "generate", Count: c}); !count.OfModels() {
			t.Errorf("%q counts as patients' rows", c.Name)
		}
		if c.Name == CountRejected && c.Dims[ReasonDim] != string(reply.CutOff) {
			t.Errorf("rejected rows have the dimensions %v", c.Dims)
		}
	}
	for _, name := range []string{
		CountRequested, CountReturned, CountParsed, CountRepaired, CountRejected, CountOutOfRange, CountDuplicate, CountCopied, CountSurplus,
		CountDelivered,
	} {
		if !names[name] {
			t.Errorf("replies are not accounted for by %q", name)
		}
	}
	for _, c := range []Count{{Stage: "generate", Count: plugins.Count{Name: "rows dropped: missing value"}}, {Stage: "dataset", Count: plugins.Count{Name: CountReturned}}} {
		if c.OfModels() {
			t.Errorf("%s at %s is taken for a count of answers", c.Name, c.Stage)
		}
	}
}

// The manifest has the identity of a model beside its usage, and nothing of where its key is read.
func TestModelInfo(t *testing.T) {
	m := ModelInfo{
		Name: "o1", Identity: plugins.Identity{API: "openai-chat", Endpoint: "https://api.example.org/v1", Model: "o1-2024-12-17", Settings: json.RawMessage(`{"effort":"low"}`)},
		Served: []string{"o1-2024-12-17"}, Steps: 1, Calls: 3, Distinct: 3, Input: 10, Output: 20, First: time.Unix(1, 0).UTC(), Last: time.Unix(2, 0).UTC(),
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"o1","api":"openai-chat","endpoint":"https://api.example.org/v1","model":"o1-2024-12-17","settings":{"effort":"low"},` +
		`"served":["o1-2024-12-17"],"steps":1,"calls":3,"distinct":3,"input":10,"output":20,"first":"1970-01-01T00:00:01Z","last":"1970-01-01T00:00:02Z"}`
	if string(b) != want || strings.Contains(string(b), "secret") {
		t.Errorf("%s\nwant %s", b, want)
	}
}
