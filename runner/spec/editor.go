package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/ehrlab/ehrlab/plugins"
)

// EditorImport is the import path of the schema of experiments on disk, for editors and the cue command. Load knows the
// schema anyway, and leaves the import out.
const EditorImport = "github.com/ehrlab/ehrlab/schemas"

// EditorSchema returns the CUE package that EditorImport names: SchemaCUE, in which a block that names a plugin has its
// settings. It lets through what Load takes beyond the schemas of plugins: an llm that the llm axis names, and a text in
// a file.
func EditorSchema(r *plugins.Registry) ([]byte, error) {
	f, err := parser.ParseFile("schema.cue", SchemaCUE(r), parser.ParseComments)
	if err != nil {
		return nil, err
	}
	widenFields(f)
	text, err := format.Node(f)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("// Written by \"ehrlab init\" for editors and the cue command; ehrlab does not read it.\npackage schemas\n\n")
	b.Write(text)
	b.WriteString("\n// what #Experiment is embedded in may have more fields, as CUE has it; an experiment may not: a value conflicts with this text\n")
	fmt.Fprintf(&b, "#Experiment: {[!~%q]: \"no such field\"}\n", "^("+strings.Join(sections(f), "|")+")$")
	for _, k := range pluginKinds {
		names := pluginNames(r, k.kind)
		if len(names) == 0 {
			continue
		}
		quoted := make([]string, len(names))
		for i, name := range names {
			quoted[i] = strconv.Quote(name)
		}
		sign, given := "!", ""
		if k.kind == "audit" { // one that is made of others names no plugin
			sign, given = "?", "if "+k.names+" != _|_ "
		}
		fmt.Fprintf(&b, "\n#%s: {\n\t%s%s: %s\n", k.definition, k.names, sign, strings.Join(quoted, " | "))
		for _, name := range quoted {
			fmt.Fprintf(&b, "\t%sif %s == %s {with?: #%s.%s}\n", given, k.names, name, k.kind, name)
		}
		b.WriteString("}\n")
	}
	return format.Source([]byte(b.String()))
}

// sections are the fields that an experiment has at the top.
func sections(schema *ast.File) []string {
	var names []string
	for _, d := range schema.Decls {
		definition, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		fields, isStruct := definition.Value.(*ast.StructLit)
		if name, _, err := ast.LabelName(definition.Label); err != nil || name != "#Experiment" || !isStruct {
			continue
		}
		for _, d := range fields.Elts {
			if field, ok := d.(*ast.Field); ok {
				if name, _, err := ast.LabelName(field.Label); err == nil {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// widenFields turns a required llm of a strategy into an optional one, and lets a text stand in a file.
func widenFields(f *ast.File) {
	within := ""
	astutil.Apply(f, func(c astutil.Cursor) bool {
		field, ok := c.Node().(*ast.Field)
		if !ok {
			return true
		}
		if _, top := c.Parent().Node().(*ast.File); top {
			within, _, _ = ast.LabelName(field.Label)
		}
		for _, a := range field.Attrs {
			switch name, _ := a.Split(); name {
			case "llm":
				if within == "#strategy" {
					field.Constraint = token.OPTION
				}
			case "text":
				file := ast.NewStruct(&ast.Field{Label: ast.NewIdent("file"), Constraint: token.NOT, Value: ast.NewIdent("string")})
				field.Value = ast.NewBinExpr(token.OR, field.Value, file)
			}
		}
		return true
	}, nil)
}

// dropEditorSchema takes out of a file what ties it to the schema on disk: the embedded #Experiment of an import. It
// reports every other use of the import.
func (s *sources) dropEditorSchema(f *ast.File, imported *ast.ImportSpec, rep *reporter) {
	of := func(e ast.Expr) bool {
		id, ok := e.(*ast.Ident)
		return ok && id.Node == imported
	}
	f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
		embedded, ok := d.(*ast.EmbedDecl)
		if !ok {
			return false
		}
		selected, ok := embedded.Expr.(*ast.SelectorExpr)
		if !ok || !of(selected.X) {
			return false
		}
		name, _, err := ast.LabelName(selected.Sel)
		return err == nil && name == "#Experiment"
	})
	s.replace(f, func(id *ast.Ident) bool {
		if !of(id) {
			return false
		}
		rep.add(pathTo(f, id), whereOf(id.Pos()), "of the schema, an experiment names #Experiment alone, at the top of a file and in no field")
		return true
	})
}

// FormatCUE formats a CUE file as "cue fmt" does.
func FormatCUE(text []byte) ([]byte, error) { return format.Source(text) }
