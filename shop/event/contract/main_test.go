package contract_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain declares the two flags that rewrite goldens:
//
//	go test ./shop/event/contract -update   after a change of shop/event: docs and schemas
//	go test ./shop/event/contract -release  at a release: what later changes are compared with
func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite docs/contracts and docs/events.md")
	flag.Bool("release", false, "make the present contracts the released ones")
	flag.Parse()
	os.Exit(m.Run())
}

func asked(name string) bool { return flag.Lookup(name).Value.String() == "true" }
