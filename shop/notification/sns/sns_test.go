package sns_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/awscall/fake"
	"github.com/souk-commerce/souk/shop/notification/sns"
)

const (
	to    = "+442079460123"
	taken = `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>` +
		`<MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult>` +
		`<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>`
)

func open(cfg aws.Config) (notification.Carrier, error) {
	return sns.New(cfg, sns.Options{Sender: "Souk"})
}

func refusal(status int, code string) fake.Answer {
	return fake.Answer{Status: status, Body: fmt.Sprintf(`<ErrorResponse><Error>`+
		`<Type>Sender</Type><Code>%s</Code><Message>%s is no good</Message></Error>`+
		`<RequestId>r</RequestId></ErrorResponse>`, code, to)}
}

// Goal: what the carrier says of a letter is certain, and it calls once, in every weather.
// Method: the suite of all carriers on AWS, with the answers of SNS.
func TestWeather(t *testing.T) {
	t.Parallel()
	fake.Judge(t, open, fake.Dialect{
		To: to, Taken: fake.Answer{Status: 200, Body: taken},
		Reference: "567910cd-659e-55d4-8ccb-5aaf14679dc0",
		Throttled: refusal(http.StatusBadRequest, "Throttling"),
		Rejected:  refusal(http.StatusBadRequest, "InvalidParameter"), Reason: "bad_address",
		Forbidden: refusal(http.StatusForbidden, "AccessDeniedException"),
		Broken:    refusal(http.StatusInternalServerError, "InternalError"),
	})
}

// Goal: the SMS says what the message says, on the way that is not for advertising. Method: the
// request as the service gets it.
func TestText(t *testing.T) {
	t.Parallel()
	s := fake.Open(t)
	s.Says(fake.Answer{Status: 200, Body: taken})
	c, err := open(fake.Config(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	c.Send(t.Context(), fake.Letter(to))
	all := s.Requests()
	if len(all) != 1 {
		t.Fatalf("%d requests", len(all))
	}
	form, err := url.ParseQuery(all[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	if form.Get("PhoneNumber") != to || form.Get("TopicArn") != "" ||
		form.Get("Message") != "Your order is placed. Cups & <saucers> of order ord_a." {
		t.Errorf("the SMS is %v", form)
	}
	for _, want := range []string{"Transactional", "Souk"} {
		if !strings.Contains(all[0].Body, "StringValue="+want) {
			t.Errorf("%s is not in %s", want, all[0].Body)
		}
	}
}

// Goal: what cannot be an SMS is refused before it costs a call. Method: a text and a sender that
// are too long.
func TestTooLong(t *testing.T) {
	t.Parallel()
	s := fake.Open(t)
	c, err := open(fake.Config(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	l := fake.Letter(to)
	l.Text = strings.Repeat("x", sns.MaxText)
	out := c.Send(t.Context(), l)
	if out.Verdict != notification.Refused || !out.Final || len(s.Requests()) != 0 {
		t.Errorf("%+v after %d requests", out, len(s.Requests()))
	}
	if _, err := sns.New(fake.Config(s.URL), sns.Options{Sender: "A long sender"}); err == nil {
		t.Error("a sender that is too long was taken")
	}
}

// Goal: the carrier works against another implementation of the service. Method: moto: a number
// that is none, and one that is.
func TestMoto(t *testing.T) {
	t.Parallel()
	endpoint := os.Getenv("SOUK_MOTO")
	if endpoint == "" {
		t.Skip("SOUK_MOTO names no endpoint; pip install 'moto[server]', then moto_server -p 5000" +
			" and SOUK_MOTO=http://127.0.0.1:5000")
	}
	c, err := open(fake.Config(endpoint))
	if err != nil {
		t.Fatal(err)
	}
	out := c.Send(t.Context(), fake.Letter("+nobody"))
	if out.Verdict != notification.Refused || !out.Final {
		t.Errorf("a number that is none: %+v", out)
	}
	out = c.Send(t.Context(), fake.Letter(to))
	if out.Verdict != notification.Taken || out.Reference == "" {
		t.Errorf("a number: %+v", out)
	}
}
