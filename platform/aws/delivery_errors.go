package aws

import (
	"fmt"

	"github.com/souk-commerce/souk/platform"
)

// mapThrottle makes a refusal for want of patience an ErrThrottled: the call had no effect.
func mapThrottle(err error) error {
	if isThrottle(codeOf(err)) {
		return fmt.Errorf("%w: %w", platform.ErrThrottled, err)
	}
	return err
}
