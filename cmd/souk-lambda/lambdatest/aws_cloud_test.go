//go:build awsemulated

package lambdatest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/lambdatest"
	adapter "github.com/souk-commerce/souk/platform/aws"
	"github.com/souk-commerce/souk/platform/aws/deploy/iamtest"
	"github.com/souk-commerce/souk/shop"
	carrier "github.com/souk-commerce/souk/shop/fulfilment/sandbox"
	"github.com/souk-commerce/souk/shop/fulfilment/sandbox/post"
	"github.com/souk-commerce/souk/shop/identity"
	payer "github.com/souk-commerce/souk/shop/ledger/sandbox"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// queueAddress is what the template makes of the address of a queue.
const queueAddress = "https://sqs." + iamtest.Region + ".amazonaws.com/" + iamtest.Account + "/"

// deployed is a function with the name that its role is called after.
type deployed struct {
	*lambdatest.Function
	name  string
	calls int  // invocations
	twice bool // each payload is handled twice, as if its source had sent it again
}

// Invoke implements lambdatest.Invoker.
func (d *deployed) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	d.calls++
	if d.twice {
		if _, err := d.Function.Invoke(ctx, payload); err != nil {
			return nil, err
		}
	}
	return d.Function.Invoke(ctx, payload)
}

// cloud is the shop deployed from its templates: real function processes, each with the environment
// that the template gives it.
type cloud struct {
	t         *testing.T
	seen      *recorder
	endpoint  string // of every service
	bank      string // address of the sandboxes
	house     iamtest.House
	queues    *sqs.Client
	issuer    *identity.Service
	functions map[string]*deployed // by the template's name of the function
	routes    *http.ServeMux
	relays    []*lambdatest.StreamPoller
	sweepers  []*deployed
	workers   map[string]*lambdatest.QueuePoller // by the queue's name
	dead      map[string]*lambdatest.QueuePoller
	handled   int // messages
}

