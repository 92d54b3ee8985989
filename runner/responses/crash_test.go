package responses

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
)

const senders = 8

// outcome returns how the i-th send of a crash test ends.
func outcome(i int) plugins.Settlement {
	end := answered(i)
	switch i % 7 {
	case 0:
		return plugins.Settlement{Outcome: plugins.Cut, At: start}
	case 1:
		end.Outcome = plugins.Declined
	case 2:
		return plugins.Settlement{Outcome: plugins.Rejected, Status: 529, At: start}
	}
	return end
}

// sendForever is the process that TestKill kills. It tells what it has sent, as a server would, and what it has settled.
func sendForever(dir string) {
	s, err := Open(dir, Options{})
	if err != nil {
		panic(err)
	}
	from, err := strconv.Atoi(os.Getenv("EHRLAB_TEST_FROM"))
	if err != nil {
		panic(err)
	}
	for w := range senders {
		go func() {
			for i := from + w; ; i += senders {
				id, err := s.Intend(send(i))
				if err != nil {
					panic(err)
				}
				os.Stdout.WriteString(fmt.Sprintf("sent %d\n", i))
				if err := s.Settle(id, outcome(i)); err != nil {
					panic(err)
				}
				os.Stdout.WriteString(fmt.Sprintf("done %d\n", i))
			}
		}()
	}
	select {}
}

