package prompt

import (
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

func TestEstimateTokens(t *testing.T) {
	for text, want := range map[string]int{
		"":                     0,
		"a":                    1,
		"age":                  1,
		"creatinine":           2,
		"67":                   1,
		"1234":                 2,
		"67,1,0.35":            7,
		"two words":            2,
		"a  b\n\nc":            5,
		"{\"a\":\"b\"}":        6, // { " · a · " : · " · b · " }
		"é≥":                   2,
		"\xff":                 1,
		"12345678901234567890": 7,
	} {
		if got := EstimateTokens(text); got != want {
			t.Errorf("EstimateTokens(%q) = %d, want %d", text, got, want)
		}
	}
	r := plugins.Request{Messages: []plugins.Message{{Role: "system", Text: "a"}, {Role: "user", Text: "67"}}, Schema: []byte(`{}`)}
	if got := EstimateInput(r); got != 11 {
		t.Errorf("EstimateInput = %d, want 11", got)
	}
}

// The estimate lies near what the tokenizers cl100k_base and o200k_base of OpenAI count (github.com/pkoukk/tiktoken-go v0.1.8
// with its offline loader; the larger of the two).
func TestEstimate(t *testing.T) {
	for _, tt := range counted {
		ratio := float64(EstimateTokens(tt.text)) / float64(tt.tokens)
		t.Logf("%.2f %.40q", ratio, tt.text)
		if ratio < 0.99 || ratio > MostOver {
			t.Errorf("%.2f of what is counted: %.60q", ratio, tt.text)
		}
	}
}

var counted = []struct {
	tokens int
	text   string
}{
	{57, "You write records of intensive care patients. Each record is one admission. Answer with a table in CSV, the header first, and nothing else. Values must be plausible for an adult who was admitted to an intensive care unit in the United States; a missing value is an empty field."},
	{50, "The patient was admitted with acute hypoxemic respiratory failure, septic shock and chronic kidney disease; norepinephrine and mechanical ventilation were started. Creatinine, bilirubin, thrombocytes and lactate are given at admission."},
	{52, "age,is_female,race_african_american,admission_weight,apache_score,heart_rate_mean,systolic_bp_min,creatinine_max,bilirubin_total,lactate_first,glasgow_coma_scale,unit_type,death\n"},
	{220, "age,is_female,ethnicity,weight,creatinine,death\n48,0,Hispanic,131.6,4.42,0\n19,1,Hispanic,95.1,1.97,1\n87,1,Asian,103.9,1.61,0\n84,1,Caucasian,107.1,0.86,0\n56,0,Hispanic,87.3,6.55,1\n72,1,Asian,136.4,1.47,1\n30,0,African American,89.5,2.54,1\n56,1,Asian,97.4,4.95,1\n47,1,Caucasian,125.6,8.92,0\n59,0,African American,103.3,8.90,1\n54,0,Caucasian,88.2,5.86,1\n29,1,Caucasian,81.0,1.61,1\n"},
	{161, "{\"rows\":[{\"age\":72,\"is_female\":1,\"weight\":127.3,\"lactate\":null,\"death\":0},{\"age\":23,\"is_female\":1,\"weight\":111.8,\"lactate\":null,\"death\":1},{\"age\":88,\"is_female\":1,\"weight\":90.5,\"lactate\":null,\"death\":0},{\"age\":57,\"is_female\":0,\"weight\":47.7,\"lactate\":null,\"death\":0},{\"age\":43,\"is_female\":1,\"weight\":69.2,\"lactate\":null,\"death\":1},{\"age\":37,\"is_female\":0,\"weight\":138.0,\"lactate\":null,\"death\":1}]}"},
	{78, "{\"type\":\"object\",\"properties\":{\"rows\":{\"type\":\"array\",\"minItems\":50,\"maxItems\":50,\"items\":{\"type\":\"object\",\"properties\":{\"age\":{\"type\":\"integer\",\"minimum\":18,\"maximum\":90},\"ethnicity\":{\"type\":\"string\",\"enum\":[\"Caucasian\",\"African American\"]}},\"required\":[\"age\",\"ethnicity\"],\"additionalProperties\":false}}}}"},
	{29, "{\n  \"rows\": [\n    {\n      \"age\": 67,\n      \"weight\": 81.4\n    }\n  ]\n}\n"},
	{46, "| column | type | unit | range |\n| --- | --- | --- | --- |\n| age | integer | years | 18 to 90 |\n| heart_rate | number | beats/min | 20 to 250 |\n"},
}