// openCloud applies the templates on an emulator and deploys the binaries in dir. Events go over a
// bus that the templates know: eventbridge or sns.
func openCloud(t *testing.T, emulator, dir, bus string) *cloud {
	t.Helper()
	provider, err := sandbox.Open(sandbox.Options{Clock: function.Clock{}})
	if err != nil {
		t.Fatal(err)
	}
	seen, endpoint := openRecorder(t, emulator)
	cfg := configOf("test", endpoint)
	pays, err := payer.Open(payer.Options{Clock: function.Clock{}})
	if err != nil {
		t.Fatal(err)
	}
	vendors := http.NewServeMux()
	vendors.Handle("/", sandbox.Handler(provider))
	vendors.Handle("/payouts", payer.Handler(pays))
	vendors.Handle("/payouts/", payer.Handler(pays))
	vendors.Handle("/labels", post.Handler(carrier.New(function.Clock{}, nil)))
	bank := serve(t, vendors)
	c := &cloud{
		t: t, seen: seen, endpoint: endpoint, bank: bank,
		house:     templatesWith(t, map[string]string{"Bus": bus, "SandboxUrl": bank}),
		queues:    sqs.NewFromConfig(cfg),
		functions: make(map[string]*deployed), routes: http.NewServeMux(),
		workers: make(map[string]*lambdatest.QueuePoller),
		dead:    make(map[string]*lambdatest.QueuePoller),
	}
	a := &applier{t: t, cfg: cfg, house: c.house}
	seen.key = a.apply()
	for _, f := range a.all("AWS::Lambda::Function") {
		c.deploy(f, dir, endpoint)
	}
	c.wire(a, endpoint)
	p, err := adapter.Open(t.Context(), adapter.Options{
		Config: cfg, Table: "souk-t", Rooms: []adapter.Room{{Name: "order"}}, Bus: "none",
		Bucket: "none", KeyID: seen.key, Functions: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	c.issuer = identity.New(p.Keys(), function.Clock{}, "souk")
	return c
}

func (c *cloud) deploy(f iamtest.Resource, dir, endpoint string) {
	name := f.Properties["FunctionName"].(string)
	env := append(environment(f, c.seen.key), "AWS_ENDPOINT_URL", endpoint,
		"AWS_ACCESS_KEY_ID", name, "AWS_SECRET_ACCESS_KEY", "secret",
		"AWS_REGION", iamtest.Region, "AWS_LAMBDA_FUNCTION_NAME", name)
	var role string
	for i := 0; i < len(env); i += 2 {
		if env[i] == "SOUK_ROLE" {
			role = env[i+1]
		}
	}
	d := &deployed{name: name, Function: &lambdatest.Function{
		Binary: filepath.Join(dir, role), Env: lambdatest.Environment(env...), Log: &lines{},
		Timeout: time.Duration(f.Properties["Timeout"].(float64)) * time.Second,
	}}
	c.t.Cleanup(d.Close)
	c.functions[f.ID] = d
	if role == function.Sweeper {
		c.sweepers = append(c.sweepers, d)
	}
}

// wire connects sources and routes as the template says.
func (c *cloud) wire(a *applier, endpoint string) {
	cfg := configOf("source", endpoint)
	for _, m := range a.all("AWS::Lambda::EventSourceMapping") {
		f := c.functions[m.Properties["FunctionName"].(string)]
		source := m.Properties["EventSourceArn"].(string)
		size := int(m.Properties["BatchSize"].(float64))
		name := source[strings.LastIndex(source, ":")+1:]
		if table, ok := strings.CutPrefix(name, "table/"); ok {
			table, _, _ = strings.Cut(table, "/")
			c.relays = append(c.relays, &lambdatest.StreamPoller{
				Function: f, Batch: size, Stream: &cloudStream{
					tables: dynamodb.NewFromConfig(cfg), table: table,
					streams: dynamodbstreams.NewFromConfig(cfg),
				},
			})
			continue
		}
		p := &lambdatest.QueuePoller{
			Queue:  cloudQueue{sqs.NewFromConfig(cfg), queueAddress + name},
			Source: source, Function: f, Batch: size,
		}
		if strings.HasSuffix(name, "-dead") {
			c.dead[name] = p
		} else {
			c.workers[name] = p
		}
	}
	for _, r := range a.all("AWS::ApiGatewayV2::Route") {
		target := r.Properties["Target"].(string)
		id := strings.TrimSuffix(strings.TrimPrefix(target, "integrations/"), "Integration")
		f := c.functions[id+"Function"]
		if f == nil {
			c.t.Fatalf("%s leads to %s, where nobody is", r.ID, target)
		}
		c.routes.HandleFunc(r.Properties["RouteKey"].(string),
			func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Function", id) })
	}
}

// carry polls streams, schedules and queues until nothing moves any more.
func (c *cloud) carry() {
	c.t.Helper()
	for moved := true; moved; {
		moved = false
		for _, p := range c.relays {
			for {
				taken, done, failed, err := p.Poll(c.t.Context())
				if failed != nil || err != nil || done < taken {
					c.t.Fatalf("a relay: %d of %d, %v, %v\n%s", done, taken, failed, err,
						p.Function.(*deployed).Log)
				}
				if taken == 0 {
					break
				}
				moved = true
			}
		}
		for _, f := range c.sweepers {
			if _, err := f.Invoke(c.t.Context(), []byte(`{}`)); err != nil {
				c.t.Fatalf("%s: %v\n%s", f.name, err, f.Log)
			}
		}
		for _, p := range c.workers {
			moved = c.poll(p) || moved
		}
	}
}

// poll empties a queue of what can be handled now, and reports whether anything was.
func (c *cloud) poll(p *lambdatest.QueuePoller) (moved bool) {
	c.t.Helper()
	for {
		taken, done, failed, err := p.Poll(c.t.Context())
		if failed != nil || err != nil {
			f := p.Function.(*deployed)
			c.t.Fatalf("%s: %v, %v\n%s", f.name, failed, err, f.Log)
		}
		if taken == 0 {
			return moved
		}
		c.handled += done
		moved = moved || done > 0
	}
}

// ask sends a request by the front to the function that its route leads to.
func (c *cloud) ask(who room.Role, id shop.ID, method, path, body, key string) reply {
	c.t.Helper()
	return c.askHeaders(who, id, method, path, body, "idempotency-key", key)
}

// askHeaders is ask with other headers.
func (c *cloud) askHeaders(
	who room.Role, id shop.ID, method, path, body string, headers ...string,
) reply {
	c.t.Helper()
	token, err := c.issuer.Issue(c.t.Context(), room.Caller{ID: id, Role: who}, time.Hour)
	if err != nil {
		c.t.Fatal(err)
	}
	plain, query, _ := strings.Cut(path, "?")
	found := httptest.NewRecorder()
	c.routes.ServeHTTP(found, httptest.NewRequest(method, plain, nil))
	f := c.functions[found.Header().Get("X-Function")+"Function"]
	if f == nil {
		c.t.Fatalf("no route for %s %s", method, path)
	}
	p := payload(method, plain, query, token, body, headers...)
	raw, err := f.Invoke(c.t.Context(), p)
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", method, path, err, f.Log)
	}
	var r reply
	if err := json.Unmarshal(raw, &r); err != nil {
		c.t.Fatal(err)
	}
	return r
}

// want requires a request's status.
func (c *cloud) want(
	status int, who room.Role, id shop.ID, method, path, body, key string,
) string {
	c.t.Helper()
	r := c.ask(who, id, method, path, body, key)
	if r.StatusCode != status {
		c.t.Fatalf("%s %s: %d %s", method, path, r.StatusCode, r.Body)
	}
	return r.Body
}

// until carries until a path says something.
func (c *cloud) until(path, says string) {
	c.t.Helper()
	var have string
	const patience = 4 * time.Minute // some things take a minute, and machines may be slow
	for end := time.Now().Add(patience); time.Now().Before(end); {
		c.carry()
		c.seen.looking(true)
		have = c.ask(room.Admin(), "adm_1", "GET", path, "", "").Body
		c.seen.looking(false)
		if strings.Contains(have, says) {
			return
		}
	}
	c.t.Fatalf("%s: %s, want %s", path, have, says)
}
