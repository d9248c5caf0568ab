package verify_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/platform"
)

// shuffled is a history as a platform without an order across subjects shows it: every reading of
// the log is in another order, which keeps each subject's, and its cursors say nothing; partitions
// of records come in any order.
type shuffled struct {
	platform.History
	random *rand.Rand
	style  int
}

// shuffle has an input's history shown so. The style of the order depends on the seed: events of
// all subjects mixed, one subject after the other, or mixed a little.
func shuffle(in *verify.Input, seed int) {
	in.History = &shuffled{
		History: in.History, random: rand.New(rand.NewPCG(uint64(seed), 1)), style: seed % 3,
	}
	in.Features = &platform.Features{Name: "shuffled"}
}

// Log implements platform.History.
func (h *shuffled) Log(
	ctx context.Context, after string, fn func(cursor string, e platform.Event) error,
) error {
	var subjects []string
	queues := make(map[string][]platform.Event)
	err := h.History.Log(ctx, after, func(_ string, e platform.Event) error {
		subjects = append(subjects, e.Subject)
		queues[e.Subject] = append(queues[e.Subject], e)
		return nil
	})
	if err != nil {
		return err
	}
	h.mix(subjects)
	for i, subject := range subjects {
		e := queues[subject][0]
		queues[subject] = queues[subject][1:]
		if err := fn(fmt.Sprintf("cursor-%d", i), e); err != nil {
			return err
		}
	}
	return nil
}

// mix changes the order of the subjects; which event of a subject comes follows from it.
func (h *shuffled) mix(subjects []string) {
	swap := func(i, j int) { subjects[i], subjects[j] = subjects[j], subjects[i] }
	switch h.style {
	case 0:
		h.random.Shuffle(len(subjects), swap)
	case 1:
		rank := make(map[string]uint64)
		for _, s := range subjects {
			rank[s] = h.random.Uint64()
		}
		slices.SortStableFunc(subjects, func(a, b string) int {
			if rank[a] < rank[b] {
				return -1
			}
			return int(min(1, rank[a]-rank[b]))
		})
	default:
		const near = 20
		for i := range subjects {
			swap(i, max(0, i-h.random.IntN(near)))
		}
	}
}

// Seek implements platform.History.
func (h *shuffled) Seek(context.Context, time.Time) (string, error) { return "the end", nil }

// Records implements platform.History.
func (h *shuffled) Records(
	ctx context.Context, prefix string, fn func(r platform.Record) error,
) error {
	parts := make(map[string][]platform.Record)
	var names []string
	err := h.History.Records(ctx, prefix, func(r platform.Record) error {
		if parts[r.Key.Part] == nil {
			names = append(names, r.Key.Part)
		}
		parts[r.Key.Part] = append(parts[r.Key.Part], r)
		return nil
	})
	if err != nil {
		return err
	}
	h.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		for _, r := range parts[name] {
			if err := fn(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// lessIsSaid reports whether the notes say what a log without an order does not show, and no more.
func lessIsSaid(r *verify.Report) bool {
	return len(r.Notes) > 5 && !slices.ContainsFunc(r.Notes[1:], func(n string) bool {
		return !strings.HasPrefix(n, "I")
	})
}
