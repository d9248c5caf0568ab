package sandbox

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// remember keeps an operation and forgets the oldest. The caller holds mu.
func (s *Sandbox) remember(key string, o *operation) {
	s.ops[key] = o
	if len(s.order) < s.opt.Remember {
		s.order = append(s.order, key)
		return
	}
	oldest := s.order[s.oldest]
	if old := s.ops[oldest]; old != nil && old.awaits > 0 {
		s.held[oldest] = old
	}
	delete(s.ops, oldest)
	s.order[s.oldest] = key
	s.oldest = (s.oldest + 1) % len(s.order)
	s.older = true
}

// known returns the operation with that key if it is at hand. The caller holds mu.
func (s *Sandbox) known(key string) *operation {
	if o := s.ops[key]; o != nil {
		return o
	}
	return s.held[key]
}

// find returns what is known of a key, from the ledger if it was forgotten: from the entry that ref
// names, or else from the whole of it. The caller holds mu.
func (s *Sandbox) find(key, ref string) (*operation, error) {
	if o := s.known(key); o != nil || !s.older || key == "" {
		return o, nil
	}
	o, err := s.recall(key, seqOf(ref))
	if err == nil && o == nil {
		if err = s.saved(); err == nil {
			o, err = s.recall(key, seqOf(ref)) // its entry was perhaps being written
		}
	}
	if err == nil && o == nil {
		o, err = s.search(key)
	}
	if err != nil || o == nil {
		return nil, err
	}
	s.remember(key, o)
	return o, nil
}

// saved waits until every entry so far can be read. Who leads a write does not hold mu.
func (s *Sandbox) saved() error {
	all, _ := s.journal.join(nil)
	return s.settled(all)
}

// recall makes the operation anew from the entry with that number and from what is known of its
// past. It returns nil if the entry is another's, or its past is not known.
func (s *Sandbox) recall(key string, seq int64) (*operation, error) {
	if seq == 0 {
		return nil, nil
	}
	if err := s.build(); err != nil {
		return nil, err
	}
	e, err := s.past.entry(s.journal, seq)
	if err != nil || e.Key != key || !first(e) || s.past.state(seq) == unsure {
		return nil, err
	}
	o := s.replay(e)
	s.past.tell(o, seq)
	return o, nil
}

// build reads the ledger once, if what it says of the past is not known yet.
func (s *Sandbox) build() error {
	if s.past.built {
		return nil
	}
	if err := s.saved(); err != nil {
		return err
	}
	s.past.begin()
	r, err := s.journal.reader(0)
	if err != nil {
		return err
	}
	err = readFrom(r, 0, func(at int64, e Entry) error { return s.past.fold(s.journal, at, e) })
	if err == nil {
		s.past.finish()
	}
	return err
}

// search reads the ledger for the operation with that key and for what acted on it.
func (s *Sandbox) search(key string) (*operation, error) {
	var o *operation
	err := s.journal.each(func(e Entry) error {
		switch {
		case o == nil && e.Key == key && first(e):
			o = s.replay(e)
		case o == nil:
		case e.Key == key:
			reverse(o, e)
		case e.Of == o.ref:
			acted(o, e)
		}
		return nil
	})
	if o != nil && s.past.state(seqOf(o.ref)) == ended {
		o.ended = true // by a void that freed nothing, of which the ledger has no entry
	}
	return o, err
}

// first reports whether an entry is what its reference names. Others are the effects of a key that
// was forgotten, and what happened without us.
func first(e Entry) bool {
	switch e.Kind {
	case Authorise, Capture, Void, Refund:
		return seqOf(e.Ref) == e.Seq
	}
	return false
}

// replay makes the operation that an entry speaks of.
func (s *Sandbox) replay(e Entry) *operation {
	token := min(max(tokenOf(e.Ref), 0), len(s.plans)-1)
	return &operation{
		kind: e.Kind, payment: e.Payment, order: e.Order, plan: s.plans[token], token: token,
		amount: shop.Money{Amount: e.Amount, Currency: e.Currency}, moved: e.Amount,
		calls: 1, begun: true, verdict: payment.Succeeded, ref: e.Ref,
	}
}

// reverse changes an operation by a later entry under its key.
func reverse(o *operation, e Entry) {
	switch e.Kind {
	case o.kind:
	case Dispute:
		o.contested += e.Amount
	case DisputeReturn:
		o.contested -= e.Amount
	default:
		o.verdict, o.reason, o.ended = payment.Refused, e.Kind, true
	}
}

// acted changes an operation by an entry that acts on it.
func acted(o *operation, e Entry) {
	switch e.Kind {
	case Capture, Refund:
		o.used += e.Amount
	case Void:
		o.ended = true
	}
}

// tailPerOperation is how many bytes of the ledger are read for each operation that is remembered.
const tailPerOperation = 256

// load remembers the end of the ledger, and its past if that is all of it.
func (s *Sandbox) load() error {
	from := max(0, s.journal.end-max(maxLine, int64(s.opt.Remember)*tailPerOperation))
	s.older = from > 0
	r, err := s.journal.reader(from)
	if err != nil {
		return err
	}
	if from > 0 {
		if r, err = afterLine(r); err != nil {
			return err
		}
	} else {
		s.past.begin()
	}
	byRef := make(map[string]*operation)
	err = readFrom(r, 0, func(at int64, e Entry) error {
		s.seq = e.Seq
		if o := s.ops[e.Key]; o != nil {
			reverse(o, e)
		} else if first(e) {
			o = s.replay(e)
			s.remember(e.Key, o)
			byRef[e.Ref] = o
		}
		if of := byRef[e.Of]; of != nil {
			acted(of, e)
		}
		if from > 0 {
			return nil
		}
		return s.past.fold(s.journal, at, e)
	})
	if err == nil && from == 0 {
		s.past.finish()
	}
	return err
}

// afterLine skips the rest of the line in which r begins.
func afterLine(r io.Reader) (io.Reader, error) {
	head := make([]byte, maxLine)
	n, err := io.ReadFull(r, head)
	if err != nil && n == 0 {
		return nil, shop.Errorf(shop.Unavailable, "read the sandbox's ledger: %w", err)
	}
	at := bytes.IndexByte(head[:n], '\n') + 1
	return io.MultiReader(bytes.NewReader(head[at:n]), r), nil
}

// reference encodes the token's place, so that captures and refunds still know it when everything
// else was forgotten.
func reference(seq int64, token int) string {
	return "sbx-" + strconv.FormatInt(seq, 10) + "-" + strconv.Itoa(token)
}

// seqOf is the number of the entry that a reference names; 0 if it names none.
func seqOf(ref string) int64 {
	rest, ok := strings.CutPrefix(ref, "sbx-")
	number, _, cut := strings.Cut(rest, "-")
	n, err := strconv.ParseInt(number, 10, 64)
	if !ok || !cut || err != nil || n < 0 {
		return 0
	}
	return n
}

func tokenOf(ref string) int {
	n, err := strconv.Atoi(ref[strings.LastIndexByte(ref, '-')+1:])
	if err != nil {
		return 0
	}
	return n
}
