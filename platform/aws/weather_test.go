package aws

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/awstest"
)

const sends = "TransactWriteItems"

// sale is a batch that would be noticed if it happened twice: it adds without looking.
func sale() platform.Batch {
	return platform.Batch{Writes: []platform.Write{{
		Kind: platform.Add, Key: platform.Key{Part: "p", Sort: "s"}, Expect: platform.Any,
		Moves: []platform.Move{{Counter: "sold", Delta: 1, Floor: 0}},
	}, {
		Kind: platform.Put, Key: platform.Key{Part: "p", Sort: "last"}, Expect: platform.Any,
		Value: []byte("sale"),
	}}}
}

// sold is how often a sale happened.
func sold(t *testing.T, p *Platform) int64 {
	t.Helper()
	rec, err := p.Store("alpha").Get(context.WithoutCancel(t.Context()),
		platform.Key{Part: "p", Sort: "s"})
	if errors.Is(err, platform.ErrNotFound) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return rec.Counters["sold"]
}

// refusals are n times the same fault.
func refusals(n int, f awstest.Fault) []awstest.Fault {
	list := make([]awstest.Fault, n)
	for i := range list {
		list[i] = f
	}
	return list
}

func tooOften(code string) awstest.Fault { return awstest.Refuse(code, "slow down", "") }

// errUnknown stands for an error that is not Known.
var errUnknown = errors.New("unknown")

// disturbance is how the sends of a commit are broken, and what must come of it.
type disturbance struct {
	plan  []awstest.Fault
	want  error
	sends int
	sold  int64
}

// refusedSends are answers of the service to sends that did not happen.
func refusedSends() map[string]disturbance {
	return map[string]disturbance{
		"throttled for a while": {refusals(3, tooOften("ThrottlingException")), nil, 4, 1},
		"throttled for long": {
			refusals(8, tooOften("ThrottlingException")), platform.ErrThrottled, 8, 0,
		},
		"over the provisioned throughput": {
			refusals(8, tooOften("ProvisionedThroughputExceededException")),
			platform.ErrThrottled, 8, 0,
		},
		"over the account's limit": {
			refusals(8, tooOften("RequestLimitExceeded")), platform.ErrThrottled, 8, 0,
		},
		"another transaction for a while": {
			refusals(2, awstest.Cancel("TransactionConflict", "None")), nil, 3, 1,
		},
		"another transaction for long": {
			refusals(8, awstest.Cancel("None", "TransactionConflict")), platform.ErrThrottled, 8, 0,
		},
		"cancelled for throttling": {
			refusals(8, awstest.Cancel("ThrottlingError", "None")), platform.ErrThrottled, 8, 0,
		},
		"cancelled for throughput": {
			refusals(8, awstest.Cancel("None", "ProvisionedThroughputExceeded")),
			platform.ErrThrottled, 8, 0,
		},
		"cancelled for the collection's size": {
			refusals(1, awstest.Cancel("ItemCollectionSizeLimitExceeded", "None")),
			platform.ErrTooLarge, 1, 0,
		},
		"cancelled as not valid": {
			refusals(1, awstest.Cancel("None", "ValidationError")), platform.ErrInvalid, 1, 0,
		},
		"cancelled without a reason": {
			refusals(8, awstest.Cancel("None", "None")), platform.ErrThrottled, 8, 0,
		},
		"the request is not valid": {
			refusals(1, awstest.Refuse("ValidationException", "no", "")),
			platform.ErrInvalid, 1, 0,
		},
	}
}

// doubtfulSends are sends that may have happened, and refusals for other reasons than load.
func doubtfulSends() map[string]disturbance {
	return map[string]disturbance{
		"the answer is lost once":  {refusals(1, awstest.LoseAnswer()), nil, 2, 1},
		"the request is lost once": {refusals(1, awstest.LoseRequest()), nil, 2, 1},
		"no answer ever comes":     {refusals(8, awstest.LoseAnswer()), errUnknown, 8, 1},
		"no request arrives":       {refusals(8, awstest.LoseRequest()), errUnknown, 8, 0},
		"the service fails once": {
			refusals(1, awstest.Refuse("InternalServerError", "oh", "")), nil, 2, 1,
		},
		"an earlier send is still running": {
			refusals(1, awstest.Refuse("TransactionInProgressException", "wait", "")), nil, 2, 1,
		},
		"the token is said to be another's": {
			refusals(8, awstest.Refuse("IdempotentParameterMismatchException", "no", "")),
			errUnknown, 8, 0,
		},
		"happened, then throttled": {
			append(refusals(1, awstest.LoseAnswer()),
				refusals(7, tooOften("ThrottlingException"))...), errUnknown, 8, 1,
		},
		"the credentials expired": {
			refusals(1, awstest.Refuse("ExpiredTokenException", "old", "")),
			platform.ErrReadOnly, 1, 0,
		},
		"happened, then the credentials expired": {
			append(refusals(1, awstest.LoseAnswer()),
				awstest.Refuse("ExpiredTokenException", "old", "")), errUnknown, 2, 1,
		},
		"the credentials are unknown": {
			refusals(1, awstest.Refuse("UnrecognizedClientException", "who", "")),
			platform.ErrReadOnly, 1, 0,
		},
		"the role may not": {
			refusals(1, awstest.Refuse("AccessDeniedException", "no", "")),
			platform.ErrReadOnly, 1, 0,
		},
		"the table is in another region": {
			refusals(1, awstest.Refuse("ResourceNotFoundException", "no table", "")),
			platform.ErrReadOnly, 1, 0,
		},
	}
}

