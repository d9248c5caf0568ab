//go:build awsemulated

package lambdatest_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/shop/room"
)

// Goal: a figure, not a verdict: from the start of a process to its first answer, on AWS's clients.
// Method: twenty new processes of each kind, with services that answer at once; asked for with
// SOUK_MEASURE=1, on a machine that does nothing else.
func TestColdStartEmulated(t *testing.T) {
	if os.Getenv("SOUK_MEASURE") == "" {
		t.Skip("set SOUK_MEASURE=1 on a quiet machine")
	}
	c := openCloud(t, awstest.StartEmulator(t), buildForAWS(t), "eventbridge")
	c.open("LAMP")
	token, err := c.issuer.Issue(t.Context(), room.Caller{ID: "cus_1", Role: room.Customer()},
		time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	junk := []byte(`{"Records":[{"messageId":"1","receiptHandle":"1","body":"junk"}]}`)
	record := []byte(`{"Records":[{"eventName":"REMOVE","dynamodb":{"SequenceNumber":"1"}}]}`)
	for _, one := range []struct {
		name, function string
		payload        func(run int) []byte
	}{
		{"GET /v1/products/LAMP", "ApiFunction", func(int) []byte {
			return payload("GET", "/v1/products/LAMP", "", "", "")
		}},
		{"POST /v1/orders", "ApiFunction", func(run int) []byte {
			return payload("POST", "/v1/orders", "", token, fmt.Sprintf(
				`{"items":[{"sku":"LAMP","quantity":1}],"payment":{"token":"tok_visa"},`+
					`"shipTo":%s}`, shipTo), "idempotency-key", fmt.Sprint("cold-", run))
		}},
		{"a message", "OrderExpireOnDeadlineFunction", func(int) []byte { return junk }},
		{"a message", "PurchasesFunction", func(int) []byte { return junk }},
		{"a record", "RelayFunction", func(int) []byte { return record }},
		{"a sweep", "SweeperFunction", func(int) []byte { return []byte(`{}`) }},
	} {
		const runs = 20
		f, took := c.functions[one.function], make([]time.Duration, runs)
		for i := range took {
			f.Close()
			began := time.Now()
			if _, err := f.Invoke(t.Context(), one.payload(i)); err != nil {
				t.Fatalf("%s: %v\n%s", one.function, err, f.Log)
			}
			took[i] = time.Since(began).Round(100 * time.Microsecond)
		}
		slices.Sort(took)
		t.Logf("%-30s %-22s P50 %s P95 %s all %v", one.function, one.name, took[9], took[18], took)
	}
}
