// Package ses carries messages by Amazon SES (version 2 of its API): mail as plain text and as
// a page of HTML.
//
// It promises one call a letter and never a second by itself. SES takes no idempotency key and
// cannot be asked about a letter whose answer was lost, so such a letter's outcome stays unknown.
// Every mail bears the header X-Souk-Message and the tag "message" with the message's id, by which
// it is found in SES's own events. cmd makes it and gives it to the notification room.
package ses

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/awscall"
)

// Header is the header by which every mail tells which message it is.
const Header = "X-Souk-Message"

// Options is what the operator decides. From is required.
type Options struct {
	From             string // a verified sender, as in "Souk <shop@example.org>"
	ConfigurationSet string // of SES; may be empty
}

// Carrier is a notification.Carrier. It is safe for concurrent use.
type Carrier struct {
	api *sesv2.Client
	opt Options
}

var _ notification.Carrier = (*Carrier)(nil)

// New makes a carrier in the account and region of cfg.
func New(cfg aws.Config, opt Options) (*Carrier, error) {
	if opt.From == "" {
		return nil, shop.Errorf(shop.Invalid, "mail needs the address that it comes from").
			WithHint("give a sender that SES has verified")
	}
	return &Carrier{api: sesv2.NewFromConfig(awscall.Once(cfg)), opt: opt}, nil
}

// Send implements notification.Carrier.
func (c *Carrier) Send(ctx context.Context, l notification.Letter) notification.Outcome {
	return awscall.Do(ctx, final, func(ctx context.Context) (string, error) {
		out, err := c.api.SendEmail(ctx, c.email(l))
		if err != nil {
			return "", err
		}
		return aws.ToString(out.MessageId), nil
	})
}

func (c *Carrier) email(l notification.Letter) *sesv2.SendEmailInput {
	in := &sesv2.SendEmailInput{
		FromEmailAddress: aws.String(c.opt.From),
		Destination:      &types.Destination{ToAddresses: []string{l.To}},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: text(l.Title),
			Body:    &types.Body{Text: text(l.Text + "\n"), Html: text(l.HTML)},
			Headers: headers(l),
		}},
		EmailTags: []types.MessageTag{
			{Name: aws.String("message"), Value: aws.String(string(l.Message))},
		},
	}
	if c.opt.ConfigurationSet != "" {
		in.ConfigurationSetName = aws.String(c.opt.ConfigurationSet)
	}
	return in
}

func text(s string) *types.Content {
	return &types.Content{Data: aws.String(s), Charset: aws.String("UTF-8")}
}

// headers name the message, and the door out of its topic where there is one.
func headers(l notification.Letter) []types.MessageHeader {
	header := func(name, value string) types.MessageHeader {
		return types.MessageHeader{Name: aws.String(name), Value: aws.String(value)}
	}
	all := []types.MessageHeader{header(Header, string(l.Message))}
	if l.Leave != "" {
		all = append(all, header("List-Unsubscribe", "<"+l.Leave+">"),
			header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
	}
	return all
}

// final knows the refusals of SES that another attempt would meet again. What an operator can mend
// (a sender that is not verified, a paused account, missing rights) is attempted again.
func final(code string) (reason string, ends bool) {
	switch code {
	case "MessageRejected":
		return "rejected", true
	case "BadRequestException", "ValidationException", "InvalidParameterValue":
		return "bad_address", true
	}
	return "", false
}
