package profile

import (
	"slices"
	"strings"
	"unicode"

	"github.com/ehrlab/ehrlab/plugins"
)

// name is the name of a column, taken apart. Tables write one thing as patient_id, PatientID and patientid.
type name struct {
	whole string   // letters and digits alone, in lower case
	words []string // in lower case
}

// parse takes a name apart at signs and at capitals.
func parse(s string) name {
	var words []string
	var word, whole []rune
	end := func() {
		if len(word) > 0 {
			words = append(words, string(word))
			word = nil
		}
	}
	lower := false // the last rune was a lower-case letter
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			end()
			lower = false
			continue
		}
		if lower && unicode.IsUpper(r) {
			end()
		}
		lower = unicode.IsLower(r)
		r = unicode.ToLower(r)
		word, whole = append(word, r), append(whole, r)
	}
	end()
	return name{string(whole), words}
}

func (n name) is(names ...string) bool { return slices.Contains(names, n.whole) }

func (n name) contains(parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(n.whole, p) })
}

func (n name) begins(parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(n.whole, p) })
}

func (n name) ends(parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.HasSuffix(n.whole, p) })
}

func (n name) word(words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(n.words, w) })
}

func (n name) lastWord() string {
	if len(n.words) == 0 {
		return ""
	}
	return n.words[len(n.words)-1]
}

// identifies reports whether a name ends as those of identifiers do. English words that end in "id" do not count.
func (n name) identifies() bool {
	if slices.Contains([]string{"id", "nr", "nbr", "uuid", "guid", "identifier", "key", "mrn"}, n.lastWord()) {
		return true
	}
	if n.ends("acid", "fluid", "covid", "thyroid", "steroid", "steroids", "opioid", "lipid", "rapid", "valid", "solid", "amyloid", "typhoid", "paid", "colloid", "crystalloid", "rheumatoid", "carotid", "humid") {
		return false
	}
	return n.ends("id", "nbr") && len(n.whole) > 3
}

// Identifies reports whether a column is named as identifiers are, of whatever: of rows, stays, patients or else.
func Identifies(column string) bool {
	n := parse(column)
	return n.identifies() || n.isSubject() || n.stay() > 0
}

// names reports whether a column holds people's names: "name" alone or behind a word for a person.
func (n name) namesPeople() bool {
	if n.is("name", "surname", "forename", "firstname", "lastname", "middlename", "givenname", "familyname", "fullname", "maidenname", "patientname", "patname", "ptname", "subjectname", "personname", "nextofkin") {
		return true
	}
	return n.lastWord() == "name" && n.word("first", "last", "middle", "given", "family", "full", "maiden", "patient", "subject", "person", "mother", "father", "physician", "doctor", "nurse")
}

// direct says which direct identifier of a person a name stands for; "" for none.
func (n name) direct() string {
	switch {
	case n.namesPeople():
		return "names of people"
	case n.is("dob", "birthdate", "birthday", "dateofbirth", "birthdt", "datebirth") || n.word("dob", "birthdate") || n.word("birth") && n.word("date", "day", "dt"):
		return "dates of birth"
	case n.is("ssn", "socialsecuritynumber", "nhsnumber", "nhsno", "nationalid", "passport", "passportnumber", "insurancenumber", "medicarenumber", "healthcardnumber") || n.word("ssn"):
		return "numbers of a person in public registers"
	case n.is("mrn", "medicalrecordnumber", "patientmrn", "hospitalmrn", "emrn") || n.word("mrn"):
		return "medical record numbers"
	case n.word("email", "phone", "telephone", "fax", "mobile") || n.is("phonenumber", "emailaddress", "telephonenumber"):
		return "ways to reach a person"
	case n.word("address", "street", "postcode", "zip", "zipcode", "postalcode") || n.is("zip5", "homeaddress", "streetaddress"):
		return "addresses"
	}
	return ""
}

// isSite reports whether a column identifies a hospital.
func (n name) isSite() bool {
	return n.is("hospital", "hospitalid", "hospid", "hospitalcode", "hospitalname", "hospitalnr", "hospitalnumber", "site", "siteid", "sitecode", "sitename",
		"center", "centre", "centerid", "centreid", "facility", "facilityid", "clinic", "clinicid", "institution", "institutionid", "providerid", "trust", "trustid")
}

