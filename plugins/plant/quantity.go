package plant

import (
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/icu"
)

// quantity is something that columns of many data sets hold, known by words in their names.
type quantity struct {
	name  string   // that of plugins/icu where it is there
	words []string // any of them in a name; several words are joined by "_", and one after "=" is the whole name but for a statistic
	forms []form   // the units that it is written in; the first is that of plugins/icu
	// typical is where the median of a sample lies in the first form: it tells in which form a column is that declares no unit.
	typical [2]float64
	low     float64 // limits in the first form, where plugins/icu has none; NaN: none
	high    float64
}

// form is a unit, with how values of the first form of its quantity are written in it: scale · x + shift.
type form struct {
	unit         string
	same         []string // other spellings, as plainUnit leaves them
	scale, shift float64
}

func base(unit string, same ...string) form { return form{unit: unit, same: same, scale: 1} }
func times(scale float64, unit string, same ...string) form {
	return form{unit: unit, same: same, scale: scale}
}

// kilopascals in a mmHg, pounds in a kilogram, and inches in a centimetre are exact to the digits given: NIST Special
// Publication 811 (2008), appendix B.
const (
	kilopascals = 0.1333224
	pounds      = 2.204623
	inches      = 0.3937008
)

// quantities lists those that have more than one unit in use, or a place in a relation.
//
// Factors of laboratory values: AMA Manual of Style, 11th edition (2020), section 17.5, conventional and SI units (creatinine 88.4,
// bilirubin 17.104, glucose 0.0555, urea nitrogen 0.357, calcium 0.25, lactate 0.111 from mg/dL, magnesium 0.4114, phosphate 0.323,
// cholesterol 0.0259, triglycerides 0.0113, uric acid 59.485, and 10 from g/dL to g/L).
func quantities() []quantity {
	none := math.NaN()
	share := []form{base("%", "percent", "pct"), times(0.01, "fraction", "1", "ratio")}
	massPerVolume := []form{base("g/dL", "gm/dl"), times(10, "g/L")}
	pressure := []form{base("mmHg", "torr"), times(kilopascals, "kPa")}
	return []quantity{
		{"tempc", []string{"tempc", "temp", "temperature", "body_temperature", "tempf"}, []form{base("°C", "c", "degc", "celsius"), {"°F", []string{"f", "degf", "fahrenheit"}, 1.8, 32}}, [2]float64{34, 40}, none, none},
		{"creatinine", []string{"creatinine", "creat", "scr"}, []form{base("mg/dL"), times(88.4, "µmol/L")}, [2]float64{0.3, 5}, none, none},
		{"bilirubin", []string{"bilirubin", "bili", "total_bilirubin"}, []form{base("mg/dL"), times(17.104, "µmol/L")}, [2]float64{0.2, 3}, none, none},
		{"glucose", []string{"glucose", "gluc"}, []form{base("mg/dL"), times(0.0555, "mmol/L")}, [2]float64{60, 300}, none, none},
		{"bun", []string{"bun", "urea_nitrogen", "blood_urea_nitrogen"}, []form{base("mg/dL"), times(0.357, "mmol/L")}, [2]float64{5, 80}, none, none},
		{"calcium", []string{"calcium"}, []form{base("mg/dL"), times(0.25, "mmol/L")}, [2]float64{6, 12}, none, none},
		{"lactate", []string{"lactate", "lactic_acid"}, []form{base("mmol/L", "meq/l"), times(1/0.111, "mg/dL")}, [2]float64{0.5, 6}, none, none},
		{"magnesium", []string{"magnesium", "=mg"}, []form{base("mg/dL"), times(0.4114, "mmol/L")}, [2]float64{1.3, 3.5}, none, none},
		{"phosphate", []string{"phosphate", "phosphorus"}, []form{base("mg/dL"), times(0.323, "mmol/L")}, [2]float64{2.5, 6}, none, none},
		{"cholesterol", []string{"cholesterol", "chol", "ldl", "hdl"}, []form{base("mg/dL"), times(0.0259, "mmol/L")}, [2]float64{30, 350}, none, none},
		{"triglycerides", []string{"triglycerides", "triglyceride"}, []form{base("mg/dL"), times(0.0113, "mmol/L")}, [2]float64{40, 400}, none, none},
		{"uric acid", []string{"uric_acid", "urate"}, []form{base("mg/dL"), times(59.485, "µmol/L")}, [2]float64{2, 12}, none, none},
		{"albumin", []string{"albumin"}, massPerVolume, [2]float64{1.5, 5.5}, none, none},
		{"hemoglobin", []string{"hemoglobin", "haemoglobin", "hgb", "hb"}, massPerVolume, [2]float64{6, 18}, none, none},
		{"hematocrit", []string{"hematocrit", "haematocrit", "hct"}, share, [2]float64{18, 60}, none, none},
		{"spo2", []string{"spo2", "sao2", "o2sat", "oxygen_saturation"}, share, [2]float64{70, 100}, none, none},
		{"fio2", []string{"fio2"}, share, [2]float64{21, 100}, 20.9, 100},
		{"bg_pao2", []string{"pao2", "po2"}, pressure, [2]float64{40, 250}, none, none},
		{"bg_paco2", []string{"paco2", "pco2"}, pressure, [2]float64{20, 80}, none, none},
		{"bg_pao2fio2ratio", []string{"pao2fio2ratio", "pao2fio2", "pao2_fio2", "pf_ratio", "pfratio"}, pressure, [2]float64{50, 500}, none, none},
		{"bg_ph", []string{"ph"}, []form{base("")}, [2]float64{6.9, 7.7}, none, none},
		{"bg_baseexcess", []string{"baseexcess", "base_excess"}, []form{base("mmol/L", "meq/l")}, [2]float64{-20, 20}, none, none},
		{"heartrate", []string{"heartrate", "heart_rate", "hr", "pulse"}, []form{base("bpm", "/min", "beats/min", "1/min")}, [2]float64{40, 150}, none, none},
		{"resprate", []string{"resprate", "respiratory_rate", "respiratoryrate", "rr"}, []form{base("breaths/min", "bpm", "/min", "1/min")}, [2]float64{8, 40}, none, none},
		{"sysbp", []string{"sysbp", "sbp", "sysabp", "nisysabp", "systolic", "trestbps"}, pressure, [2]float64{80, 180}, none, none},
		{"diasbp", []string{"diasbp", "dbp", "diasabp", "nidiasabp", "diastolic"}, pressure, [2]float64{35, 110}, none, none},
		{"meanbp", []string{"meanbp", "mbp", "map", "nimap", "mean_arterial_pressure"}, pressure, [2]float64{50, 130}, none, none},
		{"bicarbonate", []string{"bicarbonate", "hco3"}, []form{base("mmol/L", "meq/l")}, [2]float64{12, 40}, none, none},
		{"sodium", []string{"sodium", "=na"}, []form{base("mmol/L", "meq/l")}, [2]float64{120, 150}, none, none},
		{"potassium", []string{"potassium", "=k"}, []form{base("mmol/L", "meq/l")}, [2]float64{2.5, 6.5}, none, none},
		{"platelet", []string{"platelet", "platelets"}, []form{base("K/mcL", "10^9/l", "10^3/ul", "k/ul")}, [2]float64{50, 500}, none, none},
		{"wbc", []string{"wbc"}, []form{base("K/mcL", "10^9/l", "10^3/ul", "k/ul")}, [2]float64{2, 30}, none, none},
		{"bands", []string{"bands"}, []form{base("%", "percent")}, [2]float64{0, 50}, none, none},
		{"age", []string{"age"}, []form{base("years", "y", "yr", "year")}, [2]float64{0, 100}, 0, 120},
		{"weight", []string{"weight", "bodyweight"}, []form{base("kg"), times(pounds, "lb", "lbs", "pounds")}, [2]float64{40, 120}, 0, 650},
		{"height", []string{"height"}, []form{base("cm"), times(inches, "in", "inch", "inches"), times(0.01, "m")}, [2]float64{120, 210}, 20, 275},
	}
}

