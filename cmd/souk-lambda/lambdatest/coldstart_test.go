package lambdatest_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/shop/room"
)

const maxPackage = 25 << 20 // bytes of a zip

// Goal: every package is under 25 MiB. Method: each binary zipped as it is deployed.
func packagesAreSmall(t *testing.T, dir string) {
	for _, role := range roles() {
		raw, err := os.ReadFile(filepath.Join(dir, role))
		if err != nil {
			t.Fatal(err)
		}
		var packed bytes.Buffer
		z := zip.NewWriter(&packed)
		w, err := z.Create("bootstrap")
		if err == nil {
			_, err = io.Copy(w, bytes.NewReader(raw))
		}
		if err == nil {
			err = z.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-10s %5.2f MiB, zipped %5.2f MiB", role, mib(len(raw)), mib(packed.Len()))
		if packed.Len() > maxPackage {
			t.Errorf("%s is %d bytes", role, packed.Len())
		}
	}
}

func mib(n int) float64 { return float64(n) / (1 << 20) }

// Goal: a figure, not a verdict: from the start of a process to its first answer. Method: twenty
// new processes of each kind; asked for with SOUK_MEASURE=1, on a machine that does nothing else.
func TestColdStart(t *testing.T) {
	if os.Getenv("SOUK_MEASURE") == "" {
		t.Skip("set SOUK_MEASURE=1 on a quiet machine")
	}
	m := openMarket(t, build(t))
	m.list("LAMP")
	admin, buyer := m.token("adm_1", room.Admin()), m.token("cus_1", room.Customer())
	empty, err := json.Marshal(map[string]any{"Records": []map[string]any{{
		"eventName": "REMOVE", "dynamodb": map[string]any{"SequenceNumber": "1"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	junk := []byte(`{"Records":[{"messageId":"1","body":"junk"}]}`)
	for _, one := range []struct {
		name, role string
		more       []string
		payload    func(run int) []byte
	}{
		{"GET /v1/products/LAMP", function.API, nil, func(int) []byte {
			return payload("GET", "/v1/products/LAMP", "", "", "")
		}},
		{"GET /v1/stock/LAMP with a token", function.API, nil, func(int) []byte {
			return payload("GET", "/v1/stock/LAMP", "", admin, "")
		}},
		{"POST /v1/orders", function.API, nil, func(run int) []byte {
			return payload("POST", "/v1/orders", "", buyer, `{"items":[{"sku":"LAMP","quantity":1}],`+
				`"payment":{"token":"tok_visa"},"shipTo":{"name":"A","line1":"1","city":"Leeds",`+
				`"country":"GB"}}`, "idempotency-key", fmt.Sprint("cold-", run))
		}},
		{"a message", function.Worker, []string{"SOUK_SUBSCRIPTION", "order.expire-on-deadline"},
			func(int) []byte { return junk }},
		{"a message", function.Purchases, nil, func(int) []byte { return junk }},
		{"a record", function.Relay, nil, func(int) []byte { return empty }},
		{"nothing due", function.Sweeper, nil, func(int) []byte { return []byte(`{}`) }},
	} {
		const runs = 20
		took := make([]time.Duration, runs)
		for i := range took {
			f := m.deploy(one.role, one.more...)
			began := time.Now()
			if _, err := f.Invoke(t.Context(), one.payload(i)); err != nil {
				t.Fatalf("%s %s: %v", one.role, one.name, err)
			}
			took[i] = time.Since(began)
			f.Close()
		}
		slices.Sort(took)
		at := func(percent int) time.Duration {
			return took[runs*percent/100-1].Round(100 * time.Microsecond)
		}
		t.Logf("%-9s %-32s P50 %s P95 %s most %s", one.role, one.name, at(50), at(95), at(100))
	}
}
