package eicu

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

// manyRows writes the tables of so many stays with so many rows of vitalPeriodic each, which come as from running monitors: in order
// of time, the stays mixed.
func manyRows(t testing.TB, dir string, stays, rows int) {
	t.Helper()
	file := func(name string, write func(w io.Writer)) {
		out, err := os.Create(filepath.Join(dir, name+".csv.gz"))
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		w := bufio.NewWriterSize(z, 1<<16)
		write(w)
		for _, close := range []func() error{w.Flush, z.Close, out.Close} {
			if err := close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	names := make([]string, len(patientTable.columns))
	for i, c := range patientTable.columns {
		names[i] = c.Name
	}
	file("patient", func(w io.Writer) {
		fmt.Fprintln(w, strings.Join(names, ","))
		for i := range stays {
			fmt.Fprintf(w, "%d,%d,P-%d,%d,Male,60,Caucasian,170,80,Sepsis,Floor,MICU,Floor,admit,1,-60,2014,%d,%d,Home,Alive,Floor,Alive\n",
				1000+i, 1+i, i, 1+i%200, 5*rows+100, 5*rows)
		}
	})
	file("hospital", func(w io.Writer) { fmt.Fprintln(w, "hospitalid,numbedscategory,teachingstatus,region\n1,,t,South") })
	file("apachePredVar", func(w io.Writer) { fmt.Fprintln(w, "patientunitstayid,electivesurgery") })
	file("apachePatientResult", func(w io.Writer) {
		fmt.Fprintln(w, "patientunitstayid,apacheversion,predictedhospitalmortality,actualventdays")
		for i := range stays {
			fmt.Fprintf(w, "%d,IVa,0.1,\n", 1000+i)
		}
	})
	file("carePlanGeneral", func(w io.Writer) { fmt.Fprintln(w, "patientunitstayid,cplitemoffset,cplgroup,cplitemvalue") })
	file("vitalAperiodic", func(w io.Writer) {
		fmt.Fprintln(w, "patientunitstayid,observationoffset,noninvasivesystolic,noninvasivediastolic,noninvasivemean")
	})
	file("lab", func(w io.Writer) {
		fmt.Fprintln(w, "patientunitstayid,labresultoffset,labname,labresult,labmeasurenamesystem,labresultrevisedoffset")
	})
	file("intakeOutput", func(w io.Writer) { fmt.Fprintln(w, "patientunitstayid,intakeoutputoffset,cellpath,cellvaluenumeric") })
	file("vitalPeriodic", func(w io.Writer) {
		fmt.Fprintln(w, "vitalperiodicid,patientunitstayid,observationoffset,temperature,sao2,heartrate,respiration,cvp,etco2,systemicsystolic,"+
			"systemicdiastolic,systemicmean,pasystolic,padiastolic,pamean,st1,st2,st3,icp")
		line := make([]byte, 0, 128)
		for at := range rows {
			for i := range stays {
				k := at*stays + i
				line = strconv.AppendInt(line[:0], int64(k), 10)
				line = append(strconv.AppendInt(append(line, ','), int64(1000+i), 10), ',')
				line = append(strconv.AppendInt(line, int64(5*at), 10), ",,"...)
				line = append(strconv.AppendInt(line, int64(90+k%11), 10), ',')
				line = append(strconv.AppendInt(line, int64(60+k%61), 10), ',')
				line = append(strconv.AppendInt(line, int64(12+k%17), 10), ",,,"...)
				line = append(strconv.AppendInt(line, int64(100+k%53), 10), ",60,80,,,,0.1,0.2,0.3,\n"...)
				w.Write(line)
			}
		}
	})
}

// peakOver runs f and returns by how much the live heap exceeded that of the start, sampled after collections.
func peakOver(f func()) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	start, peak := m.HeapAlloc, m.HeapAlloc
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}
	}()
	f()
	close(stop)
	<-done
	return peak - start
}

// Memory grows with the stays, not with the rows of vitalPeriodic: ten times the rows take no more.
func TestMemoryDoesNotGrowWithRows(t *testing.T) {
	if testing.Short() {
		t.Skip("writes and reads half a million rows")
	}
	const stays = 200
	var peaks []uint64
	for _, rows := range []int{200, 2000} {
		dir := t.TempDir()
		manyRows(t, dir, stays, rows)
		peaks = append(peaks, peakOver(func() {
			if n := read(t, settings(dir, Johnson2018, Random)).Frame.Rows(); n != stays {
				t.Errorf("%d stays, want %d", n, stays)
			}
		}))
	}
	// the rows added hold 9 numbers of 8 bytes each: 26 MB would be needed to keep them
	if growth := int64(peaks[1]) - int64(peaks[0]); growth > 6<<20 {
		t.Errorf("the peak grew by %d bytes, from %d, with 360,000 rows", growth, peaks[0])
	}
}

// BenchmarkTenMillionVitals makes the matrix of 40,000 stays from 10 million rows of vitalPeriodic.csv.gz; peak-MB is the resident
// memory of the process at its highest, the writing of the tables included.
func BenchmarkTenMillionVitals(b *testing.B) {
	const stays, rows = 40_000, 250
	dir := b.TempDir()
	manyRows(b, dir, stays, rows)
	b.ResetTimer()
	for range b.N {
		if n := read(b, settings(dir, Johnson2018, Random)).Frame.Rows(); n != stays {
			b.Fatalf("%d stays, want %d", n, stays)
		}
	}
	b.ReportMetric(float64(b.N*stays*rows)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	if peak := peakResident(); peak > 0 {
		b.ReportMetric(peak, "peak-MB")
	}
}

// peakResident is the highest resident memory of the process in MB, 0 where the system does not tell.
func peakResident() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			kB, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			if err == nil {
				return kB / 1024
			}
		}
	}
	return 0
}
