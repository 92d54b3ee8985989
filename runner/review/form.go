package review

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"

	"github.com/ehrlab/ehrlab/plugins/sheet"
)

// What raters are asked, in every form of the packet.
const (
	realismQuestion    = "How realistic is this record?"
	realismEnds        = "1: such a patient cannot be; 10: nothing speaks against it"
	guessQuestion      = "Where does it come from?"
	realGuess          = "a real patient"
	syntheticGuess     = "made by a computer"
	confidenceQuestion = "How sure are you of that?"
	confidenceEnds     = "1: a mere guess; 5: certain"
	commentQuestion    = "Remarks: what speaks for or against it?"
)

//go:embed assets/form.html
var formLayout string

//go:embed assets/form.css
var formCSS string

//go:embed assets/form.js
var formScript string

var forms = template.Must(template.New("form").Parse(formLayout))

// formView is what the layout of a form is filled with.
type formView struct {
	Policy, Packet, Rater                       string
	Simulated, Restricted                       bool
	Items                                       []formItem
	Practice, Study                             int
	Realism, Confidence                         []choice
	RealismQuestion, RealismEnds, GuessQuestion string
	ConfidenceQuestion, ConfidenceEnds          string
	CommentQuestion                             string
	Guesses                                     []choice
	CSS                                         template.CSS
	Script                                      template.JS
}

// choice is one answer: what is stored, what is shown, and the key that chooses it.
type choice struct{ Value, Text, Key string }

type formItem struct {
	ID       string
	Number   int
	Practice bool
	Record   template.HTML
}

// form is the packet of a rater as one page. Its policy lets nothing be fetched, and no script but its own run.
func form(key *Key, rater *Rater, written map[string]sheet.Record) ([]byte, error) {
	v := formView{
		Policy: "default-src 'none'; script-src '" + source(formScript) + "'; style-src '" + source(formCSS) + "'; base-uri 'none'; form-action 'none'",
		Packet: key.hash, Rater: rater.Name, Simulated: key.Simulated, Restricted: key.Allowed != "",
		RealismQuestion: realismQuestion, RealismEnds: realismEnds, GuessQuestion: guessQuestion,
		ConfidenceQuestion: confidenceQuestion, ConfidenceEnds: confidenceEnds, CommentQuestion: commentQuestion,
		Guesses: []choice{{Real, realGuess, "r"}, {Synthetic, syntheticGuess, "s"}},
		CSS:     template.CSS(formCSS), Script: template.JS(formScript), //nolint:gosec // both are ours
	}
	for _, n := range choices(LeastRealism, MostRealism) {
		v.Realism = append(v.Realism, choice{Value: n, Text: n, Key: n[len(n)-1:]})
	}
	for _, n := range choices(LeastConfidence, MostConfidence) {
		v.Confidence = append(v.Confidence, choice{Value: n, Text: n, Key: n})
	}
	for _, item := range rater.Items {
		record := written[item.Record]
		practice := key.record(item.Record).Training
		number := &v.Study
		if practice {
			number = &v.Practice
		}
		*number++
		v.Items = append(v.Items, formItem{item.ID, *number, practice, template.HTML(record.HTML())}) //nolint:gosec // escaped by the sheet
	}
	var b bytes.Buffer
	err := forms.Execute(&b, v)
	return b.Bytes(), err
}

// source is how a policy names an inline text.
func source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
