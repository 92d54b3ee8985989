package record

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// resultsHash identifies the results of a run: its cells, scores, curves and counts, whatever the codec of the files.
func resultsHash(cells, scores, counts []byte, curves []Curve) string {
	h := sha256.New()
	for _, part := range [][]byte{cells, scores, counts} {
		sum := sha256.Sum256(part)
		h.Write(sum[:])
	}
	keys := dimKeys(curves, curveDims)
	var bits []byte
	for i := range curves {
		c := &curves[i]
		fmt.Fprintf(h, "%q %q %q", c.Cell, c.Metric, c.Name)
		for _, k := range keys {
			if v, ok := c.Dims[k]; ok {
				fmt.Fprintf(h, " %q=%q", k, v)
			}
		}
		fmt.Fprintf(h, " %d", len(c.X))
		bits = bits[:0]
		for p := range c.X {
			point := c.point(0, p)
			for _, v := range point[2:] {
				bits = binary.LittleEndian.AppendUint64(bits, math.Float64bits(v))
			}
		}
		h.Write(bits)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// hashOfFile is the hash of a file, which may be large.
func hashOfFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func isHash(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}
