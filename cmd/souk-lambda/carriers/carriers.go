// Package carriers says who takes messages out of the system where functions run: Amazon SES for
// mail and Amazon SNS for text messages.
//
// It promises that a function without a sender's address starts, and refuses mail for good instead
// of sending it from nowhere. Only the worker function imports it; the relay and the sweeper link
// none of it.
package carriers

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/ses"
	"github.com/souk-commerce/souk/shop/notification/sns"
	"github.com/souk-commerce/souk/shop/notification/webhook"
)

// Options reads who carries messages from a function's environment. It calls nobody.
func Options(ctx context.Context, e *function.Env) (notification.Options, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return notification.Options{}, fmt.Errorf("read the configuration of AWS: %w", err)
	}
	o := notification.Options{
		Mail: nobody{}, Poster: webhook.New(webhook.Options{}),
		PublicURL: e.Text("SOUK_PUBLIC_URL", ""),
	}
	if o.SMS, err = sns.New(cfg, sns.Options{Sender: e.Text("SOUK_SMS_SENDER", "")}); err != nil {
		e.Wrong("SOUK_SMS_SENDER", "is longer than the 11 letters or digits that phones show")
	}
	if from := e.Text("SOUK_MAIL_FROM", ""); from != "" {
		if o.Mail, err = ses.New(cfg, ses.Options{From: from}); err != nil {
			return notification.Options{}, err
		}
	}
	return o, nil
}

// nobody refuses mail: there is no address that it could come from.
type nobody struct{}

// Send implements notification.Carrier.
func (nobody) Send(context.Context, notification.Letter) notification.Outcome {
	return notification.Outcome{Verdict: notification.Refused, Reason: "no_sender", Final: true}
}
