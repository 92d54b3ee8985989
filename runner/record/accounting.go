package record

import "slices"

// The counts that account for the answers of language models. There is one of each for each model that a cell asks, which ModelDim
// names as the experiment does; refusals are among the answers.
const (
	CountAnswers        = "answers"
	CountAnswersRefused = "answers refused"
	CountAnswersCut     = "answers cut at the cap on tokens"
	CountTokensIn       = "tokens of requests"
	CountTokensOut      = "tokens of answers"

	ModelDim = "model"
)

// The counts that account for the rows which language models were asked for. CountRejected has the dimension ReasonDim.
const (
	CountRequested  = "rows requested"
	CountReturned   = "rows returned"
	CountParsed     = "rows parsed"
	CountRepaired   = "rows repaired"
	CountRejected   = "rows rejected"
	CountOutOfRange = "rows out of range"
	CountDuplicate  = "rows duplicate"
	CountCopied     = "rows copied from the prompt"
	CountSurplus    = "rows surplus"
	CountDelivered  = "rows delivered"

	ReasonDim = "reason"
)

// The counts that account for the judgements which language models were asked for. There is one of each for each judge, plugins.JudgeDim,
// and repeat; those without an answer are counted only where there are any.
const (
	CountJudgements  = "judgements"
	CountScored      = "judgements scored"
	CountUnparsable  = "judgements unparsable"
	CountDeclined    = "judgements refused"
	CountNotAnswered = "judgements without an answer"
)

// ofModels are the counts of requests and answers, which judges have, too, and those of made-up rows.
var ofModels = []string{
	CountAnswers, CountAnswersRefused, CountAnswersCut, CountTokensIn, CountTokensOut,
	CountRequested, CountReturned, CountParsed, CountRepaired, "rows repaired by kind", CountRejected, "rows rejected by label", CountOutOfRange, CountDuplicate,
	CountCopied, CountSurplus, CountDelivered, "parts of rows requested", "parts of rows returned", "parts of rows rejected", "parts of rows rejected by label", "parts of rows repaired by kind",
	"calls", "calls refused", "calls truncated", "calls with text around rows", "calls without rows",
}

// OfModels reports whether a count of a cell is of what language models were asked and answered: it stands for no patient.
func (c *Count) OfModels() bool {
	return c.Stage == "generate" && slices.Contains(ofModels, c.Name) || c.Judges() && slices.Contains(ofModels[:5], c.Name)
}

// Judges reports whether a count is of judges, and not of models that make rows.
func (c *Count) Judges() bool { return c.Stage == "judge" }
