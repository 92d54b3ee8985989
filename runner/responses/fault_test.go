package responses

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
)

// faulty is a disk whose n-th operation that writes fails, and with sticky all later ones, as when it is full.
type faulty struct {
	sticky bool

	mu    sync.Mutex
	n     int // operations left until the failure
	syncs int
	fired string
}

var errFault = fmt.Errorf("injected: %w", syscall.ENOSPC)

// step counts an operation and says whether it fails.
func (f *faulty) step(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n--
	if f.n == 0 || f.n < 0 && f.sticky {
		if f.fired == "" {
			f.fired = what
		}
		return errFault
	}
	return nil
}

func (f *faulty) OpenFile(name string, flag int, perm fs.FileMode) (cache.File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		if err := f.step("open " + name); err != nil {
			return nil, err
		}
	}
	file, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return faultyFile{file, f}, nil
}

func (f *faulty) create(name string) (file, error) {
	opened, err := f.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, fileMode)
	if err != nil {
		return nil, err
	}
	return opened.(file), nil
}

func (f *faulty) Mkdir(name string, perm fs.FileMode) error  { return os.Mkdir(name, perm) }
func (f *faulty) Remove(name string) error                   { return os.Remove(name) }
func (f *faulty) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (f *faulty) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (f *faulty) Rename(old, name string) error              { return os.Rename(old, name) }
func (f *faulty) SyncDir(name string) error                  { return f.step("sync folder " + name) }
func (f *faulty) syncDir(name string) error                  { return f.SyncDir(name) }

type faultyFile struct {
	*os.File
	disk *faulty
}

func (f faultyFile) Write(b []byte) (int, error) {
	if err := f.disk.step("write " + f.Name()); err != nil {
		n, _ := f.File.Write(b[:2*len(b)/3]) // whole lines of a batch among them
		return n, err
	}
	return f.File.Write(b)
}

func (f faultyFile) Sync() error {
	f.disk.mu.Lock()
	if strings.HasSuffix(f.Name(), journalExt) {
		f.disk.syncs++
	}
	f.disk.mu.Unlock()
	return f.disk.step("sync " + f.Name())
}

func (f faultyFile) Truncate(size int64) error {
	return errors.Join(f.disk.step("truncate "+f.Name()), f.File.Truncate(size))
}

func (f faultyFile) Close() error {
	return errors.Join(f.disk.step("close "+f.Name()), f.File.Close())
}

// What was promised is kept whatever fails, what was refused is not told of, and the store goes on after a fault.
func TestEveryFault(t *testing.T) {
	for _, sticky := range []bool{false, true} {
		for n := 1; ; n++ {
			f := &faulty{sticky: sticky, n: n}
			runFaulty(t, f)
			if t.Failed() {
				t.Fatalf("operation %d, %q, sticky %v", n, f.fired, sticky)
			}
			if f.fired == "" {
				t.Logf("sticky %v: %d operations", sticky, n-1)
				break
			}
		}
	}
}

func runFaulty(t *testing.T, f *faulty) {
	dir := t.TempDir()
	s, err := open(dir, Options{}, f, f)
	if err != nil {
		if !errors.Is(err, errFault) {
			t.Errorf("open: %v", err)
		}
		return
	}
	const calls = 6
	ids, settled, failed := map[int]string{}, map[int]bool{}, 0
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i := range calls {
		wg.Go(func() {
			id, err := s.Intend(send(i))
			settle := err
			if err == nil {
				settle = s.Settle(id, answered(i))
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				ids[i] = id
			}
			if settled[i] = settle == nil; settle != nil {
				failed++
				if !errors.Is(settle, errFault) {
					t.Errorf("call %d: %v", i, settle)
				}
			}
		})
	}
	wg.Wait()
	if !f.sticky && failed < calls {
		last := calls // the store goes on
		id, err := s.Intend(send(last))
		if err == nil {
			ids[last] = id
			err = s.Settle(id, answered(last))
		}
		settled[last] = err == nil
		if err != nil && !errors.Is(err, errFault) {
			t.Errorf("after the fault: %v", err)
		}
	}
	if err := s.Close(); err != nil && !errors.Is(err, errFault) {
		t.Errorf("close: %v", err)
	}
	checkFaulty(t, dir, f, ids, settled)
}

