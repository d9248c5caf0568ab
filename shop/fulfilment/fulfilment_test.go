package fulfilment

import (
	"time"

	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Goal: every step in every state does what the table says, and nothing else; on hold, exactly what
// would be packed or dispatched, or is not far enough to be, waits.
// Method: the whole table, written out, and a second one for an order on hold.
func TestStepsByState(t *testing.T) {
	t.Parallel()
	onHold := map[string]string{
		"pack of a requested parcel": hold, "dispatch of a requested parcel": hold,
		"dispatch of a packed parcel": hold, "dispatch of a cleared parcel": hold,
	}
	table := map[State]map[string]string{
		Requested(): {
			"pack": "packed", "clear": early, "dispatch": no, "deliver": no, "cancel": "cancelled",
			"lose": no,
		},
		Packed(): {
			"pack": same, "clear": "cleared", "dispatch": no, "deliver": no, "cancel": "cancelled",
			"lose": no,
		},
		Cleared(): {
			"pack": same, "clear": same, "dispatch": "dispatched", "deliver": no,
			"cancel": "cancelled", "lose": no,
		},
		Dispatched(): {
			"pack": same, "clear": same, "dispatch": same, "deliver": "delivered", "cancel": same,
			"lose": "lost",
		},
		Delivered(): {
			"pack": same, "clear": same, "dispatch": same, "deliver": same, "cancel": same,
			"lose": no,
		},
		Lost(): { // that it turns up is said, and it stays lost
			"pack": same, "clear": same, "dispatch": same, "deliver": "lost", "cancel": same,
			"lose": same,
		},
		Cancelled(): {
			"pack": no, "clear": same, "dispatch": no, "deliver": no, "cancel": same, "lose": no,
		},
	}
	if len(table) != len(States()) {
		t.Fatalf("the table has %d states, there are %d", len(table), len(States()))
	}
	for state, steps := range table {
		for step, want := range steps {
			name := step + " of a " + state.String() + " parcel"
			if got := outcome(state, step, Stop{Order: "ord_x", Round: 1}); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
			if waits, ok := onHold[name]; ok {
				want = waits
			}
			if got := outcome(state, step, Stop{Order: "ord_x", Round: 1, On: true}); got != want {
				t.Errorf("%s on hold: %q, want %q", name, got, want)
			}
		}
	}
}

// What a step does to a parcel, besides bringing it into another state.
const (
	no    = "refused"
	hold  = "on hold"
	early = "not yet"
	same  = ""
)

// outcome is what becomes of a parcel in a state by a step.
func outcome(state State, step string, stop Stop) string {
	sh := parcel(state, 500)
	facts, err := stepsByName()[step](sh, stop)
	switch {
	case errors.Is(err, platform.ErrNotYet):
		return early
	case err != nil && shop.CodeOf(err) == shop.Illegal:
		return no
	case err != nil && shop.CodeOf(err) == OnHold:
		return hold
	case err != nil:
		return err.Error()
	case len(facts) == 0:
		return same
	}
	sh.follow(facts[0], 2)
	return sh.State.String()
}

// Goal: whatever the order and the repetition in which holds and approvals are heard of, the last
// round decides, and within it the approval. A fact from before rounds were counted stops nothing.
// Method: random sequences that end with everything having been heard of, against the highest fact.
func TestStopIsDecidedByTheLastRound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rounds := rapid.Int64Range(1, 4).Draw(t, "rounds")
		open := rapid.Bool().Draw(t, "open") // the last hold has no approval
		var heard []event.Fact
		for n := int64(0); n <= rounds; n++ {
			heard = append(heard, &event.OrderHeld{Order: "ord_x", Round: n})
			if n < rounds || !open {
				heard = append(heard, &event.OrderApproved{Order: "ord_x", Round: n})
			}
		}
		heard = rapid.Permutation(append(heard, heard...)).Draw(t, "heard")
		var stop Stop
		for _, f := range heard {
			before := stop
			var facts []event.Fact
			switch f := f.(type) {
			case *event.OrderHeld:
				facts = stop.Hold(f)
			case *event.OrderApproved:
				facts = stop.Approve(f)
			}
			for _, f := range facts {
				switch f := f.(type) {
				case *event.ParcelsStopped:
					stop = Stop{Order: f.Order, Round: f.Round, On: true}
				case *event.ParcelsResumed:
					stop = Stop{Order: f.Order, Round: f.Round}
				}
				if stop.Round < before.Round || stop.Round == 0 {
					t.Fatalf("%+v became %+v by %+v", before, stop, f)
				}
			}
		}
		if want := (Stop{Order: "ord_x", Round: rounds, On: open}); stop != want {
			t.Fatalf("it ends %+v, want %+v", stop, want)
		}
	})
}

