package all

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// What stands in for absent data reads no file and has their columns: names, kinds, units and roles.
func TestStandInsHaveTheColumns(t *testing.T) {
	r := Registry()
	entry := r.Datasets.Get("eicu")
	build := func(set *plugins.Set[plugins.Dataset], name, with string) plugins.Dataset {
		d, _, err := set.Get(name).Build(json.RawMessage(with))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	none := build(&r.Datasets, "eicu", `{"root": "absent", "matrix": "apache"}`)
	if s := none.(plugins.Absentable).StandIn(); s != nil {
		t.Errorf("%+v has not the columns of apache", s)
	}
	absent := build(&r.Datasets, "eicu", `{"root": "absent", "matrix": "johnson2018"}`)
	s := absent.(plugins.Absentable).StandIn()
	if s.Governance != plugins.Restricted {
		t.Errorf("the rows of eICU are %q", s.Governance)
	}
	in := build(&r.Datasets, s.Use, string(s.With))
	if files, err := in.Files(); len(files) > 0 || err != nil {
		t.Errorf("it reads %v, %v", files, err)
	}
	header, err := in.Header(t.Context(), plugins.Env{})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(entry.Info.Columns, func(c plugins.ColumnSet) bool { return c.With == `matrix: "johnson2018"` })
	same := func(x, y plugins.ColumnInfo) bool {
		return x.Name == y.Name && x.Kind == y.Kind && x.Unit == y.Unit && x.Role == y.Role
	}
	if !slices.EqualFunc(entry.Info.Columns[at].Columns, header.Columns, same) {
		t.Errorf("%s has other columns: %v, want %v", s.Use, header.Columns, entry.Info.Columns[at].Columns)
	}
}
