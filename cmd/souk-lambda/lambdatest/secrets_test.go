package lambdatest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
)

// secretsOf says which functions are given which secret, and what the template writes for it.
func secretsOf() map[string]struct {
	value string
	ours  bool // made with the stack; the others are the operator's
	given func(id, subscription string) bool
} {
	type secret = struct {
		value string
		ours  bool
		given func(id, subscription string) bool
	}
	const stripe = "{{resolve:secretsmanager:theirs:SecretString:"
	door := func(name string) func(id, sub string) bool {
		return func(id, _ string) bool { return id == name }
	}
	return map[string]secret{
		"SOUK_EDGE_KEY": {"{{resolve:secretsmanager:EdgeKey}}", true, func(id, _ string) bool {
			return strings.HasPrefix(id, "Api")
		}},
		"SOUK_WEBHOOK_SECRETS": {"{{resolve:secretsmanager:souk-t/payment}}", true,
			door("ApiPaymentFunction")},
		"SOUK_CARRIER_SECRETS": {"{{resolve:secretsmanager:souk-t/carrier}}", true,
			door("ApiFunction")},
		"SOUK_STRIPE_WEBHOOK_SECRETS": {stripe + "webhook_secrets::v1}}", false,
			door("ApiPaymentFunction")},
		"SOUK_STRIPE_KEY": {stripe + "key::v1}}", false, func(id, sub string) bool {
			return id == "ApiPaymentFunction" || strings.HasPrefix(sub, "payment.")
		}},
	}
}

// Goal: a secret is in the environment of the functions that use it, and of no other. Method: the
// functions of the templates, with and without a secret of Stripe's; every value that is looked up
// among secrets, against what is written here.
func TestSecretsGoWhereTheyAreUsed(t *testing.T) {
	t.Parallel()
	for _, named := range []string{"", "theirs"} {
		list, err := templatesWith(t, map[string]string{
			"StripeSecret": named, "StripeSecretVersion": "v1",
		}).Resources("AWS::Lambda::Function")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			given := variables(f)
			sub, _ := given["SOUK_SUBSCRIPTION"].(string)
			want := make(map[string]string)
			for name, s := range secretsOf() {
				if s.given(f.ID, sub) && (named != "" || s.ours) {
					want[name] = s.value
				}
			}
			have := make(map[string]string)
			for name, v := range given {
				if s := fmt.Sprint(v); strings.Contains(s, "{{resolve:") {
					have[name] = s
				}
			}
			if fmt.Sprint(have) != fmt.Sprint(want) {
				t.Errorf("with the secret %q, %s is given %v, want %v", named, f.ID, have, want)
			}
			task, _ := given["SOUK_TASK"].(string) // which accepts, and calls nobody
			may := given["SOUK_ROLE"] == function.API || strings.HasPrefix(task, "payment.")
			if given["SOUK_STRIPE_SECRET"] != nil && !may {
				t.Errorf("%s is told of Stripe's secret", f.ID)
			}
		}
	}
}
