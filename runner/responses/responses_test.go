package responses

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("EHRLAB_TEST_SEND_FOREVER"); dir != "" {
		sendForever(dir)
	}
	if dir := os.Getenv("EHRLAB_TEST_SEND_EQUAL"); dir != "" {
		sendEqual(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

var start = time.Date(2026, 11, 3, 4, 5, 6, 789, time.UTC)

// key returns the i-th of a family of keys.
func key(i int) string { return hash([]byte(fmt.Sprint("key ", i))) }

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// send returns the i-th of a family of sends.
func send(i int) plugins.Send {
	body := json.RawMessage(fmt.Sprintf(`{"model":"m-2026-01-01","messages":[{"role":"user","content":"%s row %d"}]}`, strings.Repeat("write ", 20), i))
	return plugins.Send{
		Key: key(i), Experiment: "study", Step: "step", Axes: map[string]string{"strategy": "naive"},
		Model: plugins.Identity{API: "openai-chat", Endpoint: "https://api.example", Model: "m-2026-01-01", Settings: json.RawMessage(`{"top_p":1}`)},
		Hash:  hash(body), Request: body, Input: 100 + i, Output: 1000, At: start.Add(time.Duration(i) * time.Second),
	}
}

// answer returns an answer to the i-th send.
func answer(i int) plugins.Answer {
	return plugins.Answer{
		Body: fmt.Appendf(nil, `{"id":%d,"text":"%x"}`, i, rand.New(rand.NewPCG(uint64(i), 1)).Uint64()),
		Stop: plugins.StopEnd, Requested: "m-2026-01-01", Served: "m-2026-01-01", Fingerprint: "fp",
		Input: 90 + i, Cached: 10, Output: 50, Reasoning: 5, At: start.Add(time.Duration(i) * time.Second),
	}
}

func answered(i int) plugins.Settlement {
	a := answer(i)
	return plugins.Settlement{Outcome: plugins.Answered, Status: 200, Answer: &a, At: a.At}
}

func opened(t testing.TB, dir string, opt Options) *Store {
	t.Helper()
	s, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func intend(t testing.TB, s *Store, send plugins.Send) string {
	t.Helper()
	id, err := s.Intend(send)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func settle(t testing.TB, s *Store, id string, end plugins.Settlement) {
	t.Helper()
	if err := s.Settle(id, end); err != nil {
		t.Fatal(err)
	}
}

// ask sends and answers from a to b.
func ask(t testing.TB, s *Store, a, b int) {
	t.Helper()
	for i := a; i < b; i++ {
		settle(t, s, intend(t, s, send(i)), answered(i))
	}
}

// want checks the answers from a to b.
func want(t testing.TB, s plugins.ResponseStore, a, b int) {
	t.Helper()
	for i := a; i < b; i++ {
		got, err := s.Answer(key(i))
		if err != nil || got == nil {
			t.Fatalf("answer %d: %v, %v", i, got, err)
		}
		if diff := cmp.Diff(answer(i), *got); diff != "" {
			t.Fatalf("answer %d: %s", i, diff)
		}
	}
}

// told is what Sends tells of one send.
type told struct {
	Send  plugins.Send
	End   *plugins.Settlement
	Alive bool
}

// sends returns what Sends tells.
func sends(t testing.TB, s plugins.ResponseStore, experiment string) []told {
	t.Helper()
	out := []told{}
	if err := s.Sends(experiment, func(send plugins.Send, end *plugins.Settlement, alive bool) error {
		out = append(out, told{send, end, alive})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// total folds the lines of Usage into one.
func total(t testing.TB, s plugins.ResponseStore) Line {
	t.Helper()
	lines, err := Usage(s, "study")
	if err != nil {
		t.Fatal(err)
	}
	var sum Line
	for _, l := range lines {
		sum.Sends += l.Sends
		sum.Answered += l.Answered
		sum.Refused += l.Refused
		sum.Cut += l.Cut
		sum.Orphaned += l.Orphaned
		sum.InFlight += l.InFlight
		sum.Damaged += l.Damaged
		sum.Input += l.Input
	}
	return sum
}

// bodiless returns a send as the journal keeps it.
func bodiless(s plugins.Send) plugins.Send {
	s.Request = nil
	return s
}

func TestSendAndAnswer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "responses")
	s := opened(t, dir, Options{})
	if a, err := s.Answer(key(0)); a != nil || err != nil {
		t.Fatalf("an answer before it was asked for: %v, %v", a, err)
	}
	ask(t, s, 0, 3)
	refused := answered(3)
	refused.Outcome = plugins.Declined
	settle(t, s, intend(t, s, send(3)), refused)
	settle(t, s, intend(t, s, send(4)), plugins.Settlement{Outcome: plugins.Rejected, Status: 429, Message: "slow down", At: start})
	settle(t, s, intend(t, s, send(5)), plugins.Settlement{Outcome: plugins.Cut, At: start})
	intend(t, s, send(6))

	check := func(s *Store, alive bool) {
		t.Helper()
		want(t, s, 0, 3)
		a, err := s.Answer(key(3))
		if err != nil || a == nil || !a.Refusal || !bytes.Equal(a.Body, answer(3).Body) {
			t.Errorf("refusal: %+v, %v", a, err)
		}
		for i := 4; i < 7; i++ {
			if a, err := s.Answer(key(i)); a != nil || err != nil {
				t.Errorf("answer %d: %v, %v", i, a, err)
			}
		}
		got := sends(t, s, "study")
		if len(got) != 7 || len(sends(t, s, "")) != 7 || len(sends(t, s, "other")) != 0 {
			t.Fatalf("%d sends", len(got))
		}
		outcomes := []plugins.Outcome{"answered", "answered", "answered", "refused", "rejected", "cut", ""}
		for i, g := range got {
			if diff := cmp.Diff(bodiless(send(i)), g.Send); diff != "" {
				t.Errorf("send %d: %s", i, diff)
			}
			if outcomes[i] == "" {
				if g.End != nil || g.Alive != alive {
					t.Errorf("an open send: %+v, alive %v", g.End, g.Alive)
				}
				continue
			}
			if g.End == nil || g.End.Outcome != outcomes[i] || g.Alive {
				t.Fatalf("send %d ended with %+v", i, g.End)
			}
			if a := answer(i); i < 3 {
				a.Body = nil
				if diff := cmp.Diff(&plugins.Settlement{Outcome: "answered", Status: 200, Answer: &a, At: a.At}, g.End); diff != "" {
					t.Error(diff)
				}
			}
		}
		if g := got[4].End; g.Status != 429 || g.Message != "slow down" || g.Answer != nil {
			t.Errorf("rejected: %+v", g)
		}
	}
	check(s, true)
	check(opened(t, dir, Options{}), true)
	check(opened(t, dir, Options{ReadOnly: true}), true)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(opened(t, dir, Options{}), false)
	check(opened(t, dir, Options{ReadOnly: true}), false)
	if s.Close() != nil {
		t.Error("a second Close fails")
	}
	if _, err := s.Intend(send(9)); !errors.Is(err, ErrClosed) {
		t.Errorf("intend after Close: %v", err)
	}
	if _, err := s.Answer(key(0)); !errors.Is(err, ErrClosed) {
		t.Errorf("answer after Close: %v", err)
	}
}

func TestRecordKeepsTheRequest(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	ask(t, s, 0, 1)
	held := send(1)
	held.Restricted = true
	settle(t, s, intend(t, s, held), answered(1))
	for i := range 2 {
		r, err := s.Record(key(i))
		if err != nil || r == nil || r.Key != key(i) || r.API != "openai-chat" || r.Hash != send(i).Hash || r.Restricted != (i == 1) {
			t.Fatalf("record %d: %+v, %v", i, r, err)
		}
		if i == 0 && !bytes.Equal(r.Request, send(0).Request) || i == 1 && r.Request != nil {
			t.Errorf("request %d: %s", i, r.Request)
		}
	}
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("row 1")) {
			t.Errorf("%s holds the request of a restricted send", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestMisuse(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	for _, k := range []string{"", "a b", "a\n", "ä", strings.Repeat("x", maxKey+1)} {
		if _, err := s.Intend(plugins.Send{Key: k}); err == nil {
			t.Errorf("key %q is taken", k)
		}
	}
	huge := send(0)
	huge.Axes = map[string]string{"a": strings.Repeat("x", maxLine)}
	if _, err := s.Intend(huge); err == nil {
		t.Error("a line of more than maxLine is taken")
	}
	id := intend(t, s, send(0))
	for name, end := range map[string]plugins.Settlement{
		"no answer":     {Outcome: plugins.Answered},
		"answer of cut": {Outcome: plugins.Cut, Answer: &plugins.Answer{}},
		"body":          {Outcome: plugins.Answered, Answer: &plugins.Answer{Body: make([]byte, maxBody+1)}},
	} {
		if err := s.Settle(id, end); err == nil {
			t.Errorf("%s: no error", name)
		}
		if name == "body" { // its cost is journalled
			if l := total(t, s); l.Answered != 1 {
				t.Errorf("%+v", l)
			}
		}
	}
	for _, id := range []string{"", "x/1", id + "0"} {
		if err := s.Settle(id, plugins.Settlement{Outcome: plugins.Cut}); err == nil {
			t.Errorf("id %q is settled", id)
		}
	}
	id = intend(t, s, send(1))
	settle(t, s, id, plugins.Settlement{Outcome: plugins.Cut, Message: strings.Repeat("ä", maxLine)})
	if err := s.Settle(id, plugins.Settlement{Outcome: plugins.Cut}); err == nil {
		t.Error("a send is settled twice")
	}
	if _, err := Open("", Options{}); err == nil {
		t.Error("no folder is opened")
	}
}

func TestReadOnlyWritesNothing(t *testing.T) {
	parent := t.TempDir()
	s := opened(t, filepath.Join(parent, "none"), Options{ReadOnly: true})
	if a, err := s.Answer(key(0)); a != nil || err != nil || s.Len() != 0 || len(sends(t, s, "")) != 0 {
		t.Errorf("an empty store holds %v, %v", a, err)
	}
	if _, err := s.Intend(send(0)); !errors.Is(err, ErrReadOnly) {
		t.Errorf("intend: %v", err)
	}
	if err := s.Settle("x/1", plugins.Settlement{}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("settle: %v", err)
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) > 0 {
		t.Errorf("it made %v, %v", entries, err)
	}
}

func TestOtherFoldersAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "thesis.tex") {
		t.Errorf("open: %v", err)
	}
	dir = t.TempDir()
	s := opened(t, dir, Options{})
	s.Close()
	if err := os.WriteFile(filepath.Join(dir, "version"), []byte("2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ro := range []bool{false, true} {
		if _, err := Open(dir, Options{ReadOnly: ro}); err == nil || !strings.Contains(err.Error(), `format is "2"`) {
			t.Errorf("open: %v", err)
		}
	}
}

func TestEverythingIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "responses")
	s := opened(t, dir, Options{})
	ask(t, s, 0, 2)
	big := answered(2)
	big.Answer.Body = make([]byte, 200<<10)
	for i := range big.Answer.Body {
		big.Answer.Body[i] = byte(rand.Uint32()) // compresses to more than a pack takes
	}
	settle(t, s, intend(t, s, send(2)), big)
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		wanted := fs.FileMode(0o600)
		if d.IsDir() {
			wanted = 0o700
		}
		files++
		if info.Mode().Perm() != wanted {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
}

// Of two answers to one key the first stays for both processes, and both sends count.
func TestTheFirstAnswerStays(t *testing.T) {
	dir := t.TempDir()
	a, b := opened(t, dir, Options{}), opened(t, dir, Options{})
	first, second := intend(t, a, send(0)), intend(t, b, send(0))
	settle(t, a, first, answered(0))
	other := answered(0)
	late := *other.Answer
	late.Body, late.Output = []byte("another"), 70
	other.Answer = &late
	settle(t, b, second, other)
	for _, s := range []*Store{a, b, opened(t, dir, Options{ReadOnly: true})} {
		want(t, s, 0, 1)
		if l := total(t, s); l.Sends != 2 || l.Answered != 2 {
			t.Errorf("%+v", l)
		}
		sum := 0
		for _, g := range sends(t, s, "study") {
			sum += g.End.Answer.Output
		}
		if sum != 120 {
			t.Errorf("output of %d tokens, want 50 + 70", sum)
		}
	}
}

// What another process stores is found without opening again.
func TestAnswersOfOthersAreSeen(t *testing.T) {
	dir := t.TempDir()
	a, b := opened(t, dir, Options{}), opened(t, dir, Options{})
	reader := opened(t, dir, Options{ReadOnly: true})
	for i := range 5 {
		ask(t, []*Store{a, b}[i%2], i, i+1)
		want(t, a, 0, i+1)
		want(t, b, 0, i+1)
		want(t, reader, 0, i+1)
	}
}

func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{opened(t, dir, Options{}), opened(t, dir, Options{})}
	const each = 8
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			s := stores[w%2]
			for i := w * each; i < (w+1)*each; i++ {
				id, err := s.Intend(send(i))
				if err == nil {
					err = s.Settle(id, answered(i))
				}
				if err != nil {
					t.Error(err)
					return
				}
				if a, err := s.Answer(key(i)); err != nil || a == nil {
					t.Errorf("answer %d: %v, %v", i, a, err)
				}
			}
		})
	}
	wg.Go(func() { total(t, stores[0]) })
	wg.Wait()
	for _, s := range append(stores, opened(t, dir, Options{ReadOnly: true})) {
		want(t, s, 0, 16*each)
		if l := total(t, s); l.Answered != 16*each || l.Sends != 16*each {
			t.Errorf("%+v", l)
		}
	}
}

// A stored answer that is damaged counts as none: it is asked for again.
func TestADamagedAnswerIsNone(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	ask(t, s, 0, 3)
	s.Close()
	packs, err := filepath.Glob(filepath.Join(dir, "store/packs/*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatal(packs, err)
	}
	b, err := os.ReadFile(packs[0])
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte(`"fingerprint"`))
	b[at+3] ^= 4
	if err := os.WriteFile(packs[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s = opened(t, dir, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if a, err := s.Answer(key(0)); a != nil || err != nil || !strings.Contains(log.String(), "damaged") {
		t.Errorf("%v, %v, log %q", a, err, log.String())
	}
	want(t, s, 1, 3)
	ask(t, s, 0, 1)
	want(t, s, 0, 3)
}

func TestLookupsAreKeyedAsPuts(t *testing.T) {
	if got, want := storeKey(key(1)), recipe(key(1)).Key(); got != want || storeKey(key(2)) == want || len(got) != 64 {
		t.Errorf("%s, %s", got, want)
	}
	var r cache.Recipe
	if err := json.Unmarshal(recipe(key(1)).Canonical(), &r); err != nil || r.Data != key(1) || r.Stage != "response" {
		t.Errorf("%+v, %v", r, err)
	}
}
