//go:build awsemulated

package lambdatest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/aws/deploy/iamtest"
)

// call is one request to AWS, as its policy is asked.
type call struct {
	who string // the function's name, which its access key is called after
	iamtest.Request
	units float64 // of DynamoDB
	look  bool    // made for the test, which looked how far an order was
}

// recorder stands before every service: DynamoDB is the fake that the adapter was tried on, the
// rest is an emulator. It notes who asked for what.
type recorder struct {
	dynamo *awstest.DynamoDB
	moto   *httputil.ReverseProxy
	key    string // ARN of the key that the emulator made

	mu    sync.Mutex
	calls []call
	looks bool
}

// openRecorder serves on loopback until the test ends, before an emulator.
func openRecorder(t *testing.T, emulator string) (r *recorder, endpoint string) {
	t.Helper()
	target, err := url.Parse(emulator)
	if err != nil {
		t.Fatal(err)
	}
	r = &recorder{dynamo: &awstest.DynamoDB{}, moto: &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = p.In.Host
		},
		Transport: &http.Transport{DisableKeepAlives: true},
	}}
	return r, serve(t, r)
}

// signer finds who signed a request, and for which service.
const signer = `Credential=([^/]+)/[0-9]+/[^/]+/([^/]+)/aws4_request`

// ServeHTTP implements http.Handler.
func (r *recorder) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	m := regexp.MustCompile(signer).FindStringSubmatch(in.Header.Get("Authorization"))
	if m == nil {
		http.Error(w, "nobody signed this", http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(in.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	in.Body = io.NopCloser(bytes.NewReader(body))
	asked, err := r.asked(m[2], in, body)
	if err != nil {
		http.Error(w, "the recorder does not know this: "+err.Error(), http.StatusNotImplemented)
		return
	}
	var units float64
	if m[2] == "dynamodb" {
		answer := httptest.NewRecorder()
		r.dynamo.ServeHTTP(answer, in)
		units = unitsOf(answer.Body.Bytes())
		for name, v := range answer.Header() {
			w.Header()[name] = v
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // a client that is gone asks again
	} else {
		r.moto.ServeHTTP(w, in)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, one := range asked {
		c := call{who: m[1], Request: one, look: r.looks}
		if i == 0 {
			c.units = units
		}
		r.calls = append(r.calls, c)
	}
}

// unitsOf adds up what an answer says that it consumed.
func unitsOf(answer []byte) (sum float64) {
	for _, m := range regexp.MustCompile(`"CapacityUnits":([0-9.]+)`).FindAllSubmatch(answer, -1) {
		var n float64
		if _, err := fmt.Sscan(string(m[1]), &n); err == nil {
			sum += n
		}
	}
	return sum
}

// looking says whether what is called from now on is called because the test looks.
func (r *recorder) looking(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looks = yes
}

// take returns the calls so far and forgets them.
func (r *recorder) take() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.calls
	r.calls = nil
	return all
}

// asked says which permissions a request takes.
func (r *recorder) asked(service string, in *http.Request, body []byte) ([]iamtest.Request, error) {
	_, op, _ := strings.Cut(in.Header.Get("X-Amz-Target"), ".")
	switch service {
	case "s3":
		return []iamtest.Request{iamtest.ObjectRequest(in.Method, in.URL.Path)}, nil
	case "sns":
		form, err := url.ParseQuery(string(body))
		return []iamtest.Request{{
			Action:   "sns:" + strings.TrimSuffix(form.Get("Action"), "Batch"),
			Resource: form.Get("TopicArn"),
		}}, err
	case "dynamodb":
		return iamtest.TableRequests(op, body)
	}
	var b struct {
		QueueUrl, QueueName, KeyId string
		EncryptionContext          map[string]string
		Entries                    []struct{ EventBusName, Source string }
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, err
	}
	switch service {
	case "sqs":
		name := b.QueueUrl[strings.LastIndex(b.QueueUrl, "/")+1:] + b.QueueName
		return []iamtest.Request{{Action: "sqs:" + strings.TrimSuffix(op, "Batch"),
			Resource: iamtest.ARN("sqs", name)}}, nil
	case "events":
		var list []iamtest.Request
		for _, e := range b.Entries {
			list = append(list, iamtest.Request{Action: "events:" + op,
				Resource: iamtest.ARN("events", "event-bus/"+e.EventBusName),
				Context:  map[string][]string{"events:source": {e.Source}}})
		}
		return list, nil
	case "kms":
		about := make(map[string][]string)
		for name, v := range b.EncryptionContext {
			about["kms:EncryptionContext:"+name] = []string{v}
		}
		key := b.KeyId
		if key == r.key || key == "" { // a wrapped key names its key by itself
			key = iamtest.KeyARN("PeopleKey")
		}
		return []iamtest.Request{{Action: "kms:" + op, Resource: key, Context: about}}, nil
	}
	return nil, fmt.Errorf("%s %s", service, op)
}
