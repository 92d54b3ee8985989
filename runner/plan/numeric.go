package plan

import "runtime"

// Numeric names the class of machines whose floating-point results are equal to the byte: the
// architecture, and whether the compiler fuses multiply and add. It is part of the keys of steps.
func Numeric() string { return numeric }

var numeric = func() string {
	if fuses(1+0x1p-30, 1-0x1p-30, -1) {
		return runtime.GOARCH + "+fma"
	}
	return runtime.GOARCH
}()

// fuses reports whether x*y+z is rounded once: the product's low bits survive the addition.
//
//go:noinline
func fuses(x, y, z float64) bool { return x*y+z != float64(x*y)+z }
