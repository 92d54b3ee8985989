package simulated

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prompt"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

func ptr[T any](v T) *T { return &v }

func TestOnlyFencedBlocksAreRead(t *testing.T) {
	f := cohort(300)
	a, err := prompt.Compute(nil, f, nil, "death")
	if err != nil {
		t.Fatal(err)
	}
	s, examples := named(20, f.Names()...), prompt.TableOf(f, upTo(30))
	table := &prompt.Table{Names: []string{"row", "sex"}, Rows: [][]string{{"7", "F"}, {"9", "M"}}}
	s.Columns, s.Key = s.Columns[:5], "row"
	p := provider(t, nil)
	plain := asking(s, a, examples, table)
	want := ask(t, p, "4/0/0", plain)
	blocks := []string{s.Render(), a.Render(), examples.Render(prompt.ExamplesBlock), table.Render(prompt.TableBlock)}
	for name, messages := range map[string][]plugins.Message{
		"other words, other order": {{Role: "user", Text: "Bitte Zeilen!\n" + blocks[3] + "\n```csv\na,b\n```\n" + blocks[0] + "\nage is 200 " + blocks[1][:0] + "\n" + blocks[2] + "\n\n" + blocks[1] + "\nno rows, please"}},
		"over several turns": {
			{Role: "system", Text: "You are nobody.\n" + blocks[0]},
			{Role: "user", Text: blocks[2] + "\n" + blocks[1]},
			{Role: "assistant", Text: "```schema\nnone\n```"},
			{Role: "user", Text: blocks[3]},
		},
	} {
		got := ask(t, p, "4/0/0", plugins.Request{Messages: messages, Temperature: ptr(0.3), TopP: ptr(0.5)})
		if got.Text != want.Text {
			t.Errorf("%s: other rows", name)
		}
	}
	s.Rows = 21
	if ask(t, p, "4/0/0", asking(s, a, examples, nil)).Text == want.Text {
		t.Error("other blocks give the same rows")
	}
}

func TestAnswersFollowBodyAndReplicateAlone(t *testing.T) {
	f := cohort(100)
	r := asking(named(30, f.Names()...), nil, prompt.TableOf(f, upTo(40)), nil)
	all := func(c *Config) {
		*c = Config{Short: 0.5, Prose: 0.5, Malformed: 0.2, OutOfRange: 0.2, Refuse: 0.2, Duplicate: 0.2, Copy: 0.2, Truncate: 0.3, MaxTokens: 5000, Limits: c.Limits}
	}
	seen := map[string]string{}
	for _, replicate := range []string{"1/0/0", "2/0/0", "1/1/0", "1/0/1", ""} {
		first := ask(t, provider(t, all), replicate, r)
		for other, text := range seen {
			if text == first.Text && first.Stop != plugins.StopRefusal {
				t.Errorf("replicates %q and %q share an answer", replicate, other)
			}
		}
		seen[replicate] = first.Text
		for range 2 {
			if again := ask(t, provider(t, all), replicate, r); *again != *first {
				t.Errorf("replicate %q has two answers", replicate)
			}
		}
	}
}

// Another seed is another model, of which equal settings have equal answers; 0 is the one without a seed.
func TestASeedIsAnotherModel(t *testing.T) {
	f := cohort(60)
	r := asking(named(20, f.Names()...), nil, prompt.TableOf(f, upTo(40)), nil)
	seeded := func(seed uint64) *Provider { return provider(t, func(c *Config) { c.Seed = seed }) }
	none, one, two := ask(t, seeded(0), "1/0/0", r), ask(t, seeded(1), "1/0/0", r), ask(t, seeded(2), "1/0/0", r)
	if plain := ask(t, provider(t, nil), "1/0/0", r); *plain != *none {
		t.Error("a seed of 0 changes the answer")
	}
	if none.Text == one.Text || one.Text == two.Text {
		t.Error("two seeds share an answer")
	}
	if again := ask(t, seeded(1), "1/0/0", r); *again != *one {
		t.Error("one seed has two answers")
	}
	if a, b := seeded(1).Info().Identity, seeded(2).Info().Identity; string(a.Settings) == string(b.Settings) {
		t.Error("the identities of two seeds are alike: answers would be shared")
	}
}

