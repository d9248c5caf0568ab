package remote

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/souk-commerce/souk/cmd/souk-lambda/batch"
	"github.com/souk-commerce/souk/platform"
)

// Platform is the test's platform, seen from a function process.
type Platform struct{ url string }

var _ platform.Platform = (*Platform)(nil)

// Dial returns the platform that a Server serves at an address. It connects when it is asked.
func Dial(address string) *Platform { return &Platform{url: "http://" + address} }

// ask sends one call. An error that is not the far side's leaves the outcome unknown.
func (p *Platform) ask(ctx context.Context, c call) (result, error) {
	var out result
	body, err := json.Marshal(c)
	if err != nil {
		return out, fmt.Errorf("encode %s: %w", c.Method, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return out, fmt.Errorf("ask for %s: %w", c.Method, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return out, fmt.Errorf("ask for %s: %w", c.Method, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("read the answer to %s: %w", c.Method, err)
	}
	return out, out.Fault.err()
}

// Store implements platform.Platform.
func (p *Platform) Store(room string) platform.Store { return store{p, room} }

// History implements platform.Platform.
func (p *Platform) History() platform.History { return history{p} }

// Delivery implements platform.Platform.
func (p *Platform) Delivery() platform.Delivery { return delivery{p} }

// Queue implements platform.Platform.
func (p *Platform) Queue(name string, policy platform.QueuePolicy) (platform.Queue, error) {
	return queue{p, name, policy}, nil
}

// Files implements platform.Platform: no function of the tests keeps any.
func (p *Platform) Files() platform.Files { return files{} }

// Keys implements platform.Platform.
func (p *Platform) Keys() platform.Keys { return keys{p} }

// Close implements platform.Platform.
func (p *Platform) Close() error { return nil }

// Carry is a relay's way to the test's bus.
func (p *Platform) Carry(ctx context.Context, events []platform.Event) (int, error) {
	out, err := p.ask(ctx, call{Method: "carry", Events: bare(events)})
	return out.Count, err
}

// Sweep is a sweeper's way to the test's timers.
func (p *Platform) Sweep(ctx context.Context) (int, error) {
	out, err := p.ask(ctx, call{Method: "sweep"})
	return out.Count, err
}

// Work runs messages, each an event in JSON, through a subscription's handler.
func Work(
	sub platform.Subscription, log *slog.Logger,
) func(ctx context.Context, messages []batch.Message) ([]string, error) {
	return func(ctx context.Context, messages []batch.Message) (failed []string, err error) {
		for _, m := range messages {
			var e platform.Event
			err := json.Unmarshal([]byte(m.Body), &e)
			if err == nil {
				err = sub.Handle(ctx, e)
			}
			if err != nil {
				log.WarnContext(ctx, "an event comes again", "event", e.ID, "attempt", m.Attempts,
					"correlation", e.Correlation, "cause", err)
				failed = append(failed, m.ID)
			}
		}
		return failed, nil
	}
}

type store struct {
	p    *Platform
	room string
}

func (s store) Get(ctx context.Context, k platform.Key) (platform.Record, error) {
	out, err := s.p.ask(ctx, call{Method: "get", Room: s.room, Key: k})
	return out.Record, err
}

func (s store) List(ctx context.Context, q platform.Query) ([]platform.Record, error) {
	out, err := s.p.ask(ctx, call{Method: "list", Room: s.room, Query: q})
	return out.Records, err
}

func (s store) Commit(ctx context.Context, b platform.Batch) error {
	writes := make([]platform.Write, len(b.Writes))
	for i, w := range b.Writes {
		w.Object = nil
		writes[i] = w
	}
	timers := make([]platform.Timer, len(b.Timers))
	for i, t := range b.Timers {
		t.Event.Value = nil
		timers[i] = t
	}
	b.Writes, b.Timers, b.Events = writes, timers, bare(b.Events)
	_, err := s.p.ask(ctx, call{Method: "commit", Room: s.room, Batch: &b})
	return err
}

type history struct{ p *Platform }

func (h history) Subject(
	ctx context.Context, subject string, after int64, limit int,
) ([]platform.Event, error) {
	out, err := h.p.ask(ctx, call{Method: "subject", Name: subject, After: after, Limit: limit})
	return out.Events, err
}

func (h history) Records(
	ctx context.Context, prefix string, fn func(platform.Record) error,
) error {
	out, err := h.p.ask(ctx, call{Method: "records", Name: prefix})
	for i := 0; err == nil && i < len(out.Records); i++ {
		err = fn(out.Records[i])
	}
	return err
}

func (history) Log(context.Context, string, func(string, platform.Event) error) error {
	return errNotHere
}
func (history) Seek(context.Context, time.Time) (string, error) { return "", errNotHere }

// errNotHere refuses what no function of the tests asks for.
var errNotHere = errors.Join(errors.New("not in a test's world"), platform.ErrInvalid)

type delivery struct{ p *Platform }

func (delivery) Subscribe(platform.Subscription) error { return nil }
func (delivery) Start(context.Context) error           { return errNotHere }
func (d delivery) Status(ctx context.Context) ([]platform.SubscriptionStatus, error) {
	out, err := d.p.ask(ctx, call{Method: "status"})
	return out.Status, err
}
func (delivery) DeadLetters(
	context.Context, string, string, int,
) ([]platform.DeadLetter, error) {
	return nil, errNotHere
}
func (delivery) Redrive(context.Context, string, string) error { return errNotHere }
func (delivery) Replay(context.Context, string, time.Time, bool) (int, error) {
	return 0, errNotHere
}
func (delivery) Pause(context.Context, string, bool) error { return errNotHere }

type queue struct {
	p      *Platform
	name   string
	policy platform.QueuePolicy
}

func (q queue) ask(ctx context.Context, c call) (result, error) {
	c.Name, c.Policy = q.name, q.policy
	return q.p.ask(ctx, c)
}

func (q queue) Send(ctx context.Context, m platform.Message, delay time.Duration) error {
	_, err := q.ask(ctx, call{Method: "send", Message: m, Delay: delay})
	return err
}
func (queue) Receive(
	context.Context, int, time.Duration, time.Duration,
) ([]platform.Received, error) {
	return nil, errNotHere
}
func (q queue) Delete(ctx context.Context, receipt string) error {
	_, err := q.ask(ctx, call{Method: "delete", Receipt: receipt})
	return err
}
func (q queue) Release(ctx context.Context, receipt string, delay time.Duration) error {
	_, err := q.ask(ctx, call{Method: "release", Receipt: receipt, Delay: delay})
	return err
}
func (q queue) Depth(ctx context.Context) (platform.QueueDepth, error) {
	out, err := q.ask(ctx, call{Method: "depth"})
	return out.Depth, err
}
func (queue) Dead(context.Context, int) ([]platform.Received, error) { return nil, errNotHere }
func (queue) Redrive(context.Context, string) error                  { return errNotHere }

type files struct{}

func (files) Put(context.Context, io.Reader) (string, error)      { return "", errNotHere }
func (files) Open(context.Context, string) (io.ReadCloser, error) { return nil, errNotHere }

type keys struct{ p *Platform }

func (k keys) Seal(ctx context.Context, person string, plain []byte) ([]byte, error) {
	out, err := k.p.ask(ctx, call{Method: "seal", Name: person, Data: plain})
	return out.Data, err
}
func (k keys) Open(ctx context.Context, person string, box []byte) ([]byte, error) {
	out, err := k.p.ask(ctx, call{Method: "open", Name: person, Data: box})
	return out.Data, err
}
func (keys) Erase(context.Context, string) error { return errNotHere }
func (k keys) Sign(ctx context.Context, message []byte) ([]byte, string, error) {
	out, err := k.p.ask(ctx, call{Method: "sign", Data: message})
	return out.Data, out.Name, err
}
func (k keys) PublicKeys(ctx context.Context) (map[string]ed25519.PublicKey, error) {
	out, err := k.p.ask(ctx, call{Method: "keys"})
	list := make(map[string]ed25519.PublicKey, len(out.Keys))
	for id, key := range out.Keys {
		list[id] = key
	}
	return list, err
}
