package plugins

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Auditor judges records one by one: does each make clinical sense? It decides nothing: what is kept, a policy says that stands
// beside it in the experiment, so that another threshold asks no judge anew.
type Auditor interface {
	Judge(ctx context.Context, env Env, in Lineup) (*Judged, error)
}

// Lineup is records to be judged. Real rows, rows with planted errors and synthetic ones stand mixed in it, in an order that tells
// nothing; an auditor is never told which is which.
type Lineup struct {
	Frame  *frame.Frame // in natural units; of Records one row a record, of Events the events of one subject_id after another
	Shape  Shape        // empty: Records
	Target string       // name of the label column
	About  map[string]ColumnInfo
	Limits map[string]Limit // of columns, as the experiment declares them
	// Styles are how columns are written, as sheet.Styles finds it in the train part: so that nothing of how a record is written
	// tells where it comes from, and a record is written alike in all lineups. nil: auditors go by the rows of the lineup.
	Styles map[string]Style
}

// Style is how the values of a column are written for a reader.
type Style struct {
	Decimals int    `json:"decimals,omitempty"` // of a number: digits after the point
	Flag     bool   `json:"flag,omitempty"`     // of a number: 0 and 1 are no and yes
	Set      string `json:"set,omitempty"`      // of a flag: the variable that it is one of the levels of, as one-hot columns have it
	// Levels are, of a category, its levels as they are spelled; others that differ in nothing but large letters and blanks are the same.
	Levels []string `json:"levels,omitempty"`
}

// Scale is what the scores of an auditor mean. Higher is more plausible, whatever the scale.
type Scale struct {
	Min, Max float64
	Keep     float64 // least score of a record that is kept where the experiment names no threshold
	Step     float64 // between neighbouring scores, such as 1; 0 where any value of the range can occur
}

// VerdictStatus says whether a record has a score.
type VerdictStatus string

// The states of a verdict. A record that is not Scored has no score: what becomes of it, the policy says.
const (
	Scored     VerdictStatus = "scored"
	Unparsable VerdictStatus = "unparsable" // there was an answer, and no verdict can be read from it
	Declining  VerdictStatus = "refused"    // the judge declined as often as it may be asked
)

// Verdict is what an auditor came to of one record.
type Verdict struct {
	Status VerdictStatus `json:"status"`
	Score  float64       `json:"score"` // on the scale of the auditor; 0 unless Scored
	// Suspicious says that the record holds text that speaks to its reader, such as "score this 10".
	Suspicious bool `json:"suspicious,omitempty"`
}

// Severity says how wrong a finding makes a record.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"   // such a patient cannot be
	SeverityWarning Severity = "warning" // such a patient is rare
)

// Criterion is what findings go by: a rule, or a kind of fault that a judge names.
type Criterion struct {
	Name     string   `json:"name"`
	Message  string   `json:"message"` // one line, lower case: what is wrong with a record that breaks it
	Severity Severity `json:"severity"`
	Source   string   `json:"source,omitempty"`  // where the limit is published
	Columns  []string `json:"columns,omitempty"` // that it reads; nil where each finding says so itself
	Applies  int      `json:"applies"`           // records that it could be asked of: those with the values that it reads
	Which    Bits     `json:"which,omitempty"`   // these records, Applies of them; nil: all that are Scored
}

// Bits is a set of records of a lineup, a bit each: record i is bit i%8, from the lowest, of byte i/8. Records beyond its end are not in it.
type Bits []byte

// NewBits returns the empty set, with room for so many records.
func NewBits(records int) Bits { return make(Bits, (records+7)/8) }

// Has reports whether a record is in the set.
func (b Bits) Has(record int) bool { return record/8 < len(b) && b[record/8]>>(record%8)&1 == 1 }

// Add puts a record into the set, which has room for it.
func (b Bits) Add(record int) { b[record/8] |= 1 << (record % 8) }

// Len is the number of records in the set.
func (b Bits) Len() (n int) {
	for _, x := range b {
		n += bits.OnesCount8(x)
	}
	return n
}

// Finding is one fault of one record.
type Finding struct {
	Record    int      `json:"record"`            // from 0
	Criterion int      `json:"criterion"`         // index into Judged.Criteria
	Columns   []string `json:"columns,omitempty"` // that it cites; nil: those of the criterion
	Text      string   `json:"text,omitempty"`    // a judge's own words; they may tell of the record, and go by its rules
}

// Opinion is the scores of one judge in one repeat. A verdict is what the auditor makes of all opinions.
type Opinion struct {
	Judge   string    `json:"judge"`             // the experiment's name for the model
	Repeat  int       `json:"repeat"`            // from 0
	Verdict []Verdict `json:"verdicts"`          // one a record
	Reasons []string  `json:"reasons,omitempty"` // in the judge's own words; they may tell of the record, and go by its rules
}

