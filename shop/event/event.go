package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// Fact is something that happened in a room, in the past tense. Implementations are pointers to the
// structs of this package.
type Fact interface {
	// Type is the versioned name, as in "souk.order.placed.v2".
	Type() string
	// Subject names the one aggregate that the fact is about, as in "order/ord_1".
	Subject() string
}

// CloudEvent is a fact in its envelope, as it leaves the system: CloudEvents 1.0 in JSON, with the
// extensions that order, deduplicate and trace it.
type CloudEvent struct {
	SpecVersion     string          `json:"specversion"` // always "1.0"
	ID              string          `json:"id"`
	Source          string          `json:"source"` // "/souk/order"
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	IdempotencyKey  string          `json:"idempotencykey,omitempty"`
	CorrelationID   string          `json:"correlationid,omitempty"`
	CausationID     string          `json:"causationid,omitempty"`
	TraceParent     string          `json:"traceparent,omitempty"`
	PartitionKey    string          `json:"partitionkey"`       // the subject
	Sequence        int64           `json:"sequence,omitempty"` // dense within the subject, from 1
	Data            json.RawMessage `json:"data"`
}

// Invariant is one semantic rule of a kind, in both its forms. A kind's rules are read in order and
// the first that fails is the answer, so a rule may rely on those before it (on a list that is not
// null, say). Overflow fails a rule. Where CEL and Go disagree, the property test in
// shop/event/contract fails.
type Invariant struct {
	Name  string               // stable, as in "total_adds_up"
	CEL   string               // over the variable "data", which is the JSON payload
	Holds func(fact Fact) bool // the same rule in Go; it must not panic on any decoded value
}

// Kind describes one version of one event.
type Kind struct {
	Type       string
	Doc        string // one sentence: what is true once this was announced
	Invariants []Invariant
	New        func() Fact
	// Upcast turns a fact of this version into one of a newer version; nil for the newest.
	Upcast func(Fact) Fact
}

// kind makes a Kind of a fact's pointer type.
func kind[T any, P interface {
	*T
	Fact
}](doc string, invariants ...Invariant) Kind {
	return Kind{
		Type:       P(new(T)).Type(),
		Doc:        doc,
		Invariants: invariants,
		New:        func() Fact { return P(new(T)) },
	}
}

// Kinds lists every version of every event, old ones before new ones, room by room.
func Kinds() []Kind {
	var all []Kind
	for _, kinds := range [][]Kind{
		catalogKinds(), orderKinds(), inventoryKinds(), paymentKinds(),
		fulfilmentKinds(), returnKinds(), labelKinds(), reductionKinds(), editKinds(), noteKinds(),
		ledgerKinds(), notificationKinds(), webhookKinds(), workflowKinds(),
	} {
		all = append(all, kinds...)
	}
	return all
}

// Catalogue finds kinds by type. It is immutable and safe for concurrent use.
type Catalogue struct {
	kinds    map[string]Kind
	versions map[string][]string // of every type those that become it, itself among them
}

// NewCatalogue indexes Kinds.
func NewCatalogue() *Catalogue {
	c := &Catalogue{kinds: make(map[string]Kind), versions: make(map[string][]string)}
	all := Kinds()
	for _, k := range all {
		c.kinds[k.Type] = k
	}
	for _, k := range all {
		c.versions[k.Type] = append(c.versions[k.Type], k.Type)
		if k.Upcast == nil {
			continue
		}
		if newest := c.Upcast(k.New()).Type(); newest != k.Type {
			c.versions[newest] = append(c.versions[newest], k.Type)
		}
	}
	return c
}

// Kind returns the kind of a type.
func (c *Catalogue) Kind(typ string) (Kind, bool) {
	k, ok := c.kinds[typ]
	return k, ok
}

// Decode reads a payload and brings it up to the newest version. It refuses unknown types.
func (c *Catalogue) Decode(typ string, data []byte) (Fact, error) {
	k, ok := c.kinds[typ]
	if !ok {
		return nil, shop.Errorf(shop.Invalid, "no contract for event type %q", typ)
	}
	f := k.New()
	if err := json.Unmarshal(data, f); err != nil {
		return nil, fmt.Errorf("decode %s: %w", typ, err)
	}
	return c.Upcast(f), nil
}

// Upcast brings a fact up to the newest version of its event; the newest is returned as it is.
func (c *Catalogue) Upcast(f Fact) Fact {
	for k := c.kinds[f.Type()]; k.Upcast != nil; k = c.kinds[f.Type()] {
		f = k.Upcast(f)
	}
	return f
}

// Check refuses a fact of unknown type, or one that breaks an invariant of its kind: it names the
// first.
func (c *Catalogue) Check(f Fact) error {
	k, ok := c.kinds[f.Type()]
	if !ok {
		return shop.Errorf(shop.Internal, "no contract for event type %q", f.Type())
	}
	for _, inv := range k.Invariants {
		if !inv.Holds(f) {
			return shop.Errorf(shop.Internal, "%s breaks its invariant %s: %s",
				k.Type, inv.Name, inv.CEL)
		}
	}
	return nil
}

// Types returns the types of the given facts, for a subscription.
func Types(facts ...Fact) []string {
	types := make([]string, len(facts))
	for i, f := range facts {
		types[i] = f.Type()
	}
	return types
}

// Versions returns every type whose facts upcast to typ, oldest first, typ itself last.
func (c *Catalogue) Versions(typ string) []string { return slices.Clone(c.versions[typ]) }

// Source is the CloudEvents source of a type: "/souk/order" for "souk.order.placed.v2".
func Source(typ string) string { return "/souk/" + Room(typ) }

// Room is the room that announces a type: "order" for "souk.order.placed.v2".
func Room(typ string) string {
	_, rest, _ := strings.Cut(typ, ".")
	room, _, _ := strings.Cut(rest, ".")
	return room
}
