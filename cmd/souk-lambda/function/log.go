package function

import (
	"context"
	"io"
	"log/slog"
)

// newLog writes JSON lines, each with the role and, within an invocation, its request id.
func newLog(w io.Writer, role, name, version string) *slog.Logger {
	log := slog.New(stamping{slog.NewJSONHandler(w, nil)}).With("role", role)
	if name != "" {
		log = log.With("function", name, "version", version)
	}
	return log
}

type invocationKey struct{}

func withInvocation(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, invocationKey{}, id)
}

// Invocation is the request id of the invocation that ctx belongs to, or "".
func Invocation(ctx context.Context) string {
	id, _ := ctx.Value(invocationKey{}).(string)
	return id
}

// stamping adds the request id of the context's invocation to each line.
type stamping struct{ slog.Handler }

// Handle implements slog.Handler.
func (s stamping) Handle(ctx context.Context, r slog.Record) error {
	if id := Invocation(ctx); id != "" {
		r.AddAttrs(slog.String("requestId", id))
	}
	return s.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (s stamping) WithAttrs(attrs []slog.Attr) slog.Handler {
	return stamping{s.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (s stamping) WithGroup(name string) slog.Handler { return stamping{s.Handler.WithGroup(name)} }
