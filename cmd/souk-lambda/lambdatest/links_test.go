package lambdatest_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
)

// Goal: a binary links what its role uses. Method: the packages of ours, and the modules of others,
// that each role depends on, against what is written here; adapters are of the world that it is
// built for, and not counted.
func TestRolesLinkWhatTheyUse(t *testing.T) {
	t.Parallel()
	const module = "github.com/souk-commerce/souk/"
	rooms := "app/rooms shop shop/analytics shop/catalog shop/event shop/fulfilment " +
		"shop/inventory shop/ledger shop/notification shop/order shop/payment " +
		"shop/payment/sandbox shop/room"
	doors := "app shop/identity " + rooms
	every := "cmd/souk-lambda/batch cmd/souk-lambda/function cmd/souk-lambda/world platform"
	for role, want := range map[string]string{
		function.API:       doors + " cmd/souk-lambda/gateway cmd/souk-lambda/settings",
		function.Purchases: doors + " cmd/souk-lambda/settings",
		function.Worker:    rooms + " cmd/souk-lambda/settings",
		function.Relay:     "",
		function.Sweeper:   "",
	} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f",
			"{{if not .Standard}}{{.ImportPath}}{{end}}", module+"cmd/souk-lambda/"+role).Output()
		if err != nil {
			t.Fatalf("list what %s links: %v", role, err)
		}
		var have, foreign []string
		for _, one := range strings.Fields(string(out)) {
			ours, ok := strings.CutPrefix(one, module)
			switch {
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
	}
}
