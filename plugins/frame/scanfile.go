package frame

import "context"

// ScanColumn asks for one column of a scanned file.
type ScanColumn struct {
	Name     string // of the header, whatever its case
	Kind     Kind
	Optional bool // a file without it is no error: its values are missing
	Lenient  bool // Number only: a text is a missing value, and counted
}

// ScanOptions says how a CSV file is scanned.
type ScanOptions struct {
	File      string       // name of the file in messages
	Delimiter byte         // 0 is a comma
	Columns   []ScanColumn // those to be read; the others are skipped
	Missing   []string     // texts that stand for "no value", besides the empty field
	MaxBytes  int64        // limit of the decompressed content; 0 is no limit
	Threads   int          // with 2 or more, decompression has its own goroutine
}

// ScanBatch is consecutive rows of a scanned file. It is used again for the next batch.
type ScanBatch struct {
	First   int64 // number of the first row, from 1; the header does not count
	Rows    int
	Columns []ScanValues // by ScanOptions.Columns
}

// ScanValues is the values of one column in a batch. Numbers, or Codes into Levels; NaN or Missing where there is none.
// Levels grow from batch to batch, in order of first appearance: a code means the same in all batches.
type ScanValues struct {
	Numbers []float64
	Codes   []int32
	Levels  []string
}

// Scanned is the account of a scan.
type Scanned struct {
	Rows   int64
	Header []string
	Texts  []int64 // by ScanOptions.Columns: texts that a lenient column took for missing
}

// ScanFile reads the chosen columns of a CSV file, plain or compressed by gzip, in batches in the order of the file. Its memory
// does not grow with the rows of the file.
func ScanFile(ctx context.Context, path string, opts ScanOptions, each func(*ScanBatch) error) (*Scanned, error) {
	panic("not there yet")
}
