package cli_test

import (
	"bufio"
	"crypto/sha256"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
)

// bodies counts requests by what they ask.
func bodies(log []llmtest.Exchange) map[string]int {
	n := map[string]int{}
	for _, e := range log {
		n[string(e.Body)]++
	}
	return n
}

// repeated returns how many requests of a log are more than those that were needed, and what these were charged.
func repeated(t *testing.T, needed map[string]int, log []llmtest.Exchange) (requests, input, output int) {
	t.Helper()
	left := maps.Clone(needed)
	for _, e := range log {
		if left[string(e.Body)]--; left[string(e.Body)] >= 0 {
			continue
		}
		if needed[string(e.Body)] == 0 {
			t.Error("a request was sent that the undisturbed run did not send")
		}
		requests++
		if e.Charged {
			input += e.Usage.Input
			output += e.Usage.Output
		}
	}
	return requests, input, output
}

// TestTwoRunsOfOneExperiment starts a run while another one asks: it ends at once and sends nothing, as the two would not know what the
// other spends. Commands that only read are not kept from it, nor a run from a recording.
func TestTwoRunsOfOneExperiment(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	answer, v := invented(t), newValve(5)
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(func(r llmtest.Request) string {
		asked.Add(1)
		v.pass()
		return answer(r)
	}))
	x := newStudy(t, edited(t, askedExperiment, `name: "asked"`, "name: \"asked\"\nbudget: calls: 48"), server)
	first := x.command("run", "x.cue")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	open := sync.OnceFunc(func() { close(v.opened) })
	defer open()  // the server waits for its answers
	for range 4 { // as many as may be asked at once
		<-v.held
	}
	before := asked.Load()
	for _, args := range [][]string{{"run", "x.cue"}, {"llm", "drift", "x.cue"}} {
		if end := x.exits(1, args...); !strings.Contains(end.errs, "another run of asked is asking its models; wait for its end, or stop it") {
			t.Errorf("%v: %s", args, end.errs)
		}
	}
	x.exits(0, "plan", "x.cue")
	x.exits(0, "llm", "usage", "x.cue")
	if n := asked.Load(); n != before {
		t.Errorf("%d requests were sent meanwhile", n-before)
	}
	open()
	if err := first.Wait(); err != nil {
		t.Error(err)
	}
	if end := x.run(0); end.StepsRun > 0 || len(server.Log()) != 48 {
		t.Errorf("%+v after %d requests, want 48", end, len(server.Log()))
	}
}

// valve holds answers back once so many were asked for, until it is opened.
type valve struct {
	let    atomic.Int64 // further answers that pass
	held   chan struct{}
	opened chan struct{}
}

func newValve(pass int) *valve {
	v := &valve{held: make(chan struct{}, 100), opened: make(chan struct{})}
	v.let.Store(int64(pass))
	return v
}

func (v *valve) pass() {
	if v.let.Add(-1) < 0 {
		v.held <- struct{}{}
		<-v.opened
	}
}

