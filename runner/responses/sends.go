package responses

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"github.com/ehrlab/ehrlab/plugins"
)

// Damage is a line of a journal that cannot be read although it was written whole.
type Damage struct {
	File string `json:"file"` // its path
	Line int    `json:"line"` // from 1
}

func (d Damage) String() string {
	return fmt.Sprintf("%s:%d: this line of the journal is damaged", d.File, d.Line)
}

// Sends calls f for every send of an experiment so far, or of all when it is "". They come without bodies.
//
// A send whose process ended before it could settle it, after its answer was stored, counts as answered. Where a line of a
// journal is damaged, the send that it told of comes with nothing but the outcome, if that is known: for every experiment that
// the rest of the journal tells of, as it may belong to any. Each such line is warned of once.
func (s *Store) Sends(experiment string, f func(send plugins.Send, settled *plugins.Settlement, alive bool) error) error {
	a := account{experiment: experiment, each: f, elsewhere: map[string]*plugins.Settlement{}}
	damage, err := s.read(&a)
	s.warn(damage)
	if err != nil {
		return err
	}
	for _, o := range a.unsettled {
		end, known := a.elsewhere[o.id]
		if !known {
			end = s.answered(o.id, o.send.Key)
		}
		if err := f(o.send, end, o.alive && end == nil); err != nil {
			return err
		}
	}
	return nil
}

// Damage reads all journals and lists their damaged lines, by file and line.
func (s *Store) Damage() ([]Damage, error) {
	return s.read(&account{elsewhere: map[string]*plugins.Settlement{}, each: func(plugins.Send, *plugins.Settlement, bool) error { return nil }})
}

// warn tells once of each damaged line.
func (s *Store) warn(damage []Damage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range damage {
		if !s.told[d] {
			s.told[d] = true
			s.log.Warn("a line of the journal of responses is damaged: its send may have been charged", "file", d.File, "line", d.Line)
		}
	}
}

// answered returns the end of a send that its process could not journal although its answer is stored, or nil.
func (s *Store) answered(id, key string) *plugins.Settlement {
	at := storeKey(key)
	if _, ok := s.store.Lookup(at); !ok {
		return nil
	}
	facts, ok := s.store.Facts(at)
	var m meta
	if !ok || json.Unmarshal(facts, &m) != nil || m.Send != id {
		return nil
	}
	a := m.answer()
	end := &plugins.Settlement{Outcome: plugins.Answered, Answer: &a, At: a.At}
	if a.Refusal {
		end.Outcome = plugins.Declined
	}
	return end
}

// read passes all journals to an account.
func (s *Store) read(a *account) ([]Damage, error) {
	names, err := s.journalNames()
	if err != nil {
		return nil, fmt.Errorf("read the journals: %w", err)
	}
	// Before anything is read: a process that ends meanwhile has journalled and stored what it had to.
	alive := make([]bool, len(names))
	for i, name := range names {
		alive[i] = s.alive(name)
	}
	if err := s.refresh(); err != nil {
		return nil, fmt.Errorf("read the journals: %w", err)
	}
	var damage []Damage
	for i, name := range names {
		lines, err := a.file(s.journalPath(name), name, alive[i])
		for _, l := range lines {
			damage = append(damage, Damage{s.journalPath(name), l})
		}
		if err != nil {
			return damage, err
		}
	}
	return damage, nil
}

// journalNames lists the journals, oldest first.
func (s *Store) journalNames() ([]string, error) {
	entries, err := os.ReadDir(s.journals())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), journalExt); ok && !e.IsDir() {
			names = append(names, name)
		}
	}
	return names, err
}

func (s *Store) journalPath(name string) string { return filepath.Join(s.journals(), name+journalExt) }

