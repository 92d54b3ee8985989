package responses

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// maxLine is the longest line of a journal. Bodies are not in it, so that lines take about 500 bytes.
const maxLine = 1 << 20

// minLine is less than any line takes: a journal of n bytes cannot tell of more than n/minLine sends.
const minLine = 40

// line is one record of a journal. It stands in the file as {"crc":"xxxxxxxx","sends":N,…} and a newline, where crc is the CRC-32C
// of all that follows the first comma.
type line struct {
	Sends  int           `json:"sends"` // in this journal so far; of an intent: its own number
	Intend *plugins.Send `json:"intend"`
	Settle *settled      `json:"settle"`
}

// settled is the end of a send.
type settled struct {
	ID string `json:"id"`
	plugins.Settlement
}

const linePrefix = `{"crc":"00000000",`

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeLine makes a line without what appendLine adds.
func encodeLine(what string, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	b = fmt.Appendf(nil, `"%s":%s}`, what, b)
	if len(b) > maxLine-100 {
		return nil, fmt.Errorf("what is journalled of the send takes %d bytes and may take %d", len(b), maxLine-100)
	}
	return b, nil
}

// appendLine appends a line to dst.
func appendLine(dst []byte, sends int, body []byte) []byte {
	start := len(dst)
	dst = append(append(dst, linePrefix...), `"sends":`...)
	dst = append(append(strconv.AppendInt(dst, int64(sends), 10), ','), body...)
	var sum [4]byte
	crc := crc32.Checksum(dst[start+len(linePrefix):], castagnoli)
	sum[0], sum[1], sum[2], sum[3] = byte(crc>>24), byte(crc>>16), byte(crc>>8), byte(crc)
	hex.Encode(dst[start+len(`{"crc":"`):], sum[:])
	return append(dst, '\n')
}

var errLine = errors.New("it is no line of a journal")

// parseLine reads a line without its newline.
func parseLine(b []byte) (*line, error) {
	head := len(`{"crc":"`)
	if len(b) < minLine || string(b[:head]) != linePrefix[:head] || string(b[head+8:len(linePrefix)]) != linePrefix[head+8:] {
		return nil, errLine
	}
	var sum [4]byte
	if _, err := hex.Decode(sum[:], b[head:head+8]); err != nil {
		return nil, errLine
	}
	crc := uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])
	if crc != crc32.Checksum(b[len(linePrefix):], castagnoli) || bytes.ContainsAny(b[head:head+8], "ABCDEF") {
		return nil, errLine
	}
	var l line
	if err := json.Unmarshal(b, &l); err != nil || l.Sends < 0 || (l.Intend == nil) == (l.Settle == nil) || l.Intend != nil && l.Sends == 0 {
		return nil, errLine
	}
	return &l, nil
}

// sendID names a send of a journal.
func sendID(journal string, number int) string { return journal + "/" + strconv.Itoa(number) }

// splitID is the inverse of sendID.
func splitID(id string) (journal string, number int, ok bool) {
	journal, digits, ok := strings.Cut(id, "/")
	number, err := strconv.Atoi(digits)
	return journal, number, ok && err == nil && number > 0 && sendID(journal, number) == id
}

// lines reads the lines of a journal in bounded memory.
type lines struct {
	r      *bufio.Reader
	number int   // of the last line, from 1
	at     int64 // bytes read so far
	long   []byte
}

// next returns the next line without its newline; nil for one that is too long. torn says that it has no newline: it was never
// finished. The line is valid until the next call. The error is io.EOF after the last one.
func (l *lines) next() (b []byte, torn bool, err error) {
	l.number++
	l.long = l.long[:0]
	size := 0
	for {
		part, err := l.r.ReadSlice('\n')
		size += len(part)
		l.at += int64(len(part))
		if err == nil && size == len(part) {
			return part[:size-1], false, nil
		}
		if size <= maxLine {
			l.long = append(l.long, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == nil && size <= maxLine:
			return l.long[:size-1], false, nil
		case err == nil:
			return nil, false, nil
		case errors.Is(err, io.EOF) && size > 0:
			return nil, true, nil
		default:
			return nil, false, err
		}
	}
}
