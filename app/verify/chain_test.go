package verify_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app/verify"
)

// Goal: an archive whose segments do not follow from each other is found, one that cannot be looked
// at is an error, and where there is none nothing is said. Method: a sound town, with links of all
// kinds, and notes of whoever read it.
func TestTheChainOfAnArchive(t *testing.T) {
	t.Parallel()
	tp := recorded(t, 7)
	chained := func(found ...int64) func(*verify.Input) {
		return func(in *verify.Input) {
			in.Envelopes = true // it is looked at whatever else is
			in.Notes = []string{"two events were not archived yet"}
			in.Chain = func(_ context.Context, broken func(int64, string)) (int64, error) {
				for _, n := range found {
					broken(n, "it follows another one")
				}
				return 12, nil
			}
		}
	}
	whole := tp.verify(t, chained()).String()
	if !strings.Contains(whole, "I2 ok") || !strings.Contains(whole, "two events were not") {
		t.Errorf("a whole archive:\n%s", whole)
	}
	r := tp.verify(t, chained(3, 9))
	if r.Clean() || !strings.Contains(r.String(), "I2 BROKEN") ||
		!strings.Contains(r.String(), "segment=9") {
		t.Errorf("a broken archive:\n%s", r)
	}
	if r := tp.verify(t, nil).String(); strings.Contains(r, "I2 ") {
		t.Errorf("there is no archive:\n%s", r)
	}
	away := errors.New("the bucket does not answer")
	_, err := verify.Run(t.Context(), verify.Input{
		History: tp, Rooms: tp.rooms, Catalogue: tp.catalogue, Contracts: tp.contracts,
		Chain: func(context.Context, func(int64, string)) (int64, error) { return 0, away },
	})
	if !errors.Is(err, away) {
		t.Errorf("an archive that cannot be looked at: %v", err)
	}
}
