package table

import "strings"

// The schema has no @column() marks: its names of columns are those of the files, which need not be columns of the
// data set, and are checked against the files themselves.

// sourceSchema is the settings of one table. The main table and joined ones share it.
const sourceSchema = `
// a file, several (put under each other; their headers must agree), or a pattern with one "*", for files or folders:
// .csv, .tsv, .txt, .data, each also with .gz, .parquet, .arrow, .feather; with members, .zip, .tar, .tar.gz or .tgz
path!: (string & !="") | [...(string & !="")] @path()
// of an archive: which members are read; "*" stands for any text, as in "set-a/*.txt"
members?: string & !=""
// name of a category column that says where a row is from: what "*" stood for in path or members,
// or else the name of the file without its endings
origin?: string & !=""
// names of the columns, in order, when the files have no header line
header?: [...(string & !="")]
// of CSV: one ASCII character; a comma unless set, a tab in .tsv files
delimiter?: =~"^[ -!#-~\t]$" @say("one ASCII character other than a quote")
// what is known of single columns; with long, of variables too
columns?: [string]: {
	// decided from the first 1,000 rows (CSV) or the stored type (Parquet, Arrow) unless set;
	// an error when a few texts stand among numbers: set it, or declare the texts missing. A category keeps each
	// text as it is: 4 and 4.0 are two levels, which vet warns of
	kind?: "number" | "category"
	// e.g. "mmol/L"; a file that says another unit is an error, unless convert has it
	unit?: string
	// column that holds the unit of each value: all must be the unit or in convert
	unitFrom?: string & !=""
	// other units: the factor that makes "unit" of them, or {factor, offset} where zero differs;
	// "" is for values whose unit is missing
	convert?: [string]: number | {factor!: number, offset?: number}
	// what kind of variable it is, e.g. "vitals" or "labs"
	group?: string
	// codes that stand for "no value" in this column
	missing?: [...(string | number)]
	// what the codes of the file mean; any other code is an error. Two codes may have one meaning, and a number
	// stands for all ways to write it, as 4 for 4.0;
	// where the meanings are numbers, as in a label of 0 and 1, set kind "number"
	levels?: [string]: string | number
	// a date or time, which becomes a number
	date?: {
		// "iso" (2006-01-31, with or without a time) unless set; "us" (1/31/2006), "eu" (31.1.2006 or 31/1/2006);
		// or a pattern of %Y %y %m %d %b %H %I %M %S %f %p, as in "%d%b%Y"
		format?: string & !=""
		// earliest and latest date, as "1990-01-31"; a date beyond is an error
		min?: =~"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" @say("a date such as 1990-01-31")
		max?: =~"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" @say("a date such as 1990-01-31")
		// another date column; the number is counted from 1970-01-01 unless set
		since?: string & !=""
		// unit of the number; "days" unless set; a year has 365.25 days
		in?: "minutes" | "hours" | "days" | "years"
	}
	// least and greatest plausible value, in "unit"
	min?: number
	max?: number
	// what a value beyond min or max is; "error" unless set; "missing" is counted
	outside?: "error" | "missing"
}
// codes that stand for "no value" in every column, besides the empty field
missing?: [...(string | number)]
// columns that are read; all unless set
keep?: [...(string & !="")]
// columns that are left out of the table, once keys, units and dates have been taken from them
drop?: [...string]
// a row of the file is one measurement; the table has one row for each value of "row"
long?: {
	// column that names the row of the table, e.g. the stay
	row!: string & !=""
	// column that names what was measured
	variable!: string & !=""
	// column that holds the value
	value!: string & !=""
	// column that tells first from last: numbers, times such as 36:15, or dates; the order of the file unless set
	order?: string & !=""
	// column that holds the unit of the value; a variable with several units needs columns.NAME.unit and .convert
	unit?: string & !=""
	// statistics of every variable, each in a column NAME_first …; one that stands alone, not in a list, in a column NAME.
	// Without it only the variables named below are taken. "once": all values of a row must be equal
	take?: ` + stats + ` | [...(` + stats + `)]
	// statistics of single variables, or "drop"
	variables?: [string]: "drop" | ` + stats + ` | [...(` + stats + `)]
	// further columns of the file that have one value a row, and are kept
	keep?: [...(string & !="")]
}
`

const stats = `"once" | "first" | "last" | "min" | "max" | "mean" | "sum" | "count"`

var schema = sourceSchema + `
// further tables: rows are matched by a key, and their columns added
join?: [string]: {
	// columns of the key, of the same name in both tables, or {left, right}: left is the table that is joined to
	on!: (string & !="") | [...(string & !="")] | {left!: string | [...string], right!: string | [...string]}
	// of the rows joined to and the rows of this table: no row is ever doubled
	cardinality!: "one-to-one" | "many-to-one"
	// rows without a match are kept, with missing values ("left"), or left out ("inner"); "left" unless set
	how?: "left" | "inner"
	// put before the names of the joined columns
	prefix?: string
	// all else as for the table itself
` + indented(withoutComments(sourceSchema)) + `}
// limit of the decompressed content of each file; 4 GiB unless set
maxBytes?: int & >0
`

// withoutComments is a schema that has been explained before.
func withoutComments(schema string) string {
	var out strings.Builder
	for line := range strings.Lines(schema) {
		if text := strings.TrimSpace(line); text != "" && !strings.HasPrefix(text, "//") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func indented(schema string) string {
	var out strings.Builder
	for line := range strings.Lines(schema) {
		out.WriteString("\t" + line)
	}
	return out.String()
}
