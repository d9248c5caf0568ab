package aws

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/platform/aws/deploy"
	"github.com/souk-commerce/souk/platform/aws/deploy/iamtest"
)

// The suite's own house: its rooms, each with a door that writes, one with a table of its own and
// one whose records are scanned, what the suite subscribes, all in the room alpha, and a queue.
const (
	scanned = "alphabet" // its door is the operators'
	apart   = "gamma"
	people  = "beta" // seals personal data
	hearing = "alpha"
	work    = "work" // a queue of the room alph
	worked  = "alph"
)

func bucketOf(name string) string {
	return "souk-t-" + name + "-" + iamtest.Account + "-" + iamtest.Region
}

// house is what the suite would declare.
func (o *overheard) house() deploy.House {
	size := deploy.Size{Memory: 256, Timeout: 30 * time.Second, Most: 1}
	h := deploy.House{
		Name: "souk", Roles: []string{"admin"}, API: size, Relay: size, Sweeper: size,
		Workers: []deploy.Size{size},
		Queues:  []deploy.Queue{{Name: work, Room: worked, Receives: 3, Retention: time.Hour}},
		Routes: []deploy.Route{{Method: "GET", Path: "/v1/ops/all", Room: "ops", Load: "carry",
			Reads: true}},
	}
	for _, r := range testRooms("") {
		h.Rooms = append(h.Rooms, deploy.Room{
			Name: r.Name, Apart: r.Name == apart, Scans: r.Name == scanned,
			People: r.Name == people,
		})
		h.Timers = append(h.Timers, deploy.Timer{Room: r.Name, Keys: []string{"*"}})
		h.Routes = append(h.Routes, deploy.Route{Method: "POST", Path: "/v1/" + r.Name,
			Room: r.Name, Load: "carry"})
	}
	for _, s := range o.subs {
		d := deploy.Subscription{
			Name: hearing + "." + s.Name, Room: hearing, Types: s.Types, Ordered: s.Ordered,
			Most: 3, NotYet: time.Minute, Wait: time.Minute,
		}
		for room := range o.followed(s.Name) {
			d.Follows = append(d.Follows, room+"/*")
		}
		h.Subscriptions = append(h.Subscriptions, d)
	}
	return h
}

// followed are the rooms whose events an ordered subscription reads again.
func (o *overheard) followed(sub string) map[string]bool {
	rooms := make(map[string]bool)
	if s := o.subs[sub]; s.Ordered {
		for _, typ := range s.Types {
			_, rest, _ := strings.Cut(typ, ".")
			room, _, _ := strings.Cut(rest, ".")
			rooms[room] = true
		}
	}
	return rooms
}

// judge requires of every function's role that it allows each call of the suite if the function's
// declarations say that it may make it, and denies it otherwise; and the same of what lies beside
// those calls: another room's key, table, queue, bucket, bus or encryption context, and actions
// that nobody declares. Who may what is worked out here, from declarations, and not by the
// generator.
func (o *overheard) judge(t *testing.T, bus string) {
	t.Helper()
	if len(o.wrong) > 0 {
		t.Fatalf("requests that nobody understood: %v", o.wrong)
	}
	roles := o.roles(t, bus)
	j := judgement{overheard: o, t: t, bus: bus, roles: roles, known: make(map[string]int)}
	for _, id := range slices.Sorted(maps.Keys(o.calls)) {
		r := o.deployed(o.calls[id])
		if madeByOthers(r) {
			continue
		}
		if j.put(r) == 0 {
			t.Errorf("no function may %s on %s %v, and the suite did", r.Action, r.Resource,
				r.Context)
		}
		for _, beside := range o.beside(r) {
			j.put(beside)
		}
	}
	t.Logf("%d kinds of calls, %d requests put to %d roles: %d allowed, %d denied", len(o.calls),
		j.asked, len(roles), j.allowed, j.denied)
	if len(o.calls) < 60 || len(roles) < 15 || j.denied < 10_000 {
		t.Error("that is less than the suite does")
	}
}

// madeByOthers tells what no function does: what a deployment makes, and reading all records of a
// room that is apart, which an operator's own checker does.
func madeByOthers(r iamtest.Request) bool {
	switch r.Action {
	case "dynamodb:CreateTable", "dynamodb:UpdateTimeToLive", "s3:CreateBucket":
		return true
	case "dynamodb:Scan":
		return r.Resource == iamtest.ARN("dynamodb", "table/souk-t-"+apart)
	}
	return false
}

// roles are those of the templates.
func (o *overheard) roles(t *testing.T, bus string) map[string]iamtest.Policy {
	t.Helper()
	all, err := deploy.Generate(o.house())
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string][]byte)
	for _, tpl := range all {
		if texts[tpl.Name], err = tpl.JSON(); err != nil {
			t.Fatal(err)
		}
	}
	given := map[string]string{"Stage": "t", "Bus": bus}
	for _, name := range []string{"ArtifactBucket", "ApiDigest", "AlarmEmail", "WebAclArn",
		"ApiCode", "RelayCode", "SweeperCode", "WorkerCode", "WorkCode", "MailDomain"} {
		given[name] = name
	}
	h, err := iamtest.Read(texts[all[0].Name], texts, given)
	if err != nil {
		t.Fatal(err)
	}
	return h.Functions()
}