func TestLearnsFromExamplesAndAggregates(t *testing.T) {
	f := cohort(600)
	a, err := prompt.Compute(nil, f, nil, "death")
	if err != nil {
		t.Fatal(err)
	}
	examples := prompt.TableOf(f, upTo(60))
	p := provider(t, nil)
	for _, c := range []struct {
		name               string
		aggregates         *prompt.Aggregates
		examples           *prompt.Table
		auroc, correlation float64 // at least
	}{
		{"examples", nil, examples, 0.7, 0.7},
		{"aggregates", a, nil, 0.75, 0.3},
		{"both", a, examples, 0.75, 0.7},
	} {
		got := rowsOf(t, p, asking(named(1000, f.Names()...), c.aggregates, c.examples, nil))
		lactate, bun := numbers(t, got, "lactate"), numbers(t, got, "bun")
		if r := spearman(t, lactate, bun); r < c.correlation {
			t.Errorf("%s: lactate and bun correlate by %.2f, want %.2f or more", c.name, r, c.correlation)
		}
		if r := spearman(t, numbers(t, got, "noise"), bun); math.Abs(r) > 0.25 {
			t.Errorf("%s: noise and bun correlate by %.2f", c.name, r)
		}
		if got := auroc(t, numbers(t, got, "death"), lactate); got < c.auroc {
			t.Errorf("%s: lactate has AUROC %.2f, want %.2f or more", c.name, got, c.auroc)
		}
		if c.aggregates == nil {
			continue
		}
		age, _, missing := summary(numbers(t, got, "age"))
		if math.Abs(age-60) > 2 || missing > 0 {
			t.Errorf("%s: mean age %.1f, want about 60; missing %.2f", c.name, age, missing)
		}
		if _, _, missing := summary(numbers(t, got, "ph")); math.Abs(missing-*a.Column("ph").Missing) > 0.05 {
			t.Errorf("%s: ph is missing in %.2f of rows, told were %.2f", c.name, missing, *a.Column("ph").Missing)
		}
		if deaths, _, _ := summary(numbers(t, got, "death")); math.Abs(deaths-a.Column("death").Levels[1].Share) > 0.05 {
			t.Errorf("%s: %.2f of rows have the label, told were %.2f", c.name, deaths, a.Column("death").Levels[1].Share)
		}
	}
}

func TestDecimalsAndWholeNumbersAreThoseOfTheExamples(t *testing.T) {
	f := cohort(60)
	got := rowsOf(t, provider(t, nil), asking(named(300, f.Names()...), nil, prompt.TableOf(f, upTo(60)), nil))
	for name, places := range map[string]int{"age": 0, "lactate": 1, "ph": 2, "noise": 3} {
		most := 0
		for _, row := range got.Rows {
			most = max(most, decimals(row[got.Column(name)]))
		}
		if most != places {
			t.Errorf("%s has %d decimal places, want %d", name, most, places)
		}
	}
}

func TestASchemaAloneIsKept(t *testing.T) {
	s := &prompt.Schema{Rows: 500, Format: prompt.CSV, Columns: []prompt.Column{
		{Name: "x", Type: prompt.Real, Min: ptr(2.0), Max: ptr(3.0)},
		{Name: "sodium", Type: prompt.Integer, Min: ptr(100.0), Max: ptr(180.0), Missing: true},
		{Name: "age", Type: prompt.Integer, Min: ptr(16.0)},
		{Name: "late", Type: prompt.Real, Max: ptr(-5.0)},
		{Name: "ward", Type: prompt.Category, Levels: []string{"A", "B, C", `"D"`}},
		{Name: "death", Type: prompt.Integer, Value: ptr("1")},
	}}
	got := rowsOf(t, provider(t, nil), asking(s, nil, nil, nil))
	if len(got.Rows) != 500 {
		t.Fatalf("%d rows", len(got.Rows))
	}
	wards := map[string]int{}
	for _, row := range got.Rows {
		wards[row[4]]++
		if row[5] != "1" {
			t.Fatalf("a fixed value is %q", row[5])
		}
	}
	if len(wards) != 3 || wards["A"] < 120 || wards["B, C"] < 120 || wards[`"D"`] < 120 {
		t.Errorf("levels %v", wards)
	}
	for name, limit := range map[string][2]float64{"x": {2, 3}, "sodium": {100, 180}, "age": {16, 90}, "late": {math.Inf(-1), -5}} {
		_, spread, missing := summary(numbers(t, got, name))
		for _, v := range numbers(t, got, name) {
			if v < limit[0] || v > limit[1] {
				t.Fatalf("%s: a value outside its limits", name)
			}
		}
		if spread == 0 || (missing > 0) != (name == "sodium") {
			t.Errorf("%s: SD %.2f, missing %.2f", name, spread, missing)
		}
	}
}

