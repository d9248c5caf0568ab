package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app/importer"
)

const orderLines = `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
900001,10001A,BRASS LAMP,6,2020-01-02 08:26:00,2.55,101.0,United Kingdom
900001,POST,POSTAGE,1,2020-01-02 08:26:00,18.0,101.0,United Kingdom
C900002,10001A,BRASS LAMP,-6,2020-01-02 09:00:00,2.55,101.0,United Kingdom
900003,10001A,BRASS LAMP,1,2020-01-02 10:00:00,2.55,,France
`

// Goal: the command imports, reports and says what comes next, the second time as well. Method: run
// it as typed, as text and as JSON, on a file of four lines.
func TestImportCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, data := filepath.Join(dir, "orders.csv"), filepath.Join(dir, "data")
	refused := filepath.Join(dir, "refused.jsonl")
	if err := os.WriteFile(file, []byte(orderLines), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"import", "--format", "uci-online-retail", "--data", data,
		"--report", refused, file}
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, &out, &errs); code != exitOK {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	for _, want := range []string{
		"in 2 orders, 1 by guests, 0 there before", "  1 order\n", "1 not_goods",
		"17.85 GBP", "souk verify --data " + data,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	raw, err := os.ReadFile(refused)
	const want = `{"line":3,"invoice":"900001","code":"POST","reason":"not_goods"}` + "\n"
	if err != nil || string(raw) != want {
		t.Errorf("the report is %q (%v), want %q", raw, err, want)
	}
	out.Reset()
	if code := run(t.Context(), append([]string{"--json"}, args...), &out, &errs); code != exitOK {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	var r importer.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	if r.Lines != 4 || r.Orders != 2 || r.Before != 2 || r.Cancelled != 1 {
		t.Errorf("the second import says %+v", r)
	}
}

// Goal: what cannot be imported is refused before anything is made. Method: a file that is not
// there, one of another format, and one command line that is wrong.
func TestImportCommandRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other := filepath.Join(dir, "other.csv")
	if err := os.WriteFile(other, []byte("a,b\n1,2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const uci = "--format=uci-online-retail"
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no file", []string{uci, filepath.Join(dir, "none.csv")}, exitFailed,
			"nothing was imported"},
		{"another format", []string{uci, other}, exitFailed, "InvoiceNo"},
		{"no format", []string{other}, exitMisused, "--format"},
		{"unknown format", []string{"--format=xml", other}, exitMisused, "uci-online-retail"},
		{"nothing in flight", []string{uci, "--in-flight=0", other}, exitMisused, "--in-flight"},
	} {
		data := filepath.Join(dir, "data")
		var out, errs bytes.Buffer
		args := append([]string{"import", "--data", data}, c.args...)
		if code := run(t.Context(), args, &out, &errs); code != c.code ||
			!strings.Contains(errs.String(), c.want) {
			t.Errorf("%s: exit %d, %s", c.name, code, errs.String())
		}
		if _, err := os.Stat(data); err == nil {
			t.Errorf("%s: a data directory was made", c.name)
			if err := os.RemoveAll(data); err != nil {
				t.Fatal(err)
			}
		}
	}
}
