package reply

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Seen is a set of rows, each known by its values in some columns. It is not safe for concurrent use.
type Seen struct {
	names  []string
	places []int // of the columns in a record
	round  func(name string, v float64) float64
	rows   map[[sha256.Size]byte]struct{}
	buffer []byte
}

// NewSeen returns an empty set of rows with the named columns of a contract; nil names are all of them. round takes a number of a
// column to the precision at which rows are compared, such as that of a prompt; nil compares numbers as they are.
func NewSeen(c Contract, names []string, round func(name string, v float64) float64) (*Seen, error) {
	s := &Seen{round: round, rows: map[[sha256.Size]byte]struct{}{}}
	place := map[string]int{}
	for i, column := range c.Columns {
		place[column.Name] = i
		if names == nil {
			s.names = append(s.names, column.Name)
			s.places = append(s.places, i)
		}
	}
	for _, name := range names {
		i, ok := place[name]
		if !ok {
			return nil, fmt.Errorf("no column named %q is asked for", name)
		}
		s.names, s.places = append(s.names, name), append(s.places, i)
	}
	return s, nil
}

// AddFrame adds rows of a frame that has the columns of the set; nil rows are all of them.
func (s *Seen) AddFrame(f *frame.Frame, rows []int) error {
	columns := make([]*frame.Column, len(s.names))
	for i, name := range s.names {
		if columns[i] = f.Column(name); columns[i] == nil {
			return fmt.Errorf("no column named %q", name)
		}
	}
	add := func(row int) {
		b := s.buffer[:0]
		for i, c := range columns {
			v := Value{Missing: c.IsMissing(row)}
			switch {
			case v.Missing:
			case c.Kind == frame.Category:
				v.Level = c.Levels[c.Codes[row]]
			default:
				v.Number = c.Numbers[row]
			}
			b = s.appendValue(b, i, v)
		}
		s.buffer = b
		s.rows[sha256.Sum256(b)] = struct{}{}
	}
	if rows == nil {
		for row := range f.Rows() {
			add(row)
		}
	}
	for _, row := range rows {
		add(row)
	}
	return nil
}

// Add adds a record with the columns of the contract, and reports whether the set was without it.
func (s *Seen) Add(values []Value) bool {
	id := s.id(values)
	_, there := s.rows[id]
	s.rows[id] = struct{}{}
	return !there
}

// Has reports whether the set has a record with these values.
func (s *Seen) Has(values []Value) bool {
	_, there := s.rows[s.id(values)]
	return there
}

func (s *Seen) id(values []Value) [sha256.Size]byte {
	b := s.buffer[:0]
	for i, at := range s.places {
		b = s.appendValue(b, i, values[at])
	}
	s.buffer = b
	return sha256.Sum256(b)
}

// appendValue appends a value of the i-th column so that different values differ, whatever follows.
func (s *Seen) appendValue(b []byte, i int, v Value) []byte {
	switch {
	case v.Missing:
		return append(b, 0)
	case v.Level != "":
		b = binary.AppendUvarint(append(b, 1), uint64(len(v.Level)))
		return append(b, v.Level...)
	}
	if s.round != nil {
		v.Number = s.round(s.names[i], v.Number)
	}
	return binary.LittleEndian.AppendUint64(append(b, 2), math.Float64bits(unsigned(v.Number)))
}

// Intake puts the records of replies together that are to become the rows of one step. It is not safe for concurrent use: give it
// replies in the order of their calls, so that what it keeps does not depend on which was answered first.
type Intake struct {
	Account   Account // of all that it was given
	contract  Contract
	shown     *Seen
	delivered *Seen
}

// NewIntake returns an intake for records of a contract, of which the columns, the policy and the label count. shown is the rows that the
// model has been shown; nil when there are none.
func NewIntake(c Contract, shown *Seen) *Intake {
	delivered, _ := NewSeen(c, nil, nil) // fails for names alone
	return &Intake{contract: c, shown: shown, delivered: delivered}
}

// Take counts a reply and returns those of its records that are delivered, want at most.
func (in *Intake) Take(r *Reply, want int) []Record {
	in.Account.Add(r.Account)
	return in.Deliver(r.Records, want)
}

// Deliver returns those of the records that are delivered, want at most. It is for records that were put together from more than
// one reply, whose accounts were added to that of the intake before; Take does both.
//
// Those beyond want are surplus and looked at no closer.
func (in *Intake) Deliver(records []Record, want int) []Record {
	a := &in.Account
	var out []Record
	for _, record := range records {
		if len(out) >= want {
			a.Surplus++
			continue
		}
		copied := in.shown != nil && in.shown.Has(record.Values)
		twice := in.delivered.Has(record.Values)
		if copied {
			a.Copied++
		}
		if twice {
			a.Duplicate++
		}
		switch {
		case copied && in.contract.Policy.Copies == Drop:
			in.reject(record.Values, Copied)
		case twice && in.contract.Policy.Duplicates == Drop:
			in.reject(record.Values, Duplicate)
		default:
			in.delivered.Add(record.Values)
			a.Delivered++
			out = append(out, record)
		}
	}
	return out
}

// reject counts a record as rejected.
func (in *Intake) reject(values []Value, reason Reason) {
	in.Account.reject(reason, 1)
	if label, ok := in.contract.LabelOf(values); ok {
		in.Account.rejectLabel(label, 1)
	}
}
