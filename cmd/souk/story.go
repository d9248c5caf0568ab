package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/room"
)

// chapter is one event of a story, with what followed from it.
type chapter struct {
	Time        time.Time       `json:"time"`
	ID          string          `json:"id"`
	Type        string          `json:"type"`
	Subject     string          `json:"subject"`
	Says        string          `json:"says"`
	Causation   string          `json:"causation,omitempty"`
	Correlation string          `json:"correlation,omitempty"`
	Data        json.RawMessage `json:"data"`
	Then        []*chapter      `json:"then,omitempty"`

	fact event.Fact
}

// story is what happened, as a forest: an event stands below the one that caused it. The roots were
// caused from outside, by a request or by something that is not part of the story.
type story []*chapter

// storyOf tells the events of several subjects, and those that caused them.
func (r *reading) storyOf(ctx context.Context, subjects []string) (story, error) {
	known := make(map[string]*chapter)
	for _, subject := range subjects {
		events, err := r.subject(ctx, subject)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			if err := r.tell(known, e); err != nil {
				return nil, err
			}
		}
	}
	if err := r.addCauses(ctx, known); err != nil {
		return nil, err
	}
	return grow(known), nil
}

func (r *reading) tell(known map[string]*chapter, e platform.Event) error {
	if known[e.ID] != nil {
		return nil
	}
	f, err := room.FactOf(r.cat, e)
	if err != nil {
		return fmt.Errorf("event %s: %w", e.ID, err)
	}
	known[e.ID] = &chapter{
		Time: e.Time, ID: e.ID, Type: e.Type, Subject: e.Subject, Says: says(f),
		Causation: e.Causation, Correlation: e.Correlation, Data: e.Data, fact: f,
	}
	return nil
}

// addCauses finds the causes that are not part of the story yet, and theirs, until there is none.
func (r *reading) addCauses(ctx context.Context, known map[string]*chapter) error {
	open := make([]*chapter, 0, len(known))
	for _, c := range known {
		open = append(open, c)
	}
	for len(open) > 0 {
		c := open[len(open)-1]
		open = open[:len(open)-1]
		if c.Causation == "" || known[c.Causation] != nil {
			continue
		}
		e, found, err := r.cause(ctx, c)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if err := r.tell(known, e); err != nil {
			return err
		}
		open = append(open, known[e.ID])
	}
	return nil
}

// cause finds the event that caused c. An event is named after its place in its subject; a timer's
// is named after the timer and its due time, and was announced some time between that and c.
func (r *reading) cause(ctx context.Context, c *chapter) (platform.Event, bool, error) {
	if i := strings.LastIndexByte(c.Causation, '/'); i > 0 {
		seq, err := strconv.ParseInt(c.Causation[i+1:], 10, 64)
		if err == nil && seq > 0 {
			list, err := r.p.History().Subject(ctx, c.Causation[:i], seq-1, 1)
			if err != nil {
				return platform.Event{}, false, err
			}
			if len(list) == 1 && list[0].ID == c.Causation {
				return list[0], true, nil
			}
		}
	}
	_, digits, ok := strings.Cut(c.Causation, "@")
	digits, _, _ = strings.Cut(digits, "#") // what follows only makes the id unique
	due, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil {
		return platform.Event{}, false, nil
	}
	return r.rung(ctx, c.Causation, time.Unix(0, due), c.Time)
}

// maxSearch bounds the events that are read to find one that a timer announced.
const maxSearch = 200_000

// errFoundIt and errTooFar end a reading of the log; they never leave this file.
var (
	errFoundIt = errors.New("found")
	errTooFar  = errors.New("not here")
)

// rung finds an event that a timer announced, by its id, between two moments.
func (r *reading) rung(
	ctx context.Context, id string, from, to time.Time,
) (found platform.Event, ok bool, err error) {
	at, err := r.p.History().Seek(ctx, from)
	if err != nil {
		return found, false, err
	}
	read := 0
	err = r.p.History().Log(ctx, at, func(_ string, e platform.Event) error {
		if read++; e.Time.After(to) || read > maxSearch {
			return errTooFar
		}
		if e.ID == id {
			found, ok = e, true
			return errFoundIt
		}
		return nil
	})
	if errors.Is(err, errFoundIt) || errors.Is(err, errTooFar) {
		err = nil
	}
	return found, ok, err
}

// grow puts every chapter below its cause, in the order of time.
func grow(known map[string]*chapter) story {
	var roots story
	for _, c := range known {
		if cause := known[c.Causation]; cause != nil {
			cause.Then = append(cause.Then, c)
		} else {
			roots = append(roots, c)
		}
	}
	inOrder(roots)
	for _, c := range known {
		inOrder(c.Then)
	}
	return roots
}

func inOrder(list []*chapter) {
	slices.SortFunc(list, func(a, b *chapter) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.ID, b.ID))
	})
}

// write draws the forest. Times are since the first event. What all ids of the story share is
// shortened to "…".
func (s story) write(t *text, shared string) {
	if len(s) == 0 {
		return
	}
	t.heading("what happened, since " + timeText(s[0].Time))
	var rows [][]string
	for _, c := range s {
		rows = draw(rows, c, s[0].Time, "", "")
	}
	if len(shared) > 8 {
		for _, row := range rows {
			row[2] = strings.ReplaceAll(row[2], shared, "…")
		}
	}
	t.table([]string{">", "", ""}, rows)
}

// draw adds the row of one chapter and those of what followed.
func draw(rows [][]string, c *chapter, start time.Time, branch, below string) [][]string {
	name := strings.TrimPrefix(c.Type, "souk.")
	rows = append(rows, []string{sinceText(c.Time.Sub(start)), branch + name, c.Says})
	for i, next := range c.Then {
		if i < len(c.Then)-1 {
			rows = draw(rows, next, start, below+"├─ ", below+"│  ")
		} else {
			rows = draw(rows, next, start, below+"└─ ", below+"   ")
		}
	}
	return rows
}
