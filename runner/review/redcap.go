package review

import (
	"fmt"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/sheet"
)

// redcapHead are the columns of a REDCap data dictionary, as REDCap names them, in their order.
var redcapHead = []string{
	"Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label", "Choices, Calculations, OR Slider Labels", "Field Note",
	"Text Validation Type OR Show Slider Number", "Text Validation Min", "Text Validation Max", "Identifier?",
	"Branching Logic (Show field only if...)", "Required Field?", "Custom Alignment", "Question Number (surveys only)", "Matrix Group Name",
	"Matrix Ranking?", "Field Annotation",
}

const (
	redcapForm   = "record_review"
	redcapID     = "review_id" // the first field of a dictionary names the records of REDCap
	redcapRecord = "patient_record"
)

// redcapField is a row of the dictionary.
type redcapField struct {
	name, section, kind, label, choices, note, validation, least, most string
	required                                                           bool
	alignment, annotation                                              string
}

func (f redcapField) row() []string {
	required := ""
	if f.required {
		required = "y"
	}
	return []string{
		f.name, redcapForm, f.section, f.kind, f.label, f.choices, f.note, f.validation, f.least, f.most, "", "", required, f.alignment, "", "", "", f.annotation,
	}
}

// redcapDictionary is a data dictionary with one form: what a rater answers of one record.
func redcapDictionary() [][]string {
	scale := func(least, most int) string {
		var out []string
		for _, n := range choices(least, most) {
			out = append(out, n+", "+n)
		}
		return strings.Join(out, " | ")
	}
	rows := [][]string{redcapHead}
	for _, f := range []redcapField{
		{name: redcapID, kind: "text", label: "Rater and place in the rater's order"},
		{name: packetColumn, kind: "text", label: "Packet", annotation: "@READONLY @HIDDEN"},
		{name: raterColumn, kind: "text", label: "Rater", annotation: "@READONLY"},
		{name: itemColumn, kind: "text", label: "Item", annotation: "@READONLY"},
		{name: partColumn, kind: "text", label: "Part", note: practicePart + ": counts for nothing", annotation: "@READONLY"},
		{name: redcapRecord, section: "Record", kind: "notes", label: "The patient's record", alignment: "LV", annotation: "@READONLY"},
		{
			name: realismColumn, section: "Your judgement", kind: "radio", label: realismQuestion, choices: scale(LeastRealism, MostRealism), note: realismEnds,
			required: true, alignment: "LH",
		},
		{name: guessColumn, kind: "radio", label: guessQuestion, choices: fmt.Sprintf("%s, %s | %s, %s", Real, realGuess, Synthetic, syntheticGuess), required: true, alignment: "LH"},
		{name: confidenceColumn, kind: "radio", label: confidenceQuestion, choices: scale(LeastConfidence, MostConfidence), note: confidenceEnds, required: true, alignment: "LH"},
		{name: commentColumn, kind: "notes", label: commentQuestion},
		{name: secondsColumn, kind: "text", label: "Seconds that this record took", note: "may be left empty", validation: "number", least: "0", most: fmt.Sprint(mostSeconds)},
	} {
		rows = append(rows, f.row())
	}
	return rows
}

// redcapImport are the columns of the records that go into REDCap before raters begin.
var redcapImport = []string{redcapID, packetColumn, raterColumn, itemColumn, partColumn, redcapRecord}

// redcapRows are the records of one rater. Their names keep the rater's order, by which REDCap lists them.
func redcapRows(key *Key, rater *Rater, written map[string]sheet.Record) [][]string {
	var rows [][]string
	for i, item := range rater.Items {
		record := written[item.Record]
		id := fmt.Sprintf("%s-%0*d", rater.Name, digits(len(rater.Items)), i+1)
		rows = append(rows, []string{id, key.hash, rater.Name, item.ID, key.part(item), record.Text()})
	}
	return rows
}
