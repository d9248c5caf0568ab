package aws

import (
	"slices"
	"strings"

	"github.com/souk-commerce/souk/platform/aws/deploy/iamtest"
)

// set is functions by their short names.
type set map[string]bool

func setOf(names ...string) set {
	s := make(set)
	for _, n := range names {
		s[n] = true
	}
	return s
}

func (s set) and(other set) set {
	both := make(set)
	for n := range s {
		both[n] = other[n]
	}
	return both
}

// mayMake are the functions whose declarations say that they may make a request.
func (o *overheard) mayMake(r iamtest.Request, bus string) set {
	service, action, _ := strings.Cut(r.Action, ":")
	switch service {
	case "dynamodb":
		return o.mayUseTables(r, action)
	case "sqs":
		return o.mayUseQueues(r, action)
	case "s3":
		return o.mayUseBuckets(r, action)
	case "kms":
		return o.mayUseKeys(r, action)
	case "events":
		if action == "PutEvents" && bus == "eventbridge" &&
			r.Resource == iamtest.ARN("events", "event-bus/souk-t") &&
			slices.Equal(r.Context["events:source"], []string{"souk"}) {
			return setOf("relay", "relay-"+apart)
		}
	case "sns":
		if action == "Publish" && bus == "sns" &&
			r.Resource == iamtest.ARN("sns", "souk-t-events") {
			return setOf("relay", "relay-"+apart)
		}
	}
	return nil
}

func readingItems() []string { return []string{"GetItem", "BatchGetItem", "Query"} }

func changingItems() []string {
	return []string{"PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"}
}

// machine names the function of a table that does something.
func machine(name, table string) string {
	if rest, ok := strings.CutPrefix(table, "souk-t-"); ok {
		return name + "-" + rest
	}
	return name
}

func (o *overheard) mayUseTables(r iamtest.Request, action string) set {
	prefix := iamtest.ARN("dynamodb", "table/")
	table, below, _ := strings.Cut(strings.TrimPrefix(r.Resource, prefix), "/")
	if !strings.HasPrefix(r.Resource, prefix) || table != "souk-t" && table != "souk-t-"+apart {
		return nil
	}
	keys := r.Context["dynamodb:LeadingKeys"]
	switch {
	case below == "index/due" && action == "Query" && keys == nil:
		return setOf(machine("sweeper", table))
	case strings.HasPrefix(below, "stream/"):
		if slices.Contains([]string{"DescribeStream", "GetShardIterator", "GetRecords"}, action) {
			return setOf(machine("relay", table))
		}
		return nil
	case below != "":
		return nil
	case action == "DescribeTable":
		return setOf(machine("relay", table))
	case action == "Scan" && table == "souk-t":
		return setOf("api-ops")
	}
	reads := slices.Contains(readingItems(), action)
	if !reads && !slices.Contains(changingItems(), action) || len(keys) == 0 {
		return nil
	}
	may := o.mayUseKey(keys[0], table, reads)
	for _, key := range keys[1:] {
		may = may.and(o.mayUseKey(key, table, reads))
	}
	return may
}

// mayUseKey are the functions that may read, or change, the items of a partition.
func (o *overheard) mayUseKey(key, table string, reads bool) set {
	room, rest, _ := strings.Cut(key, "/")
	if room == "~platform" {
		if table != "souk-t" {
			return nil
		}
		return o.mayUseRows(rest)
	}
	known := slices.ContainsFunc(testRooms(""), func(r Room) bool { return r.Name == room })
	if !known || (table == "souk-t-"+apart) != (room == apart) {
		return nil
	}
	may := setOf(doorOf(room), machine("sweeper", table))
	if room == worked {
		may[work] = true
	}
	for name := range o.subs {
		if room == hearing || reads && o.followed(name)[room] {
			may[hearing+"-"+name] = true
		}
	}
	return may
}

// doorOf is the function that answers a room's requests.
func doorOf(room string) string {
	switch room {
	case scanned:
		return "api-ops"
	case apart:
		return "api-" + apart
	}
	return "api"
}

// mayUseRows are the functions that may use the platform's own rows. The operators' door has all.
func (o *overheard) mayUseRows(rest string) set {
	may := setOf("api-ops")
	kind, name, _ := strings.Cut(rest, "/")
	sub, known := strings.CutPrefix(name, hearing+".")
	_, declared := o.subs[sub]
	switch {
	case rest == "subscription":
		for name := range o.subs {
			may[hearing+"-"+name] = true
		}
	case rest == "signing":
		may["api"], may["api-"+apart] = true, true
	case kind == "person":
		may[doorOf(people)] = true
	case kind == "queue" && (name == work || strings.HasPrefix(name, work+"/")):
		may[work], may[doorOf(worked)] = true, true
	case known && declared:
		may[hearing+"-"+sub] = true
	}
	return may
}

func (o *overheard) mayUseQueues(r iamtest.Request, action string) set {
	name, ok := strings.CutPrefix(r.Resource, iamtest.ARN("sqs", "souk-t-"))
	takes := slices.Contains([]string{"ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility",
		"GetQueueAttributes"}, action)
	if !ok || !takes && action != "SendMessage" {
		return nil
	}
	switch name {
	case work:
		may := setOf("api-ops", work)
		if !takes {
			may[doorOf(worked)] = true
		}
		return may
	case work + "-dead":
		return setOf("api-ops")
	case "relay-dead", "relay-" + apart + "-dead":
		if !takes {
			return setOf(strings.TrimSuffix(name, "-dead"))
		}
		return nil
	}
	queue := strings.TrimSuffix(name, "-dead")
	sub, known := strings.CutPrefix(queue, hearing+"-")
	if _, declared := o.subs[sub]; !known || !declared {
		return nil
	}
	may := setOf("api-ops")
	may[queue] = takes
	return may
}

func (o *overheard) mayUseBuckets(r iamtest.Request, action string) set {
	bucket, key, object := strings.Cut(strings.TrimPrefix(r.Resource, "arn:aws:s3:::"), "/")
	may := setOf("relay", "relay-"+apart)
	switch {
	case action == "ListBucket" && bucket == bucketOf("archive") && !object:
		may["api-ops"] = true
	case !object || key == "" || action != "GetObject" && action != "PutObject":
		return nil
	case bucket == bucketOf("archive"):
		may["api-ops"] = action == "GetObject"
	case bucket == bucketOf("files"):
		may[doorOf(worked)] = true
		if action == "GetObject" {
			may["api-ops"], may[work] = true, true
			for name := range o.subs {
				may[hearing+"-"+name] = true
			}
		}
	default:
		return nil
	}
	return may
}

func (o *overheard) mayUseKeys(r iamtest.Request, action string) set {
	uses := action == "Decrypt" || action == "GenerateDataKey"
	if r.Resource != iamtest.KeyARN("PeopleKey") || !uses {
		return nil
	}
	if len(r.Context["kms:EncryptionContext:person"]) > 0 {
		return setOf(doorOf(people))
	}
	if slices.Equal(r.Context["kms:EncryptionContext:purpose"], []string{"signing"}) {
		return setOf("api", "api-"+apart, "api-ops")
	}
	return nil
}
