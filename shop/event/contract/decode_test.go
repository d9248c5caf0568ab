package contract_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Goal: a log written before orders were split by dealer reads as one written after.
// Method: a payload as the first version wrote it, and what it must become, both in files.
func TestFirstPlacedGolden(t *testing.T) {
	t.Parallel()
	const typ = "souk.order.placed.v1"
	data, err := os.ReadFile("testdata/order_placed_v1.json")
	if err != nil {
		t.Fatal(err)
	}
	checker := newChecker(t)
	if err := checker.Validate(typ, data); err != nil {
		t.Fatal(err)
	}
	f, err := event.NewCatalogue().Decode(typ, data)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if err := checker.Validate(f.Type(), got); err != nil {
		t.Error(err)
	}
	const golden = "testdata/order_placed_v1.as_v2.json"
	if asked("update") {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s became\n%s", golden, got)
	}
}

// Goal: the upcaster is total, changes no money and no quantity, gives the same answer each time,
// leaves its argument alone, and makes facts that keep the second version's contract.
// Method: random first versions that keep theirs.
func TestUpcastKeepsMoneyAndQuantities(t *testing.T) {
	t.Parallel()
	catalogue := event.NewCatalogue()
	first, _ := catalogue.Kind("souk.order.placed.v1")
	rapid.Check(t, func(t *rapid.T) {
		v1 := mend(filled(first, tame{wild{t}})).(*event.OrderPlacedV1)
		before, _ := json.Marshal(v1)
		v2, ok := catalogue.Upcast(v1).(*event.OrderPlaced)
		if !ok {
			t.Fatal("the first version did not become the second")
		}
		if again := catalogue.Upcast(v1); !reflect.DeepEqual(again, v2) {
			t.Fatalf("upcast twice: %+v and %+v", v2, again)
		}
		if same := catalogue.Upcast(v2); same != event.Fact(v2) {
			t.Fatal("the newest version was changed")
		}
		if after, _ := json.Marshal(v1); !bytes.Equal(before, after) {
			t.Fatalf("the first version was changed from %s to %s", before, after)
		}
		if err := catalogue.Check(v2); err != nil {
			t.Fatal(err)
		}
		compareOrders(t, v1, v2)
	})
}

// dealt is what one dealer has in an order, of one thing.
type dealt struct {
	dealer shop.ID
	sku    shop.SKU
}

func compareOrders(t *rapid.T, v1 *event.OrderPlacedV1, v2 *event.OrderPlaced) {
	if v1.Total != v2.Total || v1.Currency != v2.Currency {
		t.Fatalf("total %d %s became %d %s", v1.Total, v1.Currency, v2.Total, v2.Currency)
	}
	units, money := make(map[dealt]int64), make(map[shop.ID]int64)
	for _, l := range v1.Lines {
		units[dealt{l.Dealer, l.SKU}] += l.Quantity
		money[l.Dealer] += l.Amount
	}
	for _, p := range v2.Parcels {
		money[p.Dealer] -= p.Items
		for _, l := range p.Lines {
			units[dealt{p.Dealer, l.SKU}] -= l.Quantity
		}
	}
	for k, n := range units {
		if n != 0 {
			t.Fatalf("%d units of %v went missing", n, k)
		}
	}
	for dealer, n := range money {
		if n != 0 {
			t.Fatalf("%d of %s went missing", n, dealer)
		}
	}
	if v1.Order != v2.Order || v1.Customer != v2.Customer || v1.Payment != v2.Payment ||
		!reflect.DeepEqual(v1.ShipTo, v2.ShipTo) || !reflect.DeepEqual(v1.Contact, v2.Contact) {
		t.Fatalf("something else changed: %+v became %+v", v1, v2)
	}
}

// Goal: no payload, whatever its type, makes decoding, upcasting or checking panic, and a payload
// that passes the contract decodes into a fact that passes the commit's check.
// Method: fuzzing from an example of each kind; the seeds alone run in ordinary tests.
func FuzzDecode(f *testing.F) {
	kinds := event.Kinds()
	for i, k := range kinds {
		data, err := json.Marshal(mend(filled(k, plain{})))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), data)
		f.Add(uint8(i), []byte("null"))
		f.Add(uint8(i), []byte(`{"lines":null,"parcels":[{}],"total":1e9,"items":[null]}`))
	}
	catalogue, checker := event.NewCatalogue(), newChecker(f)
	f.Fuzz(func(t *testing.T, i uint8, data []byte) {
		k := kinds[int(i)%len(kinds)]
		fact, err := catalogue.Decode(k.Type, data)
		valid := checker.Validate(k.Type, data)
		if err != nil {
			if valid == nil {
				t.Errorf("a valid %s does not decode: %v", k.Type, err)
			}
			return
		}
		if broken := catalogue.Check(fact); broken != nil && valid == nil {
			t.Errorf("a valid %s is refused: %v", k.Type, broken)
		}
	})
}
