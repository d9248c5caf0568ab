package verify_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
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

	// The log as it is: it is read once, and told in another order each time.
	events [][]platform.Event // by subject
	turns  []int              // whose event comes, in the order of the log
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
	if h.turns == nil {
		numbers := make(map[string]int)
		err := h.History.Log(ctx, after, func(_ string, e platform.Event) error {
			n, known := numbers[e.Subject]
			if !known {
				n = len(h.events)
				numbers[e.Subject] = n
				h.events = append(h.events, nil)
			}
			h.events[n] = append(h.events[n], e)
			h.turns = append(h.turns, n)
			return nil
		})
		if err != nil {
			return err
		}
	}
	turns, told := slices.Clone(h.turns), make([]int, len(h.events))
	h.mix(turns)
	for i, n := range turns {
		e := h.events[n][told[n]]
		told[n]++
		if err := fn("cursor-"+strconv.Itoa(i), e); err != nil {
			return err
		}
	}
	return nil
}

// mix changes the order of the subjects; which event of a subject comes follows from it.
func (h *shuffled) mix(turns []int) {
	swap := func(i, j int) { turns[i], turns[j] = turns[j], turns[i] }
	switch h.style {
	case 0:
		h.random.Shuffle(len(turns), swap)
	case 1:
		rank := h.random.Perm(len(h.events))
		slices.SortStableFunc(turns, func(a, b int) int { return rank[a] - rank[b] })
	default:
		const near = 20
		for i := range turns {
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
