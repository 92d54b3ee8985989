package review

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/sheet"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/spelling"
)

// Packet is what one export makes: the files for raters, and the key that must stay away from them.
type Packet struct {
	Key   *Key
	files []file
}

// file is a file of a packet, by its path in the folder.
type file struct {
	name    string
	content []byte
}

// The folders of an export.
const (
	packetFolder = "packet"
	keyFolder    = "key"
	KeyFile      = "key.json"
)

// New draws the records of a cell and lays them out. allowed is why rows of restricted data may be shown to raters; it is an error when
// the data are restricted and it is empty. round counts the rounds of a review, from 1. Nothing is run: it returns
// engine.ErrNotRun where the rows are not in the cache.
func New(ctx context.Context, p *plan.Plan, c *cache.Cache, cell *plan.Cell, q Request, round int, allowed string) (*Packet, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	governance := cell.Dataset.Governance()
	if governance == plugins.Restricted && allowed == "" {
		return nil, ErrRestricted
	}
	rows, err := engine.RowsOf(ctx, p, c, cell)
	if err != nil {
		return nil, err
	}
	d, err := newDrawer(&q, rows, cell.ID)
	if err != nil {
		return nil, err
	}
	records, err := d.draw()
	if err != nil {
		return nil, err
	}
	key := &Key{
		Experiment: p.Experiment.Name, Cell: cell.ID, Of: d.of(), Rows: q.Rows, Round: round, Seed: q.Seed, Governance: governance,
		Simulated: simulated(cell), Allowed: allowed, Sample: q.Sample, Header: q.Header, Raters: d.items(records),
	}
	for _, k := range q.Exclude {
		key.Excluded = append(key.Excluded, k.hash)
	}
	if d.judge != nil {
		key.Audit, key.Scores, key.Scale = d.judge.Audit, d.judge.ScoresID(), &Scale{d.judge.Scale.Min, d.judge.Scale.Max, d.judge.Threshold}
	}
	for _, r := range records {
		key.Records = append(key.Records, r.Record)
	}
	return d.packet(key, records, cell)
}

// simulated reports whether patients or models of a cell are invented.
func simulated(cell *plan.Cell) bool {
	c := cell.Dataset
	return c.Governance() == plugins.Simulated || c.Header != nil && c.Header.Governance == plugins.Simulated ||
		slices.ContainsFunc(cell.Models, func(m plan.Model) bool { return m.Provider.Info().Simulated })
}

// ErrRestricted says that rows of restricted data would be shown.
var ErrRestricted = errors.New("the data are restricted, and the packet would hold rows of patients, or rows made from them; say why raters may see them")

// packet lays out the files.
func (d *drawer) packet(key *Key, records []candidate, cell *plan.Cell) (*Packet, error) {
	about, limits := cell.Dataset.Told()
	options := sheet.Defaults()
	options.Columns = d.Columns
	for _, name := range d.Columns {
		if known := d.rows.Made.Names(); !slices.Contains(known, name) {
			return nil, fmt.Errorf("columns: there is no column named %q%s", name, spelling.Hint(name, "there are", known))
		}
	}
	s, err := sheet.New(d.rows.Made, sheet.Known{About: about, Limits: limits, Styles: sheet.Styles(d.rows.Train)}, options)
	if err != nil {
		return nil, err
	}
	sealed, err := key.seal()
	if err != nil {
		return nil, err
	}
	out := &Packet{Key: key, files: []file{{filepath.Join(keyFolder, KeyFile), sealed}}}
	written := map[string]sheet.Record{}
	for _, r := range records {
		written[r.Name] = s.Record(r.frame, r.Row)
	}
	imports := [][]string{redcapImport}
	for _, rater := range key.Raters {
		page, err := form(key, &rater, written)
		if err != nil {
			return nil, err
		}
		out.files = append(out.files,
			file{filepath.Join(packetFolder, rater.Name+".html"), page},
			file{filepath.Join(packetFolder, rater.Name+".csv"), plain(key, &rater, s.Names(), written)})
		imports = append(imports, redcapRows(key, &rater, written)...)
	}
	out.files = append(out.files,
		file{filepath.Join(packetFolder, "redcap_data_dictionary.csv"), table(redcapDictionary())},
		file{filepath.Join(packetFolder, "redcap_import.csv"), table(imports)})
	return out, nil
}

// The columns of answers, in the files of a packet and in those that come back.
const (
	packetColumn     = "packet"
	raterColumn      = "rater"
	itemColumn       = "item"
	partColumn       = "part"
	realismColumn    = "realism"
	guessColumn      = "guess"
	confidenceColumn = "confidence"
	commentColumn    = "comment"
	secondsColumn    = "seconds"
)

// The parts of a packet, as raters are told.
const (
	practicePart = "practice"
	studyPart    = "review"
)

// part is what a rater is told an item is.
func (k *Key) part(item Item) string {
	if k.record(item.Record).Training {
		return practicePart
	}
	return studyPart
}

// plain is the packet of a rater as a table to be filled in: a row an item, first what is to be answered, then the record.
func plain(key *Key, rater *Rater, names []string, written map[string]sheet.Record) []byte {
	head := []string{packetColumn, raterColumn, itemColumn, partColumn, realismColumn, guessColumn, confidenceColumn, commentColumn, secondsColumn}
	own := map[string]bool{}
	for _, name := range head {
		own[name] = true
	}
	for _, name := range names {
		if own[name] {
			name += " (record)"
		}
		head = append(head, name)
	}
	rows := [][]string{head}
	for _, item := range rater.Items {
		record := written[item.Record]
		rows = append(rows, append([]string{key.hash, rater.Name, item.ID, key.part(item), "", "", "", "", ""}, record.CSV()...))
	}
	return append([]byte("\ufeff"), table(rows)...) // spreadsheets take it for UTF-8 then
}

// table writes rows as CSV.
func table(rows [][]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		panic(err) // a buffer takes all, and a comma is a separator
	}
	return b.Bytes()
}

// Write puts the packet into a folder, which must not be there or be empty. It appears whole, or not at all; nobody but the owner
// may read it. It returns the names of the files.
func (p *Packet) Write(folder string) ([]string, error) {
	folder = filepath.Clean(folder)
	switch entries, err := os.ReadDir(folder); {
	case len(entries) > 0:
		return nil, fmt.Errorf("the folder %s is not empty; want a new or an empty one", folder)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o700); err != nil {
		return nil, err
	}
	aside, err := os.MkdirTemp(filepath.Dir(folder), "."+filepath.Base(folder)+"-") // 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(aside)
	var names []string
	for _, f := range p.files {
		if err := writeFile(filepath.Join(aside, f.name), f.content); err != nil {
			return nil, err
		}
		names = append(names, filepath.ToSlash(f.name))
	}
	if err := os.Remove(folder); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return names, os.Rename(aside, folder)
}

// writeFile writes a private file durably.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// choices are the whole numbers of a scale, as texts.
func choices(least, most int) []string {
	var out []string
	for i := least; i <= most; i++ {
		out = append(out, strconv.Itoa(i))
	}
	return out
}
