package lambdatest_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/cmd/souk-lambda/lambdatest"
	"github.com/souk-commerce/souk/cmd/souk/house"
	adapter "github.com/souk-commerce/souk/platform/aws"
	"github.com/souk-commerce/souk/platform/aws/deploy"
	"github.com/souk-commerce/souk/platform/aws/deploy/iamtest"
)

// buildForAWS makes the binary of every role as it is deployed, but for this machine.
// SOUK_FUNCTIONS names a folder where that has been done.
func buildForAWS(t *testing.T) (dir string) {
	t.Helper()
	if dir = os.Getenv("SOUK_FUNCTIONS"); dir != "" {
		return dir
	}
	dir = t.TempDir()
	for _, role := range roles() {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w",
			"-o", filepath.Join(dir, role), "github.com/souk-commerce/souk/cmd/souk-lambda/"+role)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", role, err, out)
		}
	}
	return dir
}

// templates are the shop's own, as a deployment would send them, with their parameters filled in.
func templates(t *testing.T, sandbox string) iamtest.House {
	t.Helper()
	return templatesWith(t, map[string]string{"SandboxUrl": sandbox})
}

// templatesWith are templates with more parameters, over EventBridge unless one says otherwise.
func templatesWith(t *testing.T, more map[string]string) iamtest.House {
	t.Helper()
	declared, err := house.Of()
	if err != nil {
		t.Fatal(err)
	}
	all, err := deploy.Generate(declared)
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string][]byte)
	for _, tpl := range all {
		if texts[tpl.Name], err = tpl.JSON(); err != nil {
			t.Fatal(err)
		}
	}
	given := map[string]string{"Stage": "t", "MailDomain": "souk.example"}
	maps.Copy(given, more)
	for _, name := range []string{"ArtifactBucket", "ApiDigest", "AlarmEmail", "WebAclArn",
		"ApiCode", "RelayCode", "SweeperCode", "WorkerCode", "PurchasesCode"} {
		given[name] = name
	}
	h, err := iamtest.Read(texts[all[0].Name], texts, given)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// variables is what a template gives a function.
func variables(f iamtest.Resource) map[string]any {
	return f.Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
}

// optional lists what functions do without, or what their other variables ask for.
func optional(role string) []string {
	decided := []string{"SOUK_PEOPLE_KEY", "SOUK_COMMISSION_BPS", "SOUK_DEADLINE", "SOUK_RETURNS",
		"SOUK_SHIPPING", "SOUK_TAX_BPS"}
	vendors := append(decided, "SOUK_PAYMENT_PROVIDER", "SOUK_STRIPE_KEY", "SOUK_MIN_PAYOUT")
	switch role {
	case function.API:
		return append(vendors, "SOUK_WEBHOOK_SECRETS", "SOUK_CARRIER_SECRETS",
			"SOUK_STRIPE_SECRET", "SOUK_STRIPE_WEBHOOK_SECRETS", "SOUK_USER_POOL",
			"SOUK_USER_POOL_CLIENT")
	case function.Relay:
		return []string{"SOUK_BUS_NAME", "SOUK_TOPIC"}
	case function.Worker:
		return append(vendors, "SOUK_SANDBOX_URL", "SOUK_STRIPE_RETURN", "SOUK_STRIPE_SECRET",
			"SOUK_DEPOT", "SOUK_MAIL_FROM", "SOUK_SMS_SENDER", "SOUK_PUBLIC_URL")
	case function.Purchases:
		return decided
	}
	return []string{"SOUK_PEOPLE_KEY"}
}

// Goal: what is deployed can be. Method: the binaries as they are deployed, built once.
func TestDeployedFunctions(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds every function binary; make test runs it")
	}
	dir := buildForAWS(t)
	t.Run("packages are small", func(t *testing.T) { packagesAreSmall(t, dir) })
	t.Run("templates give what functions read", func(t *testing.T) {
		templatesGiveWhatFunctionsRead(t, dir)
	})
	for name, play := range map[string]func(t *testing.T, dir string){
		"doors in bad weather":         doorsInBadWeather,
		"a worker dies":                workerDies,
		"a batch half fails":           batchHalfFails,
		"events large and doubled":     eventsLargeAndDoubled,
		"a relay in bad weather":       relayInBadWeather,
		"a sweeper in bad weather":     sweeperInBadWeather,
		"old events are still handled": oldEventsInFlight,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, dir)
		})
	}
}