func executable(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// child starts this test as another process.
func child(t *testing.T, out *bytes.Buffer, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(executable(t))
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	ends := map[int]string{} // "sent" or "done", of all rounds
	const rounds = 6
	for round := range rounds {
		var out bytes.Buffer
		cmd := child(t, &out, "EHRLAB_TEST_SEND_FOREVER="+dir, fmt.Sprint("EHRLAB_TEST_FROM=", round*1_000_000))
		time.Sleep(time.Duration(150+37*round) * time.Millisecond)
		before := total(t, opened(t, dir, Options{ReadOnly: true}))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // says "killed"
		for lines := bufio.NewScanner(&out); lines.Scan(); {
			var what string
			var i int
			if n, err := fmt.Sscan(lines.Text(), &what, &i); n == 2 && err == nil {
				ends[i] = what
			}
		}
		s := opened(t, dir, Options{})
		orphans := checkKilled(t, s, ends, senders*(round+1))
		if before.Orphaned > orphans {
			t.Errorf("while the process ran %d sends were orphaned, and %d after", before.Orphaned, orphans)
		}
		if damage, err := s.Damage(); err != nil || len(damage) > 0 {
			t.Errorf("damage: %v, %v", damage, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(ends) < 10*rounds {
		t.Fatalf("only %d sends before the kills: the test shows nothing", len(ends))
	}
	t.Logf("%d sends", len(ends))
}

// checkKilled holds what the store tells against what the processes told, and returns how many sends are orphaned.
func checkKilled(t *testing.T, s *Store, ends map[int]string, inFlight int) (orphans int) {
	t.Helper()
	numbers := map[string]int{}
	for i := range ends {
		numbers[key(i)] = i
	}
	seen, unknown := map[int]bool{}, 0
	for _, g := range sends(t, s, "study") {
		i, sent := numbers[g.Send.Key]
		switch {
		case g.Alive:
			t.Fatalf("a send of a dead process is alive")
		case g.End == nil:
			orphans++
		}
		if !sent {
			unknown++ // killed before it was told
			continue
		}
		seen[i] = true
		a, err := s.Answer(g.Send.Key)
		if err != nil {
			t.Fatal(err)
		}
		whole := outcome(i).Answer != nil
		switch {
		case g.End == nil && ends[i] == "done":
			t.Fatalf("send %d was settled, and is orphaned", i)
		case g.End == nil && a != nil:
			t.Fatalf("send %d has an answer, and is orphaned", i)
		case g.End != nil && (g.End.Outcome != outcome(i).Outcome || whole != (a != nil) || whole && !bytes.Equal(a.Body, answer(i).Body)):
			t.Fatalf("send %d ended with %+v and answer %v", i, g.End, a)
		}
	}
	if len(seen) != len(ends) {
		t.Fatalf("%d sends are known of %d", len(seen), len(ends))
	}
	if orphans > inFlight || unknown > inFlight {
		t.Errorf("%d sends are orphaned and %d untold, and at most %d were under way", orphans, unknown, inFlight)
	}
	if l := total(t, s); l.Sends != len(seen)+unknown || l.Orphaned != orphans || l.InFlight != 0 {
		t.Errorf("usage %+v of %d sends", l, len(seen)+unknown)
	}
	return orphans
}

// A kill between the answer and its line in the journal.
func TestAnswerWithoutItsLine(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	first := intend(t, s, send(0))
	retry := send(0)
	retry.Try = 1
	second := intend(t, s, retry)
	if err := s.keep(second, retry, answer(0)); err != nil {
		t.Fatal(err)
	}
	refusal := intend(t, s, send(1))
	evidence := answer(1)
	evidence.Refusal = true
	if err := s.keep(refusal, send(1), evidence); err != nil {
		t.Fatal(err)
	}
	s.Close()
	want(t, opened(t, dir, Options{}), 0, 1)
	got := sends(t, opened(t, dir, Options{ReadOnly: true}), "study")
	if len(got) != 3 || got[0].End != nil || got[0].Alive || got[0].Send.Try != 0 {
		t.Fatalf("send %s, which was lost: %+v", first, got)
	}
	if e := got[1].End; e == nil || e.Outcome != plugins.Answered || e.Answer.Input != answer(0).Input || !e.At.Equal(answer(0).At) || e.Answer.Body != nil {
		t.Errorf("the send that was answered: %+v", e)
	}
	if e := got[2].End; e == nil || e.Outcome != plugins.Declined {
		t.Errorf("the send that was refused: %+v", e)
	}
}

// sendEqual is one of the processes of TestProcessesShareAnswers: they ask the same with other answers.
func sendEqual(dir string) {
	s, err := Open(dir, Options{})
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString("ready\n")
	os.Stdin.Read(make([]byte, 1)) // until the parent lets both go
	var wg sync.WaitGroup
	for w := range senders {
		wg.Go(func() {
			for i := w; i < equalSends; i += senders {
				id, err := s.Intend(send(i))
				if err != nil {
					panic(err)
				}
				end := answered(i)
				end.Answer.Body = fmt.Appendf(nil, "process %d, call %d", os.Getpid(), i)
				if err := s.Settle(id, end); err != nil {
					panic(err)
				}
				a, err := s.Answer(key(i))
				if err != nil {
					panic(err)
				}
				os.Stdout.WriteString(fmt.Sprintf("%d %s\n", i, a.Body))
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		panic(err)
	}
}

const equalSends = 200

// waiting starts a process and returns when it is ready. It goes on when its gate is closed.
func waiting(t *testing.T, env string) (*exec.Cmd, *bufio.Scanner, io.Closer) {
	t.Helper()
	cmd := exec.Command(executable(t))
	cmd.Env, cmd.Stderr = append(os.Environ(), env), os.Stderr
	gate, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the process says %q", lines.Text())
	}
	return cmd, lines, gate
}

func TestProcessesShareAnswers(t *testing.T) {
	dir := t.TempDir()
	var cmds [2]*exec.Cmd
	var outs [2]*bufio.Scanner
	var gates [2]io.Closer
	for i := range cmds {
		cmds[i], outs[i], gates[i] = waiting(t, "EHRLAB_TEST_SEND_EQUAL="+dir)
	}
	for _, gate := range gates {
		gate.Close()
	}
	served := map[string]string{}
	both, lines := map[string]bool{}, 0
	for i, cmd := range cmds {
		for in := outs[i]; in.Scan(); lines++ {
			n, body, _ := strings.Cut(in.Text(), " ")
			if first, ok := served[n]; ok && first != body {
				t.Errorf("call %s was served %q and %q", n, first, body)
			}
			served[n] = body
			both[strings.Fields(body)[1]] = true
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	s := opened(t, dir, Options{ReadOnly: true})
	for i := range equalSends {
		if a, err := s.Answer(key(i)); err != nil || a == nil || string(a.Body) != served[strconv.Itoa(i)] {
			t.Errorf("call %d: %v, %v; served was %q", i, a, err, served[strconv.Itoa(i)])
		}
	}
	if l := total(t, s); lines != 2*equalSends || l.Sends != lines || l.Answered != lines {
		t.Errorf("%d calls, usage %+v", lines, l)
	}
	t.Logf("answers of %d processes were served", len(both))
}

// journalOf returns the path of the only journal and its lines, each with its newline.
func journalOf(t testing.TB, dir string) (string, [][]byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "journal/*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(b, []byte{'\n'})
	return files[0], lines[:len(lines)-1]
}

func write(t testing.TB, path string, parts ...[]byte) {
	t.Helper()
	if err := os.WriteFile(path, bytes.Join(parts, nil), 0o600); err != nil {
		t.Fatal(err)
	}
}

// mixed makes a store with a journal of seven lines: four sends that were cut, of which the last has no end.
func mixed(t testing.TB) (dir, path string, lines [][]byte) {
	dir = t.TempDir()
	s := opened(t, dir, Options{})
	var ids []string
	for i := range 4 {
		ids = append(ids, intend(t, s, send(i)))
	}
	for _, id := range ids[:3] {
		settle(t, s, id, plugins.Settlement{Outcome: plugins.Cut, At: start})
	}
	s.Close()
	path, lines = journalOf(t, dir)
	if len(lines) != 7 {
		t.Fatalf("%d lines", len(lines))
	}
	return dir, path, lines
}

func TestTornLastLine(t *testing.T) {
	dir, path, lines := mixed(t)
	last := lines[6]
	for size := range last {
		write(t, path, append(lines[:6:6], last[:size])...)
		s := opened(t, dir, Options{ReadOnly: true})
		if l := total(t, s); l.Sends != 4 || l.Cut != 2 || l.Orphaned != 2 || l.Damaged != 0 {
			t.Fatalf("%d bytes of the last line: %+v", size, l)
		}
		if damage, err := s.Damage(); err != nil || len(damage) > 0 {
			t.Fatalf("damage: %v, %v", damage, err)
		}
	}
	// a torn intent was never sent
	write(t, path, append(lines[:3:3], lines[3][:50])...)
	if l := total(t, opened(t, dir, Options{})); l.Sends != 3 || l.Orphaned != 3 {
		t.Errorf("%+v", l)
	}
}

func TestDamagedLines(t *testing.T) {
	for _, tt := range []struct {
		name    string
		damaged []int // numbers of lines
		want    Line
	}{
		{"none", nil, Line{Sends: 4, Cut: 3, Orphaned: 1}},
		{"an intent with an end", []int{2}, Line{Sends: 4, Cut: 3, Orphaned: 1, Damaged: 1}},
		{"an intent without", []int{4}, Line{Sends: 4, Cut: 3, Orphaned: 1, Damaged: 1}},
		{"an end", []int{6}, Line{Sends: 4, Cut: 2, Orphaned: 2}},
		{"an intent and its end", []int{1, 5}, Line{Sends: 4, Cut: 2, Orphaned: 2, Damaged: 1}},
		{"all intents", []int{1, 2, 3, 4}, Line{Sends: 4, Cut: 3, Orphaned: 1, Damaged: 4}},
		{"the last line, which may have been a send", []int{7}, Line{Sends: 5, Cut: 2, Orphaned: 3, Damaged: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, path, lines := mixed(t)
			var where []Damage
			for _, n := range tt.damaged {
				lines[n-1][len(lines[n-1])/2] ^= 1
				where = append(where, Damage{path, n})
			}
			write(t, path, lines...)
			var log bytes.Buffer
			s := opened(t, dir, Options{ReadOnly: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
			got, again := total(t, s), total(t, s)
			if fmt.Sprint(got) != fmt.Sprint(tt.want) || fmt.Sprint(again) != fmt.Sprint(got) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if found, err := s.Damage(); err != nil || fmt.Sprint(found) != fmt.Sprint(where) {
				t.Errorf("damage %v, want %v, %v", found, where, err)
			}
			if n := strings.Count(log.String(), "damaged"); n != len(tt.damaged) {
				t.Errorf("%d warnings: %s", n, log.String())
			}
			for _, d := range where {
				if !strings.Contains(log.String(), fmt.Sprintf("line=%d", d.Line)) {
					t.Errorf("line %d is not told of", d.Line)
				}
			}
			// what is unknown may belong to the other experiment only where this journal tells of no experiment
			other := 0
			if len(tt.damaged) == 4 {
				other = 4
			}
			if n := len(sends(t, s, "other")); n != other {
				t.Errorf("%d sends of another experiment, want %d", n, other)
			}
		})
	}
}

func TestForeignLinesAreDamage(t *testing.T) {
	dir, path, lines := mixed(t)
	junk := [][]byte{
		[]byte("\n"), []byte("{}\n"), bytes.Repeat([]byte{0}, 300), []byte("\n"), bytes.Repeat([]byte("x"), 2*maxLine), []byte("\n"),
		appendLine(nil, 1<<40, []byte(`"settle":{"id":"x/1"}}`)), // more sends than can be
		appendLine(nil, 4, []byte(`"settle":{"id":"nowhere"}}`)),
		lines[0], // for the second time
	}
	write(t, path, append(junk, append(lines[:7:7], junk...)...)...)
	s := opened(t, dir, Options{ReadOnly: true})
	damage, err := s.Damage()
	if err != nil || len(damage) != 6+1+7 { // the first of lines[0] is good
		t.Errorf("damage %v, %v", damage, err)
	}
	if l := total(t, s); l.Sends != 4+7 || l.Cut != 3 || l.Orphaned != 8 {
		t.Errorf("%+v", l)
	}
}
