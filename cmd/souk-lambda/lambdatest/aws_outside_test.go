//go:build awsemulated

package lambdatest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/platform/aws/deploy/iamtest"
)

// judgeOutside changes every call that a function made in one place, so that it lies outside of
// what the function's room declares, and requires that its role denies it: the key of a room that
// there is none of, another function's queue or rows, another table, bus, bucket or key, and
// actions that nobody declares.
func judgeOutside(t *testing.T, c *cloud, calls []call) {
	t.Helper()
	policies := c.house.Functions()
	queues := slices.Sorted(maps.Keys(c.workers))
	tried, denied := make(map[string]bool), 0
	for _, one := range calls {
		p, ok := policies[one.who]
		if !ok {
			continue
		}
		for _, r := range outside(one.who, one.Request, queues) {
			id := one.who + r.Action + r.Resource +
				strings.Join(r.Context["dynamodb:LeadingKeys"], " ")
			if tried[id] {
				continue
			}
			tried[id] = true
			if denied++; p.Allows(r) {
				t.Errorf("%s may %s on %s %v, which lies outside of its room", one.who, r.Action,
					r.Resource, r.Context)
			}
		}
	}
	t.Logf("%d requests outside of what functions declare were denied", denied)
	if denied < 1000 {
		t.Errorf("only %d requests were tried", denied)
	}
}

// outside lists requests like r that its function must not make.
func outside(who string, r iamtest.Request, queues []string) (list []iamtest.Request) {
	service, _, _ := strings.Cut(r.Action, ":")
	add := func(change func(*iamtest.Request)) {
		other := iamtest.Request{Action: r.Action, Resource: r.Resource,
			Context: maps.Clone(r.Context)}
		change(&other)
		list = append(list, other)
	}
	for _, action := range undeclared()[service] {
		add(func(o *iamtest.Request) { o.Action = service + ":" + action })
	}
	elsewhere := strings.NewReplacer("souk-t", "souk-u", "PeopleKey", "AuditKey")
	add(func(o *iamtest.Request) { o.Resource = elsewhere.Replace(r.Resource) })
	add(func(o *iamtest.Request) { o.Resource = "*" })
	switch service {
	case "dynamodb":
		keys := r.Context["dynamodb:LeadingKeys"]
		for _, key := range keys {
			_, rest, _ := strings.Cut(key, "/")
			strangers := []string{"nobody/" + rest, "x" + key}
			if operated(who) {
				strangers = append(strangers, "~platform/other/x")
			}
			for _, stranger := range strangers {
				add(func(o *iamtest.Request) {
					o.Context["dynamodb:LeadingKeys"] = append(slices.Clone(keys), stranger)
				})
			}
		}
	case "sqs":
		for _, q := range queues {
			if arn := iamtest.ARN("sqs", q); q != who && arn != r.Resource && operated(who) {
				add(func(o *iamtest.Request) { o.Resource = arn })
			}
		}
	case "kms":
		add(func(o *iamtest.Request) { o.Context = nil })
	case "events":
		add(func(o *iamtest.Request) {
			o.Context = map[string][]string{"events:source": {"somebody"}}
		})
	}
	return list
}

// operated is false for the door of operators, which uses every queue and every row of delivery.
func operated(who string) bool { return who != "souk-t-api-ops" }

// undeclared are actions that no function declares, by service.
func undeclared() map[string][]string {
	return map[string][]string{
		"dynamodb": {"*", "DeleteTable", "UpdateTable", "PartiQLSelect", "ListTables"},
		"sqs":      {"*", "PurgeQueue", "DeleteQueue", "SetQueueAttributes", "AddPermission"},
		"s3":       {"*", "DeleteObject", "PutBucketPolicy", "DeleteObjectVersion"},
		"kms":      {"*", "ScheduleKeyDeletion", "CreateGrant", "Encrypt", "PutKeyPolicy"},
		"events":   {"*", "PutRule", "DeleteRule", "PutTargets"},
		"sns":      {"*", "Subscribe", "DeleteTopic"},
	}
}
