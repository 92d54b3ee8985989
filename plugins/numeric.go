package plugins

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"runtime"
	"sync"
)

// Numeric names the class of machines whose floating-point results are equal to the byte: the architecture,
// and a hash of how it rounds. Results of one class are interchangeable; across classes scores agree within
// each metric's tolerance.
//
// What differs within an architecture is whether the compiler, or an assembly routine that looks at the
// processor, fuses a multiplication with an addition; both are found by calculating.
func Numeric() string { return numeric() }

var numeric = sync.OnceValue(func() string {
	h := sha256.New()
	add := func(x float64) {
		_ = binary.Write(h, binary.LittleEndian, math.Float64bits(x))
	}
	add(fused(1+0x1p-30, 1-0x1p-30, -1))
	for _, f := range []func(float64) float64{math.Exp, math.Expm1, math.Log, math.Log1p, math.Sqrt, math.Sin, math.Tanh, math.Erf, math.Erfinv, math.Gamma} {
		for i := range 64 {
			add(f(float64(i)/65 + 0.003))
		}
	}
	for i := range 64 {
		add(math.Exp(float64(i)*1.37 - 40))
		add(math.Pow(1.1+float64(i)/7, 2.3))
	}
	return runtime.GOARCH + "-" + hex.EncodeToString(h.Sum(nil)[:4])
})

// fused is x*y+z, rounded once or twice.
//
//go:noinline
func fused(x, y, z float64) float64 { return x*y + z }
