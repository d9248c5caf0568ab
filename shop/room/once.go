package room

import (
	"context"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
)

// Once identifies a request that must have its effect once, however often it is sent: the caller,
// the route, the caller's key, and a fingerprint of the body (SHA-256 in hex of its canonical
// form).
type Once struct {
	Principal   string
	Route       string
	Key         string
	Fingerprint string
}

// Answer is what a request was answered with, byte for byte.
type Answer struct {
	Status int    `json:"status"`
	Body   []byte `json:"body,omitempty"`
	Ref    string `json:"ref,omitempty"` // what it made, for the time while there is no body
}

// onceRow is the idempotency row. There is no answer while the request is in flight.
type onceRow struct {
	Fingerprint string    `json:"fp"`
	Answer      Answer    `json:"answer"`
	Apart       bool      `json:"apart,omitempty"` // the answer's body is in a record of its own
	Lease       time.Time `json:"lease,omitzero"`  // in flight until then, if there is no body
}

// answerRow is the body of an answer that tells of something. Bodies are most of what requests
// leave behind, and callers and keys come in no order; what a request made has a place in time.
// Kept with that, old bodies lie still while new ones are written.
type answerRow struct {
	Body []byte `json:"body"`
}

func (o Once) key() platform.Key {
	return platform.Key{Part: AuxPrefix + "once/" + o.Principal, Sort: o.Route + "#" + o.Key}
}

func (o Once) answerKey(ref string) platform.Key {
	k := o.key()
	return platform.Key{Part: AuxPrefix + "answer/" + ref, Sort: o.Principal + "#" + k.Sort}
}

// Recall returns the answer that this request already has in tx's view, and whether there is one.
// It refuses a key that was used with another body (KeyReused). An answer without a body belongs to
// a request that is in flight (KeyInFlight) or whose process died after its lease, and which the
// caller may then finish.
func (o Once) Recall(ctx context.Context, tx *Tx) (Answer, bool, error) {
	row, err := o.row(ctx, tx)
	switch {
	case err != nil:
		return Answer{}, false, err
	case row == nil:
		return Answer{}, false, nil
	case row.Fingerprint != o.Fingerprint:
		return Answer{}, false, shop.Errorf(shop.KeyReused,
			"this idempotency key was used with another request; nothing was done").
			WithHint("use a new key for a new request")
	case row.Answer.Body == nil && tx.Now().Before(row.Lease):
		return Answer{}, false, shop.Errorf(shop.KeyInFlight,
			"the first request with this idempotency key is still being worked on; ask again")
	}
	return row.Answer, true, nil
}

// row reads the idempotency row with the answer's body, wherever that is.
func (o Once) row(ctx context.Context, tx *Tx) (*onceRow, error) {
	row, err := Get[onceRow](ctx, tx, o.key())
	if err != nil || row == nil || !row.Apart || row.Answer.Body != nil {
		return row, err
	}
	answer, err := Get[answerRow](ctx, tx, o.answerKey(row.Answer.Ref))
	if err != nil {
		return nil, err
	}
	if answer != nil {
		row.Answer.Body = answer.Body
	}
	return row, nil
}

// Remember stores the answer in the same commit as the effect. An answer without a body keeps the
// request in flight until lease.
func (o Once) Remember(tx *Tx, a Answer, lease time.Time) {
	row := &onceRow{Fingerprint: o.Fingerprint}
	if a.Body == nil {
		row.Lease = lease
	}
	o.write(tx, row, a)
}

// write puts an answer into its row, and its body apart if it tells of something.
func (o Once) write(tx *Tx, row *onceRow, a Answer) {
	if a.Body != nil && a.Ref != "" {
		Put(tx, o.answerKey(a.Ref), &answerRow{Body: a.Body})
		row.Apart, a.Body = true, nil
	}
	row.Answer = a
	Put(tx, o.key(), row)
}

// Finish gives an answer its body, once: whoever is first decides, and everybody gets that one.
func (d *Desk) Finish(ctx context.Context, o Once, a Answer) (Answer, error) {
	err := d.Do(ctx, Cause{}, func(ctx context.Context, tx *Tx) error {
		row, err := o.row(ctx, tx)
		if err != nil {
			return err
		}
		if row == nil {
			return shop.Errorf(shop.NotFound, "there is no request with this idempotency key")
		}
		if row.Answer.Body != nil {
			a = row.Answer
			return nil
		}
		o.write(tx, row, a)
		return nil
	})
	return a, err
}
