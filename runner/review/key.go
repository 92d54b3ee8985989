// Package review asks people what they think of single records, blind: it draws real and synthetic records of a cell, lays them out
// for each rater, reads what the raters answer, and hands it to the metric that rates raters. It computes no statistic of ratings itself.
//
// A packet tells nothing of where its records come from. The key does, and stands apart from the packet; every file of the packet
// names it by its hash, so that answers and key can be seen to belong together.
package review

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// The origins of records, as the metric of ratings calls them unless told otherwise.
const (
	Synthetic = "synthetic"
	Real      = "real"
)

// The scales that raters answer on.
const (
	LeastRealism, MostRealism       = 1, 10
	LeastConfidence, MostConfidence = 1, 5
)

// keyFormat is raised when keys are written otherwise.
const keyFormat = 2

// Key says of every record of a packet where it comes from. Whoever rates must not see it.
type Key struct {
	Format     int                `json:"format"`
	Experiment string             `json:"experiment"`
	Cell       string             `json:"cell"`
	Of         string             `json:"of"`   // the synthetic rows that were drawn from, as plugins.RowsID
	Rows       string             `json:"rows"` // AllRows or KeptRows
	Round      int                `json:"round"`
	Seed       uint64             `json:"seed"`
	Governance plugins.Governance `json:"governance"`
	Simulated  bool               `json:"simulated,omitempty"`
	Allowed    string             `json:"allowed,omitempty"` // why rows of restricted data may be in the packet
	Sample     string             `json:"sample"`            // AtRandom or ByScore
	Header     []Match            `json:"header,omitempty"`
	Excluded   []string           `json:"excluded,omitempty"` // hashes of the packets whose records were not shown again
	Audit      string             `json:"audit,omitempty"`    // whose scores records have
	Scores     string             `json:"scores,omitempty"`   // these, as plugins.AuditReport.ScoresID
	Scale      *Scale             `json:"scale,omitempty"`
	Records    []Record           `json:"records"`
	Raters     []Rater            `json:"raters"`

	hash string
}

// Which synthetic rows are drawn from.
const (
	AllRows  = "all"  // that were made, whatever an audit says of them
	KeptRows = "kept" // by the audit
)

// How records are drawn.
const (
	AtRandom = "random"
	ByScore  = "by-score"
)

// Scale is that of an auditor, with its threshold.
type Scale struct {
	Min       float64 `json:"min"`
	Max       float64 `json:"max"`
	Threshold float64 `json:"threshold"`
}

// Match is a column that a real record has to share with a synthetic one to be its pair.
type Match struct {
	Column string  `json:"column"`
	Within float64 `json:"within,omitempty"` // by which numbers may differ
}

// Record is one record of a packet.
type Record struct {
	Name        string   `json:"record"`
	Origin      string   `json:"origin"`
	Row         int      `json:"row"`               // from 0, of the synthetic rows or of the test rows
	Identity    string   `json:"identity"`          // hash of what the row holds
	Subject     string   `json:"subject,omitempty"` // hash of the patient
	Pair        string   `json:"pair,omitempty"`
	Judged      bool     `json:"judged,omitempty"` // by the audit
	Score       *float64 `json:"score,omitempty"`  // that the audit gave it; nil: none
	Probability float64  `json:"probability,omitempty"`
	Training    bool     `json:"training,omitempty"` // shown first, for practice, and no part of the study
}

// Rater is one who rates, with what is shown, in order.
type Rater struct {
	Name  string `json:"rater"`
	Items []Item `json:"items"`
}

// Item is one showing of a record to one rater.
type Item struct {
	ID      string `json:"item"`
	Record  string `json:"record"`
	Showing int    `json:"showing"` // 1; 2 where the rater has seen the record before
}

// Hash names the key in the files of its packet.
func (k *Key) Hash() string { return k.hash }

// seal returns the key as it is stored, and gives it its hash.
func (k *Key) seal() ([]byte, error) {
	k.Format = keyFormat
	content, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return nil, err
	}
	content = append(content, '\n')
	k.hash = hashOf(content)
	return content, nil
}

// hashOf is short enough to be read out, and long enough that no two packets share it.
func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:10])
}

// mostKey bounds the size of a key: a review has hundreds of records, not millions.
const mostKey = 64 << 20

// ReadKey reads a key that an export has written.
func ReadKey(path string) (*Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, mostKey+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(content) > mostKey {
		return nil, fmt.Errorf("%s: larger than any key; want the key.json of a 'review export'", path)
	}
	k, err := parseKey(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

var errNoKey = errors.New("is no key of a packet; want the key.json that 'review export' wrote")

func parseKey(content []byte) (*Key, error) {
	k := &Key{}
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(k); err != nil || k.Format == 0 {
		return nil, errNoKey
	}
	if k.Format != keyFormat {
		return nil, fmt.Errorf("is a key of format %d; this ehrlab reads %d", k.Format, keyFormat)
	}
	k.hash = hashOf(content)
	return k, k.check()
}

// check finds what no export writes.
func (k *Key) check() error {
	if k.Of == "" {
		return errNoKey
	}
	records := map[string]bool{}
	for _, r := range k.Records {
		if r.Name == "" || records[r.Name] || r.Origin != Synthetic && r.Origin != Real {
			return errNoKey
		}
		records[r.Name] = true
	}
	items := map[string]bool{}
	for _, rater := range k.Raters {
		for _, item := range rater.Items {
			if item.ID == "" || items[item.ID] || !records[item.Record] || item.Showing < 1 || item.Showing > 2 {
				return errNoKey
			}
			items[item.ID] = true
		}
	}
	if len(items) == 0 {
		return errNoKey
	}
	return nil
}

// record returns a record by its name, which is one of the key's.
func (k *Key) record(name string) *Record {
	return &k.Records[slices.IndexFunc(k.Records, func(r Record) bool { return r.Name == name })]
}

var raterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

// CheckRaters says what is wrong with the names of raters, or returns nil.
func CheckRaters(names []string) error {
	if len(names) == 0 {
		return errors.New("no rater is named; want one name or more, such as ann,bob")
	}
	seen := map[string]bool{}
	for _, name := range names {
		folded := strings.ToLower(name)
		switch {
		case !raterName.MatchString(name):
			return fmt.Errorf("rater %q: want letters, digits, - and _, at most 32", name)
		case folded == "all" || folded == "mean" || folded == "judge":
			return fmt.Errorf("rater %q: it stands for several raters, or for the auditor, in the tables; want another name", name)
		case seen[folded]:
			return fmt.Errorf("rater %q is named twice", name)
		}
		seen[folded] = true
	}
	return nil
}
