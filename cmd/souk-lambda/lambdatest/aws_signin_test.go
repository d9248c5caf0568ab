//go:build awsemulated

package lambdatest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/platform/aws/awstest"
)

// signInAt is a user pool of an emulator, made as the template says as far as the emulator knows.
type signInAt struct {
	t        *testing.T
	endpoint string
	pool     string
	client   string
}

const idp = "AWSCognitoIdentityProviderService."

// call asks a service, in its own words.
func (s *signInAt) call(op string, in map[string]any, out any) {
	s.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.endpoint,
		bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	service := "cognito-idp"
	if strings.HasPrefix(op, "secretsmanager") {
		service = "secretsmanager"
	}
	r.Header.Set("X-Amz-Target", op)
	r.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential=me/20260101/eu-west-1/"+service+"/aws4_request")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var text bytes.Buffer
	_, err = text.ReadFrom(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %d %s %v", op, answer.StatusCode, text.String(), err)
	}
	if out != nil {
		if err := json.Unmarshal(text.Bytes(), out); err != nil {
			s.t.Fatalf("%s: %s: %v", op, text.String(), err)
		}
	}
}

// person signs somebody up, puts them into a group unless it is "", and returns their tokens.
func (s *signInAt) person(email, group string) (access, id string) {
	s.t.Helper()
	const password = "a long enough Passw0rd!"
	of := func(more map[string]any) map[string]any {
		more["UserPoolId"] = s.pool
		return more
	}
	s.call(idp+"AdminCreateUser", of(map[string]any{"Username": email}), nil)
	s.call(idp+"AdminSetUserPassword", of(map[string]any{"Username": email, "Password": password,
		"Permanent": true}), nil)
	if group != "" {
		s.call(idp+"CreateGroup", of(map[string]any{"GroupName": group}), nil)
		s.call(idp+"AdminAddUserToGroup", of(map[string]any{"Username": email, "GroupName": group}),
			nil)
	}
	var out struct {
		AuthenticationResult struct{ AccessToken, IdToken string }
	}
	s.call(idp+"AdminInitiateAuth", of(map[string]any{"ClientId": s.client,
		"AuthFlow":       "ADMIN_USER_PASSWORD_AUTH",
		"AuthParameters": map[string]string{"USERNAME": email, "PASSWORD": password}}), &out)
	return out.AuthenticationResult.AccessToken, out.AuthenticationResult.IdToken
}

// Goal: who signs in at a user pool that we did not write is let in by the doors, in the role of
// their group. Method: moto's Cognito, which signs real tokens; the deployed API function with the
// pool in its environment. The emulator publishes its keys at an address of its own.
func TestSignInEmulated(t *testing.T) {
	storm := openStorm(t, buildForAWS(t))
	s := &signInAt{t: t, endpoint: awstest.StartEmulator(t)}
	var pool struct{ UserPool struct{ Id string } }
	s.call(idp+"CreateUserPool", map[string]any{"PoolName": "souk-t"}, &pool)
	s.pool = pool.UserPool.Id
	var client struct{ UserPoolClient struct{ ClientId string } }
	s.call(idp+"CreateUserPoolClient", map[string]any{"UserPoolId": s.pool, "ClientName": "shop"},
		&client)
	s.client = client.UserPoolClient.ClientId
	storm.api = storm.deploy(function.API,
		"SOUK_USER_POOL", "https://cognito-idp.eu-west-1.amazonaws.com/"+s.pool,
		"SOUK_USER_POOL_CLIENT", s.client,
		"SOUK_USER_POOL_KEYS", s.endpoint+"/"+s.pool+"/.well-known/jwks.json")
	ask := func(token, method, path, body string) reply {
		raw, err := storm.api.Invoke(t.Context(),
			payload(method, path, "", token, body, "idempotency-key", "k"))
		if err != nil {
			t.Fatalf("%v\n%s", err, storm.api.Log)
		}
		var r reply
		storm.must(json.Unmarshal(raw, &r))
		return r
	}
	access, id := s.person("dealer@shop.test", "dealer")
	for _, token := range []string{access, id} {
		r := ask(token, "POST", "/v1/products", product("LAMP"))
		if r.StatusCode != 201 {
			t.Errorf("a dealer lists: %d %s", r.StatusCode, r.Body)
		}
	}
	access, _ = s.person("customer@shop.test", "")
	if r := ask(access, "GET", "/v1/orders", ""); r.StatusCode != 200 {
		t.Errorf("a customer looks: %d %s", r.StatusCode, r.Body)
	}
	if r := ask(access, "POST", "/v1/products", product("RUG")); r.StatusCode != 403 {
		t.Errorf("a customer lists: %d %s", r.StatusCode, r.Body)
	}
	forged := access[:strings.LastIndex(access, ".")+1] + strings.Repeat("A", 342)
	if r := ask(forged, "GET", "/v1/orders", ""); r.StatusCode != 401 {
		t.Errorf("a forged token: %d %s", r.StatusCode, r.Body)
	}
}
