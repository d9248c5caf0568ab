package ses_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/awscall/fake"
	"github.com/souk-commerce/souk/shop/notification/ses"
)

const (
	to    = "ada@example.org"
	from  = "Souk <shop@example.com>"
	taken = `{"MessageId":"010001897ecb9e4e-2fa8b0a9-1f3c-4bfb-8a39-7a3fd1d3e2a7-000000"}`
)

func open(cfg aws.Config) (notification.Carrier, error) {
	return ses.New(cfg, ses.Options{From: from, ConfigurationSet: "shop"})
}

func refusal(status int, code string) fake.Answer {
	return fake.Answer{
		Status: status, Type: code, Body: `{"message":"Email address ` + to + ` is no good"}`,
	}
}

// Goal: what the carrier says of a letter is certain, and it calls once, in every weather.
// Method: the suite of all carriers on AWS, with the answers of SES.
func TestWeather(t *testing.T) {
	t.Parallel()
	fake.Judge(t, open, fake.Dialect{
		To: to, Taken: fake.Answer{Status: 200, Body: taken},
		Reference: "010001897ecb9e4e-2fa8b0a9-1f3c-4bfb-8a39-7a3fd1d3e2a7-000000",
		Throttled: refusal(http.StatusTooManyRequests, "TooManyRequestsException"),
		Rejected:  refusal(http.StatusBadRequest, "MessageRejected"), Reason: "rejected",
		Forbidden: refusal(http.StatusForbidden, "AccessDeniedException"),
		Broken:    refusal(http.StatusServiceUnavailable, "ServiceUnavailable"),
	})
}

// Goal: the mail says what the message says, as text and as HTML, and which message it is.
// Method: the request as the service gets it.
func TestMail(t *testing.T) {
	t.Parallel()
	s := fake.Open(t)
	s.Says(fake.Answer{Status: 200, Body: taken})
	c, err := open(fake.Config(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	c.Send(t.Context(), fake.Letter(to))
	all := s.Requests()
	if len(all) != 1 || all[0].Path != "/v2/email/outbound-emails" {
		t.Fatalf("it was asked for %+v", all)
	}
	var got sesv2.SendEmailInput
	if err := json.Unmarshal([]byte(all[0].Body), &got); err != nil {
		t.Fatal(err)
	}
	m := got.Content.Simple
	if *got.FromEmailAddress != from || got.Destination.ToAddresses[0] != to ||
		*m.Subject.Data != "Your order is placed" || *got.ConfigurationSetName != "shop" ||
		*m.Body.Text.Data != "Cups & <saucers> of order ord_a.\n" {
		t.Errorf("the mail is %s", all[0].Body)
	}
	if !strings.Contains(*m.Body.Html.Data, "<p>Cups &amp; &lt;saucers&gt; of order ord_a.</p>") {
		t.Errorf("the page is %s", *m.Body.Html.Data)
	}
	if h := m.Headers[0]; *h.Name != ses.Header || *h.Value != "msg_order_placed_a" {
		t.Errorf("the header is %s: %s", *h.Name, *h.Value)
	}
	if h := m.Headers[1]; *h.Name != "List-Unsubscribe" ||
		*h.Value != "<https://shop.example/leave>" {
		t.Errorf("the header is %s: %s", *h.Name, *h.Value)
	}
}

// Goal: mail without a sender is refused when the carrier is made. Method: none.
func TestNoSender(t *testing.T) {
	t.Parallel()
	if _, err := ses.New(fake.Config("http://localhost"), ses.Options{}); err == nil {
		t.Error("a carrier without a sender was made")
	}
}

// Goal: the carrier works against another implementation of the service. Method: moto, which
// refuses a sender that is not verified, and takes the letter afterwards.
func TestMoto(t *testing.T) {
	t.Parallel()
	url := os.Getenv("SOUK_MOTO")
	if url == "" {
		t.Skip("SOUK_MOTO names no endpoint; pip install 'moto[server]', then moto_server -p 5000" +
			" and SOUK_MOTO=http://127.0.0.1:5000")
	}
	cfg := fake.Config(url)
	stranger, err := ses.New(cfg, ses.Options{From: "stranger@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	out := stranger.Send(t.Context(), fake.Letter(to))
	if out.Verdict != notification.Refused || strings.Contains(out.Reason, "@") {
		t.Errorf("a stranger's mail: %+v", out)
	}
	_, err = sesv2.NewFromConfig(cfg).CreateEmailIdentity(t.Context(),
		&sesv2.CreateEmailIdentityInput{EmailIdentity: aws.String("shop@example.com")})
	if err != nil && !strings.Contains(err.Error(), "AlreadyExists") {
		t.Fatal(err)
	}
	known, err := ses.New(cfg, ses.Options{From: "shop@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	out = known.Send(t.Context(), fake.Letter(to))
	if out.Verdict != notification.Taken || out.Reference == "" {
		t.Errorf("our mail: %+v", out)
	}
}
