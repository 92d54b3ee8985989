package client

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

func TestCanonical(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"b":1,"a":2}`, `{"a":2,"b":1}`},
		{" { \"b\" : [ 1 , {\"d\":null,\"c\":true} ] ,\n \"a\" : \"x\" } ", `{"a":"x","b":[1,{"c":true,"d":null}]}`},
		{`{"n":[1.0,1,1e2,0.10,12345678901234567890,-0]}`, `{"n":[1.0,1,1e2,0.10,12345678901234567890,-0]}`},
		{`{"s":"<a> & é \u00e9 \"\\ \u2028"}`, "{\"s\":\"<a> & é é \\\"\\\\ \\u2028\"}"},
		{`{"a":1,"b":0,"a":2}`, `{"a":2,"b":0}`},
		{`{"type":"object","properties":{"z":{"type":"string","min":1},"a":{}}}`, `{"properties":{"z":{"min":1,"type":"string"},"a":{}},"type":"object"}`},
		{`{}`, `{}`},
		{`[]`, `[]`},
	}
	for _, tt := range tests {
		got, err := canonical([]byte(tt.in))
		if err != nil || string(got) != tt.want {
			t.Errorf("canonical(%s) = %s, %v, want %s", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{``, `{`, `{"a":1}{"a":1}`, `{"a":01}`, `<html>`} {
		if got, err := canonical([]byte(in)); err == nil {
			t.Errorf("canonical(%s) = %s, want an error", in, got)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"b":1,"a":[{"properties":{"y":1,"x":2}},"é"]}`, `1e400`, `"\ud800"`, `{"":{"":0}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := canonical(in)
		if err != nil {
			if json.Valid(in) {
				t.Fatalf("%q is JSON: %v", in, err)
			}
			return
		}
		again, err := canonical(out)
		if err != nil || !bytes.Equal(out, again) {
			t.Fatalf("%q: %q, then %q, %v", in, out, again, err)
		}
		if got, want := decoded(t, out), decoded(t, in); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q became %q", in, out)
		}
	})
}

func decoded(t *testing.T, in []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(in))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Each part of a key tells responses apart, and parts do not run into each other.
func TestEveryPartChangesTheKey(t *testing.T) {
	id := plugins.Identity{API: "a", Endpoint: "e", Model: "m", Settings: json.RawMessage(`{"top_p":1}`)}
	with := func(edit func(*plugins.Identity)) plugins.Identity { c := id; edit(&c); return c }
	body := []byte(`{"x":1}`)
	base := responseKey(id, body, 1, 2, 0)
	keys := map[string]string{base: "base"}
	for name, key := range map[string]string{
		"api":      responseKey(with(func(i *plugins.Identity) { i.API = "b" }), body, 1, 2, 0),
		"endpoint": responseKey(with(func(i *plugins.Identity) { i.Endpoint = "f" }), body, 1, 2, 0),
		"model":    responseKey(with(func(i *plugins.Identity) { i.Model = "n" }), body, 1, 2, 0),
		"shifted":  responseKey(with(func(i *plugins.Identity) { i.API, i.Endpoint = "ae", "" }), body, 1, 2, 0),
		"body":     responseKey(id, []byte(`{"x":2}`), 1, 2, 0),
		"seed":     responseKey(id, body, 2, 2, 0),
		"ordinal":  responseKey(id, body, 1, 3, 0),
		"attempt":  responseKey(id, body, 1, 2, 1),
		"digits":   responseKey(id, body, 12, 0, 0),
	} {
		if other, same := keys[key]; same {
			t.Errorf("%s and %s have one key", name, other)
		}
		keys[key] = name
	}
	// What is in the body already does not count twice: a setting that is no part of it changes nothing.
	if responseKey(with(func(i *plugins.Identity) { i.Settings = nil }), body, 1, 2, 0) != base {
		t.Error("settings change the key beside the body")
	}
	// In process there is no body that holds them, and they decide the answer.
	within := func(settings string) string {
		return responseKey(plugins.Identity{API: "a", Model: "m", Settings: json.RawMessage(settings)}, body, 1, 2, 0)
	}
	if within(`{"short":0}`) == within(`{"short":0.5}`) {
		t.Error("models in process with other settings share answers")
	}
	if base != "6dfe3f3bef2e45cfc79d1cdcfc1a209b747cd44de1f75b93e97660c572577d95" {
		t.Errorf("the key of a fixed request is %s: stored responses would be lost", base)
	}
}
