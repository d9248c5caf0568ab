package verify_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app/verify"
	"github.com/souk-commerce/souk/shop/event/contract"
)

// Goal: every invariant that is broken is caught and named. Method: one town's history, and for
// each invariant several small changes of a copy of it; the report must name the invariant. Nothing
// is wrong with the history itself.
func TestEveryCorruptionIsCaught(t *testing.T) {
	t.Parallel()
	tp := recorded(t, 58)
	if r := tp.verify(t, nil); !r.Clean() || r.Open() > 0 {
		t.Fatalf("the history is not clean before anything was changed:\n%s", r)
	}
	caught := make(map[string]int)
	for _, c := range corruptions() {
		t.Run(c.law+" "+c.name, func(t *testing.T) {
			bad := tp.copy()
			c.change(bad)
			r := bad.verify(t, nil)
			at := slices.IndexFunc(r.Invariants, func(i verify.Invariant) bool {
				return i.ID == c.law
			})
			if r.Invariants[at].Broken == 0 || r.Clean() {
				t.Errorf("not caught:\n%s", r)
				return
			}
			f := r.Invariants[at].Findings[0]
			if f.Message == "" || f.Invariant != c.law {
				t.Errorf("a finding says nothing: %+v", f)
			}
			if !strings.Contains(r.String(), c.law+" broken: ") {
				t.Errorf("the text does not name it:\n%s", r)
			}
			t.Logf("%s at %d: %s %v", c.law, f.Position, f.Message, f.Witness)
		})
		caught[c.law]++
	}
	for _, i := range tp.verify(t, nil).Invariants {
		if caught[i.ID] < 3 && !triedApart(i.ID) {
			t.Errorf("%s %s is tried with %d corruptions, at least 3 are wanted",
				i.ID, i.Name, caught[i.ID])
		}
	}
}

// Goal: nothing is found where nothing is wrong. Method: a town of many people with every token of
// the sandbox, scarce goods, changed minds, holds, refunds, lapses and orders of many lines is
// verified each time that all is handled.
func TestNothingIsFoundInAHealthyTown(t *testing.T) {
	t.Parallel()
	orders := 1000 // the benchmark demands the same of three thousand
	if testing.Short() {
		orders = 300
	}
	d := newTown(t, 160, 3)
	contracts, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	stages := 0
	d.live(orders, func(when string) {
		if stages++; stages%3 != 1 { // a few stages are enough for a town of this size
			return
		}
		r, err := verify.Run(t.Context(), verify.Input{
			History: d.w.Raw.History(), Delivery: d.w.Raw.Delivery(), Rooms: d.app.Rooms(),
			Catalogue: d.w.Catalogue, Contracts: contracts, Quiescent: true,
			Provider: entries(d.provider.Ledger), Payouts: paidOut(d.payer.Ledger),
		})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Clean() || r.Open() > 0 || len(r.Notes) > 0 {
			t.Errorf("when %s:\n%s", when, r)
		}
		for _, i := range r.Invariants {
			if i.Checked == 0 && stages > 3 && !triedApart(i.ID) {
				t.Errorf("when %s, %s %s was never put to the test", when, i.ID, i.Name)
			}
		}
		t.Logf("when %s:\n%s", when, r)
	})
}

// corruption is one change of a clean history.
type corruption struct {
	law, name string
	change    func(tp *tape)
}

func corruptions() []corruption {
	return slices.Concat(corruptLog(), corruptEffects(), corruptStock(), corruptMoney(),
		corruptLedger(), corruptPayouts(), corruptOrders(), corruptSecrets(),
		corruptReturns(), corruptCares())
}
