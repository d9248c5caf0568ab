//go:build awsemulated

package lambdatest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform/aws/deploy/iamtest"
)

// auditor is in whose name the checker signs.
const auditor = "auditor"

// buildSouk makes the command that an operator has.
func buildSouk(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "souk")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary,
		"github.com/souk-commerce/souk/cmd/souk")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build souk: %v\n%s", err, out)
	}
	return binary
}

// verify runs the checker as an operator does, and returns its report and its exit code.
func (c *cloud) verify(souk string) (r verify.Report, code int) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), souk, "--json", "verify", "--data", "aws:t",
		"--sandbox-url", c.bank)
	cmd.Env = []string{"AWS_ENDPOINT_URL=" + c.endpoint, "AWS_REGION=" + iamtest.Region,
		"AWS_ACCESS_KEY_ID=" + auditor, "AWS_SECRET_ACCESS_KEY=secret"}
	var said, complained bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &complained
	_ = cmd.Run() // the code says how it ended
	if err := json.Unmarshal(said.Bytes(), &r); err != nil || len(r.Invariants) == 0 {
		c.t.Fatalf("verify ended with %d and no report:\n%s%s", cmd.ProcessState.ExitCode(), &said,
			&complained)
	}
	return r, cmd.ProcessState.ExitCode()
}

// findings lists the invariants that a report says are broken.
func findings(r verify.Report) (ids []string) {
	for _, i := range r.Invariants {
		if i.Broken > 0 {
			ids = append(ids, i.ID)
		}
	}
	return ids
}

// wantBooks requires that the checker finds the books in order, with so many orders in them and the
// sandbox's ledger beside them.
func (c *cloud) wantBooks(souk string, quiescent bool, orders int64) verify.Report {
	c.t.Helper()
	r, code := c.verify(souk)
	if code != 0 || !r.Clean() || r.Orders != orders || r.Quiescent != quiescent {
		c.t.Errorf("verify ended with %d:\n%s", code, r.String())
	}
	for _, id := range []string{"I1", "I2", "I5", "I9", "I15", "I22", "I24"} {
		i := slices.IndexFunc(r.Invariants, func(i verify.Invariant) bool { return i.ID == id })
		if i < 0 || r.Invariants[i].Checked == 0 {
			c.t.Errorf("%s was not put to the test:\n%s", id, r.String())
		}
	}
	if strings.Contains(r.String(), "ledger") {
		c.t.Errorf("the sandbox's ledger was not compared:\n%s", r.String())
	}
	c.t.Logf("%s", r.String())
	return r
}

// audited shows that the checker sees what is there, archived or not, changes nothing, and finds a
// record that somebody changed behind the shop's back.
func (c *cloud) audited(souk string, orders int64) {
	c.t.Helper()
	r := c.wantBooks(souk, true, orders)
	for _, id := range []string{"I27", "I41"} { // of payouts and returns
		if i := slices.IndexFunc(r.Invariants, func(i verify.Invariant) bool {
			return i.ID == id
		}); i < 0 || r.Invariants[i].Checked == 0 {
			c.t.Errorf("%s was not put to the test:\n%s", id, r.String())
		}
	}
	c.checkout("VASE", "tok_visa", "k7") // and nobody carries it
	r = c.wantBooks(souk, false, orders+1)
	if !strings.Contains(r.String(), "not in the archive yet") {
		c.t.Errorf("the report does not say what is not archived:\n%s", r.String())
	}
	reads := []string{
		"dynamodb:BatchGetItem", "dynamodb:DescribeStream", "dynamodb:DescribeTable",
		"dynamodb:GetItem", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:Query",
		"dynamodb:Scan", "s3:GetObject", "s3:ListBucket", "sqs:GetQueueAttributes",
		"sqs:GetQueueUrl",
	}
	for _, one := range c.seen.take() {
		if one.who == auditor && !slices.Contains(reads, one.Action) {
			c.t.Errorf("the checker called %s on %s", one.Action, one.Resource)
		}
	}
	c.tamper()
	r, code := c.verify(souk)
	found := findings(r)
	if code != 1 || !slices.Contains(found, "I15") && !slices.Contains(found, "I5") {
		c.t.Errorf("a changed shelf: verify ended with %d\n%s", code, r.String())
	}
	c.t.Logf("after a shelf was changed in the table: %v are broken", found)
}

// tamper adds a unit to a counter of a shelf, past everything that the shop would have written.
func (c *cloud) tamper() {
	c.t.Helper()
	db, table := dynamodb.NewFromConfig(configOf("thief", c.endpoint)), "souk-t"
	out, err := db.Scan(c.t.Context(), &dynamodb.ScanInput{
		TableName: &table, FilterExpression: aws.String("begins_with(pk, :room)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":room": &types.AttributeValueMemberS{Value: "inventory/"},
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, item := range out.Items {
		for name := range item {
			if !strings.HasPrefix(name, "c_") {
				continue
			}
			_, err := db.UpdateItem(c.t.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: map[string]types.AttributeValue{
					"pk": item["pk"], "sk": item["sk"],
				},
				UpdateExpression: aws.String("ADD " + name + " :one"),
				ExpressionAttributeValues: map[string]types.AttributeValue{
					":one": &types.AttributeValueMemberN{Value: "1"},
				},
			})
			if err != nil {
				c.t.Fatal(err)
			}
			return
		}
	}
	c.t.Fatal("no shelf has a counter")
}
