//go:build awsemulated

package lambdatest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk/house"
	"github.com/souk-commerce/souk/platform/aws/awstest"
	"github.com/souk-commerce/souk/platform/aws/deploy"
)

// root is the module's folder, where a reader of the page types.
const root = "../../.."

// Goal: the page that leads from an account to a first order and back says what works. Method:
// every command of docs/deploy-aws.md, in their order and unchanged, by AWS's command line against
// moto. Between two of them the template is replaced by the part of it that moto's CloudFormation
// makes; the user pool and the secret are made beside it, and the address that it prints is a
// server of the test's before the deployed API function. The page says what that leaves out. At the
// end the account is empty.
func TestTourEmulated(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "deploy-aws.md"))
	if err != nil {
		t.Fatal(err)
	}
	fences := regexp.MustCompile("(?s)\n *```sh\n(.*?)\n *```").FindAllSubmatch(page, -1)
	if len(fences) < 9 {
		t.Fatalf("the page has %d blocks of commands", len(fences))
	}
	at := awstest.StartEmulator(t)
	f := &tourFront{t: t, storm: openStorm(t, buildForAWS(t)),
		cognito: &signInAt{t: t, endpoint: at}}
	f.read()
	reduced := filepath.Join(t.TempDir(), "template.json")
	if err := os.WriteFile(reduced, f.reduce(f.furnish()), 0o600); err != nil {
		t.Fatal(err)
	}
	script := "set -euo pipefail\n"
	replaced := false
	for _, fence := range fences {
		block := string(fence[1])
		script += block + "\n"
		if strings.Contains(block, "--package") {
			script, replaced = script+"cp "+reduced+" bin/aws/template.yaml\n", true
		}
		if strings.Contains(block, "deploy --stack-name") {
			// moto shows outputs after an update only.
			script += "aws cloudformation update-stack --stack-name souk-$STAGE --template-body " +
				"file://bin/aws/template.yaml > bin/updated.json\n"
		}
	}
	if !replaced {
		t.Fatal("the page packages nothing")
	}
	script += "echo LEFT: $(aws dynamodb list-tables --query 'TableNames' --output text) " +
		"$(aws s3 ls) $(aws cognito-idp list-user-pools --max-results 9 --query 'UserPools' " +
		"--output text) $(aws cloudformation list-stacks --query " +
		"\"StackSummaries[?StackStatus!='DELETE_COMPLETE'].StackName\" --output text)\n"
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "PATH="+awstest.CommandLine(t)+":"+os.Getenv("PATH"),
		"AWS_ENDPOINT_URL="+strings.Replace(at, "127.0.0.1", "localhost", 1), "AWS_PAGER=",
		"AWS_ACCESS_KEY_ID=tour", "AWS_SECRET_ACCESS_KEY=tour", "AWS_DEFAULT_REGION=eu-west-1",
		"AWS_CONFIG_FILE=/nowhere", "AWS_SHARED_CREDENTIALS_FILE=/nowhere")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the page breaks: %v\n%s\n%s", err, out, f.storm.lastWords())
	}
	for _, want := range []string{"\nok\n", `"id":"ord_`, `"total":{"amount":510`,
		"souk-prod-edge", "\nLEFT:\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the page's commands do not show %q:\n%s", want, out)
		}
	}
}

// tourFront stands where CloudFront and the HTTP API do.
type tourFront struct {
	t       *testing.T
	storm   *storm
	cognito *signInAt
	whole   map[string]map[string]any // the root template, by its parts
}

// furnish makes what moto's CloudFormation does not: the pool with a group for each role, and the
// secret.
func (f *tourFront) furnish() (front string) {
	c := f.cognito
	var pool struct{ UserPool struct{ Id string } }
	users := f.whole["Resources"]["Users"].(map[string]any)["Properties"].(map[string]any)
	c.call(idp+"CreateUserPool",
		map[string]any{"PoolName": "souk-prod", "Policies": users["Policies"]}, &pool)
	c.pool = pool.UserPool.Id
	var client struct{ UserPoolClient struct{ ClientId string } }
	c.call(idp+"CreateUserPoolClient",
		map[string]any{"UserPoolId": c.pool, "ClientName": "shop"}, &client)
	c.client = client.UserPoolClient.ClientId
	for _, role := range []string{"customer", "dealer", "admin", "service"} {
		c.call(idp+"CreateGroup",
			map[string]any{"UserPoolId": c.pool, "GroupName": role}, nil)
	}
	c.call("secretsmanager.CreateSecret",
		map[string]any{"Name": "souk-prod/payment", "SecretString": "a secret"}, nil)
	f.storm.api = f.storm.deploy(function.API,
		"SOUK_USER_POOL", "https://cognito-idp.eu-west-1.amazonaws.com/"+c.pool,
		"SOUK_USER_POOL_CLIENT", c.client,
		"SOUK_USER_POOL_KEYS", c.endpoint+"/"+c.pool+"/.well-known/jwks.json")
	return serve(f.t, f)
}

// ServeHTTP hands a request to the function.
func (f *tourFront) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	raw, err := f.storm.api.Invoke(r.Context(), payload(r.Method, r.URL.Path, r.URL.RawQuery,
		strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), string(body),
		"idempotency-key", r.Header.Get("Idempotency-Key")))
	var answer reply
	if err == nil {
		err = json.Unmarshal(raw, &answer)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.WriteString(w, answer.Body)
}

// read has the root template in hand.
func (f *tourFront) read() {
	declared, err := house.Of()
	f.storm.must(err)
	all, err := deploy.Generate(declared)
	f.storm.must(err)
	raw, err := all[0].JSON()
	f.storm.must(err)
	var parts map[string]any
	f.storm.must(json.Unmarshal(raw, &parts))
	f.whole = make(map[string]map[string]any)
	for _, name := range []string{"Parameters", "Conditions", "Resources", "Outputs"} {
		f.whole[name] = parts[name].(map[string]any)
	}
}

// reduce is the part of the template that moto's CloudFormation makes, answering at url.
func (f *tourFront) reduce(url string) []byte {
	whole := f.whole
	kinds := []string{"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::KMS::Alias",
		"AWS::S3::Bucket"}
	made := 0
	for name, one := range whole["Resources"] {
		r := one.(map[string]any)
		if !slices.Contains(kinds, r["Type"].(string)) {
			delete(whole["Resources"], name)
			continue
		}
		delete(r, "DependsOn")
		made++
	}
	if made < 14 {
		f.t.Errorf("only %d resources are left of the template", made)
	}
	for name, value := range map[string]string{
		"Url": url, "UserPool": f.cognito.pool, "UserPoolClient": f.cognito.client,
	} {
		whole["Outputs"][name] = map[string]any{"Value": value}
	}
	raw, err := json.Marshal(whole)
	f.storm.must(err)
	return raw
}

// lastWords are what the API function wrote.
func (s *storm) lastWords() string { return s.api.Log.(*lines).String() }
