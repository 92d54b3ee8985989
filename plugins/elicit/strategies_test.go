package elicit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/prompt"
	"github.com/ehrlab/ehrlab/plugins/strategy/llmconditional"
	"github.com/ehrlab/ehrlab/plugins/strategy/llmgroup"
	"github.com/ehrlab/ehrlab/plugins/strategy/llmnaive"
	"github.com/ehrlab/ehrlab/plugins/strategy/llmschema"
)

// cohort is 400 rows with a rare level, a column of few missing values, and a label; bun has values of its own in each row.
func cohort() *frame.Frame {
	rng := rand.New(rand.NewPCG(7, 7))
	n := 400
	age, bun, sex, death := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	unit := make([]string, n)
	for i := range n {
		age[i], bun[i] = float64(30+rng.IntN(60)), 1.0005+float64(i)/100
		sex[i], death[i] = float64(i%2), float64(rng.IntN(4)/3)
		unit[i] = []string{"medical", "surgical"}[rng.IntN(2)]
	}
	unit[3] = "burns-of-one-patient"
	whole := func(c *frame.Column) *frame.Column { c.Integer = true; return c }
	return frame.Must(whole(frame.NewNumber("age", age)), frame.NewNumber("bun", bun), whole(frame.NewNumber("sex", sex)),
		frame.NewCategoryFromStrings("unit", unit, nil), whole(frame.NewNumber("death", death)))
}

// model is a language model made of a function. It notes what it is asked.
type model struct {
	answer func(r plugins.Request, b prompt.Blocks) (string, error)
	delay  bool // answers come in another order than they are asked for

	mu   sync.Mutex
	seen []plugins.Request
}

func (m *model) Info() plugins.ModelInfo { return plugins.ModelInfo{} }

func (m *model) Complete(ctx context.Context, r plugins.Request) (*plugins.Response, error) {
	m.mu.Lock()
	m.seen = append(m.seen, r)
	m.mu.Unlock()
	if m.delay {
		time.Sleep(time.Duration(rand.IntN(1500)) * time.Microsecond)
	}
	b, err := prompt.Find(r.Messages)
	if err != nil {
		return nil, err
	}
	text, err := m.answer(r, b)
	if err != nil {
		return nil, err
	}
	return &plugins.Response{Text: text, Stop: plugins.StopEnd}, ctx.Err()
}

// bodies are the requests in a fixed order, each with its ordinal.
func (m *model) bodies() []string {
	var out []string
	for _, r := range m.seen {
		b, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		out = append(out, string(b))
	}
	slices.Sort(out)
	return out
}

// rows fills what is asked for with valid values that depend on the request, its ordinal and the row; change may alter a row.
func rows(change func(row int, names, cells []string) []string) func(plugins.Request, prompt.Blocks) (string, error) {
	return func(r plugins.Request, b prompt.Blocks) (string, error) {
		t := prompt.Table{Names: b.Schema.Names()}
		for row := range b.Schema.Rows {
			cells := make([]string, len(t.Names))
			for i, name := range t.Names {
				switch name {
				case b.Schema.Key:
					cells[i] = b.Table.Rows[row][0]
				case "age":
					cells[i] = strconv.Itoa(40 + (r.Ordinal*7+row)%40)
				case "bun":
					cells[i] = fmt.Sprintf("1.%d%02d%03d", 1+r.Ordinal%8, b.Schema.Rows%100, row) // never one of train
				case "sex":
					cells[i] = strconv.Itoa(row / 2 % 2)
				case "death":
					cells[i] = strconv.Itoa(row % 2)
				case "unit":
					cells[i] = []string{"medical", "surgical"}[(row+r.Ordinal)%2]
				}
				if i >= len(t.Names)-len(b.Schema.Columns) {
					if v := b.Schema.Columns[i-len(t.Names)+len(b.Schema.Columns)].Value; v != nil {
						cells[i] = *v
					}
				}
			}
			if change != nil {
				cells = change(row, t.Names, cells)
			}
			if cells != nil {
				t.Rows = append(t.Rows, cells)
			}
		}
		return t.CSV(), nil
	}
}

var registry = func() *plugins.Registry {
	r := &plugins.Registry{}
	llmnaive.Register(r)
	llmschema.Register(r)
	llmconditional.Register(r)
	llmgroup.Register(r)
	return r
}()

// defaults are settings that each strategy needs.
var defaults = map[string]string{
	"llm-naive": `"llm": "m"`, "llm-schema": `"llm": "m", "format": "csv"`, "llm-conditional": `"llm": "m", "block": 2`, "llm-group": `"llm": "m", "by": ["sex"]`,
}

