package plugins

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestGenerationScoresAreDescribed(t *testing.T) {
	var names []string
	for _, s := range GenerationScores() {
		if s.Summary == "" || s.Better == "" || s.Min != 0 || s.Max <= 0 || slices.Contains(names, s.Name) {
			t.Errorf("%+v", s)
		}
		names = append(names, s.Name)
	}
	for _, want := range []string{ScorePrevalence, ScoreEvents, ScoreClasses, ScoreRequested, ScoreDelivered, ScoreCalls, ScoreCost, ScoreCostPerRow} {
		if !slices.Contains(names, want) {
			t.Errorf("no score %q", want)
		}
	}
}

func TestUnfinishedSaysWhatEndedIt(t *testing.T) {
	fault := &LLMError{Fault: FaultBudget, Model: "m", Message: "the budget is used up"}
	err := error(&UnfinishedError{Err: fmt.Errorf("call 3: %w", fault)})
	var got *LLMError
	if !errors.As(err, &got) || got != fault || err.Error() != "call 3: llm m: the budget is used up" {
		t.Errorf("%v, %v", err, got)
	}
}

func TestAShortfallSaysHowManyRowsThereAre(t *testing.T) {
	if got := (&ShortfallError{Requested: 8, Delivered: 3, Reason: "after 2 rounds"}).Error(); got != "3 of 8 rows after 2 rounds" {
		t.Error(got)
	}
	if got := (&ShortfallError{Requested: 8, Delivered: 3}).Error(); got != "3 of 8 rows" {
		t.Error(got)
	}
}