func TestNamesAloneGivePlausibleValues(t *testing.T) {
	got := rowsOf(t, provider(t, nil), asking(named(400, "age", "heartrate_min", "bg_ph_last_early", "is_female", "death", "sex", "whatever"), nil, nil, nil))
	for name, want := range map[string][2]float64{"age": {55, 69}, "heartrate_min": {80, 96}, "bg_ph_last_early": {7.34, 7.4}, "is_female": {0.2, 0.4}, "death": {0.05, 0.16}, "whatever": {45, 55}} {
		if mean, spread, _ := summary(numbers(t, got, name)); mean < want[0] || mean > want[1] || spread == 0 {
			t.Errorf("%s: mean %.2f, SD %.2f", name, mean, spread)
		}
	}
	if at := got.Column("sex"); got.Rows[0][at] != "F" && got.Rows[0][at] != "M" {
		t.Errorf("sex is %q", got.Rows[0][at])
	}
}

func TestFixedValuesAreConditionedOn(t *testing.T) {
	f := cohort(400)
	examples := prompt.TableOf(f, upTo(100))
	mean := map[string]float64{}
	for _, label := range []string{"0", "1"} {
		s := named(500, f.Names()...)
		s.Columns[0].Value = &label
		got := rowsOf(t, provider(t, nil), asking(s, nil, examples, nil))
		for _, v := range numbers(t, got, "death") {
			if fmt.Sprint(v) != label {
				t.Fatalf("the label is %v where it is fixed at %s", v, label)
			}
		}
		mean[label], _, _ = summary(numbers(t, got, "lactate"))
	}
	if mean["1"] < mean["0"]+0.8 {
		t.Errorf("mean lactate %.2f of the living, %.2f of the dead", mean["0"], mean["1"])
	}
}

func TestTablesAreContinuedRowByRow(t *testing.T) {
	f := cohort(600)
	examples := prompt.TableOf(f, upTo(100))
	given := prompt.TableOf(f, upTo(500)[100:])
	table := &prompt.Table{Names: []string{"id", "lactate", "ph"}}
	for i, row := range given.Rows {
		table.Rows = append(table.Rows, []string{fmt.Sprint(900 - i), row[given.Column("lactate")], row[given.Column("ph")]})
	}
	s := named(3, "bun", "death") // the table says how many rows
	s.Key = "id"
	p := provider(t, nil)
	got := rowsOf(t, p, asking(s, nil, examples, table))
	if strings.Join(got.Names, ",") != "id,bun,death" || len(got.Rows) != len(table.Rows) {
		t.Fatalf("columns %q, %d rows", got.Names, len(got.Rows))
	}
	for i, row := range got.Rows {
		if row[0] != table.Rows[i][0] {
			t.Fatalf("row %d has the key %s, want %s", i+1, row[0], table.Rows[i][0])
		}
	}
	lactate := numbers(t, table, "lactate")
	if r := spearman(t, lactate, numbers(t, got, "bun")); r < 0.65 {
		t.Errorf("bun follows the given lactate by %.2f", r)
	}
	if a := auroc(t, numbers(t, got, "death"), lactate); a < 0.7 {
		t.Errorf("death follows the given lactate with AUROC %.2f", a)
	}
	s.Key = "row"
	if status, raw := post(t, p, bodyOf(asking(s, nil, examples, table))); status != 400 || !strings.Contains(string(raw), "key column") {
		t.Errorf("a table without the key: %d %s", status, raw)
	}
}

