package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/app/machines"
	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/identity"
	"github.com/souk-commerce/souk/shop/room"
)

// serverFlags name a running server, and who asks.
type serverFlags struct {
	URL   string `name:"server" default:"http://127.0.0.1:8080" help:"Address of the running server." placeholder:"URL"`
	Data  string `default:"./data" help:"Its data directory, whose keys make the token." type:"path"`
	Token string `env:"SOUK_TOKEN" help:"Access token of an admin, instead of --data." placeholder:"TOKEN"`
}

// server is a running server as one that operates it sees it.
type server struct {
	url, token string
	client     *http.Client
}

// askTime bounds one request.
const askTime = 30 * time.Second

// open finds out in whose name to ask.
func (f *serverFlags) open(e *env) (*server, error) {
	if u, err := url.Parse(f.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, misused("--server is an address like http://127.0.0.1:8080, not %q", f.URL)
	}
	s := &server{
		url: strings.TrimSuffix(f.URL, "/"), token: f.Token, client: &http.Client{Timeout: askTime},
	}
	if s.token != "" {
		return s, nil
	}
	keys, err := embedded.OpenSigner(f.Data)
	if err != nil {
		return nil, &shop.Error{
			Code: shop.Unauthorised, Err: err,
			Message: "nobody can be asked without a token: " + err.Error(),
			Hint: "name the server's data directory with --data, or put the output of " +
				"souk token --role admin into SOUK_TOKEN",
		}
	}
	issuer := identity.New(keys, embedded.SystemClock{}, tokenIssuer)
	who := room.Caller{ID: "adm_" + shop.ID(operatorName()), Role: room.Admin()}
	s.token, err = issuer.Issue(e.ctx, who, time.Minute+askTime)
	return s, err
}

// operatorName is who sits at the machine, as far as an id can hold it.
func operatorName() string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, os.Getenv("USER"))
	if name == "" || len(name) > 40 {
		return "operator"
	}
	return name
}

func (s *server) get(ctx context.Context, path string, out any) error {
	return s.ask(ctx, http.MethodGet, path, nil, out)
}

func (s *server) post(ctx context.Context, path string, in, out any) error {
	return s.ask(ctx, http.MethodPost, path, in, out)
}

// ask makes one request. A refusal comes back as the error that it tells of.
func (s *server) ask(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return &shop.Error{
			Code: shop.Unavailable, Err: err,
			Message: fmt.Sprintf("the server at %s does not answer: %v", s.url, errors.Unwrap(err)),
			Hint:    "start it with souk serve, or name another with --server",
		}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", s.url, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return refusedBy(resp.StatusCode, raw)
	}
	if out == nil || len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("the answer of %s is not what this version reads: %w", s.url, err)
	}
	return nil
}

// refusedBy is the error in a server's refusal.
func refusedBy(status int, raw []byte) error {
	var p app.Problem
	if err := json.Unmarshal(raw, &p); err != nil || p.Code == "" {
		return fmt.Errorf("the server answers with %d, and this is no server of Souk", status)
	}
	message := p.Detail
	for _, d := range p.Errors {
		message += "; " + d.Location + ": " + d.Message
	}
	hint := p.Hint
	if p.Code == string(shop.Unauthorised) && hint == "" {
		hint = "the token is of another server: name its data directory with --data"
	}
	return &shop.Error{Code: shop.Code(p.Code), Message: message, Hint: hint}
}

// executionPath is where an execution is, MACHINE/NAME.
func executionPath(id string) string {
	machine, name, _ := strings.Cut(id, "/")
	return "/v1/ops/executions/" + url.PathEscape(machine) + "/" + url.PathEscape(name)
}

// checkExecution refuses what names no execution.
func checkExecution(id string) error {
	machine, name, ok := strings.Cut(id, "/")
	if !ok || machine == "" || name == "" {
		return fmt.Errorf("an execution is MACHINE/NAME, as in lost-shipment/shp_1, not %q", id)
	}
	return nil
}

// history calls fn for every record of an execution's history.
func (s *server) history(
	ctx context.Context, id string, fn func(machines.ExecutionRecord) error,
) error {
	for after := int64(0); ; {
		var page struct {
			Items []machines.ExecutionRecord `json:"items"`
			Next  int64                      `json:"next"`
		}
		path := fmt.Sprintf("%s/history?limit=1000&after=%d", executionPath(id), after)
		if err := s.get(ctx, path, &page); err != nil {
			return err
		}
		for _, r := range page.Items {
			if err := fn(r); err != nil {
				return err
			}
		}
		if after = page.Next; after == 0 {
			return nil
		}
	}
}