// measured is what is known of a column: a quantity in one of its forms.
type measured struct {
	quantity quantity
	form     form
}

// knownAs returns the quantity of a number column. A column whose unit is none of those of the quantity is none; where no unit is
// declared, the median of its values has to be typical of one form only.
func knownAs(c *frame.Column, info plugins.ColumnInfo, name words) *measured {
	if c.Kind != frame.Number || isFlag(c) || name.has("urine") { // what is measured in urine has other limits
		return nil
	}
	unit := info.Unit
	if unit == "" {
		unit = c.Unit
	}
	length, found := 0, (*measured)(nil)
	for _, q := range quantities() {
		_, _, n := name.find(q.words)
		if n <= length {
			continue
		}
		if m := q.in(unit, c); m != nil {
			length, found = n, m
		}
	}
	return found
}

// in returns the form of a column with a unit, nil where it is none of the quantity.
func (q quantity) in(unit string, c *frame.Column) *measured {
	if unit == "" {
		return q.guessed(c)
	}
	for _, f := range q.forms {
		if plain := plainUnit(unit); plain == plainUnit(f.unit) || slices.Contains(f.same, plain) {
			return &measured{q, f}
		}
	}
	return nil
}

// guessed tells the form by the median.
func (q quantity) guessed(c *frame.Column) *measured {
	values := slices.DeleteFunc(slices.Clone(c.Numbers), math.IsNaN)
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	median := values[len(values)/2]
	var found *measured
	for _, f := range q.forms {
		if median < f.write(q.typical[0]) || median > f.write(q.typical[1]) {
			continue
		}
		if found != nil {
			return nil
		}
		found = &measured{q, f}
	}
	return found
}