// Goal: every way in which a commit can be disturbed ends in the outcome that the port names: it
// happened once, or it did not and the error says so, or it cannot be told and the error says that.
// Method: a commit through a transport that breaks its sends as planned; the error, the number of
// sends, and what is in the table afterwards.
func TestCommitInBadWeather(t *testing.T) {
	t.Parallel()
	all := refusedSends()
	maps.Copy(all, doubtfulSends())
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, cloud := newPlatform(t, nil)
			cloud.faults.Plan(sends, c.plan...)
			err := p.Store("alpha").Commit(t.Context(), sale())
			switch {
			case c.want == errUnknown && (err == nil || platform.Known(err)):
				t.Errorf("the outcome %v does not say that it is unknown", err)
			case c.want != errUnknown && !errors.Is(err, c.want):
				t.Errorf("the outcome is %v, want %v", err, c.want)
			case c.want != errUnknown && err != nil && !platform.Known(err):
				t.Errorf("%v does not say that nothing happened", err)
			}
			if n := sold(t, p); n != c.sold {
				t.Errorf("it happened %d times, want %d", n, c.sold)
			}
			seen := cloud.faults.Seen(sends)
			for _, s := range seen {
				if s.Body != seen[0].Body {
					t.Errorf("a send differs from the first:\n%s\n%s", s.Body, seen[0].Body)
				}
			}
			if len(seen) != c.sends {
				t.Errorf("%d sends, want %d", len(seen), c.sends)
			}
		})
	}
}

// Goal: nothing is sent again when DynamoDB may have forgotten the token. Method: the answer is
// lost, eleven minutes pass, as in a function that was frozen; the fake would do it again.
func TestNothingIsSentAgainBeyondTheTokensWindow(t *testing.T) {
	t.Parallel()
	p, cloud := newPlatform(t, nil)
	began := time.Now()
	passed := time.Duration(0)
	p.now = func() time.Time { return began.Add(passed) }
	cloud.faults.Plan(sends, func(
		r *http.Request, next http.RoundTripper,
	) (*http.Response, error) {
		passed = 11 * time.Minute
		return awstest.LoseAnswer()(r, next)
	})
	err := p.Store("alpha").Commit(t.Context(), sale())
	if err == nil || platform.Known(err) {
		t.Errorf("the outcome is %v, want that it is unknown", err)
	}
	if n := len(cloud.faults.Seen(sends)); n != 1 || sold(t, p) != 1 {
		t.Errorf("%d sends made %d sales, want one of each", n, sold(t, p))
	}
}

// Goal: the fake forgets tokens as the service does, so that the tests above mean something.
// Method: the same transaction under one token, before and after its window, and another one.
func TestTheFakeForgetsTokensAsTheServiceDoes(t *testing.T) {
	t.Parallel()
	p, cloud := newPlatform(t, nil)
	send := func(b platform.Batch) error {
		_, err := p.db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
			TransactItems:      p.Store("alpha").(*store).transaction(&b).actions,
			ClientRequestToken: awssdk.String("one token"),
		})
		return err
	}
	for i, age := range []time.Duration{0, tokenWindow, 11 * time.Minute} {
		cloud.db.Age = age
		if err := send(sale()); err != nil {
			t.Fatal(err)
		}
		if want := []int64{1, 1, 2}[i]; sold(t, p) != want {
			t.Errorf("after %s it happened %d times, want %d", age, sold(t, p), want)
		}
	}
	other := platform.Batch{Writes: sale().Writes[:1]}
	if err := send(other); codeOf(err) != "IdempotentParameterMismatchException" {
		t.Errorf("the token with other actions: %v", err)
	}
}