func checkFaulty(t *testing.T, dir string, f *faulty, ids map[int]string, settled map[int]bool) {
	again := opened(t, dir, Options{})
	defer again.Close()
	ends := map[string]*plugins.Settlement{}
	for _, g := range sends(t, again, "study") {
		ends[g.Send.Key] = g.End
	}
	for i := range ids {
		if _, ok := ends[key(i)]; !ok {
			t.Errorf("send %d was journalled, and is lost", i)
		}
	}
	if len(ends) > len(ids) && !f.sticky {
		t.Errorf("%d sends are told of and %d were allowed", len(ends), len(ids))
	}
	for i, ok := range settled {
		a, err := again.Answer(key(i))
		if err != nil || ok && (a == nil || !bytes.Equal(a.Body, answer(i).Body) || ends[key(i)] == nil) {
			t.Errorf("call %d was settled: answer %v, end %v, %v", i, a, ends[key(i)], err)
		}
		if _, sent := ends[key(i)]; a != nil && sent && ends[key(i)] == nil {
			t.Errorf("call %d has an answer, and is orphaned", i)
		}
	}
	if damage, err := again.Damage(); err != nil || len(damage) > 0 {
		t.Errorf("damage %v, %v", damage, err)
	}
	for i := range 7 {
		if a, err := again.Answer(key(i)); err == nil && a == nil {
			ask(t, again, i, i+1)
		}
	}
	want(t, again, 0, 7)
}

// A settlement that the journal could not take is open still, and its end goes to the next journal.
func TestSettlingAgainAfterAFault(t *testing.T) {
	dir := t.TempDir()
	f := &faulty{}
	s, err := open(dir, Options{}, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	id, other := intend(t, s, send(0)), intend(t, s, send(1))
	f.mu.Lock()
	f.n = 1
	f.mu.Unlock()
	end := plugins.Settlement{Outcome: plugins.Rejected, Status: 500, At: start}
	if err := s.Settle(id, end); !errors.Is(err, errFault) {
		t.Fatalf("settle: %v", err)
	}
	settle(t, s, id, end)
	third := intend(t, s, send(2))
	settle(t, s, third, answered(2))
	reader := opened(t, dir, Options{ReadOnly: true})
	if l := total(t, reader); l.Sends != 3 || l.InFlight != 1 || l.Answered != 1 || l.Orphaned != 0 {
		t.Errorf("while it runs: %+v", l)
	}
	settle(t, s, other, answered(1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "journal/*")); err != nil || len(files) != 2 {
		t.Errorf("%q, %v", files, err)
	}
	lines, err := Usage(reader, "study")
	if err != nil || len(lines) != 1 || lines[0].Sends != 3 || lines[0].Answered != 2 || lines[0].Rejected[500] != 1 {
		t.Errorf("%+v, %v", lines, err)
	}
}

// Calls at the same time share the syncs of the journal.
func TestCallsShareSyncs(t *testing.T) {
	f := &faulty{}
	s, err := open(t.TempDir(), Options{}, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	const calls = 64
	gate := make(chan struct{})
	s.journal.entries.writing.Lock() // the disk is busy until all have come
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			<-gate
			if _, err := s.Intend(send(i)); err != nil {
				t.Error(err)
			}
		})
	}
	close(gate)
	for waiting := 0; waiting < calls; {
		s.journal.entries.mu.Lock()
		if b := s.journal.entries.next; b != nil {
			waiting = len(b.items)
		}
		s.journal.entries.mu.Unlock()
	}
	s.journal.entries.writing.Unlock()
	wg.Wait()
	if f.syncs != 1 {
		t.Errorf("%d syncs for %d calls", f.syncs, calls)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
