package aws

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/souk-commerce/souk/platform"
)

// outcome is what one send of a transaction came to.
type outcome int

const (
	done    outcome = iota
	refused         // by a condition or limit: it did not happen, and the error is for the caller
	denied          // it did not happen, and sending it again is of no use
	busy            // it did not happen, and may be sent again
	lost            // it may have happened
)

// outcomeOf judges the error of one send.
func (tx *transaction) outcomeOf(err error) (outcome, error) {
	var cancelled *types.TransactionCanceledException
	var mismatch *types.IdempotentParameterMismatchException
	var running *types.TransactionInProgressException
	switch {
	case errors.As(err, &cancelled):
		return tx.cancelled(cancelled)
	case errors.As(err, &mismatch), errors.As(err, &running):
		return lost, fmt.Errorf("commit: %w", err)
	}
	switch code := codeOf(err); {
	case isThrottle(code):
		return busy, fmt.Errorf("commit: %w: %w", platform.ErrThrottled, err)
	case isSkew(code): // the SDK has learnt the difference from the answer
		return busy, notWritten("the secret is wrong, or the clock differs too much", err)
	case isDenial(code) != "":
		return denied, notWritten(isDenial(code), err)
	case code == "ValidationException" && isSize(err.Error()):
		return refused, fmt.Errorf("commit: %w: %w", platform.ErrTooLarge, err)
	case code == "ValidationException", code == "SerializationException":
		return refused, fmt.Errorf("commit: %w: %w", platform.ErrInvalid, err)
	}
	return lost, fmt.Errorf("commit: %w", err)
}

// notWritten is ErrReadOnly with what keeps this process from writing. An operator must act.
func notWritten(why string, err error) error {
	return fmt.Errorf("commit: nothing was written, %s: %w: %w", why, platform.ErrReadOnly, err)
}

// notDone is for a read that failed while a commit was being refused: nothing was written, whatever
// the read says.
func notDone(err error) error {
	return fmt.Errorf("commit: nothing was written: %w: %w", platform.ErrThrottled, err)
}

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func isThrottle(code string) bool {
	switch code {
	case "ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded",
		"LimitExceededException", "Throttling", "TooManyRequestsException", "SlowDown",
		"TransactionConflictException", "ThrottledException", "RequestThrottled",
		"RequestThrottledException", "KmsThrottled", "OverLimit":
		return true
	}
	return false
}

func isSkew(code string) bool {
	switch code {
	case "InvalidSignatureException", "RequestTimeTooSkewed", "RequestExpired",
		"SignatureDoesNotMatch", "RequestInTheFuture":
		return true
	}
	return false
}

// isDenial says why the service will not serve this process, or "".
func isDenial(code string) string {
	switch code {
	case "ExpiredTokenException", "ExpiredToken":
		return "the credentials have expired"
	case "UnrecognizedClientException", "InvalidClientTokenId", "MissingAuthenticationToken",
		"MissingAuthenticationTokenException", "IncompleteSignature":
		return "the credentials are not valid"
	case "AccessDeniedException", "AccessDenied":
		return "this role may not write there"
	case "ResourceNotFoundException", "TableNotFoundException":
		return "there is no such table in this region and account"
	}
	return ""
}

// isSize tells a refusal for size from another: DynamoDB has one code for both.
func isSize(message string) bool {
	m := strings.ToLower(message)
	return strings.Contains(m, "size") && strings.Contains(m, "exceed") ||
		strings.Contains(m, "too large") || strings.Contains(m, "transaction of")
}

// explain words the error of a read, or of a write of the platform's own.
func explain(what string, err error) error {
	if err == nil {
		return nil
	}
	code := codeOf(err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", what, err)
	case isThrottle(code):
		return fmt.Errorf("%s: %w: %w", what, platform.ErrThrottled, err)
	case isDenial(code) != "":
		return fmt.Errorf("%s: %s: %w: %w", what, isDenial(code), platform.ErrUnavailable, err)
	case code == "ValidationException", code == "SerializationException", isMissing(err):
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w: %w", what, platform.ErrUnavailable, err)
}

// cancelled finds the most telling of a cancelled transaction's reasons: a version that differs, a
// size or rule, the store's lack of room or another transaction, and last a counter's floor, which
// is an answer only when every version agreed.
func (tx *transaction) cancelled(c *types.TransactionCanceledException) (outcome, error) {
	var bound, broken, again error
	for i := range c.CancellationReasons {
		r := &c.CancellationReasons[i]
		code, message := deref(r.Code), deref(r.Message)
		switch code {
		case "", "None":
		case "ConditionalCheckFailed":
			if i >= len(tx.of) {
				continue
			}
			if tx.of[i].event != nil || tx.of[i].timer != nil {
				return refused, tx.of[i].taken()
			}
			if err := tx.of[i].conflict(r.Item); err != nil {
				return refused, err
			}
			if err := tx.of[i].bound(r.Item); err != nil {
				bound = err
			}
		case "ItemCollectionSizeLimitExceeded":
			broken = fmt.Errorf("commit: %s: %w", message, platform.ErrTooLarge)
		case "ValidationError":
			broken = fmt.Errorf("commit: %s: %w", message, platform.ErrInvalid)
			if isSize(message) {
				broken = fmt.Errorf("commit: %s: %w", message, platform.ErrTooLarge)
			}
		default: // TransactionConflict, ThrottlingError, ProvisionedThroughputExceeded, or a new
			again = fmt.Errorf("commit: nothing was written: %s: %s: %w", code, message,
				platform.ErrThrottled)
		}
	}
	switch {
	case broken != nil:
		return refused, broken
	case again != nil:
		return busy, again
	case bound != nil:
		return refused, bound
	}
	return busy, fmt.Errorf("commit: nothing was written: cancelled without a reason: %w",
		platform.ErrThrottled)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// conflict compares what an action expects with the item that is there, which may be none.
func (s *subject) conflict(old item) error {
	if s.event != nil {
		if len(old) == 0 {
			return nil
		}
		return s.taken()
	}
	if s.write == nil || s.write.Expect == platform.Any {
		return nil
	}
	have, err := numberOf(old[attrVersion])
	if err != nil {
		return err
	}
	if have == s.write.Expect {
		return nil
	}
	return &platform.ConflictError{Key: s.write.Key, Want: s.write.Expect, Have: have}
}

// taken says that an event's place in its subject, or its id, is taken, or that a timer changed.
func (s *subject) taken() error {
	if s.timer != nil {
		return fmt.Errorf("the timer was moved, cancelled or fired: %w", platform.ErrConflict)
	}
	return &platform.ConflictError{
		Key: platform.Key{Part: s.event.Subject}, Want: s.event.Sequence - 1,
		Have: s.event.Sequence,
	}
}

// bound finds the move that the counters of an item do not allow.
func (s *subject) bound(old item) error {
	if s.write == nil {
		return nil
	}
	for _, m := range s.write.Moves {
		have, err := numberOf(old[counterPrefix+wide(m.Counter)])
		if err != nil {
			return err
		}
		low, high := bounds(m)
		if n := big.NewInt(have); n.Cmp(low) < 0 || n.Cmp(high) > 0 {
			return &platform.BoundError{
				Key: s.write.Key, Counter: m.Counter, Have: have, Delta: m.Delta, Floor: m.Floor,
			}
		}
	}
	return nil
}
