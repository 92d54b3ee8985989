package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/runner/cache"
)

// crashExperiment has some two hundred steps.
const crashExperiment = `name: "crash"
datasets: icu: {use: "simulated-icu", with: rows: 2000}
features: top: {use: "importance", with: ladder: [3, 6]}
strategies: {floor: use: "independent", copula: use: "gaussian-copula", copy: use: "resample"}
metrics: {
	kl: use: "kl"
	utility: {use: "downstream", with: resamples: 200}
}
matrix: [{
	strategy: ["floor", "copula", "copy"], features: ["top3", "top6"]
	n: [300, {rows: "train"}], seed: [1, 2, 3, 4]
}]
tables: t: {rows: ["strategy", "features", "n"], columns: [{score: "kl.mean"}, {score: "utility.auroc"}], over: "seed"}
`

// process starts the command as a process of its own.
func process(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = environment("HOME="+dir, "XDG_CONFIG_HOME="+dir)
	return cmd
}

// event is a line of run --json.
type event struct {
	Event, Key, Version, Results string
	Cells, Failed, Damaged       int
	StepsRun                     int `json:"steps_run"`
}

func events(t *testing.T, out []byte) []event {
	t.Helper()
	var list []event
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("line %q: %v", lines.Text(), err)
		}
		list = append(list, e)
	}
	return list
}

// finish runs to the end and returns the events.
func finish(t *testing.T, dir string, args ...string) []event {
	t.Helper()
	cmd := process(dir, append([]string{"run", "--json", "crash.cue"}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, errs.String(), tail(out))
	}
	return events(t, out)
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

func scores(t *testing.T, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "results", "crash", "v1", "scores.csv"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func crashDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "crash.cue"), []byte(crashExperiment), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestAKilledRunLosesNothing kills a run at random moments and finishes it: the scores are those of an
// undisturbed run, to the byte, and no step whose output was complete runs twice.
func TestAKilledRunLosesNothing(t *testing.T) {
	whole := crashDir(t)
	began := time.Now()
	last := finish(t, whole)
	undisturbed := time.Since(began)
	want := scores(t, whole)
	if end := last[len(last)-1]; end.Cells != 48 || end.Failed != 0 {
		t.Fatalf("the undisturbed run ended with %+v", end)
	}
	kills := 20
	if testing.Short() {
		kills = 5
	}
	if underRace && testing.Short() {
		kills = 1
	}
	rng := rand.New(rand.NewPCG(3, 5))
	inTheMiddle := 0
	for i := range kills {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			dir := crashDir(t)
			cmd := process(dir, "run", "--json", "--workers", strconv.Itoa(1+i%4), "crash.cue")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rng.Float64() * float64(undisturbed)))
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			complete := completeSteps(t, dir)
			for _, e := range finish(t, dir) {
				if e.Event == "started" && complete[e.Key] {
					t.Errorf("step %s was complete and ran again", e.Key)
				}
			}
			if got := scores(t, dir); !bytes.Equal(got, want) {
				t.Errorf("scores differ from those of an undisturbed run")
			}
			if len(complete) > 0 && len(complete) < 150 {
				inTheMiddle++
			}
		})
	}
	t.Logf("undisturbed: %v; %d of %d kills fell into the middle", undisturbed, inTheMiddle, kills)
	if inTheMiddle == 0 {
		t.Error("no kill fell into the middle of a run: the test shows nothing")
	}
}

// completeSteps lists what the cache of a killed run holds.
func completeSteps(t *testing.T, dir string) map[string]bool {
	t.Helper()
	c, err := cache.Open(filepath.Join(dir, ".ehrlab", "cache"), cache.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	keys := map[string]bool{}
	for e := range c.Entries() {
		keys[string(e.Key)] = true
	}
	return keys
}

// TestTheNumberOfWorkersChangesNoByte compares one worker with eight.
func TestTheNumberOfWorkersChangesNoByte(t *testing.T) {
	var all [][]byte
	for _, workers := range []int{1, 8} {
		dir := crashDir(t)
		finish(t, dir, "--workers", fmt.Sprint(workers))
		all = append(all, scores(t, dir))
	}
	if !bytes.Equal(all[0], all[1]) {
		t.Error("scores of one worker and of eight differ")
	}
}

// TestDamageIsRepaired flips bytes all over the cache: what is damaged is reported and made again.
func TestDamageIsRepaired(t *testing.T) {
	dir := crashDir(t)
	finish(t, dir)
	want := scores(t, dir)
	packs, err := filepath.Glob(filepath.Join(dir, ".ehrlab", "cache", "packs", "*.pack"))
	if err != nil || len(packs) == 0 {
		t.Fatalf("no packs: %v", err)
	}
	b, err := os.ReadFile(packs[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := len(b) / 20; i < len(b); i += len(b) / 20 {
		b[i] ^= 0x40
	}
	if err := os.WriteFile(packs[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "results")); err != nil {
		t.Fatal(err)
	}
	list := finish(t, dir)
	end := list[len(list)-1]
	if end.StepsRun == 0 && end.Damaged == 0 {
		t.Errorf("nothing was made again: %+v", end)
	}
	if !bytes.Equal(scores(t, dir), want) {
		t.Error("scores differ after damage")
	}
}