// killWhileAsking starts a run again and again, and kills it each time when so many calls have passed the valve and as many as the model
// takes at once are held by it. At the end the valve is open.
func (x *study) killWhileAsking(gate *atomic.Pointer[valve], slots int, passes ...int) {
	x.t.Helper()
	for _, pass := range passes {
		v := newValve(pass)
		gate.Store(v)
		cmd := x.command("run", "x.cue")
		if err := cmd.Start(); err != nil {
			x.t.Fatal(err)
		}
		for range slots {
			select {
			case <-v.held:
			case <-time.After(20 * time.Second):
				x.t.Fatal("the calls that are to be cut do not come")
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		close(v.opened)
	}
	gate.Store(newValve(1 << 30))
}

// TestKilledWhileModelsAreAsked kills a run three times while all its calls are under way, and finishes it: what the server
// is asked again is what the accounts call orphaned, and nothing else; results are those of an undisturbed run, to the byte.
func TestKilledWhileModelsAreAsked(t *testing.T) {
	t.Parallel()
	answer := invented(t)
	var gate atomic.Pointer[valve]
	gate.Store(newValve(1 << 30))
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(func(r llmtest.Request) string {
		gate.Load().pass()
		return answer(r)
	}))
	whole := newStudy(t, askedExperiment, server)
	if end := whole.run(0); end.Failed != 0 || end.Cells != 10 {
		t.Fatalf("the undisturbed run ended with %+v", end)
	}
	first := server.Log()
	needed := bodies(first)

	killed := newStudy(t, askedExperiment, server)
	const slots = 4 // limits.concurrency
	killed.killWhileAsking(&gate, slots, 3, 9, 15)
	killed.run(0)
	log := server.Log()[len(first):]
	again, input, output := repeated(t, needed, log)
	got := killed.total()
	if again != 3*slots || got.Orphaned != again {
		t.Errorf("%d requests were repeated and %d are accounted as orphaned, want %d of both", again, got.Orphaned, 3*slots)
	}
	undisturbed := whole.total()
	if undisturbed.Orphaned != 0 || undisturbed.Sends != len(first) || got.Sends != len(log) {
		t.Errorf("sent: %d and %d; the server has seen %d and %d", undisturbed.Sends, got.Sends, len(first), len(log))
	}
	if got.Calls != undisturbed.Calls || got.Input != undisturbed.Input || got.Output != undisturbed.Output {
		t.Errorf("accounted: %+v; undisturbed: %+v", got, undisturbed)
	}
	if charged := server.Charged(); charged.Input != undisturbed.Input+got.Input+input || charged.Output != undisturbed.Output+got.Output+output {
		t.Errorf("charged %+v is not accounted + orphaned", charged)
	}
	sameResults(t, whole, killed, "v1")
	if a, b := whole.generated(), killed.generated(); len(a) != 10 || !maps.Equal(a, b) {
		t.Errorf("the rows that were generated differ")
	}
}

// TestKilledAtAnyMoment kills runs at random moments. Calls may then be cut between the journal and the server, which shows
// in what was sent and did not arrive.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)), llmtest.Latency(5*time.Millisecond, 25*time.Millisecond))
	whole := newStudy(t, askedExperiment, server)
	began := time.Now()
	whole.run(0)
	took := time.Since(began)
	first := server.Log()
	killed := newStudy(t, askedExperiment, server)
	kills := 4
	if testing.Short() {
		kills = 2
	}
	rng := rand.New(rand.NewPCG(7, 9))
	for range kills {
		cmd := killed.command("run", "x.cue")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration((0.2 + 0.6*rng.Float64()) * float64(took)))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	killed.run(0)
	log := server.Log()[len(first):]
	again, _, _ := repeated(t, bodies(first), log)
	got := killed.total()
	if lost := got.Sends - len(log); lost < 0 || got.Orphaned != again+lost {
		t.Errorf("%d requests were repeated, %d did not arrive, and %d are accounted as orphaned", again, lost, got.Orphaned)
	}
	if undisturbed := whole.total(); got.Calls != undisturbed.Calls || got.Input != undisturbed.Input || got.Output != undisturbed.Output {
		t.Errorf("accounted: %+v; undisturbed: %+v", got, undisturbed)
	}
	t.Logf("%d kills: %d calls orphaned", kills, got.Orphaned)
	sameResults(t, whole, killed, "v1")
	if !maps.Equal(whole.generated(), killed.generated()) {
		t.Errorf("the rows that were generated differ")
	}
}

