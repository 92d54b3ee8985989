package icu

import (
	"math"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

func TestColumns(t *testing.T) {
	seen := map[string]bool{}
	roles := map[plugins.Role]int{}
	groups := map[string]int{}
	for _, c := range Columns() {
		if seen[c.Name] || c.Summary == "" || c.Group == "" {
			t.Errorf("column %+v is there twice, or lacks a group or summary", c)
		}
		seen[c.Name] = true
		roles[c.Role]++
		groups[c.Group]++
	}
	if len(seen) != 83 {
		t.Errorf("%d columns; the matrix has 83", len(seen))
	}
	for group, want := range map[string]int{Vitals: 28, Labs: 32, BloodGas: 10, Output: 1, Demographics: 6} {
		if groups[group] != want {
			t.Errorf("group %s has %d columns, want %d", group, groups[group], want)
		}
	}
	if roles[plugins.RoleOutcome] != 2 || roles[plugins.RoleTarget] != 1 || roles[plugins.RoleSite] != 1 {
		t.Errorf("roles %v", roles)
	}
	for _, name := range []string{"lactate_last_early", "bg_pao2fio2ratio_first_early", "sysbp_min", "urineoutput_sum", "ventdays", "race_other"} {
		if !seen[name] {
			t.Errorf("no column %q", name)
		}
	}
}

func TestWindowEnd(t *testing.T) {
	const limit, stays = 102.0, 20000
	sum, low, high := 0.0, math.Inf(1), math.Inf(-1)
	for stay := range int64(stays) {
		end := WindowEnd(1, stay, limit)
		if end != math.Floor(end) {
			t.Fatalf("end %v is no whole hour", end)
		}
		if end != WindowEnd(1, stay, limit) {
			t.Fatal("the end of a stay changes")
		}
		sum, low, high = sum+end, min(low, end), max(high, end)
	}
	// uniform on 0 … 99, with 0 to 3 raised to 4: mean 49.5 + (4+3+2+1)/100
	if mean := sum / stays; math.Abs(mean-49.6) > 4*28.9/math.Sqrt(stays) || low != 4 || high != 99 {
		t.Errorf("mean %.2f, from %v to %v; want 49.6, from 4 to 99", mean, low, high)
	}
	if WindowEnd(1, 7, limit) == WindowEnd(2, 7, limit) && WindowEnd(1, 8, limit) == WindowEnd(2, 8, limit) {
		t.Error("the seed changes nothing")
	}
	if end := WindowEnd(1, 7, 1); end != earliest {
		t.Errorf("a short stay ends at %v, want %d", end, earliest)
	}
}

// A quantity is found under its own name and that of APACHE, and units under their spellings; others are none of it.
func TestNamed(t *testing.T) {
	for name, want := range map[string]string{"tempc": "tempc", "temperature": "tempc", "respiratoryrate": "resprate", "pao2": "bg_pao2", "bg_ph": "bg_ph", "inr": "inr"} {
		if q, ok := Named(name); !ok || q.Name != want || q.Summary == "" {
			t.Errorf("%s: %+v, %v", name, q, ok)
		}
	}
	for _, name := range []string{"", "tempc_first", "Temperature", "age"} {
		if q, ok := Named(name); ok {
			t.Errorf("%q is %+v", name, q)
		}
	}
	for _, c := range []struct {
		name, unit string
		in         bool
	}{
		{"temperature", "°C", true},
		{"temperature", "degC", true},
		{"temperature", "°F", false},
		{"temperature", "", false},
		{"ph", "", true},
		{"platelet", "10^9/L", true},
		{"sodium", "mEq/L", true},
		{"sodium", "mg/dL", false},
	} {
		if q, _ := Named(c.name); q.In(c.unit) != c.in {
			t.Errorf("%s in %q: %v", c.name, c.unit, !c.in)
		}
	}
	for name := range limits {
		if q, ok := Named(name); !ok || q.Name != name {
			t.Errorf("limits of %q, which is no quantity", name)
		}
	}
}