// Goal: a parcel that costs nothing does not wait for money.
// Method: pack one and follow what is announced.
func TestFreeParcelIsClearedAtOnce(t *testing.T) {
	t.Parallel()
	sh := parcel(Requested(), 0)
	facts, err := sh.Pack(Stop{})
	if err != nil || len(facts) != 2 {
		t.Fatalf("packing announced %v, %v; want packed and cleared", facts, err)
	}
	for i, f := range facts {
		sh.follow(f, int64(i)+2)
	}
	if sh.State != Cleared() || sh.Seq != 3 {
		t.Errorf("it is %s at %d, want cleared at 3", sh.State, sh.Seq)
	}
}

// Goal: whatever is asked of a shipment in whatever order, it never leaves unpaid or while its
// order is on hold, never moves back, and never leaves an end state.
// Method: random steps, each followed to the end.
func TestStepsNeverGoBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sh := parcel(Requested(), rapid.Int64Range(0, 3).Draw(t, "amount"))
		paid := sh.Amount.Amount == 0
		rank := map[State]int{}
		for i, s := range States() {
			rank[s] = i
		}
		names := []string{"pack", "clear", "dispatch", "deliver", "cancel", "lose"}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			step := rapid.SampledFrom(names).Draw(t, "step")
			before, stop := sh.State, Stop{On: rapid.Bool().Draw(t, "on hold")}
			facts, _ := stepsByName()[step](sh, stop)
			for _, f := range facts {
				sh.follow(f, sh.Seq+1)
			}
			paid = paid || step == "clear" && len(facts) > 0
			if rank[sh.State] < rank[before] {
				t.Fatalf("%s took it from %s back to %s", step, before, sh.State)
			}
			ended := before == Delivered() || before == Lost() || before == Cancelled()
			if ended && sh.State != before {
				t.Fatalf("%s took it out of %s", step, before)
			}
			if sh.State == Dispatched() && !paid {
				t.Fatalf("it left unpaid")
			}
			if stop.On && (step == "pack" || step == "dispatch") && sh.State != before {
				t.Fatalf("%s moved it from %s to %s on hold", step, before, sh.State)
			}
		}
	})
}

// Goal: a state survives being stored, and no other text is a state.
// Method: there and back, and one that is none.
func TestStateText(t *testing.T) {
	t.Parallel()
	for _, s := range States() {
		text, err := s.MarshalText()
		var back State
		if err != nil || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("%s came back as %s", s, back)
		}
	}
	var s State
	if err := s.UnmarshalText([]byte("mislaid")); err == nil {
		t.Errorf("%q was read as the state %s", "mislaid", s)
	}
}

func stepsByName() map[string]decision {
	return map[string]decision{
		"pack": (*Shipment).Pack,
		"deliver": func(sh *Shipment, _ Stop) ([]event.Fact, error) {
			return sh.Deliver(time.Time{})
		},
		"lose": func(sh *Shipment, _ Stop) ([]event.Fact, error) {
			return sh.Lose("adm_1", time.Time{})
		},
		"clear":  func(sh *Shipment, _ Stop) ([]event.Fact, error) { return sh.Clear() },
		"cancel": func(sh *Shipment, _ Stop) ([]event.Fact, error) { return sh.Cancel() },
		"dispatch": func(sh *Shipment, stop Stop) ([]event.Fact, error) {
			return sh.Dispatch(stop, "T1")
		},
	}
}

func parcel(s State, amount int64) *Shipment {
	return &Shipment{
		ID: "shp_x_1", Order: "ord_x", Customer: "cus_1", Dealer: "dlr_1", Payment: "pay_x",
		Lines:  []event.ParcelLine{{SKU: "A", Quantity: 1}},
		Amount: shop.Money{Amount: amount, Currency: "GBP"}, Parcels: 1, State: s, Seq: 1,
	}
}
