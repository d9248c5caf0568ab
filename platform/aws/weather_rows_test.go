package aws

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
)

// Goal: reads say what keeps them from reading, and never that there is nothing. Method: a read
// that is throttled, refused, and lost beyond the client's patience.
func TestReadsInBadWeather(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"ThrottlingException": "too many requests", "ExpiredTokenException": "have expired",
		"ResourceNotFoundException": "no such table in this region",
		"AccessDeniedException":     "may not",
	} {
		p, cloud := newPlatform(t, nil)
		cloud.faults.Plan("GetItem", refusals(3, awstest.Refuse(code, "no", ""))...)
		_, err := p.Store("alpha").Get(t.Context(), platform.Key{Part: "p"})
		if err == nil || errors.Is(err, platform.ErrNotFound) ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", code, err, want)
		}
	}
	p, cloud := newPlatform(t, nil)
	cloud.faults.Plan("GetItem", awstest.LoseRequest())
	_, err := p.Store("alpha").Get(t.Context(), platform.Key{Part: "p"})
	if !errors.Is(err, platform.ErrNotFound) {
		t.Errorf("a read that was lost once: %v", err)
	}
}

// Goal: a platform does not open on a table that is not there. Method: a name that was never made.
func TestOpenNamesTheTableThatIsMissing(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	_, err := openStore(t.Context(), options(c.cfg, "nowhere"))
	if err == nil || !strings.Contains(err.Error(), "nowhere") ||
		!strings.Contains(err.Error(), c.cfg.Region) {
		t.Errorf("opened on a table that is not there: %v", err)
	}
}

// Goal: a row that was written is not reported as a conflict because its answer was lost. Method:
// lost answers around conditional writes of rows, and a true conflict.
func TestRowsInBadWeather(t *testing.T) {
	t.Parallel()
	p, cloud := newPlatform(t, nil)
	r := row{PK: "~platform/test", SK: "a", Value: []byte("1")}
	cloud.faults.Plan("UpdateItem", awstest.LoseAnswer())
	if err := p.rows.putRow(t.Context(), r, platform.Absent); err != nil {
		t.Errorf("written, and its answer lost: %v", err)
	}
	err := p.rows.putRow(t.Context(), r, platform.Absent)
	if !errors.Is(err, platform.ErrConflict) {
		t.Errorf("there already: %v, want a conflict", err)
	}
	r.Expires = time.Unix(2_000_000_000, 0).UTC()
	if err := p.rows.putRow(t.Context(), r, 1); err != nil {
		t.Error(err)
	}
	r.SK = "b"
	if err := p.rows.putRow(t.Context(), r, platform.Any); err != nil {
		t.Error(err)
	}
	list, err := p.rows.listRows(t.Context(), r.PK, "", "", 10)
	if err != nil || len(list) != 2 || list[0].SK != "a" || list[0].Version != 2 ||
		!list[0].Expires.Equal(r.Expires) {
		t.Errorf("rows: %+v, %v", list, err)
	}
	if list, err := p.rows.listRows(t.Context(), r.PK, "", "a", 10); err != nil || len(list) != 1 {
		t.Errorf("rows after the first: %+v, %v", list, err)
	}
	if err := p.rows.deleteRow(t.Context(), r.PK, "a", 1); !errors.Is(err, platform.ErrConflict) {
		t.Errorf("deleted under an old version: %v", err)
	}
	for _, expect := range []int64{2, platform.Any} {
		if err := p.rows.deleteRow(t.Context(), r.PK, "a", expect); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.rows.getRow(t.Context(), r.PK, "a"); !errors.Is(err, platform.ErrNotFound) {
		t.Errorf("a row that was deleted: %v", err)
	}
}