// Goal: a clock that is wrong is found out and made up for. Method: a service whose clock is an
// hour ahead refuses signatures that are more than a quarter of an hour old.
func TestClockSkewIsMadeUpFor(t *testing.T) {
	t.Parallel()
	p, cloud := newPlatform(t, nil)
	ahead := func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		now := time.Now().Add(time.Hour)
		signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil {
			return nil, err
		}
		if now.Sub(signed).Abs() < 15*time.Minute {
			return next.RoundTrip(r)
		}
		answer, err := awstest.Refuse("InvalidSignatureException",
			"Signature expired: too old", "")(r, next)
		answer.Header.Set("Date", now.UTC().Format(http.TimeFormat))
		return answer, err
	}
	cloud.faults.Plan(sends, refusals(8, ahead)...)
	if err := p.Store("alpha").Commit(t.Context(), sale()); err != nil {
		t.Errorf("commit: %v", err)
	}
	if n := sold(t, p); n != 1 {
		t.Errorf("it happened %d times, want once", n)
	}
}

// Goal: a counter is blamed only when every version agreed, also where DynamoDB tells but the first
// reason: a request that is repeated must learn that it was granted, not that the stock is gone.
// Method: batches that break a floor and a version, with the floor first.
func TestAHiddenConflictComesBeforeABound(t *testing.T) {
	t.Parallel()
	p, cloud := newPlatform(t, nil)
	s := p.Store("alpha")
	granted := platform.Batch{
		Writes: []platform.Write{
			{Kind: platform.Add, Key: platform.Key{Part: "stock"}, Expect: platform.Any,
				Moves: []platform.Move{{Counter: "n", Delta: -1, Floor: -1}}},
			{Kind: platform.Put, Key: platform.Key{Part: "grant"}, Expect: platform.Absent},
		},
	}
	if err := s.Commit(t.Context(), granted); err != nil {
		t.Fatal(err)
	}
	cloud.db.FirstReasonOnly = true
	if err := s.Commit(t.Context(), granted); !errors.Is(err, platform.ErrConflict) {
		t.Errorf("granted already, and the stock is gone: %v, want a conflict", err)
	}
	granted.Writes[1].Key.Part = "another grant"
	if err := s.Commit(t.Context(), granted); !errors.Is(err, platform.ErrBound) {
		t.Errorf("the stock is gone: %v, want a bound", err)
	}
	fact := platform.Event{ID: "1", Type: "souk.alpha.done.v1", Subject: "x", Sequence: 1}
	done := platform.Batch{Writes: granted.Writes[:1], Events: []platform.Event{fact}}
	done.Writes[0].Moves[0].Floor = -2
	if err := s.Commit(t.Context(), done); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), done); !errors.Is(err, platform.ErrConflict) {
		t.Errorf("announced already, and the stock is gone: %v, want a conflict", err)
	}
}

// Goal: a caller who gives up learns that the outcome is unknown, and an answer that does not come
// is not awaited for ever. Method: a request that hangs, under a context that ends, and under one
// that does not.
func TestAnswersThatDoNotCome(t *testing.T) {
	t.Parallel()
	p, cloud := newPlatform(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cloud.faults.Plan(sends, func(
		r *http.Request, next http.RoundTripper,
	) (*http.Response, error) {
		cancel()
		return awstest.Hang()(r, next)
	})
	err := p.Store("alpha").Commit(ctx, sale())
	if !errors.Is(err, context.Canceled) || platform.Known(err) {
		t.Errorf("the caller gave up and is told %v", err)
	}
	p.patience = time.Millisecond
	cloud.faults.Plan(sends, awstest.Hang(), func(
		r *http.Request, next http.RoundTripper,
	) (*http.Response, error) {
		return next.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
	})
	_ = p.Store("alpha").Commit(t.Context(), sale()) // whether it is in time is chance
	if n := len(cloud.faults.Seen(sends)); n < 3 {
		t.Errorf("%d sends: the one that hung was not given up", n)
	}
}

// Goal: a process that gets no credentials knows that nothing happened. Method: a provider that
// fails, from one moment on.
func TestWithoutCredentialsNothingIsSent(t *testing.T) {
	t.Parallel()
	var gone atomic.Bool
	p, cloud := newPlatform(t, func(o *Options) {
		have := o.Config.Credentials
		o.Config.Credentials = awssdk.CredentialsProviderFunc(
			func(ctx context.Context) (awssdk.Credentials, error) {
				if gone.Load() {
					return awssdk.Credentials{}, errors.New("the role cannot be assumed")
				}
				return have.Retrieve(ctx)
			})
	})
	gone.Store(true)
	err := p.Store("alpha").Commit(t.Context(), sale())
	if !errors.Is(err, platform.ErrReadOnly) || !platform.Known(err) {
		t.Errorf("the outcome is %v, want that nothing could be written", err)
	}
	if n := len(cloud.faults.Seen(sends)); n != 0 {
		t.Errorf("%d sends without credentials", n)
	}
}
