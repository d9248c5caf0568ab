//go:build apifuzz

package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	fuzzer     = "schemathesis==4.32.5"
	generator  = "hypothesis==6.170.15"
	fuzzSeed   = 1
	exitNoTool = 3 // there is nothing to fuzz with, which says nothing about the shop
)

// Goal: no request makes the server fail, or answer what the OpenAPI document does not describe.
// Method: schemathesis, a fuzzer that we did not write, against a running "souk serve" with orders
// in every state, as every role and as nobody; then the books of what it left behind. SOUK_FUZZ
// sets how long it goes on for each role (60s).
func TestAPIFuzz(t *testing.T) {
	tool := fuzzTool(t)
	each, err := time.ParseDuration(orElse(os.Getenv("SOUK_FUZZ"), "60s"))
	if err != nil {
		t.Fatal(err)
	}
	s := openServer(t)
	s.stock(t)
	config := s.config(t)
	// The administrator comes last, since it stops subscriptions.
	for _, role := range []string{"", "customer", "dealer", "service", "admin"} {
		t.Run(orElse(role, "nobody"), func(t *testing.T) {
			args := []string{
				"--config-file", config, "run", s.url + "/openapi.json", "--checks", "all",
				"--max-time", strconv.Itoa(int(each.Seconds())), "--max-examples", "100",
				"--seed", strconv.Itoa(fuzzSeed), "--workers", "1", // two break Python 3.11
				"--generation-database", "none", "--request-timeout", "45", "--no-color",
				"--warnings", "off",
			}
			if role != "" {
				args = append(args, "-H", "Authorization: Bearer "+s.token(t, role))
			}
			out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
			if err != nil {
				t.Errorf("as %q: %v\n%s", role, err, out)
				return
			}
			t.Logf("%s", out[bytes.LastIndex(out, []byte("Test cases:")):])
		})
	}
	s.close(t)
}

// fuzzTool installs the fuzzer into the user's cache, once, and returns its path.
func fuzzTool(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "souk", fuzzer)
	tool := filepath.Join(dir, "bin", "st")
	if exec.Command(tool, "--version").Run() == nil {
		return tool
	}
	for _, step := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--retries", "1",
			"--timeout", "20", "--disable-pip-version-check", fuzzer, generator},
	} {
		out, err := exec.Command(step[0], step[1:]...).CombinedOutput()
		if err == nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s\nNOT FUZZED: %s could not be installed (%v).\n"+
			"It needs python3 with venv, and the registry pypi.org (or pip's PIP_INDEX_URL).\n"+
			"Nothing was tried, so this says nothing about the API: exit code %d.\n",
			out, fuzzer, err, exitNoTool)
		os.Exit(exitNoTool)
	}
	return tool
}

// fuzzed is a server in a process of its own.
type fuzzed struct {
	binary, data, url string
	process           *exec.Cmd
	log               *bytes.Buffer // complete when drained is closed
	drained           chan struct{}

	orders, payments, shipments, carts []string
}

// openServer builds the binary and starts it on a fresh directory.
func openServer(t *testing.T) *fuzzed {
	t.Helper()
	dir := t.TempDir()
	s := &fuzzed{
		binary: filepath.Join(dir, "souk"), data: filepath.Join(dir, "data"),
		log: &bytes.Buffer{}, drained: make(chan struct{}),
	}
	const souk = "github.com/souk-commerce/souk/cmd/souk"
	if out, err := exec.Command("go", "build", "-o", s.binary, souk).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// Patience is long, since a server that sheds load under a fuzzer shows less of itself.
	s.process = exec.Command(s.binary, "--json", "serve", "--data", s.data,
		"--listen", "127.0.0.1:0", "--admin=", "--patience", "1h")
	errs, err := s.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.process.Process.Kill() }) // if the test ends early
	address := make(chan string, 1)
	go func() { // ends with the process
		defer close(s.drained)
		for in := bufio.NewScanner(errs); in.Scan(); {
			var line struct{ Msg, API string }
			if json.Unmarshal(in.Bytes(), &line) == nil && line.Msg == "serving" {
				address <- "http://" + line.API
			}
			_, _ = s.log.Write(append(in.Bytes(), '\n')) // a buffer takes everything
		}
		_, _ = io.Copy(s.log, errs)
	}()
	select {
	case s.url = <-address:
	case <-s.drained:
		t.Fatalf("souk serve ended at once:\n%s", s.log)
	}
	return s
}

// close stops the server as an operator would, and reads what it said and what it left.
func (s *fuzzed) close(t *testing.T) {
	t.Helper()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.drained
	if err := s.process.Wait(); err != nil {
		t.Errorf("souk serve did not end well: %v", err)
	}
	for line := range strings.SplitSeq(s.log.String(), "\n") {
		if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "panic") {
			t.Errorf("the server complained: %s", line)
		}
	}
	out, err := exec.Command(s.binary, "verify", "--data", s.data).CombinedOutput()
	if err != nil {
		t.Errorf("souk verify: %v\n%s", err, out)
	}
}

func (s *fuzzed) token(t *testing.T, role string) string {
	t.Helper()
	out, err := exec.Command(
		s.binary, "token", "--data", s.data, "--role", role, role+"_1").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// ask sends one request, which must succeed, and returns the id of what it answers with.
func (s *fuzzed) ask(t *testing.T, role, line, key, body string) string {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token(t, role))
	req.Header.Set("Idempotency-Key", key)
	req.Header.Set("Prefer", "wait=20")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode > 299 {
		t.Fatalf("%s: %d %s %v", line, resp.StatusCode, raw, err)
	}
	var made struct{ ID string }
	_ = json.Unmarshal(raw, &made) // not every answer has an id
	return made.ID
}

