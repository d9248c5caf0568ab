package lambdatest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/souk-commerce/souk/app/rooms"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/lambdatest"
	"github.com/souk-commerce/souk/cmd/souk-lambda/lambdatest/remote"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/identity"
	"github.com/souk-commerce/souk/shop/payment"
	"github.com/souk-commerce/souk/shop/payment/sandbox"
	"github.com/souk-commerce/souk/shop/room"
)

// roles are the binaries that there are.
func roles() []string {
	return []string{
		function.API, function.Relay, function.Worker, function.Sweeper, function.Purchases,
	}
}

// build makes the binary of every role, as it is deployed but for the world that it stands on.
func build(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, role := range roles() {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "souk_remote", "-trimpath",
			"-ldflags", "-s -w", "-o", filepath.Join(dir, role),
			"github.com/souk-commerce/souk/cmd/souk-lambda/"+role)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", role, err, out)
		}
	}
	return dir
}

// market is a shop of real function processes on a platform of the test's.
type market struct {
	t         *testing.T
	dir       string
	p         *embedded.Platform
	far       *remote.Server
	address   string // of the platform
	bank      string // address of the sandbox
	api       *lambdatest.Function
	relay     *lambdatest.StreamPoller
	cursor    string
	stream    []lambdatest.StreamRecord
	queues    map[string]*lambdatest.MemoryQueue // by subscription
	pollers   map[string]*lambdatest.QueuePoller
	types     map[string][]string
	functions map[string]*lambdatest.Function
}

// timeout is what a function is given. Nothing here comes near it.
const timeout = 30 * time.Second

