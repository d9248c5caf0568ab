package souk

import (
	"slices"
	"strings"
	"testing"
)

const module = "github.com/souk-commerce/souk"

// layer says which packages of ours a package may import. Prefixes end in "/".
type layer struct {
	of     string   // package path below the module, or a prefix
	may    []string // ours that it may import, as paths or prefixes
	vendor bool     // whether third-party modules may be imported
	why    string
}

// layers is the whole law of imports: the first line that matches a package binds it.
func layers() []layer { return append(shopLayers(), otherLayers()...) }

// shopLayers binds the shop: its language, its facts, its rooms and their vendors.
func shopLayers() []layer {
	rooms := "shop/"
	return []layer{
		{"shop", nil, false, "the language is for everybody, so it depends on nobody"},
		{"shop/event", []string{"shop"}, false, "facts are a leaf: the envelope knows no platform"},
		{"shop/event/contract", []string{"shop", "shop/event"}, true,
			"the one wall of the facts where libraries are allowed"},
		{"shop/room", []string{"shop", "shop/event", "platform"}, false,
			"what rooms have in common knows ports and facts, and no room"},
		{"shop/room/roomtest",
			[]string{"shop", "shop/", "platform", "platform/"}, true,
			"a world for the rooms' tests"},
		{"shop/analytics/parquet", []string{"shop", "shop/event", "platform"}, true,
			"a file format's code lives behind its room; it reads envelopes"},
		{"shop/payment/sandbox", []string{"shop", "shop/event", "shop/room", "shop/payment"}, true,
			"a vendor's code lives behind the seam of its room"},
		{"shop/distant", []string{"shop"}, false,
			"what sandboxes in other processes have in common: calls, and no room"},
		{"shop/ledger/sandbox", []string{"shop", "shop/ledger", "shop/distant"}, false,
			"a vendor's code lives behind the seam of its room"},
		{"shop/fulfilment/paper", []string{"shop", "shop/fulfilment"}, true,
			"a library's code lives behind the seam of its room"},
		{"shop/fulfilment/sandbox", []string{"shop", "shop/room", "shop/fulfilment",
			"shop/fulfilment/paper", "shop/fulfilment/sandbox/post"}, false,
			"a vendor's code lives behind the seam of its room, and prints as all carriers do"},
		{"shop/fulfilment/sandbox/post", []string{"shop", "shop/distant", "shop/fulfilment"}, false,
			"who only asks a carrier in another process links nothing that prints"},
		{"shop/payment/stripe", []string{"shop", "shop/payment"}, true,
			"a vendor's code lives behind the seam of its room"},
		{"shop/payment/stripe/fake", []string{"shop", "shop/payment"}, true,
			"Stripe's own mock keeps no state, so tests that need some have one of ours"},
		{"shop/notification/awscall", []string{"shop", "shop/notification"}, true,
			"what SES and SNS have in common: one call, and what is certain of it"},
		{"shop/notification/awscall/fake", []string{"shop", "shop/notification"}, true,
			"bad weather for the tests of what stands on AWS"},
		{"shop/notification/ses",
			[]string{"shop", "shop/notification", "shop/notification/awscall"}, true,
			"a vendor's code lives behind the seam of its room"},
		{"shop/notification/sns",
			[]string{"shop", "shop/notification", "shop/notification/awscall"}, true,
			"a vendor's code lives behind the seam of its room"},
		{"shop/identity/cognito",
			[]string{"shop", "shop/identity", "shop/room", "platform"}, false,
			"a vendor's code lives behind the seam of its room"},
		{"shop/notification/smtp", []string{"shop", "shop/notification"}, false,
			"mail by the standard library, behind the seam of its room"},
		{"shop/notification/webhook", []string{"shop", "shop/notification"}, false,
			"what posts webhooks knows addresses and no endpoints"},
		{"shop/notification/sandbox", []string{"shop/notification"}, false,
			"a vendor that one can choose the moods of, behind the seam of its room"},
		{rooms, []string{"shop", "shop/event", "shop/room", "platform"}, false,
			"a room knows language, facts and ports; never another room, never a vendor"},
	}
}

