package plugins

import (
	"fmt"
	"math"
)

// GenerationMetric is the name under which the runner records what making the rows of a cell came to, as if a metric had
// measured it. No metric of an experiment may have it.
const GenerationMetric = "generation"

// The scores of GenerationMetric.
const (
	ScorePrevalence   = "prevalence"
	ScoreEvents       = "events"
	ScoreClasses      = "classes"
	ScoreRequested    = "requested"
	ScoreDelivered    = "delivered"
	ScoreCalls        = "calls"
	ScoreInputTokens  = "input_tokens"
	ScoreOutputTokens = "output_tokens"
	ScoreCost         = "cost"
	ScoreCostPerRow   = "cost_per_row"

	ScoreCostPerRecord = "cost_per_record" // of JudgingMetric
	ScoreCostOfJudge   = "cost_of_judge"
)

// GenerationScores describes the scores of GenerationMetric, in order. Cells of every strategy have those of the rows and
// their label; only cells whose strategy asks models have those of calls. Where such a strategy fails once it had answers, the
// calls have their values, with a warning, and none of the rows are delivered: so a mean over replicates leaves out no cost.
func GenerationScores() []ScoreInfo {
	inf := math.Inf(1)
	scores := []ScoreInfo{
		{Name: ScorePrevalence, Summary: "share of the synthetic rows with the event", Max: 1, Better: Neutral},
		{Name: ScoreEvents, Summary: "synthetic rows with the event", Max: inf, Count: true, Better: Neutral},
		{Name: ScoreClasses, Summary: "classes of the label among the synthetic rows", Max: inf, Count: true, Better: Neutral},
		{Name: ScoreRequested, Summary: "synthetic rows asked for", Max: inf, Count: true, Better: Neutral},
		{Name: ScoreDelivered, Summary: "synthetic rows delivered; 0 where the strategy had answers of models, and failed", Max: inf, Count: true, Better: Neutral},
		{Name: ScoreCalls, Summary: "answers of language models that the rows come from, refusals among them", Max: inf, Count: true, Better: Neutral},
		{Name: ScoreInputTokens, Summary: "tokens of the requests", Max: inf, Count: true, Better: Neutral},
		{Name: ScoreOutputTokens, Summary: "tokens of the answers, reasoning among them", Max: inf, Count: true, Better: Neutral},
		{Name: ScoreCost, Summary: "price of the answers in USD, whichever run paid for them", Max: inf, Better: Lower},
		{Name: ScoreCostPerRow, Summary: "price of the answers in USD for each row delivered", Max: inf, Better: Lower},
	}
	for i := range scores {
		scores[i].NoInterval = Description
	}
	return scores
}

// JudgingMetric is the name under which the runner records what the judges of a cell took of language models. No metric of an
// experiment may have it.
const JudgingMetric = "judging"

// AuditDim is the dimension of scores that tells which auditor of a cell they are of.
const AuditDim = "auditor"

// JudgeDim is the dimension of scores and counts that tells which of the models of an auditor they are of, by the experiment's name.
const JudgeDim = "judge"

// JudgingScores describes the scores of JudgingMetric, in order; each has the dimension AuditDim, and ScoreCostOfJudge JudgeDim, too.
// Only cells whose auditors ask
// models have them.
func JudgingScores() []ScoreInfo {
	inf := math.Inf(1)
	scores := []ScoreInfo{
		{Name: ScoreCalls, Summary: "answers of language models that the verdicts come from, refusals among them", Max: inf, Count: true, Better: Neutral},
		{Name: ScoreInputTokens, Summary: "tokens of the requests", Max: inf, Count: true, Better: Neutral},
		{Name: ScoreOutputTokens, Summary: "tokens of the answers, reasoning among them", Max: inf, Count: true, Better: Neutral},
		{Name: ScoreCost, Summary: "price of the answers in USD, whichever run and cell paid for them", Max: inf, Better: Lower},
		{Name: ScoreCostPerRecord, Summary: "price of the answers in USD for each record judged", Max: inf, Better: Lower},
		{Name: ScoreCostOfJudge, Summary: "price of the answers of one judge in USD", Max: inf, Better: Lower, Dims: []string{JudgeDim}},
	}
	for i := range scores {
		scores[i].Dims, scores[i].NoInterval = append([]string{AuditDim}, scores[i].Dims...), Description
	}
	return scores
}

// Weighting is the dimension of scores, curves and counts that tells how synthetic rows were weighted: those that lack it
// rest on all rows as they are (Raw), those that have it on rows drawn to the real shares of Strata (PostStratified). The
// runner adds it; no metric declares it.
const (
	Weighting      = "weighting"
	Raw            = "raw"
	PostStratified = "post-stratified"

	// PostStratify is the name of the Use of metrics of such rows. Those of other cells of the same metric do not have it.
	PostStratify = "post-stratify"
)

// Everyone is the value that scores of all rows together have of a dimension by which their metric measures groups of patients, too.
const Everyone = "all"

// GroupDim is the dimension of scores, curves and counts of named groups of patients that a metric measures apart, too. The runner adds it.
const GroupDim = "group"

// UnfinishedError is the error of a strategy that was ended, by whatever it was, after it had asked models: it keeps the account
// of the rows so far. Its text is that of Err. It holds no row.
type UnfinishedError struct {
	Err    error   // a *ShortfallError, an *LLMError, or what else ended it
	Counts []Count // what became of the rows
}

// Error says what ended the strategy.
func (e *UnfinishedError) Error() string { return e.Err.Error() }

// Unwrap returns what ended the strategy.
func (e *UnfinishedError) Unwrap() error { return e.Err }

// ShortfallError is why a strategy has fewer rows than were asked for, when all its rounds are over. It holds no row.
type ShortfallError struct {
	Requested, Delivered int
	Reason               string // e.g. "after 3 rounds"
}

// Error says how many rows there are.
func (e *ShortfallError) Error() string {
	text := fmt.Sprintf("%d of %d rows", e.Delivered, e.Requested)
	if e.Reason != "" {
		text += " " + e.Reason
	}
	return text
}
