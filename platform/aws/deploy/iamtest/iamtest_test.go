package iamtest_test

import (
	"testing"

	"github.com/souk-commerce/souk/platform/aws/deploy/iamtest"
)

// Goal: the judge of policies judges as AWS does, where it could be too kind. Method: a policy
// bound to leading keys, and requests at its edges.
func TestTheJudgeIsStrict(t *testing.T) {
	t.Parallel()
	const table = "arn:aws:dynamodb:eu-west-1:123456789012:table/souk"
	bound := iamtest.Statement{
		Effect: "Allow", Actions: []string{"dynamodb:GetItem", "dynamodb:Scan"},
		Resources: []string{table},
		Conditions: map[string]map[string][]string{
			"ForAllValues:StringLike": {"dynamodb:LeadingKeys": {"order/*"}},
		},
	}
	named := bound
	named.Conditions = map[string]map[string][]string{
		"ForAllValues:StringLike": {"dynamodb:LeadingKeys": {"order/*"}},
		"Null":                    {"dynamodb:LeadingKeys": {"false"}},
	}
	unknown := bound
	unknown.Conditions = map[string]map[string][]string{"IpAddress": {"aws:SourceIp": {"::/0"}}}
	denied := iamtest.Statement{
		Effect: "Deny", Actions: []string{"dynamodb:*"}, Resources: []string{"*"},
	}
	starred := iamtest.Statement{
		Effect: "Allow", Actions: []string{"s3:Get*"}, Resources: []string{"a/*/b*c", "q?", `[a-z]\x`},
	}
	starredCall := func(resource string) iamtest.Request {
		return iamtest.Request{Action: "s3:GetObject", Resource: resource}
	}
	get := iamtest.On("dynamodb:GetItem", table, "order/ord_1/lines")
	scan := iamtest.Request{Action: "dynamodb:Scan", Resource: table}
	two := get
	two.Context = map[string][]string{"dynamodb:LeadingKeys": {"order/a", "payment/a"}}
	for _, c := range []struct {
		what  string
		of    []iamtest.Statement
		asked iamtest.Request
		want  bool
	}{
		{"a key below the prefix", []iamtest.Statement{bound}, get, true},
		{"a scan passes ForAllValues alone", []iamtest.Statement{bound}, scan, true},
		{"and not where a key must be named", []iamtest.Statement{named}, scan, false},
		{"one of two keys is another's", []iamtest.Statement{named}, two, false},
		{"another's key", []iamtest.Statement{named},
			iamtest.On("dynamodb:GetItem", table, "orders/x"), false},
		{"another action", []iamtest.Statement{named},
			iamtest.On("dynamodb:PutItem", table, "order/x"), false},
		{"another table", []iamtest.Statement{named},
			iamtest.On("dynamodb:GetItem", table+"-payment", "order/x"), false},
		{"an unknown operator", []iamtest.Statement{unknown}, get, false},
		{"a pattern with stars in the middle", []iamtest.Statement{starred}, starredCall("a/x/b/c"),
			true},
		{"and something behind it", []iamtest.Statement{starred}, starredCall("a/x/b/cd"), false},
		{"a question mark is one character", []iamtest.Statement{starred}, starredCall("q1"), true},
		{"and not none", []iamtest.Statement{starred}, starredCall("q"), false},
		{"a pattern that is no pattern is itself", []iamtest.Statement{starred},
			starredCall(`[a-z]\x`), true},
		{"a denial wins", []iamtest.Statement{named, denied}, get, false},
	} {
		if got := (iamtest.Policy{Statements: c.of}).Allows(c.asked); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}