func build(t *testing.T, name, with string) plugins.Prompting {
	t.Helper()
	block := defaults[name]
	if with != "" {
		block += ", " + with
	}
	s, _, err := registry.Strategies.Get(name).Build(json.RawMessage("{" + block + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return s.(plugins.Prompting)
}

func env(m plugins.LLM, seed uint64) plugins.Env {
	return plugins.Env{
		Rand: plugins.NewRand(seed, "test", plugins.ForExamples, plugins.ForGeneration), Threads: 2,
		LLM: map[string]plugins.LLM{"m": m}, Progress: func(int, int) {},
	}
}

func taskOf(train *frame.Frame, n int) plugins.Task {
	return plugins.Task{Parts: plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: {Frame: train}}), Target: "death", N: n}
}

// generate runs a strategy, which must deliver n rows.
func generate(t *testing.T, name, with string, m *model, seed uint64, n int) *plugins.Generated {
	t.Helper()
	g, err := build(t, name, with).Generate(context.Background(), env(m, seed), taskOf(cohort(), n))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if g.Frame.Rows() != n {
		t.Fatalf("%s: %d rows, want %d", name, g.Frame.Rows(), n)
	}
	return g
}

// count sums the counts of a name whose dimensions hold the given ones.
func count(counts []plugins.Count, name string, dims ...string) int {
	n := 0
	for _, c := range counts {
		fits := c.Name == name
		for i := 0; i+1 < len(dims); i += 2 {
			fits = fits && c.Dims[dims[i]] == dims[i+1]
		}
		if fits {
			n += c.Value
		}
	}
	return n
}

func names() []string { return slices.Sorted(maps.Keys(defaults)) }

func TestResultsDoNotDependOnTheOrderOfAnswers(t *testing.T) {
	for _, name := range names() {
		first := ""
		var asked []string
		for i := range 4 {
			flaw := func(row int, _, cells []string) []string {
				if row%9 == 8 {
					cells[len(cells)-1] = "?" // some rows have to be asked for again
				}
				return cells
			}
			m := &model{answer: rows(flaw), delay: i > 0}
			g := generate(t, name, `"rows": 7, "examples": 5, "label": {"mode": "conditioned"}, "rounds": 6`, m, 3, 150)
			text, err := json.Marshal([]any{g.Frame.Digest(), g.Counts, g.Notes, g.Exposed, g.Strata})
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first, asked = string(text), m.bodies()
			}
			if string(text) != first || !slices.Equal(m.bodies(), asked) {
				t.Fatalf("%s: answers in another order give other rows or other requests", name)
			}
			if len(slices.Compact(m.bodies())) != len(m.seen) {
				t.Fatalf("%s: two calls are equal, ordinals and all", name)
			}
		}
	}
}

func TestCallsForFewRowsBeginThoseForMany(t *testing.T) {
	for _, name := range names() {
		few, many := &model{answer: rows(nil)}, &model{answer: rows(nil)}
		generate(t, name, `"rows": 10`, few, 1, 40)
		generate(t, name, `"rows": 10`, many, 1, 200)
		all := map[string]bool{}
		for _, b := range many.bodies() {
			all[b] = true
		}
		for _, b := range few.bodies() {
			if !all[b] {
				t.Fatalf("%s: a call for 40 rows is none of those for 200", name)
			}
		}
		if len(few.seen)*5 != len(many.seen) {
			t.Errorf("%s: %d calls for 40 rows, %d for 200", name, len(few.seen), len(many.seen))
		}
	}
}

func TestStrategiesOfASeedShowTheSameRows(t *testing.T) {
	shown := func(name, with string, seed uint64) []int {
		return generate(t, name, with, &model{answer: rows(nil)}, seed, 20).Exposed
	}
	want := shown("llm-naive", `"examples": 8`, 1)
	if len(want) != 8 {
		t.Fatalf("%d rows are exposed, want 8", len(want))
	}
	for _, name := range names() {
		for _, with := range []string{`"examples": 8`, `"examples": 8, "rows": 5`, `"examples": 8, "label": {"mode": "conditioned"}`} {
			if got := shown(name, with, 1); !slices.Equal(got, want) {
				t.Errorf("%s with %s shows %v, llm-naive %v", name, with, got, want)
			}
		}
	}
	if slices.Equal(shown("llm-naive", `"examples": 8`, 2), want) {
		t.Error("another seed shows the same rows")
	}
	for _, row := range shown("llm-naive", `"examples": 5`, 1) {
		if !slices.Contains(want, row) {
			t.Error("5 examples are not among 8")
		}
	}
}