// openMarket deploys the binaries in dir: an API, a relay, and a worker with a queue for each
// reaction of each room.
func openMarket(t *testing.T, dir string) *market {
	t.Helper()
	cat := event.NewCatalogue()
	p, err := embedded.Open(embedded.Options{Check: rooms.Check(cat)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	m := &market{
		t: t, dir: dir, p: p, queues: make(map[string]*lambdatest.MemoryQueue),
		pollers: make(map[string]*lambdatest.QueuePoller), types: make(map[string][]string),
		functions: make(map[string]*lambdatest.Function),
	}
	m.far = remote.NewServer(p, m.publish)
	m.address = strings.TrimPrefix(serve(t, m.far), "http://")
	provider, err := sandbox.Open(sandbox.Options{Clock: function.Clock{}})
	if err != nil {
		t.Fatal(err)
	}
	m.bank = serve(t, sandbox.Handler(provider))
	m.api = m.deploy(function.API)
	m.relay = &lambdatest.StreamPoller{Stream: m, Function: m.deploy(function.Relay), Batch: 7}
	row, err := rooms.Open(rooms.Config{
		Platform: p, Catalogue: cat, Clock: function.Clock{}, IDs: shop.RandomIDs{},
		Payment: payment.Options{Name: sandbox.Name, Provider: provider},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range row.Subscriptions() {
		m.types[s.Name] = s.Types
		m.queues[s.Name] = lambdatest.NewMemoryQueue(30)
		m.functions[s.Name] = m.deploy(function.Worker, "SOUK_SUBSCRIPTION", s.Name)
		m.pollers[s.Name] = &lambdatest.QueuePoller{
			Queue: m.queues[s.Name], Function: m.functions[s.Name],
		}
	}
	return m
}

func serve(t *testing.T, h http.Handler) (url string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// deploy makes a function of a role, with more variables.
func (m *market) deploy(role string, more ...string) *lambdatest.Function {
	f := &lambdatest.Function{
		Binary: filepath.Join(m.dir, role), Timeout: timeout, Log: &lines{},
		Env: lambdatest.Environment(append([]string{
			"SOUK_ROLE", role, "SOUK_REMOTE", m.address, "SOUK_SANDBOX_URL", m.bank,
			"AWS_LAMBDA_FUNCTION_NAME", "souk-" + role,
		}, more...)...),
	}
	m.t.Cleanup(f.Close)
	return f
}

// lines keeps what a process writes.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String is all of it so far.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// publish is the bus: every event goes into the queue of each subscription to its type, twice.
func (m *market) publish(events []platform.Event) (int, error) {
	for i, e := range events {
		raw, err := json.Marshal(e)
		if err != nil {
			return i, err
		}
		for name, types := range m.types {
			if slices.Contains(types, e.Type) {
				m.queues[name].Send(string(raw))
				m.queues[name].Send(string(raw))
			}
		}
	}
	return len(events), nil
}

// GetRecords implements lambdatest.Stream over the log of the platform.
func (m *market) GetRecords(
	ctx context.Context, after string, most int,
) ([]lambdatest.StreamRecord, error) {
	err := m.p.History().Log(ctx, m.cursor, func(at string, e platform.Event) error {
		image, err := remote.Image(e)
		m.cursor = at
		m.stream = append(m.stream, lambdatest.StreamRecord{
			Change: "INSERT", Sequence: fmt.Sprintf("%021d", len(m.stream)+1), Image: image,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	from := 0
	for from < len(m.stream) && m.stream[from].Sequence <= after {
		from++
	}
	return m.stream[from:min(from+most, len(m.stream))], nil
}

// carry polls the stream and every queue until nothing moves any more.
func (m *market) carry() {
	m.t.Helper()
	for moved := true; moved; {
		moved = false
		for _, q := range m.queues {
			q.Lapse()
		}
		for {
			taken, done, failed, err := m.relay.Poll(m.t.Context())
			if failed != nil || err != nil || done < taken {
				m.t.Fatalf("the relay: %d of %d, %v, %v", done, taken, failed, err)
			}
			if taken == 0 {
				break
			}
			moved = true
		}
		for name, p := range m.pollers {
			for {
				taken, done, failed, err := p.Poll(m.t.Context())
				if failed != nil || err != nil {
					m.t.Fatalf("%s: %v, %v\n%s", name, failed, err, m.functions[name].Log)
				}
				if taken == 0 {
					break
				}
				moved = moved || done > 0
			}
		}
	}
}

// reply is an answer of the API.
type reply struct {
	StatusCode int
	Headers    map[string]string
	Body       string
}

// payload is a request as the gateway hands it on.
func payload(method, path, query, token, body string, header ...string) []byte {
	head := map[string]string{"host": "shop.test", "content-type": "application/json"}
	if token != "" {
		head["authorization"] = "Bearer " + token
	}
	for i := 0; i+1 < len(header); i += 2 {
		head[header[i]] = header[i+1]
	}
	raw, err := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
		"headers": head, "body": body, "isBase64Encoded": false,
		"requestContext": map[string]any{
			"stage": "$default", "domainName": "shop.test",
			"http": map[string]string{"method": method, "path": path, "sourceIp": "192.0.2.1"},
		},
	})
	if err != nil {
		panic("a payload has no JSON: " + err.Error())
	}
	return raw
}

// ask sends one request through the API function.
func (m *market) ask(method, path, token, body string, header ...string) reply {
	m.t.Helper()
	raw, err := m.api.Invoke(m.t.Context(), payload(method, path, "", token, body, header...))
	if err != nil {
		m.t.Fatalf("%s %s: %v\n%s", method, path, err, m.api.Log)
	}
	var r reply
	if err := json.Unmarshal(raw, &r); err != nil {
		m.t.Fatal(err)
	}
	return r
}

// want sends one request and requires its status.
func (m *market) want(status int, method, path, token, body, key string) reply {
	m.t.Helper()
	r := m.ask(method, path, token, body, "idempotency-key", key)
	if r.StatusCode != status {
		m.t.Fatalf("%s %s: %d %s", method, path, r.StatusCode, r.Body)
	}
	return r
}

// token speaks for somebody.
func (m *market) token(id shop.ID, role room.Role) string {
	m.t.Helper()
	issuer := identity.New(m.p.Keys(), function.Clock{}, "souk")
	token, err := issuer.Issue(m.t.Context(), room.Caller{ID: id, Role: role}, time.Hour)
	if err != nil {
		m.t.Fatal(err)
	}
	return token
}

// list offers ten units of a thing.
func (m *market) list(sku string) {
	m.t.Helper()
	dealer := m.token("dlr_1", room.Dealer())
	m.want(201, "POST", "/v1/products", dealer, fmt.Sprintf(
		`{"sku":%q,"title":"A thing","price":{"amount":510,"currency":"GBP"}}`, sku), "list-"+sku)
	m.want(200, "PUT", "/v1/stock/"+sku, dealer, `{"onHand":10}`, "count-"+sku)
}

// checkout orders two units, and returns the order's id.
func (m *market) checkout(sku, card, key string) string {
	m.t.Helper()
	r := m.want(201, "POST", "/v1/orders", m.token("cus_1", room.Customer()), fmt.Sprintf(
		`{"items":[{"sku":%q,"quantity":2}],"payment":{"token":%q},"shipTo":%s}`, sku, card,
		`{"name":"A. Buyer","line1":"1 Road","city":"Leeds","country":"GB"}`), key)
	var o struct{ ID string }
	if err := json.Unmarshal([]byte(r.Body), &o); err != nil {
		m.t.Fatal(err)
	}
	return o.ID
}

// show reads what a path says to a role.
func (m *market) show(path string, role room.Role, id shop.ID) string {
	m.t.Helper()
	return m.ask("GET", path, m.token(id, role), "").Body
}