func TestRowsAsJSON(t *testing.T) {
	s := &prompt.Schema{Rows: 200, Format: prompt.JSON, Columns: []prompt.Column{
		{Name: "age", Type: prompt.Integer, Missing: true}, {Name: "sex", Type: prompt.Category, Levels: []string{"F", "M"}, Missing: true}, {Name: "n", Type: prompt.Integer, Missing: true},
	}}
	type row struct {
		Age *float64 `json:"age"`
		Sex *string  `json:"sex"`
		N   *float64 `json:"n"`
	}
	p := provider(t, nil)
	free := asking(s, nil, nil, nil)
	var got struct{ Records []row }
	if err := json.Unmarshal([]byte(ask(t, p, "1/0/0", free).Text), &got); err != nil || len(got.Records) != 200 {
		t.Fatalf("%d rows, %v", len(got.Records), err)
	}
	missing := 0
	for _, r := range got.Records {
		if r.Age == nil {
			missing++
		}
	}
	if missing < 2 || missing > 25 {
		t.Errorf("%d of 200 ages are missing", missing)
	}
	held := free
	held.Schema = json.RawMessage(`{"type":"object","properties":{"note":{"type":"string"},"people":{"type":"array","items":{"type":"object",
		"properties":{"age":{"type":"integer"},"sex":{"anyOf":[{"enum":["F","M"]},{"type":"null"}]}},"required":["age","sex"]}}},"required":["people"]}`)
	var people struct{ People []map[string]any }
	if err := json.Unmarshal([]byte(ask(t, p, "1/0/0", held).Text), &people); err != nil || len(people.People) != 200 {
		t.Fatalf("%d rows, %v", len(people.People), err)
	}
	null := 0
	for _, r := range people.People {
		if _, ok := r["age"].(float64); !ok || len(r) != 2 {
			t.Fatalf("a record that the schema forbids")
		}
		if r["sex"] == nil {
			null++
		}
	}
	if null == 0 {
		t.Error("no sex is missing")
	}
	list := free
	list.Schema = json.RawMessage(`{"type":"array","items":{"type":"object"}}`)
	var rows []row
	if err := json.Unmarshal([]byte(ask(t, p, "1/0/0", list).Text), &rows); err != nil || len(rows) != 200 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	unheld := provider(t, func(c *Config) { c.Structured = false })
	if err := json.Unmarshal([]byte(ask(t, unheld, "1/0/0", held).Text), &got); err != nil {
		t.Error("a model that is not held to a schema is")
	}
}

func TestDegradationGrowsWithColumns(t *testing.T) {
	for _, c := range []struct {
		strength float64
		columns  int
		want     float64
	}{{0, 83, 1}, {1, 10, 1}, {1, 20, 0.5}, {2, 25, 0.25}, {5, 1, 1}} {
		if got := fidelity(c.strength, c.columns); got != c.want {
			t.Errorf("w(%v, %d) = %v, want %v", c.strength, c.columns, got, c.want)
		}
	}
	f := cohort(400)
	examples := prompt.TableOf(f, upTo(100))
	// told lets the test ask how the margin and the label's signal came out
	told := func(strength float64, more int) (correlation, signal, shift float64, text string) {
		s := named(800, f.Names()...)
		for i := range more {
			s.Columns = append(s.Columns, prompt.Column{Name: fmt.Sprintf("more%d", i)})
		}
		p := provider(t, func(c *Config) { c.Degrade = strength })
		r := asking(s, nil, examples, nil)
		got := rowsOf(t, p, r)
		lactate := numbers(t, got, "lactate")
		age, sd, _ := summary(numbers(t, got, "age"))
		real, _, _ := summary(numbers(t, examples, "age"))
		return spearman(t, lactate, numbers(t, got, "bun")), auroc(t, numbers(t, got, "death"), lactate), math.Abs(age-real) / sd, ask(t, p, "1/0/0", r).Text
	}
	few0, _, _, textOff := told(0, 0)
	few1, _, _, textOn := told(1, 0)
	if textOff != textOn || few0 != few1 {
		t.Error("rows of 7 columns are degraded")
	}
	r0, a0, s0, _ := told(0, 30)
	r1, a1, s1, _ := told(1, 30) // w = 1/3.7
	if r0 < 0.7 || r1 > 0.4 || r1 < 0.1 {
		t.Errorf("correlation %.2f without and %.2f with degradation", r0, r1)
	}
	if a0-0.5 < 1.5*(a1-0.5) {
		t.Errorf("AUROC %.2f without and %.2f with degradation", a0, a1)
	}
	if s0 > 0.12 || s1 < 0.2 {
		t.Errorf("age is shifted by %.2f SDs without and %.2f with degradation", s0, s1)
	}
}

