package record

import (
	"bytes"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

func encodeParquet(f *frame.Frame, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := frame.WriteParquet(&b, f); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func decodeScores(raw []byte) ([]Score, error) {
	f, err := frame.ReadParquet(raw)
	if err != nil {
		return nil, err
	}
	return scoresOf(f)
}

func decodeDraws(raw []byte, scores []Score) error {
	f, err := frame.ReadParquet(raw)
	if err != nil {
		return err
	}
	return addDraws(f, scores)
}

func decodeCurves(raw []byte) ([]Curve, error) {
	f, err := frame.ReadParquet(raw)
	if err != nil {
		return nil, err
	}
	return curvesOf(f)
}