func TestExposureIsWhatPromptsHold(t *testing.T) {
	train := cohort()
	for _, c := range []struct {
		with string
		many bool
	}{
		{`"examples": 6`, false},
		{`"examples": 6, "freshExamples": true`, true},
		{`"examples": 6, "exampleChoice": "stratified"`, false},
		{`"examples": 0`, false},
		{`"examples": 6, "prompt": {"user": "{{schema}}\n{{table}}"}`, false}, // whose text leaves them out
	} {
		for _, name := range names() {
			m := &model{answer: rows(nil)}
			g := generate(t, name, `"rows": 10, `+c.with, m, 1, 50)
			want := map[int]bool{}
			for _, r := range m.seen {
				b, err := prompt.Find(r.Messages)
				if err != nil {
					t.Fatal(err)
				}
				if b.Examples == nil {
					continue
				}
				if len(b.Examples.Rows) != 6 {
					t.Errorf("%s with %s: a prompt shows %d examples", name, c.with, len(b.Examples.Rows))
				}
				at := b.Examples.Column("bun") // it tells rows of train apart
				for _, row := range b.Examples.Rows {
					for i, v := range train.Column("bun").Numbers {
						if at >= 0 && row[at] == prompt.Number(v) {
							want[i] = true
						}
					}
				}
			}
			if !slices.Equal(g.Exposed, slices.Sorted(maps.Keys(want))) || g.Exposed == nil {
				t.Errorf("%s with %s: exposed are %v, prompts hold %v", name, c.with, g.Exposed, slices.Sorted(maps.Keys(want)))
			}
			if c.many != (len(g.Exposed) > 6) {
				t.Errorf("%s with %s: %d rows are exposed", name, c.with, len(g.Exposed))
			}
		}
	}
}

func TestStratifiedExamplesHaveTheSharesOfLabels(t *testing.T) {
	train := cohort()
	deaths := 0
	for _, v := range train.Column("death").Numbers {
		deaths += int(v)
	}
	for k := 2; k <= 60; k += 7 {
		g := generate(t, "llm-naive", fmt.Sprintf(`"exampleChoice": "stratified", "examples": %d`, k), &model{answer: rows(nil)}, 1, 10)
		got := 0
		for _, row := range g.Exposed {
			got += int(train.Column("death").Numbers[row])
		}
		exact := float64(k*deaths) / 400
		if d := float64(got) - exact; got < 1 || d > 1 || d < -1 {
			t.Errorf("%d of %d examples have the event; %.1f of them would be its share", got, k, exact)
		}
	}
}

func TestLabelsAreThoseAskedFor(t *testing.T) {
	for _, name := range names() {
		for prevalence, want := range map[string]int{"0.3": 30, "0.05": 5} {
			for _, order := range []string{"first", "last"} {
				m := &model{answer: rows(nil)}
				g := generate(t, name, fmt.Sprintf(`"label": {"mode": "conditioned", "prevalence": %s, "order": "%s"}`, prevalence, order), m, 1, 100)
				deaths := 0
				for _, v := range g.Frame.Column("death").Numbers {
					deaths += int(v)
				}
				if deaths != want {
					t.Errorf("%s, prevalence %s, order %s: %d of 100 have the event, want %d", name, prevalence, order, deaths, want)
				}
			}
		}
	}
}

// A model that writes another label than it was told is not believed.
func TestAnotherLabelThanAskedForIsRejected(t *testing.T) {
	lie := func(row int, names, cells []string) []string {
		if at := slices.Index(names, "death"); row == 0 {
			cells[at] = map[string]string{"0": "1", "1": "0"}[cells[at]]
		}
		return cells
	}
	g := generate(t, "llm-naive", `"label": {"mode": "conditioned", "prevalence": 0.5}, "rows": 10, "rounds": 9`, &model{answer: func(r plugins.Request, b prompt.Blocks) (string, error) {
		if b.Schema.Rows == 1 {
			return rows(nil)(r, b)
		}
		return rows(lie)(r, b)
	}}, 1, 20)
	if n := count(g.Counts, "rows rejected", "reason", "wrong fixed value"); n != 2 {
		t.Errorf("%d rows are rejected for their label, want 2", n)
	}
}

func TestGroupsHaveEqualRows(t *testing.T) {
	g := generate(t, "llm-group", ``, &model{answer: rows(nil)}, 1, 101)
	ones := 0
	for i, v := range g.Frame.Column("sex").Numbers {
		ones += int(v)
		if want := strconv.Itoa(int(v)); g.Strata.Levels[g.Strata.Codes[i]] != want {
			t.Fatalf("row %d is of stratum %q and sex %s", i, g.Strata.Levels[g.Strata.Codes[i]], want)
		}
	}
	if ones != 50 {
		t.Errorf("%d of 101 rows are of the second group", ones)
	}
	if s := g.Strata.Shares; s[0] != 0.5 || s[1] != 0.5 {
		t.Errorf("shares are %v", s)
	}
	head := 0
	for _, v := range g.Frame.Column("sex").Numbers[:30] {
		head += int(v)
	}
	if head == 0 || head == 30 {
		t.Error("the first rows are all of one group")
	}
}