func TestAThousandRowsOf83ColumnsAreFast(t *testing.T) {
	names := make([]string, 83)
	cells := make([][]string, 100)
	rng := hashOf("test").source("cells")
	for i := range names {
		names[i] = fmt.Sprintf("c%d", i)
	}
	for r := range cells {
		for i := range names {
			cell := prompt.Number(math.Round(100*rng.NormFloat64()) / 10)
			if i%3 == 0 && rng.IntN(4) == 0 {
				cell = ""
			}
			cells[r] = append(cells[r], cell)
		}
	}
	request := asking(named(1000, names...), nil, &prompt.Table{Names: names, Rows: cells}, nil)
	p := provider(t, nil)
	start := time.Now()
	got := rowsOf(t, p, request)
	if took := time.Since(start); len(got.Rows) != 1000 || took > 5*time.Second { // 0.05 s; five leave room for a busy machine
		t.Errorf("%d rows in %v", len(got.Rows), took)
	}
}

func TestTokens(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "  \t": 0, "age": 1, "heart": 1, "heartrate": 2, "hello world": 2, "1,2\n": 4, "12345": 2, "7.38": 3, "a_b": 3, "é": 1, "ééééé": 2,
	} {
		if got := tokens(text); got != want {
			t.Errorf("%q has %d tokens, want %d", text, got, want)
		}
	}
	for most, want := range []string{"", "heart", "heartrate", "heartrate ,", "heartrate ,7"} {
		if got := cut("heartrate ,7", most); got != want {
			t.Errorf("%d tokens are %q, want %q", most, got, want)
		}
	}
	if got := cut("ab ", 1); got != "ab " {
		t.Errorf("a text within the cap is cut to %q", got)
	}
}