// alive reports whether the process of a journal may still write to it: then it holds its lock.
func (s *Store) alive(name string) bool {
	if s.journal.own(name) {
		return true
	}
	lock := flock.New(s.journalPath(name), flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	if err != nil {
		s.log.Debug("it is unknown whether the process of a journal still runs", "journal", name, "error", err)
		return false
	}
	if free {
		lock.Unlock()
	}
	return !free
}

// account matches intents with their ends.
type account struct {
	experiment string
	each       func(plugins.Send, *plugins.Settlement, bool) error
	unsettled  []unsettled                    // of the journals so far
	elsewhere  map[string]*plugins.Settlement // ends that stand in another journal than their intent, by id
}

type unsettled struct {
	id    string
	send  plugins.Send
	alive bool
}

// matching is the state of one journal.
type matching struct {
	*account
	name  string
	sends int                  // known so far
	open  map[int]plugins.Send // by number
	lost  map[int]*plugins.Settlement
	known bool // it holds a send of the experiment
	some  bool // it holds any that can be read
	tail  int  // damaged lines since the last good one
}

func (a *account) file(path, name string, alive bool) (damaged []int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	defer f.Close()
	return a.journal(f, name, alive)
}

// journal reads a journal and returns the numbers of its damaged lines.
func (a *account) journal(r io.Reader, name string, alive bool) (damaged []int, err error) {
	m := matching{account: a, name: name, open: map[int]plugins.Send{}, lost: map[int]*plugins.Settlement{}}
	in := lines{r: bufio.NewReaderSize(r, 64<<10)}
	for {
		b, torn, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged, fmt.Errorf("read the journal %s: %w", name, err)
		}
		if torn {
			continue // nobody was told that it is written
		}
		l, err := parseLine(b)
		if err != nil || !m.fits(l, in.at) {
			damaged = append(damaged, in.number)
			m.tail++
			continue
		}
		if err := m.add(l); err != nil {
			return damaged, err
		}
	}
	return damaged, m.finish(alive)
}

// fits reports whether a line can follow those before it in a journal of so many bytes.
func (m *matching) fits(l *line, at int64) bool {
	if l.Intend != nil && l.Sends <= m.sends || l.Sends < m.sends || int64(l.Sends) > at/minLine {
		return false
	}
	if l.Settle == nil {
		return true
	}
	name, n, ok := splitID(l.Settle.ID)
	return ok && (name != m.name || n <= l.Sends)
}

func (m *matching) add(l *line) error {
	m.tail = 0
	missing := l.Sends
	if l.Intend != nil {
		missing--
	}
	for n := m.sends + 1; n <= missing; n++ {
		m.lost[n] = nil
	}
	m.sends = l.Sends
	if l.Intend != nil {
		m.some = true
		m.known = m.known || m.wanted(l.Intend)
		m.open[l.Sends] = *l.Intend
		return nil
	}
	end := &l.Settle.Settlement
	name, n, _ := splitID(l.Settle.ID)
	if name != m.name {
		m.elsewhere[l.Settle.ID] = end
		return nil
	}
	if send, ok := m.open[n]; ok {
		delete(m.open, n)
		if m.wanted(&send) {
			return m.each(send, end, false)
		}
	} else if first, lost := m.lost[n]; lost && first == nil {
		m.lost[n] = end
	}
	return nil
}

func (m *matching) wanted(s *plugins.Send) bool {
	return m.experiment == "" || s.Experiment == m.experiment
}

// finish passes on what damage has left of sends, and keeps those without an end.
func (m *matching) finish(alive bool) error {
	for _, n := range sortedKeys(m.open) {
		if send := m.open[n]; m.wanted(&send) {
			m.unsettled = append(m.unsettled, unsettled{sendID(m.name, n), send, alive})
		}
	}
	if m.some && !m.known && m.experiment != "" {
		return nil
	}
	for _, n := range sortedKeys(m.lost) {
		if err := m.each(plugins.Send{}, m.lost[n], false); err != nil {
			return err
		}
	}
	// What the last lines held, no later line says. Each may have been a send.
	for range m.tail {
		if err := m.each(plugins.Send{}, nil, false); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys[V any](m map[int]V) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