// stock fills the shop with listings, and orders that have come to different points.
func (s *fuzzed) stock(t *testing.T) {
	t.Helper()
	for _, sku := range []string{"lamp", "chair", "a+b:c"} {
		s.ask(t, "dealer", "POST /v1/products", "list-"+sku, fmt.Sprintf(
			`{"sku":%q,"title":"A thing","price":{"amount":1020,"currency":"GBP"}}`, sku))
		s.ask(t, "dealer", "PUT /v1/stock/"+sku, "count-"+sku,
			`{"onHand":1000000}`)
	}
	for i := range 8 {
		cart := fmt.Sprintf("cart_%d", i)
		s.ask(t, "customer", "PUT /v1/carts/"+cart, "", `{"items":[{"sku":"lamp","quantity":2}]}`)
		s.carts = append(s.carts, cart)
		id := s.ask(t, "customer", "POST /v1/orders", fmt.Sprint("order-", i), `{
			"items":[{"sku":"lamp","quantity":1},{"sku":"a+b:c","quantity":3}],
			"payment":{"token":"tok_visa"}, "email":"a@example.com",
			"shipTo":{"name":"A","line1":"1 Road","city":"Leeds","country":"GB"}}`)
		name := strings.TrimPrefix(id, "ord_")
		s.orders = append(s.orders, id)
		s.payments = append(s.payments, "pay_"+name)
		s.shipments = append(s.shipments, "shp_"+name+"_1")
	}
	s.ask(t, "customer", "POST /v1/orders/"+s.orders[0]+"/cancel", "cancel", "")
	s.ask(t, "admin", "POST /v1/orders/"+s.orders[1]+"/hold", "hold", "")
	s.ask(t, "dealer", "POST /v1/shipments/"+s.shipments[2]+"/pack", "pack", "")
	s.ask(t, "dealer", "POST /v1/shipments/"+s.shipments[3]+"/pack", "pack-too", "")
	s.ask(t, "service", "POST /v1/purchases", "", `{"orderId":"ord_bought",
		"customerId":"customer_1","itemList":[{"sku":"chair","quantity":1}],
		"paymentStatus":"pending","payment":{"token":"tok_visa"},
		"shipTo":{"name":"A","line1":"1 Road","city":"Leeds","country":"GB"}}`)
}

// config tells the fuzzer which things there are, so that it gets past 404, and which refusals of
// well-formed requests are right because they depend on the state: a SKU that is not listed, a key
// that was used, an amount in another currency, another platform's cursor.
func (s *fuzzed) config(t *testing.T) string {
	t.Helper()
	list := func(values []string) string {
		raw, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	var b strings.Builder
	skus := []string{"lamp", "chair", "a+b:c"}
	words := []struct {
		name, parameter, paths string
		values                 []string
	}{
		{"orders", "path.id", "^/v1/(orders|purchases)/", append(s.orders, "ord_bought")},
		{"payments", "path.id", "^/v1/payments/", s.payments},
		{"shipments", "path.id", "^/v1/shipments/", s.shipments},
		{"carts", "path.id", "^/v1/carts/", s.carts},
		{"products", "path.id", "^/v1/products/", skus},
		{"stock", "path.sku", "^/v1/stock/", skus},
		{"wanted", "body.items[*].sku", "^/v1/(orders|carts/.id.)$", skus},
		{"bought", "body.itemList[*].sku", "^/v1/purchases$", skus},
		{"cards", "body.payment.token", "^/v1/(orders|purchases)$",
			[]string{"tok_visa", "tok_declined", "tok_charge_then_timeout"}},
		{"packed", "body.shipment", "^/v1/payments/", s.shipments},
		{"currencies", "body.amount.currency", "^/v1/payments/", []string{"GBP"}},
		{"names", "path.name", "^/v1/ops/subscriptions/", []string{"app.watch-orders"}},
		{"providers", "path.provider", "^/v1/webhooks/", []string{"sandbox"}},
	}
	for _, w := range words {
		fmt.Fprintf(&b, "[dictionaries.%s]\nvalues = %s\n[[operations]]\n"+
			"include-path-regex = %q\nparameters = { %q = { dictionary = %q, "+
			"probability = 0.6 } }\n", w.name, list(w.values), w.paths, w.parameter, w.name)
	}
	const fine = `"2xx", "3xx", "401", "402", "403", "404", "409", "412", "429"`
	fmt.Fprintf(&b, "[checks]\npositive_data_acceptance.expected-statuses = [%s]\n"+
		"[[operations]]\ninclude-method = [\"POST\", \"PUT\", \"PATCH\"]\n[operations.checks]\n"+
		"positive_data_acceptance.expected-statuses = [%s, \"422\"]\n"+
		"[[operations]]\ninclude-operation-id = [\"getDeadLetters\", \"getShipments\", "+
		"\"getProduct\", \"getStock\"]\n"+
		"[operations.checks]\n"+
		"positive_data_acceptance.expected-statuses = [%s, \"422\"]\n", fine, fine, fine)
	name := filepath.Join(t.TempDir(), "schemathesis.toml")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