func TestUsageAndCaps(t *testing.T) {
	s := named(100, "age", "sex")
	p := provider(t, nil)
	r := asking(s, nil, nil, nil)
	whole := ask(t, p, "1/0/0", r)
	if whole.InputTokens != tokens(r.Messages[0].Text)+perMessage || whole.OutputTokens != tokens(whole.Text) || whole.Stop != plugins.StopEnd || whole.Model != Model {
		t.Errorf("%+v", whole)
	}
	r.MaxTokens = 50
	cut := ask(t, p, "1/0/0", r)
	if cut.OutputTokens != 50 || cut.Stop != plugins.StopLength || !strings.HasPrefix(whole.Text, cut.Text) || tokens(cut.Text) != 50 {
		t.Errorf("%+v", cut)
	}
	small := provider(t, func(c *Config) { c.Context, c.MaxTokens = whole.InputTokens+30, 20 })
	r.MaxTokens = 0
	if got := ask(t, small, "1/0/0", r); got.OutputTokens != 20 {
		t.Errorf("%d tokens at a cap of 20", got.OutputTokens)
	}
	r.MaxTokens = 100
	if got := ask(t, small, "1/0/0", r); got.OutputTokens != 30 {
		t.Errorf("%d tokens where the context has room for 30", got.OutputTokens)
	}
	smaller := provider(t, func(c *Config) { c.Context, c.MaxTokens = whole.InputTokens, 5 })
	if status, raw := post(t, smaller, bodyOf(r)); status != 400 || !strings.Contains(string(raw), "context_length_exceeded") {
		t.Errorf("a request over the context: %d %s", status, raw)
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	p := provider(t, nil)
	message := func(text string) string {
		raw, err := json.Marshal(map[string]any{"model": Model, "messages": []map[string]any{{"role": "user", "content": text}}})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	schema := named(1, "a").Render()
	wide := named(1)
	for i := range mostColumns + 1 {
		wide.Columns = append(wide.Columns, prompt.Column{Name: fmt.Sprint("c", i)})
	}
	for name, c := range map[string]struct {
		body, want string
		status     int
	}{
		"empty":          {"", "no request", 400},
		"no JSON":        {"{", "no request", 400},
		"a list":         {"[]", "no request", 400},
		"another model":  {`{"model":"gpt-4o"}`, "there is no model but", 404},
		"no message":     {`{"model":"` + Model + `"}`, "no schema block", 400},
		"no block":       {message("write rows"), "no schema block", 400},
		"a broken block": {message("```schema\n{\n```"), "schema block", 400},
		"an image":       {`{"model":"` + Model + `","messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, "no request", 400},
		"no tokens":      {strings.Replace(message(schema), "{", `{"max_tokens":0,`, 1), "cap on tokens", 400},
		"no records":     {strings.Replace(message(schema), "{", `{"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"object"}}},`, 1), "no list of records", 400},
		"wide":           {message(wide.Render()), "at most 500", 400},
	} {
		status, raw := post(t, p, c.body)
		var answer struct {
			Error struct{ Message, Type string }
		}
		if err := json.Unmarshal(raw, &answer); err != nil || status != c.status || !strings.Contains(answer.Error.Message, c.want) || answer.Error.Type == "" {
			t.Errorf("%s: %d %s", name, status, raw)
		}
	}
	for method, path := range map[string]string{http.MethodGet: "/v1/chat/completions", http.MethodPost: "/v1/models"} {
		req, err := http.NewRequest(method, "http://localhost"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := p.RoundTrip(req); err != nil || resp.StatusCode/100 != 4 {
			t.Errorf("%s %s: %v, %v", method, path, resp, err)
		}
	}
	if _, err := p.Complete(context.Background(), p, plugins.Request{Messages: []plugins.Message{{Role: "user", Text: "hello"}}}); err == nil {
		t.Error("a prompt without blocks is answered")
	} else if e := (&plugins.LLMError{}); !errors.As(err, &e) || e.Fault != plugins.FaultRequest {
		t.Errorf("a prompt without blocks: %v", err)
	}
}

func TestMessagesMayComeInParts(t *testing.T) {
	p := provider(t, nil)
	parts, err := json.Marshal(named(2, "age").Render())
	if err != nil {
		t.Fatal(err)
	}
	if status, raw := post(t, p, `{"model":"`+Model+`","messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"text","text":`+string(parts)+`}]}]}`); status != 200 {
		t.Errorf("%d %s", status, raw)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	valid := provider(t, nil).config
	for name, change := range map[string]func(c *Config){
		"short: want a share from 0 to 1":       func(c *Config) { c.Short = 1.1 },
		"overload: want a share from 0 to 1":    func(c *Config) { c.Overload = math.NaN() },
		"degrade: want 0 to 100":                func(c *Config) { c.Degrade = -1 },
		"latency: want 0 to 3600 seconds":       func(c *Config) { c.Latency = math.Inf(1) },
		"max_tokens is 0, want 1 or more":       func(c *Config) { c.MaxTokens = 0 },
		"max_tokens is 4194305, want 4194304 o": func(c *Config) { c.MaxTokens = mostTokens + 1 },
		"limits.timeout":                        func(c *Config) { c.Limits.Timeout = "soon" },
	} {
		c := valid
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}
	info := provider(t, nil).Info()
	if !info.InProcess || !info.Simulated || info.Endpoint != "" || info.Secret != (plugins.Secret{}) {
		t.Errorf("%+v", info)
	}
	same := provider(t, func(c *Config) { c.Latency, c.Overload, c.Context, c.Limits.Requests = 1, 0.5, 9_000_000, 5 }).Info()
	other := provider(t, func(c *Config) { c.Copy = 0.1 }).Info()
	if string(same.Settings) != string(info.Settings) || string(other.Settings) == string(info.Settings) {
		t.Error("what changes no answer enters the identity, or what changes one does not")
	}
}

// bodyOf is a request as JSON.
func bodyOf(r plugins.Request) string {
	messages := make([]map[string]string, len(r.Messages))
	for i, m := range r.Messages {
		messages[i] = map[string]string{"role": m.Role, "content": m.Text}
	}
	fields := map[string]any{"model": Model, "messages": messages}
	if r.MaxTokens > 0 {
		fields["max_completion_tokens"] = r.MaxTokens
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func spearman(t testing.TB, x, y []float64) float64 {
	t.Helper()
	x, y = both(x, y)
	r, err := stats.Spearman(x, y)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func auroc(t testing.TB, label, x []float64) float64 {
	t.Helper()
	truth := make([]bool, len(label))
	for i, v := range label {
		truth[i] = v == 1
	}
	s, err := stats.NewPredictions(truth, x)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.AUROC()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// summary returns mean and SD of the values that are there, and the share of those that are not.
func summary(x []float64) (mean, sd, missing float64) {
	var there []float64
	for _, v := range x {
		if v == v {
			there = append(there, v)
		}
	}
	mean, _ = stats.Mean(there)
	sd, _ = stats.SD(there)
	return mean, sd, 1 - float64(len(there))/float64(len(x))
}

func FuzzBody(f *testing.F) {
	for _, r := range []plugins.Request{
		asking(named(3, "age", "sex"), nil, nil, nil),
		asking(named(2, "a", "b"), &prompt.Aggregates{Rows: 5, Label: "a", By: []prompt.Class{{Value: "0", Rows: 3}, {Value: "1", Rows: 2}}, Columns: []prompt.Aggregate{{Name: "a", Levels: []prompt.Level{{Level: "0", Share: 1}}}, {Name: "b", P50: ptr(1.0)}}},
			&prompt.Table{Names: []string{"a", "b"}, Rows: [][]string{{"0", "1e300"}, {"1", "x"}}}, &prompt.Table{Names: []string{"k", "b"}, Rows: [][]string{{"1", ""}, {"2", "3"}}}),
	} {
		f.Add(bodyOf(r), r.Messages[0].Text)
	}
	p := provider(f, func(c *Config) {
		c.Degrade, c.Short, c.Prose, c.Malformed, c.OutOfRange, c.Refuse, c.Duplicate, c.Copy, c.Truncate, c.MaxTokens = 1, 0.3, 0.3, 0.3, 0.3, 0.1, 0.3, 0.3, 0.3, 500
	})
	f.Fuzz(func(t *testing.T, body, text string) {
		for _, body := range []string{body, bodyOf(plugins.Request{Messages: []plugins.Message{{Role: "user", Text: text}}, MaxTokens: 300})} {
			status, raw := post(t, p, body)
			if !json.Valid(raw) || status != 200 && status/100 != 4 {
				t.Fatalf("%d %q", status, raw)
			}
			if status != 200 {
				continue
			}
			if r, err := p.Read(raw); err != nil {
				t.Fatalf("%v in %s", err, raw)
			} else if r.OutputTokens > mostTokens {
				t.Fatal("an answer beyond its cap")
			}
		}
	})
}

func TestNumbersNearTheGreatestAreNoTrap(t *testing.T) {
	huge := func(p5, p50 float64) prompt.Aggregate { return prompt.Aggregate{Name: "x", P5: &p5, P50: &p50} }
	label := prompt.Aggregate{Name: "y", Levels: []prompt.Level{{Level: "0", Share: 0.5}, {Level: "1", Share: 0.5}}}
	a := &prompt.Aggregates{Rows: 30, Columns: []prompt.Aggregate{huge(-1.7e308, 1.7e308), label}, Label: "y", By: []prompt.Class{
		{Value: "0", Rows: 15, Columns: []prompt.Aggregate{huge(-1.7e308, -1)}}, {Value: "1", Rows: 15, Columns: []prompt.Aggregate{huge(1, 1.7e308)}},
	}}
	if got := rowsOf(t, provider(t, nil), asking(named(50, "x", "y"), a, nil, nil)); len(got.Rows) != 50 {
		t.Errorf("%d rows", len(got.Rows))
	}
}
