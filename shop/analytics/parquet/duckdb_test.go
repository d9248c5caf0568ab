//go:build duckdb

package parquet_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/shop/event"
)

const (
	duckdb     = "duckdb==1.4.2"
	exitNoTool = 3 // there is nothing to read with, which says nothing about the files
)

// question is asked of the files by DuckDB's own reader.
const question = `
import csv, duckdb, sys
files = sys.argv[1] + '/*/*/*.parquet'
rows = duckdb.sql(f"""
  SELECT type, count(*), count(DISTINCT event_id), min(event_sequence), max(day)::VARCHAR,
         coalesce(sum(CASE WHEN type = 'souk.order.placed.v2' THEN total END), 0)::BIGINT,
         coalesce(sum(json_array_length(parcels)), 0)::BIGINT
  FROM read_parquet('{files}', hive_partitioning = true, union_by_name = true)
  GROUP BY type ORDER BY type""").fetchall()
csv.writer(sys.stdout).writerows(rows)
`

// Goal: somebody else's reader finds in the files what is in the log: each event once, under its
// day and type, with sums over numbers and over what stands in JSON.
// Method: DuckDB's answers against the same sums made of the log.
func TestDuckDBReadsTheFiles(t *testing.T) {
	python := reader(t)
	dir := t.TempDir()
	log := history(t, 300, event.Kinds())
	export(t, dir, log[:100], true)
	export(t, dir, log[:200], false) // dies
	export(t, dir, log, true)

	type sum struct{ n, first, total, parcels int64 }
	want := make(map[string]*sum)
	last := make(map[string]string)
	for i, e := range log {
		s := want[e.Type]
		if s == nil {
			s = &sum{first: e.Sequence}
			want[e.Type] = s
		}
		s.n++
		last[e.Type] = e.Time.Format("2006-01-02")
		if e.Type == (&event.OrderPlaced{}).Type() {
			s.total += int64(i)
			s.parcels++
		}
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", question, dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("duckdb: %v", err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil || len(rows) != len(want) {
		t.Fatalf("%d types, want %d: %v", len(rows), len(want), err)
	}
	for _, row := range rows {
		s := want[row[0]]
		if s == nil {
			t.Errorf("no such type: %v", row)
			continue
		}
		sums := fmt.Sprintf("%d %d %d %s %d %d", s.n, s.n, s.first, last[row[0]], s.total,
			s.parcels)
		if got := strings.Join(row[1:], " "); got != sums {
			t.Errorf("%s: %s, want %s", row[0], got, sums)
		}
	}
}

// reader installs DuckDB into the user's cache, once, and returns the Python that has it.
func reader(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "souk", duckdb)
	python := filepath.Join(dir, "bin", "python")
	if exec.Command(python, "-c", "import duckdb").Run() == nil {
		return python
	}
	for _, step := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--retries", "1",
			"--timeout", "20", "--disable-pip-version-check", duckdb},
	} {
		out, err := exec.Command(step[0], step[1:]...).CombinedOutput()
		if err == nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s\nNOT READ: %s could not be installed (%v).\n"+
			"It needs python3 with venv, and the registry pypi.org (or pip's PIP_INDEX_URL).\n"+
			"Nothing was tried, so this says nothing about the files: exit code %d.\n",
			out, duckdb, err, exitNoTool)
		os.Exit(exitNoTool)
	}
	return python
}
