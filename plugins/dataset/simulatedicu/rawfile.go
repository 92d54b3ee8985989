package simulatedicu

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// rawHeaders are the tables that are written, and their columns in the order of eICU-CRD v2.0.
var rawHeaders = [rawKinds]struct{ name, columns string }{
	rawPatient: {"patient", "patientunitstayid,patienthealthsystemstayid,gender,age,ethnicity,hospitalid,wardid,apacheadmissiondx,admissionheight," +
		"hospitaladmittime24,hospitaladmitoffset,hospitaladmitsource,hospitaldischargeyear,hospitaldischargetime24,hospitaldischargeoffset," +
		"hospitaldischargelocation,hospitaldischargestatus,unittype,unitadmittime24,unitadmitsource,unitvisitnumber,unitstaytype,admissionweight," +
		"dischargeweight,unitdischargetime24,unitdischargeoffset,unitdischargelocation,unitdischargestatus,uniquepid"},
	rawHospital: {"hospital", "hospitalid,numbedscategory,teachingstatus,region"},
	rawAps: {"apacheApsVar", "apacheapsvarid,patientunitstayid,intubated,vent,dialysis,eyes,motor,verbal,meds,urine,wbc,temperature,respiratoryrate," +
		"sodium,heartrate,meanbp,ph,hematocrit,creatinine,albumin,pao2,pco2,bun,glucose,bilirubin,fio2"},
	rawPred: {"apachePredVar", "apachepredvarid,patientunitstayid,sicuday,saps3day1,saps3today,saps3yesterday,gender,teachtype,region,bedcount,admitsource," +
		"graftcount,meds,verbal,motor,eyes,age,admitdiagnosis,thrombolytics,diedinhospital,aids,hepaticfailure,lymphoma,metastaticcancer,leukemia," +
		"immunosuppression,cirrhosis,electivesurgery,activetx,readmit,ima,midur,ventday1,oobventday1,oobintubday1,diabetes,managementsystem," +
		"var03hspxlos,pao2,fio2,ejectfx,creatinine,dischargelocation,visitnumber,amilocation,day1meds,day1verbal,day1motor,day1eyes,day1pao2,day1fio2"},
	rawResult: {"apachePatientResult", "apachepatientresultsid,patientunitstayid,physicianspeciality,physicianinterventioncategory,acutephysiologyscore," +
		"apachescore,apacheversion,predictedicumortality,actualicumortality,predictediculos,actualiculos,predictedhospitalmortality," +
		"actualhospitalmortality,predictedhospitallos,actualhospitallos,preopmi,preopcardiaccath,ptcawithin24h,unabridgedunitlos,unabridgedhosplos," +
		"actualventdays,predventdays,unabridgedactualventdays"},
	rawCare:     {"carePlanGeneral", "cplgeneralid,patientunitstayid,activeupondischarge,cplitemoffset,cplgroup,cplitemvalue"},
	rawPeriodic: {"vitalPeriodic", "vitalperiodicid,patientunitstayid,observationoffset,temperature,sao2,heartrate,respiration,cvp,etco2,systemicsystolic,systemicdiastolic,systemicmean,pasystolic,padiastolic,pamean,st1,st2,st3,icp"},
	rawAperiodic: {"vitalAperiodic", "vitalaperiodicid,patientunitstayid,observationoffset,noninvasivesystolic,noninvasivediastolic,noninvasivemean,paop," +
		"cardiacoutput,cardiacinput,svr,svri,pvr,pvri"},
	rawLab:    {"lab", "labid,patientunitstayid,labresultoffset,labtypeid,labname,labresult,labresulttext,labmeasurenamesystem,labmeasurenameinterface,labresultrevisedoffset"},
	rawIntake: {"intakeOutput", "intakeoutputid,patientunitstayid,intakeoutputoffset,intaketotal,outputtotal,dialysistotal,nettotal,intakeoutputentryoffset,cellpath,celllabel,cellvaluenumeric,cellvaluetext"},
}

const (
	rawPatient = iota
	rawHospital
	rawAps
	rawPred
	rawResult
	rawCare
	rawPeriodic
	rawAperiodic
	rawLab
	rawIntake
	rawKinds
)

// rawFile is one table that is being written. The first error stays.
type rawFile struct {
	file  *os.File
	pack  *gzip.Writer
	text  []byte
	rows  int64
	fault error
}

const rawBuffer = 1 << 18

// start begins a row with the number of the row as the identifier, and the stay.
func (f *rawFile) start(stay int64) {
	f.rows++
	f.text = strconv.AppendInt(f.text, f.rows, 10)
	f.int(stay)
}

func (f *rawFile) int(v int64) {
	f.text = append(f.text, ',')
	f.text = strconv.AppendInt(f.text, v, 10)
}

// number adds a value, an empty field where it is missing.
func (f *rawFile) number(v float64) {
	f.text = append(f.text, ',')
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		f.text = strconv.AppendInt(f.text, int64(v), 10)
	} else if !math.IsNaN(v) {
		f.text = strconv.AppendFloat(f.text, v, 'f', -1, 64)
	}
}

// raw adds text that begins with a comma and needs no quotes.
func (f *rawFile) raw(s string) { f.text = append(f.text, s...) }

// field adds a text.
func (f *rawFile) field(s string) {
	f.text = append(f.text, ',')
	if strings.ContainsAny(s, `,"`) {
		s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	f.text = append(f.text, s...)
}

func (f *rawFile) end() {
	f.text = append(f.text, '\n')
	if len(f.text) > rawBuffer {
		f.flush()
	}
}

func (f *rawFile) flush() {
	if f.fault == nil {
		_, f.fault = f.pack.Write(f.text)
	}
	f.text = f.text[:0]
}

// rawTables are the tables that are being written.
type rawTables [rawKinds]*rawFile

// The marker lies beside the tables, which look like those of patients; whoever finds it takes them for simulated ones.
const (
	rawMarker     = "SIMULATED.txt"
	rawMarkerText = "SIMULATED: the tables in this folder are of invented patients; the data set simulated-icu wrote them.\n"
)

// createRaw creates a file of the folder; that it is there already is an error, as the folder is empty.
func createRaw(folder, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(folder, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}

// writeMarker comes before any table, so that none is ever without it.
func writeMarker(folder string) error {
	file, err := createRaw(folder, rawMarker)
	if err != nil {
		return err
	}
	_, err = file.WriteString(rawMarkerText)
	return errors.Join(err, file.Close())
}

func createTables(folder string) (*rawTables, error) {
	out := &rawTables{}
	for i, h := range rawHeaders {
		file, err := createRaw(folder, h.name+".csv.gz")
		if err != nil {
			return nil, errors.Join(err, out.close())
		}
		pack, err := gzip.NewWriterLevel(file, gzip.BestSpeed)
		if err != nil {
			return nil, errors.Join(err, file.Close(), out.close())
		}
		out[i] = &rawFile{file: file, pack: pack, text: append([]byte(h.columns), '\n')}
	}
	return out, nil
}

// err is the first error of any table.
func (t *rawTables) err() error {
	for _, f := range t {
		if f.fault != nil {
			return f.fault
		}
	}
	return nil
}

func (t *rawTables) close() error {
	var faults []error
	for _, f := range t {
		if f != nil {
			f.flush()
			faults = append(faults, f.fault, f.pack.Close(), f.file.Close())
		}
	}
	return errors.Join(faults...)
}