// TestKilledBetweenRefusals kills a run against a server that refuses three of eight requests, however often it is asked: refusals
// that are kept are not asked for again, whether the cell came to its rows or failed.
func TestKilledBetweenRefusals(t *testing.T) {
	if testing.Short() {
		t.Skip("TestKilledWhileAModelRefuses shows most of it")
	}
	t.Parallel()
	refuse := func(body []byte) llmtest.Fault {
		if sha256.Sum256(body)[0] < 96 {
			return llmtest.Refuse
		}
		return llmtest.None
	}
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)), llmtest.Choose(refuse), llmtest.Latency(2*time.Millisecond, 10*time.Millisecond))
	text := edited(t, askedExperiment, "examples: 5,", "examples: 5, freshExamples: true,", ", freshExamples: true}", "}")
	whole := newStudy(t, text, server)
	began := time.Now()
	end := whole.run(3)
	took := time.Since(began)
	first := server.Log()
	killed := newStudy(t, text, server)
	rng := rand.New(rand.NewPCG(2, 8))
	for range 3 {
		cmd := killed.command("run", "x.cue")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration((0.3 + 0.5*rng.Float64()) * float64(took)))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	killed.run(3)
	log := server.Log()[len(first):]
	again, _, _ := repeated(t, bodies(first), log)
	got, undisturbed := killed.total(), whole.total()
	if lost := got.Sends - len(log); lost < 0 || got.Orphaned != again+lost {
		t.Errorf("%d requests were repeated, %d did not arrive, and %d are accounted as orphaned", again, lost, got.Orphaned)
	}
	if got.Refused != undisturbed.Refused || got.Refused == 0 || got.Calls != undisturbed.Calls {
		t.Errorf("accounted: %+v; undisturbed: %+v", got, undisturbed)
	}
	if end.Failed == 0 || end.Failed > 8 {
		t.Errorf("%d of 10 cells failed: the test is to show cells of both kinds", end.Failed)
	}
	sameResults(t, whole, killed, "v1")
	before := len(server.Log())
	if killed.run(3); len(server.Log()) != before {
		t.Error("a rerun of failed cells has sent something: their refusals are known")
	}
}

// killAfter runs the experiment until so many lines of a kind were printed, and kills it.
func (x *study) killAfter(lines int, kind string) {
	x.t.Helper()
	cmd := x.command("run", "--json", "x.cue")
	out, err := cmd.StdoutPipe()
	if err != nil {
		x.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		x.t.Fatal(err)
	}
	for printed := bufio.NewScanner(out); lines > 0 && printed.Scan(); {
		if strings.Contains(printed.Text(), kind) {
			lines--
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// TestKilledWhileAModelRefuses kills a run whose model, in process, refuses and fails in all its ways: attempts after
// refusals are those of an undisturbed run.
func TestKilledWhileAModelRefuses(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.OpenAI) // nothing is on it
	text := edited(t, askedExperiment,
		`use: "openai"`, `use: "simulated"`,
		`with: {model: "gpt-4o-2024-08-06", base_url: "BASE", max_tokens: 3000, limits: {concurrency: 4, retries: 2, timeout: "20s"}}`,
		`with: {refuse: 0.5, short: 0.2, prose: 0.2, malformed: 0.05, latency: 0.02, limits: concurrency: 4}`,
		"	price: {input: 2, output: 8}\n", "",
		"rounds: 3", "rounds: 8")
	whole := newStudy(t, text, server)
	whole.run(0)
	if n := whole.counted("v1", "answers refused"); n < 5 {
		t.Fatalf("%d refusals only: the test shows nothing", n)
	}
	killed := newStudy(t, text, server)
	for _, after := range []int{4, 4, 6} {
		killed.killAfter(after, `"event":"progressed"`)
	}
	killed.run(0)
	got, undisturbed := killed.total(), whole.total()
	if got.Calls != undisturbed.Calls || got.Refused != undisturbed.Refused || got.Input != undisturbed.Input || got.Output != undisturbed.Output {
		t.Errorf("accounted: %+v; undisturbed: %+v", got, undisturbed)
	}
	if got.Orphaned == 0 {
		t.Error("no kill cut a call: the test shows nothing")
	}
	sameResults(t, whole, killed, "v1")
	if !maps.Equal(whole.generated(), killed.generated()) {
		t.Errorf("the rows that were generated differ")
	}
	if len(server.Log()) > 0 {
		t.Error("a model in process has sent something")
	}
}