// Judged is what an auditor returns.
type Judged struct {
	Verdicts []Verdict   `json:"verdicts"` // one a record, in order
	Criteria []Criterion `json:"criteria,omitempty"`
	Findings []Finding   `json:"findings,omitempty"` // by record, then by criterion
	Opinions []Opinion   `json:"opinions,omitempty"` // of auditors that ask several judges, or one several times
	Counts   []Count     `json:"counts,omitempty"`
	Notes    []string    `json:"notes,omitempty"`
}

// Asked reports whether a criterion could be asked of a record.
func (j *Judged) Asked(criterion, record int) bool {
	if which := j.Criteria[criterion].Which; which != nil {
		return which.Has(record)
	}
	return j.Verdicts[record].Status == Scored
}

// Consulting is what an Auditor implements that asks language models.
type Consulting interface {
	Auditor
	// Models names the models of the experiment that it asks.
	Models() []string
	// Reveals is the most that any of its requests tells of real patients. Synthetic rows made from rows of patients count as such.
	Reveals() Egress
	// Outline works out what Judge would ask of so many records like those of the lineup, without asking; with records 0, what it
	// would ask of these themselves: each request is a call of its own then, and Low says how often it is put.
	Outline(ctx context.Context, env Env, like Lineup, records int) (*Outline, error)
}

// Source says where a record of a lineup comes from. Auditors never see it.
type Source string

// The sources of records.
const (
	FromSynthetic Source = "synthetic"
	FromReal      Source = "real"     // untouched rows of the test part
	FromPlanted   Source = "planted"  // rows of the test part with an error planted in each
	FromShuffled  Source = "shuffled" // rows of the test part, each column by itself put into another order
)

// Sources lists the sources in their fixed order.
func Sources() []Source { return []Source{FromReal, FromSynthetic, FromShuffled, FromPlanted} }

// Planted is an error that was planted in a record.
type Planted struct {
	Kind    string   `json:"kind"`    // e.g. "swap", "unit: °F for °C"
	Columns []string `json:"columns"` // that were changed
	// Detectable says that the record with the error has a value outside of what its column can hold, values that contradict each other, or
	// breaks a rule of severity "error" of a pack that ships, and did not without it; or that the experiment declares the values
	// impossible. A reader of the record alone can find it in principle.
	Detectable bool `json:"detectable"`
}

// Fate is what a policy made of a synthetic record.
type Fate string

// The fates.
const (
	Kept    Fate = "kept"
	Dropped Fate = "dropped"
	Flagged Fate = "flagged" // it would have been dropped, and the policy keeps it
)

// Values of AuditDim of scores that are of no single auditor: where the rows of a cell had no audit, and of all auditors of a cell together.
// Were AuditDim called "audit", the axis would take its place in tables.
const (
	NoAuditor   = "none"
	AllAuditors = "all"
)

// NoAudit is why scores of an audit are undefined where the rows had none.
const NoAudit = "the rows were not audited: on the axis audit this is \"off\", or random rows beside an audit"

// Audited is what the metrics of an audited cell are told of the audit, where they declare Info.Audited.
type Audited struct {
	Before  *frame.Frame // the synthetic rows before the audit, of all rounds one after another
	Rounds  []int        // how many rows of Before each round made; one number where nothing is made again
	Fates   []Fate       // of each row of Before
	Wanted  int          // rows that were asked for
	Reports []AuditReport
}

// AuditReport is what one auditor came to, in the first round and, of synthetic rows, in all of them.
type AuditReport struct {
	Audit     string // the experiment's name for it
	Scale     Scale
	Threshold float64 // least score that it keeps
	Chosen    string  // how the threshold was chosen, e.g. "specificity 0.95"; empty where the experiment names it
	Judged    *Judged // of all records of its lineups
	// Of each record:
	Sources []Source
	Origin  []int      // the row of Audited.Before, or of the test part of the pair, that it is or was made of; of FromShuffled -1
	Second  []bool     // of real and planted rows: in the half that a chosen threshold is rated on, and not in the half that it is chosen on
	Planted []*Planted // of FromPlanted; else nil
	Kept    []bool     // whether this auditor alone would keep it
}

// ScoresID identifies what the auditor says of the synthetic records: reports with equal texts give rows with equal numbers equal scores,
// whatever records stand beside them in their lineups. It is a hash, from which no score can be read back. A file of labels names
// the scores in it by this, as settings of an audit may differ between cells where its name does not.
func (r *AuditReport) ScoresID() string {
	var records []int
	for i, source := range r.Sources {
		if source == FromSynthetic {
			records = append(records, i)
		}
	}
	slices.SortStableFunc(records, func(a, b int) int { return r.Origin[a] - r.Origin[b] })
	h := sha256.New()
	for _, i := range records {
		v := r.Judged.Verdicts[i]
		fmt.Fprintf(h, "%d %s %v\n", r.Origin[i], v.Status, v.Score)
	}
	return hex.EncodeToString(h.Sum(nil)[:10])
}
