package prompt

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

func template1(t *testing.T, system, user string) *Template {
	t.Helper()
	out, err := ParseTemplate(system, user)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var small = &Schema{Rows: 3, Format: CSV, Columns: []Column{{Name: "a"}, {Name: "b"}}}

func TestTemplateFillsPlaceholders(t *testing.T) {
	tmpl := template1(t, "Write {{rows}} rows.\n", `Columns: {{columns}}. Label: {{target}}.
{{if label}}All rows: {{label}}{{if group}}, {{group}}{{end}}.{{end}}

{{aggregates}}

{{if examples}}Real rows:

{{examples}}
{{end}}
{{table}}


  {{schema}}

{{notes}}
`)
	examples := &Table{Names: []string{"a", "b"}, Rows: [][]string{{"1", "2"}}}
	block := "```schema\n{\"rows\":3,\"format\":\"csv\",\"columns\":[\n{\"name\":\"a\"},\n{\"name\":\"b\"}\n]}\n```"
	for _, c := range []struct {
		values Values
		want   string
	}{
		{Values{Schema: small}, "Columns: a and b. Label: .\n\n" + block},
		{
			Values{Schema: small, Examples: examples, Target: "b", Group: "a is 1", Label: "b is {{0}}", Notes: "x"},
			"Columns: a and b. Label: b.\nAll rows: b is {{0}}, a is 1.\n\nReal rows:\n\n```examples\na,b\n1,2\n```\n\n" + block + "\n\nx",
		},
	} {
		want := []plugins.Message{{Role: "system", Text: "Write 3 rows."}, {Role: "user", Text: c.want}}
		if got, err := tmpl.Messages(c.values); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, %v\nwant %q", got, err, want)
		}
	}
}

func TestEmptyLinesInsideBlocksStay(t *testing.T) {
	table := &Table{Names: []string{"k"}, Rows: [][]string{{"a\n\n\n b "}}}
	got, err := template1(t, "", "{{schema}}\n{{table}}").Messages(Values{Schema: small, Table: table})
	if err != nil {
		t.Fatal(err)
	}
	back, err := Find(got)
	if err != nil || !reflect.DeepEqual(back.Table, table) {
		t.Errorf("%q came back as %q, %v", table, back.Table, err)
	}
}

func TestTemplateErrorsHaveAPlace(t *testing.T) {
	for _, c := range []struct{ system, user, want string }{
		{"", "a\n{{shema}}", `user:2: function "shema" not defined; there are {{schema}} {{aggregates}}`},
		{"{{", "{{schema}}", "system:1: "},
		{"", "{{schema}}\n{{if rows}}", "user:2: unexpected EOF"},
		{"", "rows", "the prompt lacks {{schema}}: it says which columns and how many rows"},
		{"", "{{/* {{schema}} */}}", "the prompt lacks {{schema}}"},
		{"", "{{if true}}{{examples}}{{end}}", "the prompt lacks {{schema}}"},
		{"", "{{schema}}\n\x00", "user:2: a control character"},
	} {
		if _, err := ParseTemplate(c.system, c.user); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %q: got %v, want %s", c.system, c.user, err, c.want)
		}
	}
	for _, c := range []struct{ user, want string }{
		{"see {{schema}}", "user: line 1: a block stands alone on its line"},
		{"{{if notes}}\n{{schema}}\n{{end}}", "the rendered prompt lacks the schema block"},
		{"```\n{{schema}}\n", "the rendered prompt lacks the schema block"},
		{"{{schema}}\n{{schema}}", "a second schema block"},
		{"{{schema}}\n{{index rows 1}}", "user:2"},
	} {
		if _, err := template1(t, "", c.user).Messages(Values{Schema: small}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %s", c.user, err, c.want)
		}
	}
	if _, err := template1(t, "", "{{schema}}").Messages(Values{}); err == nil {
		t.Error("a prompt without a schema")
	}
}

func TestTheSchemaMayStandInEitherText(t *testing.T) {
	got, err := template1(t, "{{schema}}", "Go on.").Messages(Values{Schema: small})
	if err != nil || len(got) != 2 || got[0].Text != small.Render() {
		t.Errorf("%q, %v", got, err)
	}
}
