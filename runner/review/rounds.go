package review

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// follows checks that ratings are of a round before that of the key: of a packet whose records and patients it did not show again. ""
// is no such file. Errors are *frame.FileError.
func (k *Key) follows(ctx context.Context, before string) error {
	if before == "" {
		return nil
	}
	opts := frame.ReadOptions{
		Threads: 1, MaxBytes: mostAnswers, Keep: []string{packetColumn}, Columns: map[string]frame.ColumnOptions{packetColumn: {Kind: frame.Category}},
	}
	t, err := frame.ReadFile(ctx, before, opts)
	if err != nil {
		return err
	}
	packets := t.Frame.Column(packetColumn)
	if t.Frame.Rows() == 0 {
		return &frame.FileError{File: filepath.Base(before), Msg: "no row below the header; want the " + RatingsFile + " of an import"}
	}
	for row := range t.Frame.Rows() {
		if why := k.unlike(packets, row); why != "" {
			return frame.FaultAt(ctx, before, opts, row, packetColumn, why)
		}
	}
	return nil
}

// unlike says why a row of ratings is of no round before that of the key, or "".
func (k *Key) unlike(packets *frame.Column, row int) string {
	const want = "want the " + RatingsFile + " of a packet that --exclude named when this one was exported"
	switch {
	case packets.IsMissing(row) || packets.Codes[row] != packets.Codes[0]:
		return "is not what the first row has; want ratings of one packet in a file"
	case packets.Levels[packets.Codes[row]] == k.hash:
		return "these are ratings of this packet itself; " + want
	case len(k.Excluded) == 0:
		return "the packet excluded none, so that both may show the same records and patients; " + want
	case !slices.Contains(k.Excluded, packets.Levels[packets.Codes[row]]):
		return fmt.Sprintf("the packet excluded others and not this one; %s", want)
	}
	return ""
}