func TestWhatIsMissingIsAskedForAgain(t *testing.T) {
	calls := 0
	var mu sync.Mutex
	m := &model{answer: func(r plugins.Request, b prompt.Blocks) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		calls++
		if calls == 2 {
			return "", &plugins.LLMError{Fault: plugins.FaultRefused, Message: "declined"}
		}
		short := func(row int, _, cells []string) []string {
			if row == 0 && calls <= 5 {
				return nil
			}
			return cells
		}
		return rows(short)(r, b)
	}}
	g := generate(t, "llm-naive", `"rows": 10`, m, 1, 50)
	if calls != 7 { // 5, then 4 + 10 rows in 2
		t.Errorf("%d calls, want 7", calls)
	}
	for name, want := range map[string]int{"calls": 7, "calls refused": 1, "rows requested": 64, "rows returned": 50, "rows delivered": 50, "rows surplus": 0} {
		if got := count(g.Counts, name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

func TestTooFewRowsAreAnError(t *testing.T) {
	worse := func(row int, names, cells []string) []string {
		if row%2 == 1 {
			cells[slices.Index(names, "age")] = "old"
		}
		return cells
	}
	for _, name := range []string{"llm-naive", "llm-schema", "llm-group"} {
		_, err := build(t, name, `"rows": 10`).Generate(context.Background(), env(&model{answer: rows(worse)}, 1), taskOf(cohort(), 160))
		var short *plugins.ShortfallError
		if !errors.As(err, &short) {
			t.Fatalf("%s: %v", name, err)
		}
		// 80, 40 and 20 of them are valid, group by group alike
		if short.Requested != 160 || short.Delivered != 140 || !strings.Contains(err.Error(), "140 of 160 rows after 3 rounds: 140 rejected (140 not a number)") {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(err.Error(), "old") {
			t.Errorf("%s: the error tells a value: %v", name, err)
		}
		counts := accountOf(t, err)
		if count(counts, "rows delivered") != 140 || count(counts, "rows rejected") != 140 || count(counts, "rows returned") != 280 {
			t.Errorf("%s: the account does not survive: %+v", name, counts)
		}
	}
}

// accountOf is the account that the error of a strategy keeps.
func accountOf(t *testing.T, err error) []plugins.Count {
	t.Helper()
	var unfinished *plugins.UnfinishedError
	if !errors.As(err, &unfinished) {
		t.Fatalf("no account comes with %v", err)
	}
	return unfinished.Counts
}

// Whatever ends a step, its account has all answers until then: those of the last round, and the first blocks of rows that lack others.
func TestFaultsKeepTheAccount(t *testing.T) {
	fault := &plugins.LLMError{Fault: plugins.FaultBudget, Model: "m", Message: "the budget is spent"}
	for _, name := range names() {
		for answered := range 9 {
			calls := 0
			var mu sync.Mutex
			m := &model{answer: func(r plugins.Request, b prompt.Blocks) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				if calls == answered {
					return "", fault
				}
				calls++
				return rows(nil)(r, b)
			}}
			_, err := build(t, name, `"rows": 10`).Generate(context.Background(), env(m, 1), taskOf(cohort(), 100))
			if !errors.Is(err, error(fault)) || err.Error() != fault.Error() {
				t.Fatalf("%s: %v, want the fault", name, err)
			}
			c := accountOf(t, err)
			returned, delivered, rejected := count(c, "rows returned"), count(c, "rows delivered"), count(c, "rows rejected")
			if count(c, "calls") != answered || returned != delivered+rejected || returned != count(c, "rows requested") {
				t.Errorf("%s, %d answers: %+v", name, answered, c)
			}
			parts, begun := count(c, "parts of rows returned"), 0
			if name == "llm-conditional" { // in three blocks
				begun = returned - count(c, "parts of rows returned", "block", "3")
			}
			if returned+parts != 10*answered || rejected != begun {
				t.Errorf("%s, %d answers: %d rows and %d parts of rows, %d rejected, want %d", name, answered, returned, parts, rejected, begun)
			}
		}
	}
}

func TestOtherFaultsEndTheStep(t *testing.T) {
	fault := &plugins.LLMError{Fault: plugins.FaultKey, Model: "m", Message: "the key is wrong"}
	for _, name := range names() {
		n := 0
		var mu sync.Mutex
		m := &model{answer: func(r plugins.Request, b prompt.Blocks) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			if n++; n == 5 {
				return "", fault
			}
			return rows(nil)(r, b)
		}}
		_, err := build(t, name, `"rows": 1`).Generate(context.Background(), env(m, 1), taskOf(cohort(), 1000))
		if !errors.Is(err, error(fault)) {
			t.Errorf("%s: %v, want the fault", name, err)
		}
		if len(m.seen) > 200 {
			t.Errorf("%s: %d calls are sent, though the fifth ends the step", name, len(m.seen))
		}
	}
}

// Once the budget has ended, answers that are there count all the same, whichever request met the end first.
func TestAnsweredRequestsCountAfterTheBudget(t *testing.T) {
	fault := &plugins.LLMError{Fault: plugins.FaultBudget, Model: "m", Message: "the budget is spent"}
	for _, name := range names() {
		m := &model{answer: func(r plugins.Request, b prompt.Blocks) (string, error) {
			if r.Ordinal%3 == 0 { // not answered before
				return "", fault
			}
			return rows(nil)(r, b)
		}}
		var accounts [2][]plugins.Count
		for i := range accounts {
			_, err := build(t, name, `"rows": 4`).Generate(context.Background(), env(m, 1), taskOf(cohort(), 400))
			var unfinished *plugins.UnfinishedError
			if !errors.As(err, &unfinished) || !errors.Is(err, error(fault)) {
				t.Fatalf("%s: %v, want the fault with its account", name, err)
			}
			accounts[i] = unfinished.Counts
		}
		if diff := cmp.Diff(accounts[0], accounts[1]); diff != "" {
			t.Errorf("%s: another order of answers gives another account: %s", name, diff)
		}
	}
}

func TestCancelling(t *testing.T) {
	for _, name := range names() {
		ctx, cancel := context.WithCancel(context.Background())
		m := &model{answer: func(r plugins.Request, b prompt.Blocks) (string, error) {
			cancel()
			return rows(nil)(r, b)
		}}
		if _, err := build(t, name, `"rows": 1`).Generate(ctx, env(m, 1), taskOf(cohort(), 500)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPoliciesForCopiesAndDuplicates(t *testing.T) {
	train := cohort()
	// the first row of each reply is an example, the second is the same in every reply
	copying := func(r plugins.Request, b prompt.Blocks) (string, error) {
		text, err := rows(nil)(r, b)
		lines := strings.SplitAfter(text, "\n")
		if b.Schema.Rows >= 10 {
			lines[1] = string(prompt.AppendRow(nil, b.Examples.Rows[0]))
			lines[2] = "50,1.5,1,medical,0\n"
		}
		return strings.Join(lines, ""), err
	}
	for _, c := range []struct {
		with               string
		copied, duplicates int // delivered
	}{
		{`"copies": "keep", "duplicates": "keep"`, 4, 3 + 3},
		{`"copies": "drop", "duplicates": "keep"`, 0, 3},
		{`"copies": "drop", "duplicates": "drop"`, 0, 0},
	} {
		m := &model{answer: copying}
		g := generate(t, "llm-naive", `"rows": 10, `+c.with, m, 1, 40)
		if n := count(g.Counts, "rows copied from the prompt"); n != 4 {
			t.Errorf("%s: %d rows are told to be copied, want 4", c.with, n)
		}
		real, seen := map[string]bool{}, map[string]bool{}
		for i := range train.Rows() {
			real[train.Take([]int{i}).Digest()] = true
		}
		copied, twice := 0, 0
		for i := range g.Frame.Rows() {
			id := g.Frame.Take([]int{i}).Digest()
			if real[id] {
				copied++
			}
			if seen[id] {
				twice++
			}
			seen[id] = true
		}
		if copied != c.copied || twice != c.duplicates {
			t.Errorf("%s: %d copies and %d duplicates are delivered, want %d and %d", c.with, copied, twice, c.copied, c.duplicates)
		}
	}
}

func TestValuesOutOfRange(t *testing.T) {
	high := func(row int, names, cells []string) []string {
		if row == 0 {
			cells[slices.Index(names, "age")] = "130"
		}
		return cells
	}
	answer := func(r plugins.Request, b prompt.Blocks) (string, error) {
		if b.Schema.Rows < 10 {
			return rows(nil)(r, b)
		}
		return rows(high)(r, b)
	}
	kept := generate(t, "llm-naive", `"rows": 10`, &model{answer: answer}, 1, 30)
	if slices.Max(kept.Frame.Column("age").Numbers) != 130 || count(kept.Counts, "rows out of range") != 3 {
		t.Error("values out of range are not kept and counted")
	}
	want := "values delivered that are outside the declared limits, or outside the range of train where none are declared: 3, in columns: 1"
	if !slices.Equal(kept.Notes, []string{want}) || count(kept.Counts, "values out of range", "column", "age") != 3 {
		t.Errorf("notes: %q, want %q, and a count of the column", kept.Notes, want)
	}
	dropped := generate(t, "llm-naive", `"rows": 10, "outOfRange": "drop"`, &model{answer: answer}, 1, 30)
	if slices.Max(dropped.Frame.Column("age").Numbers) > 100 || count(dropped.Counts, "rows rejected", "reason", "out of range") != 3 || len(dropped.Notes) > 0 {
		t.Error("values out of range are delivered")
	}
	task := taskOf(cohort(), 30)
	limit := 140.0
	task.Limits = map[string]plugins.Limit{"age": {Max: &limit}}
	g, err := build(t, "llm-naive", `"rows": 10, "outOfRange": "drop"`).Generate(context.Background(), env(&model{answer: answer}, 1), task)
	if err != nil || count(g.Counts, "rows out of range") != 0 || slices.Max(g.Frame.Column("age").Numbers) != 130 {
		t.Errorf("a declared limit does not replace the range of train (error: %v)", err)
	}
}

func TestConditionalPutsBlocksTogether(t *testing.T) {
	m := &model{answer: rows(nil)}
	g := generate(t, "llm-conditional", `"rows": 10, "order": ["unit"], "label": {"order": "first"}`, m, 1, 30)
	blocks := map[int]int{}
	for _, r := range m.seen {
		b, err := prompt.Find(r.Messages)
		if err != nil {
			t.Fatal(err)
		}
		names := b.Schema.Names()
		switch {
		case b.Table == nil:
			blocks[0]++
			if !slices.Equal(names, []string{"death", "unit"}) {
				t.Errorf("the first block is %v", names)
			}
		case len(b.Table.Names) == 3:
			blocks[1]++
			if !slices.Equal(names, []string{"row", "age", "bun"}) || !slices.Equal(b.Table.Names, []string{"row", "death", "unit"}) {
				t.Errorf("the second block is %v, to %v", names, b.Table.Names)
			}
		default:
			blocks[2]++
			if !slices.Equal(names, []string{"row", "sex"}) || !slices.Equal(b.Table.Names, []string{"row", "death", "unit", "age", "bun"}) {
				t.Errorf("the third block is %v, to %v", names, b.Table.Names)
			}
			if !slices.Equal(b.Examples.Names, []string{"death", "unit", "age", "bun", "sex"}) {
				t.Errorf("examples have %v", b.Examples.Names)
			}
			if r.Reveals != plugins.EgressRows {
				t.Errorf("a growing table is told to be %q", r.Reveals)
			}
		}
	}
	if blocks[0] != 3 || blocks[1] != 3 || blocks[2] != 3 {
		t.Errorf("calls of each block: %v", blocks)
	}
	if !slices.Equal(g.Frame.Names(), cohort().Names()) {
		t.Errorf("columns are %v", g.Frame.Names())
	}
	for i := range 30 { // as rows writes the third row of a reply
		if i%10 == 2 && (g.Frame.Column("sex").Numbers[i] != 1 || g.Frame.Column("death").Numbers[i] != 0 || g.Frame.Column("age").Numbers[i] != 42) {
			t.Errorf("row %d: the blocks of other rows", i)
		}
	}
}

// Answers are tied to their rows by the key, whatever order they come in.
func TestConditionalGoesByTheKey(t *testing.T) {
	echo := func(r plugins.Request, b prompt.Blocks) (string, error) {
		text, err := rows(nil)(r, b)
		if b.Table == nil {
			return text, err
		}
		lines := strings.SplitAfter(text, "\n")
		var out []string
		for i, row := range b.Table.Rows { // sex repeats the label of the table
			cells := strings.Split(strings.TrimSpace(lines[i+1]), ",")
			if at := slices.Index(b.Schema.Names(), "sex"); at >= 0 {
				cells[at] = row[b.Table.Column("death")]
			}
			out = append(out, strings.Join(cells, ",")+"\n")
		}
		slices.Reverse(out)
		return lines[0] + strings.Join(out, ""), err
	}
	g := generate(t, "llm-conditional", `"rows": 10, "label": {"order": "first"}`, &model{answer: echo}, 1, 50)
	if sex, death := g.Frame.Column("sex").Numbers, g.Frame.Column("death").Numbers; !slices.Equal(sex, death) {
		t.Errorf("labels are %v, what was written beside them %v", death, sex)
	}
}

func TestConditionalAsksAgainAndDropsRows(t *testing.T) {
	// in the second block, row 1 of each chain is never valid, and row 2 is at the second time
	var mu sync.Mutex
	tries := map[string]int{}
	m := &model{answer: func(r plugins.Request, b prompt.Blocks) (string, error) {
		flaw := func(row int, names, cells []string) []string {
			at := slices.Index(names, "sex")
			if b.Table == nil || at < 0 {
				return cells
			}
			key, err := strconv.Atoi(cells[0])
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			tries[cells[0]]++
			if key <= 20 && (key%10 == 1 || key%10 == 2 && tries[cells[0]] == 1) {
				cells[at] = "woman"
			}
			return cells
		}
		return rows(flaw)(r, b)
	}}
	g := generate(t, "llm-conditional", `"rows": 10`, m, 1, 20)
	if tries["1"] != 3 || tries["2"] != 2 || tries["3"] != 1 {
		t.Errorf("tries of rows 1, 2 and 3: %d, %d, %d; want 3, 2, 1", tries["1"], tries["2"], tries["3"])
	}
	for _, c := range []struct {
		want int
		name string
		dims []string
	}{
		{22, "rows requested", nil}, // 20, and the two that were lost
		{22, "rows returned", nil},
		{2, "rows rejected", []string{"reason", "incomplete"}},
		{20, "rows delivered", nil},
		{20 + 4 + 2 + 2, "parts of rows requested", []string{"block", "2"}}, // rows 1 and 2 of two chains again, then rows 1; a chain of two
		{2*2 + 2 + 2, "parts of rows rejected", []string{"block", "2"}},
	} {
		if got := count(g.Counts, c.name, c.dims...); got != c.want {
			t.Errorf("%s %v: %d, want %d", c.name, c.dims, got, c.want)
		}
	}
}

// What decides the answer changes requests, and nothing else does.
func TestWhatChangesRequests(t *testing.T) {
	bodies := func(name, with string, seed uint64, train *frame.Frame) []string {
		m := &model{answer: rows(nil)}
		if _, err := build(t, name, with).Generate(context.Background(), env(m, seed), taskOf(train, 20)); err != nil {
			t.Fatalf("%s with %s: %v", name, with, err)
		}
		return m.bodies()
	}
	wider := cohort()
	bun := slices.Clone(wider.Column("bun").Numbers)
	for i := range 40 { // the range, and the 95th percentile, of one column
		bun[i] += 30
	}
	columns := slices.Clone(wider.Columns())
	columns[1] = frame.NewNumber("bun", bun)
	wider = frame.Must(columns...)
	for _, name := range names() {
		base := bodies(name, `"examples": 0`, 1, cohort())
		for _, with := range []string{
			`"examples": 0, "outOfRange": "drop"`, `"examples": 0, "duplicates": "drop"`, `"examples": 0, "copies": "drop"`, `"examples": 0, "rounds": 5`,
		} {
			if !slices.Equal(bodies(name, with, 1, cohort()), base) {
				t.Errorf("%s: %s changes requests", name, with)
			}
		}
		for _, with := range []string{
			`"examples": 0, "temperature": 0.5`, `"examples": 0, "top_p": 0.5`, `"examples": 0, "max_tokens": 900`, `"examples": 0, "constraints": "adults only"`,
			`"examples": 0, "prompt": {"system": "write rows"}`, `"examples": 0, "prompt": {"user": "rows:\n\n{{schema}}\n\n{{table}}\n"}`, `"examples": 0, "label": {"mode": "conditioned"}`,
		} {
			for _, b := range bodies(name, with, 1, cohort()) {
				if slices.Contains(base, b) {
					t.Errorf("%s: %s leaves a request as it was", name, with)
					break
				}
			}
		}
		if sent := !slices.Equal(bodies(name, `"examples": 0`, 1, wider), base); sent != (name != "llm-naive") {
			t.Errorf("%s: the range of a column is sent: %v", name, sent)
		}
	}
}

// Every record that comes back has one end, whatever the model does.
func TestEveryRecordIsAccountedFor(t *testing.T) {
	for _, name := range names() {
		rejected, refused, surplus := 0, 0, 0
		for seed := range uint64(6) {
			wild := func(r plugins.Request, b prompt.Blocks) (string, error) {
				rng := rand.New(rand.NewPCG(seed, uint64(len(r.Messages[1].Text)*100+r.Ordinal)))
				if rng.IntN(6) == 0 {
					return "", &plugins.LLMError{Fault: plugins.FaultRefused}
				}
				text, err := rows(func(_ int, _, cells []string) []string {
					switch rng.IntN(12) {
					case 0:
						return nil
					case 1:
						cells[rng.IntN(len(cells))] = "?"
					case 2:
						return cells[1:]
					case 3:
						cells[len(cells)-1] = "99"
					}
					return cells
				})(r, b)
				if rng.IntN(3) == 0 {
					lines := strings.SplitAfter(text, "\n")
					text += lines[len(lines)-2] // one row too many
				}
				return text, err
			}
			with := `"rows": 8, "rounds": 20, "copies": "drop", "duplicates": "drop", "outOfRange": "drop", "label": {"mode": "conditioned"}`
			g := generate(t, name, with, &model{answer: wild, delay: true}, seed, 60)
			returned, delivered := count(g.Counts, "rows returned"), count(g.Counts, "rows delivered")
			if ends := count(g.Counts, "rows rejected") + count(g.Counts, "rows surplus") + delivered; returned != ends || delivered != 60 {
				t.Errorf("%s, seed %d: %d rows returned, %d ends, %d delivered", name, seed, returned, ends, delivered)
			}
			rejected, refused = rejected+count(g.Counts, "rows rejected"), refused+count(g.Counts, "calls refused")
			surplus += count(g.Counts, "rows surplus")
		}
		if rejected == 0 || refused == 0 || surplus == 0 {
			t.Errorf("%s: %d rows are rejected and %d surplus, %d calls refused: the model is not wild", name, rejected, surplus, refused)
		}
	}
}

// Without examples and with declared limits, nothing that was computed from rows goes out.
func TestDeclaredLimitsTellNothingOfTrain(t *testing.T) {
	other := cohort()
	columns := slices.Clone(other.Columns())
	shifted := make([]float64, 400)
	for i := range shifted {
		shifted[i] = 1.2 + 0.7*float64(i%3)
	}
	columns[1] = frame.NewNumber("bun", shifted)
	columns[3] = frame.NewCategoryFromStrings("unit", slices.Repeat([]string{"medical", "surgical"}, 200), nil)
	other = frame.Must(columns...)
	limits := map[string]plugins.Limit{
		"unit": {Levels: []string{"medical", "surgical"}}, "sex": {Min: new(float64), Max: one()}, "death": {Min: new(float64), Max: one()},
	}
	for _, name := range []string{"llm-naive", "llm-schema", "llm-group"} {
		var asked [][]string
		for _, train := range []*frame.Frame{cohort(), other} {
			m := &model{answer: rows(nil)}
			s := build(t, name, `"examples": 0, "limits": "declared", "aggregates": "none", "label": {"mode": "conditioned", "prevalence": 0.5}`)
			task := taskOf(train, 20)
			task.Limits = limits
			if _, err := s.Generate(context.Background(), env(m, 1), task); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if s.Reveals() != plugins.EgressSchema {
				t.Errorf("%s tells %q", name, s.Reveals())
			}
			asked = append(asked, m.bodies())
		}
		if !slices.Equal(asked[0], asked[1]) {
			t.Errorf("%s: other rows of train change its requests", name)
		}
	}
}

func one() *float64 { v := 1.0; return &v }

// A level that one patient has is told by no prompt without examples.
func TestRareLevelsAreNotTold(t *testing.T) {
	for _, name := range names() {
		m := &model{answer: rows(nil)}
		generate(t, name, `"examples": 0, "limits": "train", "aggregates": "label", "format": "json"`, m, 1, 20)
		for _, b := range m.bodies() {
			if strings.Contains(b, "burns") {
				t.Fatalf("%s tells of the level of one patient", name)
			}
		}
	}
}

func TestOutline(t *testing.T) {
	for name, want := range map[string]string{
		"llm-naive":       "death 0: 8 9 24; death 1: 2 3 6",
		"llm-schema":      "death 0: 8 9 24; death 1: 2 3 6",
		"llm-conditional": "death 0, block 1 of 2: 8 9 24; death 0, block 2 of 2: 8 9 72; death 1, block 1 of 2: 2 3 6; death 1, block 2 of 2: 2 3 18",
		"llm-group":       "sex 0, death 0: 4 5 12; sex 0, death 1: 1 2 3; sex 1, death 0: 4 5 12; sex 1, death 1: 1 2 3",
	} {
		s := build(t, name, `"rows": 10, "label": {"mode": "conditioned", "prevalence": 0.2}`)
		out, err := s.Outline(context.Background(), env(nil, 1), taskOf(cohort(), 100))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range out.Calls {
			got = append(got, fmt.Sprintf("%s: %d %d %d", c.Label, c.Low, c.Expected, c.High))
		}
		if text := strings.Join(got, "; "); text != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, text, want)
		}
		m := &model{answer: rows(nil)}
		if _, err := s.Generate(context.Background(), env(m, 1), taskOf(cohort(), 100)); err != nil {
			t.Fatal(err)
		}
		answer := 0
		for _, r := range m.seen {
			b, err := prompt.Find(r.Messages)
			if err != nil {
				t.Fatal(err)
			}
			text, err := rows(nil)(r, b)
			if err != nil {
				t.Fatal(err)
			}
			answer += prompt.EstimateTokens(text)
		}
		foretold := 0
		for _, c := range out.Calls {
			foretold += c.Low * c.OutputTokens
		}
		least, input, sent := 0.0, 0.0, 0
		for _, c := range out.Calls {
			least, input = least+float64(c.Low*c.OutputLow), input+float64(c.Low*c.InputLow)
		}
		for _, r := range m.seen {
			sent += prompt.EstimateInput(r)
		}
		if least > float64(answer)/prompt.MostOver || least < float64(answer)/3 {
			t.Errorf("%s: at least %g tokens of output are foretold, answers may have %d / %g", name, least, answer, prompt.MostOver)
		}
		if input > float64(sent)/prompt.MostOver || input < 0.9*float64(sent)/prompt.MostOver {
			t.Errorf("%s: at least %g tokens of input are foretold, requests may have %d / %g", name, input, sent, prompt.MostOver)
		}
		if foretold < answer*7/10 || foretold > answer*13/10 {
			t.Errorf("%s: %d tokens of output are foretold, answers have %d", name, foretold, answer)
		}
	}
}

// A column that groups are formed by may have the name of a dimension of the account.
func TestGroupsHideNoDimension(t *testing.T) {
	train := cohort()
	for _, name := range []string{"reason", "block", "repair", "label", "column reason"} {
		sex := *train.Column("sex")
		sex.Name = name
		named := frame.Must(train.Column("age"), train.Column("bun"), &sex, train.Column("unit"), train.Column("death"))
		worse := func(row int, names, cells []string) []string {
			if at := slices.Index(names, "age"); row%2 == 1 && at >= 0 {
				cells[at] = "old"
			}
			return cells
		}
		s := build(t, "llm-group", fmt.Sprintf(`"rows": 10, "rounds": 1, "by": [%q]`, name))
		_, err := s.Generate(context.Background(), env(&model{answer: rows(worse)}, 1), taskOf(named, 80))
		c := accountOf(t, err)
		for _, level := range []string{"0", "1"} {
			if n := count(c, "rows rejected", "column "+name, level, "reason", "not a number"); n != 20 {
				t.Errorf("%s %s: %d rows are rejected for their form, want 20: %+v", name, level, n, c)
			}
		}
	}
}