// isSubject reports whether a column identifies a patient.
func (n name) isSubject() bool {
	return n.is("subjectid", "subject", "patientid", "patient", "uniquepid", "pid", "patid", "ptid", "personid", "person", "patientnbr", "patientnr", "patientnumber",
		"patientno", "participantid", "participant", "memberid", "beneficiaryid", "empi", "patientkey", "patientuid", "patienthash", "pseudonym", "desynpufid")
}

// stay says how finely an identifier of a stay or a record tells rows apart: the larger the finer, 0 for none.
func (n name) stay() int {
	for i, stem := range []string{"admission", "hadm", "hospitalization", "healthsystemstay", "visit", "encounter", "case", "unitstay", "stay", "sample", "record", "row"} {
		if n.contains(stem) && (n.identifies() || n.ends("number", "no")) {
			return i + 1
		}
	}
	return 0
}

// label ranks names of labels, the more usual first from 1; 0 says that the name is none.
func (n name) label() int {
	for i, w := range []string{"death", "died", "mortality", "deceased", "dead", "hospitalexpireflag", "diedinhospital", "inhospitaldeath", "hospitaldeath", "hospitalmortality", "actualhospitalmortality", "hospitaldischargestatus"} {
		if n.whole == w {
			return i + 1
		}
	}
	for i, w := range []string{"death", "died", "mortality", "deceased", "expire", "vitalstatus", "alive", "dischargestatus", "readmi", "surviv"} {
		if n.contains(w) {
			return 20 + i
		}
	}
	if n.is("label", "target", "outcome", "y", "class", "event") {
		return 40
	}
	return 0
}

// isOutcome reports whether a column is known only after what a label says is known.
func (n name) isOutcome() bool {
	return n.label() > 0 && !n.is("class") || n.word("los", "lod", "dod") || n.ends("los") ||
		n.contains("discharge", "disch", "lengthofstay", "timeinhospital", "timeinicu", "disposition", "ventdays", "ventilatordays", "actual", "unabridged", "followup", "outcome", "deathtime", "dateofdeath")
}

// isScore reports whether a column is a prediction of another model.
func (n name) isScore() bool {
	return n.contains("predict", "probability", "riskscore") || n.word("pred", "prob") || n.begins("predvent", "predhosp", "predicu", "predlos", "predmort") ||
		n.ends("score") && n.contains("apache", "saps", "oasis", "mpm", "physiology", "lodsscore", "charlson", "elixhauser")
}

// isContext reports whether a column describes the hospital or the time.
func (n name) isContext() bool {
	return n.contains("teachingstatus", "teachtype", "numbeds", "bedcount", "bedsize") || n.is("region", "hospitalregion") ||
		n.contains("year") && n.contains("admi", "disch", "anchor", "calendar") || n.is("year")
}

// isGroup reports whether groups of patients are often formed by a column.
func (n name) isGroup() bool {
	return n.is("sex", "gender", "race", "ethnicity", "ethnic", "ethnicgroup", "female", "male", "isfemale", "ismale") || n.begins("race") && len(n.words) == 2
}

// isCode reports whether whole numbers in a column are more likely codes than amounts.
func (n name) isCode() bool {
	return n.word("type", "code", "source", "location", "category", "status", "race", "ethnicity", "ethnic", "gender", "sex", "specialty", "speciality", "disposition", "unit", "ward") ||
		n.ends("type", "code", "source", "location", "category", "typeid", "sourceid", "dispositionid", "specialty", "ethnicity", "gender") || n.is("region", "race", "sex")
}

// roleByName is the role that a name alone suggests, for columns that are no identifiers.
func (n name) roleByName() plugins.Role {
	switch {
	case n.isScore():
		return plugins.RoleScore
	case n.isContext():
		return plugins.RoleContext
	case n.isOutcome():
		return plugins.RoleOutcome
	case n.isGroup():
		return plugins.RoleGroup
	}
	return ""
}
