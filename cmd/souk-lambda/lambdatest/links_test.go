package lambdatest_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
)

const module = "github.com/souk-commerce/souk/"

// Goal: a binary links what its role uses. Method: the packages of ours, and the modules of others,
// that each role depends on, against what is written here. What the world that it is built for
// links, and the client of SES, are not counted.
func TestRolesLinkWhatTheyUse(t *testing.T) {
	t.Parallel()
	rooms := "app/rooms shop shop/analytics shop/catalog shop/event shop/fulfilment " +
		"shop/inventory shop/ledger shop/notification shop/notification/internal/wording " +
		"shop/order shop/payment shop/room"
	tasks := "app/machines/tasks workflow workflow/durable "
	// The table of doors has those of the machines; nothing on AWS opens them.
	doors := "app app/machines workflow/jsonata shop/identity " + tasks + rooms
	carried := "cmd/souk-lambda/carriers shop/notification/awscall shop/notification/ses " +
		"shop/notification/sns shop/notification/webhook"
	// Who asks for money, pays it out or has parcels carried. The sandboxes are in another process.
	vendors := "cmd/souk-lambda/providers shop/distant shop/fulfilment/sandbox/post " +
		"shop/ledger/sandbox shop/payment/sandbox shop/payment/stripe"
	every := "cmd/souk-lambda/batch cmd/souk-lambda/function cmd/souk-lambda/world platform"
	// There is one binary for all workers and one for all doors, so Stripe's library is in the
	// workers of other rooms too. Only payment's have its key.
	const stripe = "github.com/stripe/stripe-go"
	world := append(linked(t, "cmd/souk-lambda/world"), linked(t, "shop/notification/ses")...)
	for role, want := range map[string]string{
		function.API: doors + " " + vendors + " cmd/souk-lambda/gateway " +
			"cmd/souk-lambda/settings shop/fulfilment/paper shop/identity/cognito " +
			"shop/notification/webhook",
		function.Purchases: doors + " cmd/souk-lambda/settings",
		function.Worker: tasks + rooms + " " + carried + " " + vendors +
			" cmd/souk-lambda/answer cmd/souk-lambda/settings",
		function.Relay:   "",
		function.Sweeper: "",
	} {
		var have, foreign []string
		asksStripe := false
		for _, one := range linked(t, "cmd/souk-lambda/"+role) {
			ours, ok := strings.CutPrefix(one, module)
			switch {
			case !ok && slices.Contains(world, one):
			case !ok && strings.HasPrefix(one, stripe):
				asksStripe = true
			case !ok:
				foreign = append(foreign, one)
			case ours != "cmd/souk-lambda/"+role && !strings.HasPrefix(ours, "platform/"):
				have = append(have, ours)
			}
		}
		wanted := strings.Fields(every + " " + want)
		slices.Sort(wanted)
		slices.Sort(have)
		if !slices.Equal(have, wanted) {
			t.Errorf("%s links\n%v, want\n%v", role, have, wanted)
		}
		if usesDoors := strings.HasPrefix(want, doors); usesDoors != (len(foreign) > 0) {
			t.Errorf("%s links libraries of others: %v", role, foreign)
		}
		if asksStripe != strings.Contains(want, vendors) {
			t.Errorf("%s links Stripe's library: %v", role, asksStripe)
		}
	}
}

// linked lists what a package of ours depends on, but for the standard library.
func linked(t *testing.T, name string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f",
		"{{if not .Standard}}{{.ImportPath}}{{end}}", module+name).Output()
	if err != nil {
		t.Fatalf("list what %s links: %v", name, err)
	}
	return strings.Fields(string(out))
}
