package client

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
)

// Usage depends on the set of the answers, not on their order, nor on how often one was used.
func TestUsage(t *testing.T) {
	base := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	a := &model{info: plugins.ModelInfo{Identity: plugins.Identity{API: "x", Model: "a"}, Family: "gpt"}}
	named := &model{info: a.info} // another name of the same model
	b := &model{info: plugins.ModelInfo{Identity: plugins.Identity{API: "x", Model: "b"}, Simulated: true}}
	var want []plugins.Usage
	for round := range 20 {
		c := setup(t, newMemory(), nil)
		s := &session{Client: c.Client, answers: map[asked]answered{}}
		order := rand.New(rand.NewPCG(1, uint64(round))).Perm(60)
		for _, i := range order {
			m := []*model{a, named, b}[i%3]
			answer := &plugins.Answer{
				Refusal: i == 3, Stop: []string{plugins.StopEnd, plugins.StopLength}[i%2], Served: fmt.Sprint("served-", i%4), Fingerprint: []string{"", "f2", "f1"}[i%3],
				Input: i, Cached: i / 2, Output: 2 * i, Reasoning: i / 3, At: base.Add(time.Duration(i) * time.Second), Body: []byte("text"),
			}
			s.note(fmt.Sprintf("key-%02d", i), m, answer)
			s.note(fmt.Sprintf("key-%02d", i), m, answer)
		}
		got := s.usage()
		if want == nil {
			want = got
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		if strings.Count(c.log.String(), "more than one model has answered") != 2 {
			t.Errorf("the log: %s", c.log)
		}
	}
	if len(want) != 2 || want[0].Model.Model != "a" || want[0].Calls != 40 || want[1].Calls != 20 || !want[1].Simulated || want[0].Refused != 1 {
		t.Errorf("%+v", want)
	}
	// 0, 1, 3, 4, 6, 7 … 58: all below 60 that do not leave 2 when divided by 3
	sum := 0
	for i := range 60 {
		if i%3 != 2 {
			sum += i
		}
	}
	u := want[0]
	if u.Input != sum || u.Output != 2*sum || !u.First.Equal(base) || !u.Last.Equal(base.Add(58*time.Second)) ||
		!cmp.Equal(u.Served, []string{"served-0", "served-1", "served-2", "served-3"}) || !cmp.Equal(u.Fingerprints, []string{"f2"}) ||
		len(u.Responses) != 40 || u.Responses[0] != "key-00" || u.Truncated != 20 {
		t.Errorf("%+v", u)
	}
}

func TestNoUsage(t *testing.T) {
	_, used := setup(t, newMemory(), nil).Open(anyone)
	if u := used(); len(u) != 0 {
		t.Errorf("%+v", u)
	}
}
