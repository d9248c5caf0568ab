package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"sort"
	"strconv"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/payment"
)

// past is what is kept of every operation so that one that was forgotten can be made anew: where
// its entry lies, and what acted on it. That is a byte for each entry, 16 for every markEvery of
// them, and a number for each operation that is used in part. That is less than a hundredth of the
// ledger, so the disk that bounds the ledger bounds this.
type past struct {
	built bool // it tells of every entry
	marks []mark
	since int // entries after the last mark
	pages map[int64]*[pageSize]fate
	part  map[int64]int64 // used of those whose fate is partly
	// recent are the amounts of the last entries, while the ledger is read.
	recent []amountOf
}

// mark says where an entry begins. Numbers rise from line to line, but some may be missing after a
// restore.
type mark struct{ seq, at int64 }

type amountOf struct{ seq, amount int64 }

const (
	markEvery = 256
	pageSize  = 4096
	// maxPart bounds the operations known to be used in part; for others the ledger is searched.
	maxPart = 1 << 20
	// maxRecent bounds the amounts at hand; older ones are looked up.
	maxRecent = 1 << 20
)

// fate is what became of an operation. It only rises.
type fate uint8

const (
	untouched fate = iota
	partly
	unsure // used in part, and there are too many of those
	wholly
	ended  // voided
	undone // lapsed, charged back, reversed
)

func (p *past) state(seq int64) fate {
	if page := p.pages[seq/pageSize]; page != nil {
		return page[seq%pageSize]
	}
	return untouched
}

// mark raises the fate of an operation; 0 is none.
func (p *past) mark(seq int64, f fate) {
	if seq == 0 || p.state(seq) >= f {
		return
	}
	page := p.pages[seq/pageSize]
	if page == nil {
		if p.pages == nil {
			p.pages = make(map[int64]*[pageSize]fate)
		}
		page = new([pageSize]fate)
		p.pages[seq/pageSize] = page
	}
	page[seq%pageSize] = f
	if f != partly {
		delete(p.part, seq)
	}
}

// spent says how much of what an operation moved is used.
func (p *past) spent(seq, used, moved int64) {
	switch {
	case used >= moved:
		p.mark(seq, wholly)
	case seq == 0 || p.state(seq) > partly:
	case len(p.part) >= maxPart && p.state(seq) == untouched:
		p.mark(seq, unsure)
	default:
		p.mark(seq, partly)
		p.part[seq] = used
	}
}

// reversed marks what an entry that happened without us took back. If nothing had moved, the
// reference names another entry.
func (p *past) reversed(e Entry) {
	if e.Amount > 0 {
		p.mark(seqOf(e.Of), undone)
	}
}

// index keeps where every markEvery-th entry begins.
func (p *past) index(seq, at int64) {
	if p.since++; p.since >= markEvery || len(p.marks) == 0 {
		p.marks, p.since = append(p.marks, mark{seq, at}), 0
	}
}

// begin starts anew, but for voids: one that freed nothing is not in the ledger.
func (p *past) begin() {
	p.marks, p.since, p.recent, p.part = nil, 0, nil, make(map[int64]int64)
	for _, page := range p.pages {
		for i, f := range page {
			if f != ended {
				page[i] = untouched
			}
		}
	}
}

func (p *past) finish() { p.built, p.recent = true, nil }

// fold takes the next entry of the ledger, which begins at an offset, into account.
func (p *past) fold(j *journal, at int64, e Entry) error {
	p.index(e.Seq, at)
	if place := int(e.Seq % maxRecent); first(e) {
		if place >= len(p.recent) {
			p.recent = append(p.recent, make([]amountOf, place+1-len(p.recent))...)
		}
		p.recent[place] = amountOf{e.Seq, e.Amount}
	}
	of := seqOf(e.Of)
	switch e.Kind {
	case Authorise, Dispute, DisputeReturn:
	case Capture, Refund:
		moved, err := p.amount(j, of)
		if err != nil {
			return err
		}
		p.spent(of, p.part[of]+e.Amount, moved)
	case Void:
		p.mark(of, ended)
	default:
		p.reversed(e)
	}
	return nil
}

// amount is what the operation with that number moved.
func (p *past) amount(j *journal, seq int64) (int64, error) {
	if place := int(seq % maxRecent); place < len(p.recent) && p.recent[place].seq == seq {
		return p.recent[place].amount, nil
	}
	e, err := p.entry(j, seq)
	return e.Amount, err
}

// tell changes an operation, as its entry has it, by what became of it.
func (p *past) tell(o *operation, seq int64) {
	switch p.state(seq) {
	case partly:
		o.used = p.part[seq]
	case wholly:
		o.used = o.moved
	case ended:
		o.ended = true
	case undone:
		o.verdict, o.ended = payment.Refused, true
		o.reason = map[string]string{
			Authorise: "lapse", Capture: "chargeback", Refund: "refund_reversal",
		}[o.kind]
	}
}

// entry reads the entry with that number, from the last mark before it; the zero Entry is none.
func (p *past) entry(j *journal, seq int64) (Entry, error) {
	i := sort.Search(len(p.marks), func(i int) bool { return p.marks[i].seq > seq }) - 1
	if i < 0 {
		return Entry{}, nil
	}
	r, err := j.reader(p.marks[i].at)
	if err != nil {
		return Entry{}, err
	}
	in := bufio.NewReaderSize(r, 1<<14)
	for range markEvery {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Entry{}, shop.Errorf(shop.Unavailable, "read the sandbox's ledger: %w", err)
		}
		if n := lineSeq(line); n > 0 && n < seq {
			continue
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return Entry{}, shop.Errorf(shop.Internal,
				"a line of the sandbox's ledger is no entry: %w", err)
		}
		if e.Seq == seq {
			return e, nil
		}
		if e.Seq > seq {
			break
		}
	}
	return Entry{}, nil
}

// lineSeq is the number of the entry in a line as appendEntry writes it, and 0 of any other. Most
// lines that are read are passed over, and to decode them would take ten times as long.
func lineSeq(line []byte) int64 {
	rest, ok := bytes.CutPrefix(line, []byte(`{"seq":`))
	end := bytes.IndexByte(rest, ',')
	if !ok || end < 0 {
		return 0
	}
	n, err := strconv.ParseInt(string(rest[:end]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
