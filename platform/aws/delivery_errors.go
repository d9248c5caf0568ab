package aws

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"

	"github.com/souk-commerce/souk/platform"
)

// serviceCode is the code of a service's refusal, or "".
func serviceCode(err error) string {
	var refusal smithy.APIError
	if errors.As(err, &refusal) {
		return refusal.ErrorCode()
	}
	return ""
}

// mapThrottle makes a refusal for want of patience an ErrThrottled: the call had no effect.
func mapThrottle(err error) error {
	switch serviceCode(err) {
	case "ThrottlingException", "Throttling", "ThrottledException", "RequestThrottled",
		"RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded",
		"KmsThrottled", "OverLimit", "SlowDown":
		return fmt.Errorf("%w: %w", platform.ErrThrottled, err)
	}
	return err
}