// otherLayers binds what the shop stands on, and what stands on it.
func otherLayers() []layer {
	return []layer{
		{"platform", nil, false, "ports depend on nobody"},
		{"workflow/jsonata", []string{"workflow"}, true,
			"the one wall of the workflow language where a library is allowed"},
		{"workflow/durable", []string{"workflow", "platform"}, false,
			"the one place where machines and platforms meet: interpreter and ports, no business"},
		{"platform/pattern", nil, false,
			"a language of its own, for everybody: it depends on nobody"},
		{"platform/interest", []string{"platform", "platform/pattern"}, false,
			"what an event pattern means on a port is decided once, for every adapter"},
		{"platform/platformtest", []string{"platform"}, true,
			"the suite knows ports and no adapter"},
		{"platform/keying", []string{"platform"}, true,
			"what adapters of keys have in common: boxes, tombstones and rings"},
		{"platform/aws/deploy", nil, false,
			"plain values in, templates out: it needs neither ports nor an SDK"},
		{"platform/aws/deploy/", nil, false,
			"the judge of policies reads the templates by itself"},
		{"platform/", []string{
			"platform", "platform/interest", "platform/keying", "platform/pattern",
		}, true,
			"adapters know no business"},
		{"app/rooms", []string{"shop", "shop/", "platform"}, false,
			"who opens rooms without doors links no library"},
		{"app/machines", []string{"shop", "shop/", "platform", "app/rooms", "workflow",
			"workflow/"}, false,
			"where machines meet use cases; its doors are drawn by the app's table"},
		{"app", []string{"shop", "shop/", "platform", "app/rooms", "app/machines"}, true,
			"the app is given a platform; it does not choose one"},
		{"cmd/", []string{"shop", "shop/", "platform", "platform/", "app", "app/", "cmd/",
			"workflow", "workflow/"}, true, "only main knows which world it is"},
		{"workflow", nil, false,
			"the interpreter knows nobody, so that others can import it with nothing else"},
		{"app/", []string{"shop", "shop/", "platform", "app", "app/"}, true,
			"what stands on the app knows the rooms and the ports"},
		{"examples/", []string{"shop", "shop/event", "shop/room", "platform"}, false,
			"an example is written as a room is: language, facts and ports"},
		{"", nil, false, "the root holds only rules"},
	}
}

// Goal: imports point one way. Method: every non-test file's imports against the law above.
func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		l, ok := lawOf(f.pkg)
		if !ok {
			t.Errorf("%s: no law for package %q: add one to layers, with its reason", f.path, f.pkg)
			continue
		}
		seen[l.of] = true
		for _, imp := range f.imports() {
			if reason := refuse(l, f.pkg, imp); reason != "" {
				t.Errorf("%s imports %s: %s (%s)", f.path, imp, reason, l.why)
			}
		}
	}
	for _, l := range layers() {
		if !seen[l.of] {
			t.Errorf("the law for %q binds no package: remove it", l.of)
		}
	}
}

func lawOf(pkg string) (layer, bool) {
	for _, l := range layers() {
		if l.of == pkg || strings.HasSuffix(l.of, "/") && strings.HasPrefix(pkg, l.of) {
			return l, true
		}
	}
	return layer{}, false
}

func refuse(l layer, pkg, imp string) string {
	if ours, ok := strings.CutPrefix(imp, module+"/"); ok {
		allowed := slices.ContainsFunc(l.may, func(m string) bool {
			return m == ours || strings.HasSuffix(m, "/") && strings.HasPrefix(ours, m)
		})
		if allowed || strings.HasPrefix(ours, pkg+"/internal") {
			return ""
		}
		return "not in this direction"
	}
	if first, _, _ := strings.Cut(imp, "/"); strings.Contains(first, ".") && !l.vendor {
		return "no third-party library here"
	}
	return ""
}
