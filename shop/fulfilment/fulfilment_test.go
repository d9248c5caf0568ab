package fulfilment

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Goal: every step in every state does what the table says, and nothing else.
// Method: the whole table, written out.
func TestStepsByState(t *testing.T) {
	t.Parallel()
	const (
		no    = "refused"
		early = "not yet"
		same  = ""
	)
	table := map[State]map[string]string{
		Requested(): {
			"pack": "packed", "clear": early, "dispatch": no, "deliver": no, "cancel": "cancelled",
		},
		Packed(): {
			"pack": same, "clear": "cleared", "dispatch": no, "deliver": no, "cancel": "cancelled",
		},
		Cleared(): {
			"pack": same, "clear": same, "dispatch": "dispatched", "deliver": no,
			"cancel": "cancelled",
		},
		Dispatched(): {
			"pack": same, "clear": same, "dispatch": same, "deliver": "delivered", "cancel": same,
		},
		Delivered(): {
			"pack": same, "clear": same, "dispatch": same, "deliver": same, "cancel": same,
		},
		Cancelled(): {
			"pack": no, "clear": same, "dispatch": no, "deliver": no, "cancel": same,
		},
	}
	if len(table) != len(States()) {
		t.Fatalf("the table has %d states, there are %d", len(table), len(States()))
	}
	for state, steps := range table {
		for step, want := range steps {
			sh := parcel(state, 500)
			facts, err := stepsByName()[step](sh)
			got := same
			switch {
			case errors.Is(err, platform.ErrNotYet):
				got = early
			case shop.CodeOf(err) == shop.Illegal && err != nil:
				got = no
			case err != nil:
				t.Errorf("%s of a %s parcel: %v", step, state, err)
			case len(facts) > 0:
				sh.follow(facts[0], 2)
				got = sh.State.String()
			}
			if got != want {
				t.Errorf("%s of a %s parcel: %q, want %q", step, state, got, want)
			}
		}
	}
}

// Goal: a parcel that costs nothing does not wait for money.
// Method: pack one and follow what is announced.
func TestFreeParcelIsClearedAtOnce(t *testing.T) {
	t.Parallel()
	sh := parcel(Requested(), 0)
	facts, err := sh.Pack()
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

// Goal: whatever is asked of a shipment in whatever order, it never leaves unpaid, never moves
// back, and never leaves an end state.
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
		names := []string{"pack", "clear", "dispatch", "deliver", "cancel"}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			step := rapid.SampledFrom(names).Draw(t, "step")
			before := sh.State
			facts, _ := stepsByName()[step](sh)
			for _, f := range facts {
				sh.follow(f, sh.Seq+1)
			}
			paid = paid || step == "clear" && len(facts) > 0
			if rank[sh.State] < rank[before] {
				t.Fatalf("%s took it from %s back to %s", step, before, sh.State)
			}
			if (before == Delivered() || before == Cancelled()) && sh.State != before {
				t.Fatalf("%s took it out of %s", step, before)
			}
			if sh.State == Dispatched() && !paid {
				t.Fatalf("it left unpaid")
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
	if err := s.UnmarshalText([]byte("lost")); err == nil {
		t.Errorf("%q was read as the state %s", "lost", s)
	}
}

func stepsByName() map[string]decision {
	return map[string]decision{
		"pack": (*Shipment).Pack, "clear": (*Shipment).Clear, "deliver": (*Shipment).Deliver,
		"cancel":   (*Shipment).Cancel,
		"dispatch": func(sh *Shipment) ([]event.Fact, error) { return sh.Dispatch("T1") },
	}
}

func parcel(s State, amount int64) *Shipment {
	return &Shipment{
		ID: "shp_x_1", Order: "ord_x", Customer: "cus_1", Dealer: "dlr_1", Payment: "pay_x",
		Lines:  []event.ParcelLine{{SKU: "A", Quantity: 1}},
		Amount: shop.Money{Amount: amount, Currency: "GBP"}, Parcels: 1, State: s, Seq: 1,
	}
}