// Goal: a template gives each function what its binary must have, and nothing that it does not
// read. Method: every function's binary with nothing but its role, and a worker with its
// subscription or its task: what it says is missing, against the names in the template.
func templatesGiveWhatFunctionsRead(t *testing.T, dir string) {
	list, err := templatesWith(t, map[string]string{
		"SandboxUrl": "http://sandbox.test", "StripeSecret": "ours",
	}).Resources("AWS::Lambda::Function")
	if err != nil || len(list) < 40 {
		t.Fatalf("%d functions, %v", len(list), err)
	}
	asked := make(map[string][]string) // what a binary must have, by role and room
	for _, f := range list {
		given := variables(f)
		role := given["SOUK_ROLE"].(string)
		sub, _ := given["SOUK_SUBSCRIPTION"].(string)
		task, _ := given["SOUK_TASK"].(string)
		must := []string{"SOUK_ROLE"}
		switch {
		case sub != "":
			must = append(must, "SOUK_SUBSCRIPTION")
		case task != "":
			must = append(must, "SOUK_TASK")
		}
		if task != "operator.ask" { // which opens nothing, and so misses nothing
			room, _, _ := strings.Cut(sub+task, ".")
			if asked[role+room] == nil {
				asked[role+room] = missing(t.Context(), t, filepath.Join(dir, role), role, sub,
					task)
			}
			must = append(must, asked[role+room]...)
		}
		for _, name := range must {
			if given[name] == nil {
				t.Errorf("%s is not given %s, which it must have", f.ID, name)
			}
		}
		for name := range given {
			if !slices.Contains(must, name) && !slices.Contains(optional(role), name) {
				t.Errorf("%s is given %s, which it does not read", f.ID, name)
			}
		}
	}
}

// Goal: timers are as late as the platform declares for functions, and no later. Method: the
// schedule that the templates give every sweeper, against the features of a platform that is opened
// as functions open it.
func TestSweepersComeAsDeclared(t *testing.T) {
	t.Parallel()
	p, err := adapter.Open(t.Context(), adapter.Options{
		Table: "t", Rooms: []adapter.Room{{Name: "order"}}, Bucket: "b", KeyID: "k", Bus: "b",
		Functions: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := templates(t, "http://sandbox.test").Resources("AWS::Events::Rule")
	if err != nil {
		t.Fatal(err)
	}
	swept := 0
	for _, r := range rules {
		if every, ok := r.Properties["ScheduleExpression"]; ok {
			swept++
			if every != "rate(1 minute)" || p.Features().TimerLateness != 2*time.Minute {
				t.Errorf("%s: %s, and a lateness of %s is declared", r.ID, every,
					p.Features().TimerLateness)
			}
		}
	}
	if swept == 0 {
		t.Error("nothing sweeps")
	}
}

// missing is what a binary says is not set.
func missing(ctx context.Context, t *testing.T, binary, role, sub, task string) (names []string) {
	t.Helper()
	f := &lambdatest.Function{Binary: binary, Timeout: timeout,
		Env: lambdatest.Environment("SOUK_ROLE", role, "SOUK_SUBSCRIPTION", sub,
			"SOUK_TASK", task)}
	defer f.Close()
	_, err := f.Invoke(ctx, []byte(`{}`))
	report, ok := errors.AsType[*lambdatest.FunctionError](err)
	if !ok || !report.AtStart {
		t.Fatalf("%s without an environment: %v", role, err)
	}
	absent := regexp.MustCompile(`(SOUK_\w+) is not set`)
	for _, m := range absent.FindAllStringSubmatch(report.Body, -1) {
		names = append(names, m[1])
	}
	return names
}