// write returns a value of the first form in this one, read the other way round.
func (f form) write(x float64) float64 { return x*f.scale + f.shift }
func (f form) read(x float64) float64  { return (x - f.shift) / f.scale }

// limits returns what the column can hold, in its own unit; false where nothing is published.
func (m *measured) limits() (low, high float64, ok bool) {
	low, high, ok = icu.Limits(m.quantity.name)
	if !ok {
		low, high, ok = m.quantity.low, m.quantity.high, !math.IsNaN(m.quantity.low)
	}
	return m.form.write(low), m.form.write(high), ok
}

// plainUnit is a unit in one spelling.
func plainUnit(unit string) string {
	u := strings.ToLower(strings.Join(strings.Fields(unit), ""))
	for _, r := range [][2]string{{"μ", "u"}, {"µ", "u"}, {"mcmol", "umol"}, {"mcl", "ul"}, {"deg.", "deg"}} {
		u = strings.ReplaceAll(u, r[0], r[1])
	}
	return u
}

// words are those of a name, in lower case, cut where a sign stands that is neither letter nor digit, and where a capital follows a
// small letter.
type words []string

func wordsOf(name string) words {
	var out words
	var word strings.Builder
	last := ' '
	cut := func() {
		if word.Len() > 0 {
			out = append(out, word.String())
			word.Reset()
		}
	}
	for _, r := range name {
		switch letter := unicode.IsLetter(r) || unicode.IsDigit(r); {
		case !letter:
			cut()
		case unicode.IsUpper(r) && unicode.IsLower(last):
			cut()
			fallthrough
		default:
			word.WriteRune(unicode.ToLower(r))
		}
		last = r
	}
	cut()
	return out
}

// find returns where the longest of some terms stands in the words, wherever either is cut: "heart_rate" is found in "HeartRate" and in
// "heartrate_first". length is its number of letters, 0 where there is none.
func (w words) find(terms []string) (from, to, length int) {
	for _, term := range terms {
		whole, exact := strings.CutPrefix(term, "=")
		plain := strings.ReplaceAll(whole, "_", "")
		if _, rest := w.split(); exact && rest != plain || len(plain) <= length {
			continue
		}
		for i := range w {
			for j := i + 1; j <= len(w); j++ {
				if strings.Join(w[i:j], "") == plain {
					from, to, length = i, j, len(plain)
				}
			}
		}
	}
	return from, to, length
}

func (w words) has(terms ...string) bool {
	_, _, length := w.find(terms)
	return length > 0
}

// statistics are the words that say which of several measurements a column has.
var statistics = []string{"min", "max", "first", "last", "mean", "median", "minimum", "maximum", "lowest", "highest"}

// split returns the statistic of a name, in its short form, and the name without it; the statistic is empty where there is none or more
// than one.
func (w words) split() (statistic, rest string) {
	var left []string
	for _, word := range w {
		if !slices.Contains(statistics, word) {
			left = append(left, word)
			continue
		}
		if statistic != "" {
			return "", strings.Join(w, " ")
		}
		statistic = word
	}
	if len(left) == 0 {
		return "", strings.Join(w, " ")
	}
	switch statistic {
	case "minimum", "lowest":
		statistic = "min"
	case "maximum", "highest":
		statistic = "max"
	}
	return statistic, strings.Join(left, " ")
}
