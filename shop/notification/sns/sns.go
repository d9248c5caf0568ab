// Package sns carries messages by SMS through Amazon SNS.
//
// It promises one call a letter and never a second by itself. SNS takes no idempotency key for an
// SMS and cannot be asked about one, so a letter whose answer was lost stays unknown. cmd makes it
// and gives it to the notification room.
package sns

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/awscall"
)

// MaxText is the greatest length of an SMS that SNS takes, in bytes; it is cut into parts on its
// way.
const MaxText = 1600

// Options is what the operator decides.
type Options struct {
	Sender string // at most 11 letters or digits, shown instead of a number where that is allowed
}

// Carrier is a notification.Carrier. It is safe for concurrent use.
type Carrier struct {
	api *sns.Client
	opt Options
}

var _ notification.Carrier = (*Carrier)(nil)

// New makes a carrier in the account and region of cfg.
func New(cfg aws.Config, opt Options) (*Carrier, error) {
	if len(opt.Sender) > 11 {
		return nil, shop.Errorf(shop.Invalid, "an SMS sender has at most 11 letters, this has %d",
			len(opt.Sender))
	}
	return &Carrier{api: sns.NewFromConfig(awscall.Once(cfg)), opt: opt}, nil
}

// Send implements notification.Carrier.
func (c *Carrier) Send(ctx context.Context, l notification.Letter) notification.Outcome {
	words := l.Title + ". " + l.Text
	if len(words) > MaxText {
		return notification.Outcome{
			Verdict: notification.Refused, Reason: "too_long", Final: true,
		}
	}
	return awscall.Do(ctx, final, func(ctx context.Context) (string, error) {
		out, err := c.api.Publish(ctx, &sns.PublishInput{
			PhoneNumber: aws.String(l.To), Message: aws.String(words),
			MessageAttributes: c.attributes(),
		})
		if err != nil {
			return "", err
		}
		return aws.ToString(out.MessageId), nil
	})
}

// attributes ask for the way that is meant for what a person waits for, not for advertising.
func (c *Carrier) attributes() map[string]types.MessageAttributeValue {
	word := func(s string) types.MessageAttributeValue {
		return types.MessageAttributeValue{
			DataType: aws.String("String"), StringValue: aws.String(s),
		}
	}
	all := map[string]types.MessageAttributeValue{"AWS.SNS.SMS.SMSType": word("Transactional")}
	if c.opt.Sender != "" {
		all["AWS.SNS.SMS.SenderID"] = word(c.opt.Sender)
	}
	return all
}

// final knows the refusals of SNS that another attempt would meet again. What an operator can mend
// is attempted again.
func final(code string) (reason string, ends bool) {
	switch code {
	case "InvalidParameter", "InvalidParameterException", "ParameterValueInvalid",
		"ValidationError", "ValidationException":
		return "bad_address", true
	case "OptedOut", "OptedOutException":
		return "opted_out", true
	}
	return "", false
}