// deployed is a call with names as a deployment gives them: the suite's subscriptions name no room.
func (o *overheard) deployed(r iamtest.Request) iamtest.Request {
	if prefix := iamtest.ARN("sqs", "souk-t-"); strings.HasPrefix(r.Resource, prefix) {
		name := strings.TrimPrefix(r.Resource, prefix)
		if _, ok := o.subs[strings.TrimSuffix(name, "-dead")]; ok {
			r.Resource = prefix + hearing + "-" + name
		} else { // every queue of the suite's
			_, dead := strings.CutSuffix(name, "-dead")
			r.Resource = prefix + work + map[bool]string{true: "-dead"}[dead]
		}
	}
	keys := slices.Clone(r.Context["dynamodb:LeadingKeys"])
	for i, key := range keys {
		parts := strings.Split(key, "/")
		switch {
		case parts[0] != "~platform" || len(parts) < 3:
		case parts[1] == "queue":
			parts[2] = work
		case parts[1] != "person":
			parts[2] = hearing + "." + parts[2]
		}
		keys[i] = strings.Join(parts, "/")
	}
	if keys != nil {
		r.Context = map[string][]string{"dynamodb:LeadingKeys": keys}
	}
	return r
}

// beside lists requests that differ from one in one place.
func (o *overheard) beside(r iamtest.Request) (list []iamtest.Request) {
	service, _, _ := strings.Cut(r.Action, ":")
	add := func(change func(*iamtest.Request)) {
		b := iamtest.Request{Action: r.Action, Resource: r.Resource,
			Context: maps.Clone(r.Context)}
		change(&b)
		list = append(list, b)
	}
	for _, action := range []string{"*", "DeleteTable", "PurgeQueue", "DeleteObject",
		"ScheduleKeyDeletion", "PutRule", "Subscribe", "TagResource"} {
		add(func(b *iamtest.Request) { b.Action = service + ":" + action })
	}
	add(func(b *iamtest.Request) { b.Resource = "*" })
	elsewhere := strings.Replace(r.Resource, "souk-t", "souk-u", 1)
	add(func(b *iamtest.Request) { b.Resource = elsewhere })
	switch service {
	case "dynamodb":
		for _, table := range []string{"souk-t", "souk-t-gamma"} {
			add(func(b *iamtest.Request) {
				b.Resource = iamtest.ARN("dynamodb", "table/"+table) + suffixOf(r.Resource)
			})
		}
		keys := r.Context["dynamodb:LeadingKeys"]
		for _, room := range append(testRooms(""), Room{Name: "nobody"}) {
			if len(keys) > 0 {
				add(func(b *iamtest.Request) {
					b.Context["dynamodb:LeadingKeys"] = []string{room.Name + "/x"}
				})
				add(func(b *iamtest.Request) { // one more, of another room
					b.Context["dynamodb:LeadingKeys"] = append(slices.Clone(keys), room.Name+"/x")
				})
			}
		}
		if len(keys) > 0 {
			add(func(b *iamtest.Request) { b.Context = nil })
		}
	case "sqs":
		names := []string{"relay-dead", work, work + "-dead"}
		for name := range o.subs {
			names = append(names, hearing+"-"+name, hearing+"-"+name+"-dead")
		}
		for _, name := range names {
			add(func(b *iamtest.Request) { b.Resource = iamtest.ARN("sqs", "souk-t-"+name) })
		}
	case "s3":
		for _, name := range []string{"archive", "files", "trail"} {
			add(func(b *iamtest.Request) { b.Resource = "arn:aws:s3:::" + bucketOf(name) + "/x" })
		}
	case "kms":
		for _, key := range []string{"PeopleKey", "AuditKey", "DataKey", "FilesKey"} {
			add(func(b *iamtest.Request) { b.Resource = iamtest.KeyARN(key) })
		}
		add(func(b *iamtest.Request) { b.Context = nil })
		add(func(b *iamtest.Request) {
			b.Context = map[string][]string{"kms:EncryptionContext:purpose": {"something"}}
		})
	case "events":
		add(func(b *iamtest.Request) {
			b.Context = map[string][]string{"events:source": {"somebody"}}
		})
	}
	return list
}

// suffixOf is what a resource names below a table.
func suffixOf(arn string) string {
	_, below, ok := strings.Cut(arn, "table/")
	if _, rest, deeper := strings.Cut(below, "/"); ok && deeper {
		return "/" + rest
	}
	return ""
}

// judgement puts requests to roles.
type judgement struct {
	*overheard
	t                      *testing.T
	bus                    string
	roles                  map[string]iamtest.Policy
	known                  map[string]int // by request: how many may make it
	asked, allowed, denied int
}

// put asks every role, and returns how many functions may make the request.
func (j *judgement) put(r iamtest.Request) (may int) {
	j.t.Helper()
	id := fmt.Sprint(r)
	if may, ok := j.known[id]; ok {
		return may
	}
	defer func() { j.known[id] = may }()
	j.asked++
	want := j.mayMake(r, j.bus)
	for name, p := range j.roles {
		short := strings.TrimPrefix(name, "souk-t-")
		if p.Allows(r) != want[short] {
			j.t.Errorf("%s: %s on %s %v: allowed %v, want %v", short, r.Action, r.Resource,
				fmt.Sprint(r.Context), !want[short], want[short])
		}
		if want[short] {
			may++
			j.allowed++
		} else {
			j.denied++
		}
	}
	return may
}
