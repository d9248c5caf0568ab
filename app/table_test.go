package app_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app"
)

// update rewrites the golden document: go test ./app -run OpenAPI -update.
var update = flag.Bool("update", false, "rewrite docs/openapi.json")

// described is what the document says of one operation.
type described struct {
	ID        string                     `json:"operationId"`
	Roles     []string                   `json:"x-roles"`
	Load      string                     `json:"x-load"`
	Security  []any                      `json:"security"`
	Responses map[string]json.RawMessage `json:"responses"`
	Params    []struct {
		Name     string `json:"name"`
		Required bool   `json:"required"`
	} `json:"parameters"`
}

func document(t *testing.T, s *stage) (map[string]described, []byte) {
	t.Helper()
	raw := s.ask("GET", "/openapi.json", "", "").body
	var doc struct {
		Paths map[string]map[string]described `json:"paths"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]described)
	for path, item := range doc.Paths {
		for method, op := range item {
			all[strings.ToUpper(method)+" "+path] = op
		}
	}
	return all, raw
}

// Goal: the table, the document, the router and the policy say the same. Method: each against the
// table, in both directions.
func TestTableDocumentAndRouterAgree(t *testing.T) {
	t.Parallel()
	s := open(t)
	doc, _ := document(t, s)
	table := s.app.Routes()
	ids := make(map[string]bool)
	for _, r := range table {
		line := r.Method + " " + r.Path
		op, ok := doc[line]
		if !ok || op.ID != r.ID || ids[r.ID] {
			t.Errorf("%s: the document calls it %q, the table %q", line, op.ID, r.ID)
		}
		ids[r.ID] = true
		var roles []string
		for _, role := range r.Roles {
			roles = append(roles, role.String())
		}
		if !slices.Equal(roles, op.Roles) || (len(roles) > 0) != (len(op.Security) > 0) {
			t.Errorf("%s: the document admits %v, the table %v", line, op.Roles, roles)
		}
		if op.Load != r.Load.String() {
			t.Errorf("%s: the document says load %q, the table %q", line, op.Load, r.Load)
		}
		for _, p := range op.Params {
			if p.Name == "Idempotency-Key" && p.Required != r.Keyed {
				t.Errorf("%s: key required: document %v, table %v", line, p.Required, r.Keyed)
			}
		}
		if pattern := s.app.PatternOf(r.Method, r.Path); pattern != line {
			t.Errorf("%s is routed to %q", line, pattern)
		}
	}
	if len(doc) != len(table) {
		t.Errorf("the document has %d operations, the table %d", len(doc), len(table))
	}
}

func cutBody(sku string) string {
	return fmt.Sprintf(`{"lines":[{"sku":%q,"quantity":1}]}`, sku)
}

func addBody(sku string) string {
	return fmt.Sprintf(`{"version":1,"add":[{"sku":%q,"quantity":1}]}`, sku)
}

// goodBody is what an operation takes, of things that there are not.
func goodBody(id string) string {
	return map[string]string{
		"postOrder": checkout("x", 1, "tok_visa"), "putCart": `{"items":[{"sku":"x","quantity":1}]}`,
		"postPurchase": purchase("ord_x"), "putStock": `{"onHand":1}`,
		"postProduct": `{"sku":"x","dealer":"someone","title":"X",` +
			`"price":{"amount":1,"currency":"GBP"}}`,
		"patchProduct": `{"price":{"amount":1,"currency":"GBP"}}`,
		"postCapture":  `{"shipment":"shp_x_1"}`,
		"postRefund":   `{"shipment":"shp_x_1","amount":{"amount":1,"currency":"GBP"}}`,
		"postRedrive":  `{"subscription":"x","id":"1"}`, "postIntakeRedrive": `{"id":"x"}`,
		"postReplay":        `{"subscription":"x","from":"2026-01-01T00:00:00Z"}`,
		"postBackup":        `{"name":"x"}`,
		"putTerms":          `{"commissionBps":700}`,
		"putPayee":          `{"token":"ba_ok","schedule":"weekly"}`,
		"postPayout":        `{"dealer":"someone","currency":"GBP"}`,
		"postReturn":        `{"shipment":"x","lines":[{"sku":"x","quantity":1,"reason":"other"}]}`,
		"postDeclineReturn": `{"reason":"other"}`,
		"postReceiveReturn": `{"items":[{"sku":"x","quantity":1}]}`,
		"postInspectReturn": `{"units":[{"sku":"x","quantity":1,"verdict":"scrap"}]}`,
		"postCancelLines":   cutBody("x"), "previewCancelLines": cutBody("x"),
		"postNote": `{"text":"x"}`, "postEdit": addBody("x"), "previewEdit": addBody("x"),
		"postAttempt":       `{"payment":{"token":"tok_visa"}}`,
		"postEvidence":      `{"explanation":"x"}`,
		"putPreferences":    `{"off":[]}`,
		"postEndpoint":      `{"url":"https://x.example"}`,
		"patchEndpoint":     `{"enabled":true}`,
		"postHookReplay":    `{"delivery":"x"}`,
		"postExecution":     `{"machine":"none","name":"x"}`,
		"postStop":          `{}`,
		"postTaskSuccess":   `{"token":"x"}`,
		"postTaskFailure":   `{"token":"x"}`,
		"postTaskHeartbeat": `{"token":"x"}`,
	}[id]
}

// Goal: every route refuses whoever the table does not name, before anything else, and behind it no
// room refuses whom it names. Method: each route without a token, with a bad one, and with that of
// each role; what is asked for is as it must be.
func TestEveryRouteKeepsItsPolicy(t *testing.T) {
	t.Parallel()
	s := open(t)
	tokens := make(map[string]string)
	for _, role := range allRoles() {
		tokens[role.String()] = s.token("someone", role)
	}
	for _, r := range s.app.Routes() {
		path := strings.NewReplacer("{id}", "x", "{sku}", "x", "{name}", "x", "{provider}", "x",
			"{carrier}", "x", "{dispute}", "x", "{machine}", "x").
			Replace(r.Path)
		if len(r.Roles) == 0 {
			continue
		}
		if a := s.ask(r.Method, path, "", ""); a.status != 401 || a.code() != "unauthorised" ||
			a.head.Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s without a token: %d %s", r.Method, path, a.status, a.body)
		}
		if a := s.ask(r.Method, path, "forged.token.here", ""); a.status != 401 {
			t.Errorf("%s %s with a forged token: %d", r.Method, path, a.status)
		}
		for _, role := range allRoles() {
			a := s.ask(r.Method, path+map[string]string{
				"getDeadLetters": "?subscription=x", "getShipments": "?dealer=someone",
				"getPayouts":      "?dealer=someone",
				"getStatement":    "?currency=GBP&from=2026-01-01&to=2026-02-01",
				"getStatementCSV": "?currency=GBP&from=2026-01-01&to=2026-02-01",
				"getReturns":      "?dealer=someone",
				"getExecutions":   "?machine=lost-shipment",
				"getPreview":      "?topic=order_placed",
			}[r.ID], tokens[role.String()], goodBody(r.ID), "Idempotency-Key", "k", "If-Match", "*")
			if a.status == 422 && a.code() == "invalid" || a.status == 400 {
				t.Errorf("%s %s as %s is not as it must be: %s", r.Method, path, role, a.body)
			}
			if admitted := slices.Contains(r.Roles, role); admitted == (a.status == 403) &&
				a.code() == "forbidden" {
				t.Errorf("%s %s as %s: %d %s", r.Method, path, role, a.status, a.body)
			}
		}
	}
}

// Goal: the published document is the one that the code makes. Method: the golden file.
func TestOpenAPIGolden(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, got := document(t, s)
	again, err := s.app.Document()
	if err != nil || !bytes.Equal(got, again) {
		t.Fatalf("the document is not the same twice: %v", err)
	}
	name := filepath.Join("..", "docs", "openapi.json")
	if *update {
		if err := os.WriteFile(name, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(got, '\n'), want) {
		t.Error("docs/openapi.json is not what the code says: go test ./app -run OpenAPI -update")
	}
}

// Goal: each answer that a room can give is in the document. Method: every code has a status, and
// every operation names its refusals.
func TestEveryOperationNamesItsRefusals(t *testing.T) {
	t.Parallel()
	s := open(t)
	doc, _ := document(t, s)
	for line, op := range doc {
		for _, status := range []string{"429", "500", "503"} {
			if _, ok := op.Responses[status]; !ok {
				t.Errorf("%s does not document %s", line, status)
			}
		}
	}
	var p app.Problem
	s.ask("GET", "/nothing", "", "").decode(t, &p)
	if p.Type != "urn:souk:problem:not_found" || p.Status != 404 || p.Title != "Not Found" {
		t.Errorf("a problem is not whole: %+v", p)
	}
}
