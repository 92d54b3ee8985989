package cache

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// typical is a recipe as a measure step of a study has it.
func typical() Recipe {
	seed := uint64(7)
	in := Key(strings.Repeat("0123456789abcdef", 4))
	return Recipe{
		Format: 1, Stage: "measure", Plugin: "downstream", Version: 3,
		Uses:     []plugins.Use{{Name: "encoding", Version: 1}, {Name: "bootstrap", Version: 2}},
		Settings: json.RawMessage(`{"model":"logistic","resamples":1000,"level":0.95,"test":"real"}`),
		Roles:    json.RawMessage(`{"target":"died","subject":"uniquepid"}`),
		Seed:     &seed, Data: string(in),
		Inputs:  []Input{{Role: "parts", Key: in}, {Role: "synthetic", Key: in, Piece: "top5"}},
		Numeric: "amd64",
	}
}

func marshal(t *testing.T, r Recipe) string {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCanonicalIsWhatEncodingJSONWrites(t *testing.T) {
	nasty := []string{"", "plain", "a\"b\\c/", "<&>", "\x00\x1f\b\f\n\r\t\x7f", "é\u2028\u2029€😀", "\xff\xe2\x80", "\ufffd"}
	raws := []string{
		"", "null", "true", " [ 1 , 2.5e-3 , {} , [ ] ] ", `{"a" : "<&>\u003c\\ \/" , "b":{"c":[null,false]}}`,
		"\"\u2028 \xe2\x80\"", "-0.5E+7", "\"\xff\"", "\"\x7f\"",
	}
	rng := rand.New(rand.NewPCG(1, 2))
	text := func() string { return nasty[rng.IntN(len(nasty))] + nasty[rng.IntN(len(nasty))] }
	raw := func() json.RawMessage { return json.RawMessage(raws[rng.IntN(len(raws))]) }
	for range 2000 {
		r := Recipe{
			Format: rng.IntN(3) - 1, Stage: text(), Plugin: text(), Version: rng.IntN(100), Settings: raw(), Roles: raw(),
			N: rng.IntN(3) - 1, Data: text(), Numeric: text(),
		}
		for range rng.IntN(3) {
			r.Uses = append(r.Uses, plugins.Use{Name: text(), Version: rng.IntN(5)})
			r.Files = append(r.Files, FileHash{Role: text(), Hash: Hash(text())})
			r.Inputs = append(r.Inputs, Input{Role: text(), Key: Key(text()), Piece: text()})
		}
		if rng.IntN(2) == 0 {
			seed := rng.Uint64()
			r.Seed = &seed
		}
		if got, want := string(r.Canonical()), marshal(t, r); got != want {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
	}
}

func TestKeyIsTheHashOfTheCanonicalJSON(t *testing.T) {
	r := Recipe{Format: 1, Stage: "split", Plugin: "split", Version: 1, Numeric: "amd64"}
	if got, want := string(r.Canonical()), `{"format":1,"stage":"split","plugin":"split","version":1,"numeric":"amd64"}`; got != want {
		t.Fatalf("canonical %s, want %s", got, want)
	}
	// printf '%s' '{"format":1,"stage":"split","plugin":"split","version":1,"numeric":"amd64"}' | sha256sum
	if got, want := r.Key(), Key("980016e9575234e19dcd9c937c365b92e9a7f43db1a7d3b14f999e22270a7334"); got != want {
		t.Fatalf("key %s, want %s", got, want)
	}
}

func TestSettingsThatAreNoJSONPanic(t *testing.T) {
	for _, bad := range []string{"{", "[1,]", `{"a"}`, `{"a":1,}`, "01", "1.", "-", "1e", `"\x"`, `"\u12g4"`, "\"\n\"", `"a`, "nul", "1 2", "{1:2}", " "} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("settings %q were accepted", bad)
				}
			}()
			r := Recipe{Settings: json.RawMessage(bad)}
			r.Key()
		}()
	}
}

func FuzzCompactAgreesWithEncodingJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,true,null,"x<\u2028"]}`, "[[[]]]", "1.", `"\ud800"`, "\"\xe2\x80\xa8\"", strings.Repeat("[", 10001)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		w := compacter{in: raw}
		ok := w.value(0) && w.end()
		want, err := json.Marshal(json.RawMessage(raw))
		if len(raw) == 0 {
			return // encoding/json reads an empty message as null; a recipe leaves it out
		}
		if ok != (err == nil) {
			t.Fatalf("accepted: %v, encoding/json: %v", ok, err)
		}
		if ok && string(w.out) != string(want) {
			t.Fatalf("got %q, want %q", w.out, want)
		}
	})
}

func TestParseSum(t *testing.T) {
	good := strings.Repeat("09af", 16)
	if s, ok := parseSum(good); !ok || hexOf(s) != good {
		t.Errorf("%s came back as %s, %v", good, hexOf(s), ok)
	}
	for _, bad := range []string{"", good[1:], good + "0", strings.ToUpper(good), "g" + good[1:], good[1:] + " "} {
		if _, ok := parseSum(bad); ok {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func BenchmarkRecipeKey(b *testing.B) {
	r := typical()
	b.ReportAllocs()
	for b.Loop() {
		if r.Key() == "" {
			b.Fatal("no key")
		}
	}
	b.ReportMetric(float64(len(r.Canonical())), "bytes/recipe")
}
