package awstest

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"reflect"
	"strings"

	"github.com/aws/smithy-go"
)

// JSONService serves a fake whose methods are those of an SDK's client, such as *SQS, by the JSON
// protocol of its service: for clients in other processes.
type JSONService struct{ Fake any }

// ServeHTTP implements http.Handler. An operation is the fake's method of that name.
func (s JSONService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	out, err := s.call(r, op)
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if err != nil {
		code := "InternalFailure"
		if api, ok := errors.AsType[smithy.APIError](err); ok {
			code = api.ErrorCode()
		}
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]string{"__type": code, "message": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(out) // a client that is gone asks again
}

func (s JSONService) call(r *http.Request, op string) (any, error) {
	method := reflect.ValueOf(s.Fake).MethodByName(op)
	if !method.IsValid() || method.Type().NumIn() != 3 {
		return nil, &smithy.GenericAPIError{Code: "UnknownOperationException", Message: op}
	}
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	timeless(body)
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	in := reflect.New(method.Type().In(1).Elem())
	if err := json.Unmarshal(raw, in.Interface()); err != nil {
		return nil, err
	}
	got := method.Call([]reflect.Value{reflect.ValueOf(r.Context()), in})
	err, _ = got[1].Interface().(error)
	return got[0].Interface(), err
}

// timeless removes times, which the protocol writes as numbers and no fake reads.
func timeless(v any) {
	switch v := v.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(name string, v any) bool {
			_, number := v.(float64)
			return name == "Time" && number
		})
		for _, one := range v {
			timeless(one)
		}
	case []any:
		for _, one := range v {
			timeless(one)
		}
	}
}

// Loopback is what stands before a transport so that other processes reach it: what the transport
// loses is lost to them, as the connection is cut.
type Loopback struct{ Through http.RoundTripper }

// ServeHTTP implements http.Handler.
func (l Loopback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := l.Through.RoundTrip(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = answer.Body.Close() }()
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body) // a client that is gone asks again
}
