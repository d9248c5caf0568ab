package app_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/app/rooms"
	"github.com/souk-commerce/souk/shop/notification"
)

// mute carries no message.
type mute struct{ notification.Carrier }

// motionless posts nothing.
type motionless struct{ notification.Poster }

func declared(t *testing.T) app.Declared {
	t.Helper()
	d, err := app.Declarations()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Goal: what is deployed is what runs. Method: the declarations, made without a platform, against
// the reactions and routes of a shop that was opened on one, with somebody to carry its messages.
func TestDeclarationsAreWhatRuns(t *testing.T) {
	t.Parallel()
	s, d := openWith(t, func(c *app.Config) {
		c.Machines = false // no function on AWS runs them
		c.Notification = notification.Options{Mail: mute{}, SMS: mute{}, Poster: motionless{}}
	}), declared(t)
	reactions := 0
	for _, r := range s.app.Rooms() {
		for _, reaction := range r.Reactions() {
			reactions++
			i := slices.IndexFunc(d.Subscriptions, func(s app.DeclaredSubscription) bool {
				return s.Name == reaction.Name
			})
			if i < 0 {
				t.Errorf("%s runs and is not declared", reaction.Name)
				continue
			}
			got := d.Subscriptions[i]
			if got.Room != r.Name() || got.Class != reaction.Class ||
				got.Ordered != reaction.Ordered || got.Calls != reaction.Calls || got.Local ||
				!slices.Contains(got.Types, reaction.Fact.Type()) {
				t.Errorf("%s is declared as %+v", reaction.Name, got)
			}
		}
	}
	local := slices.Collect(func(yield func(string) bool) {
		for _, s := range d.Subscriptions {
			if s.Local && !yield(s.Name) {
				return
			}
		}
	})
	if !slices.Equal(local, []string{"app.watch-orders"}) {
		t.Errorf("local subscriptions: %v", local)
	}
	if len(d.Subscriptions) != reactions+len(local) {
		t.Errorf("%d reactions, %d declared", reactions, len(d.Subscriptions))
	}
	if len(d.Doors) != len(s.app.Routes()) {
		t.Errorf("%d routes, %d declared", len(s.app.Routes()), len(d.Doors))
	}
	if len(d.Queues) != 1 || d.Queues[0].Name != "purchases" {
		t.Errorf("queues: %+v", d.Queues)
	}
}

// Goal: every door has a room behind it, and every room with a door is a room. Method: the
// declared doors against the declared rooms.
func TestEveryDoorHasARoom(t *testing.T) {
	t.Parallel()
	d := declared(t)
	for _, door := range d.Doors {
		isRoom := slices.ContainsFunc(d.Rooms, func(r app.DeclaredRoom) bool {
			return r.Name == door.Room
		})
		if !isRoom && door.Room != "ops" {
			t.Errorf("%s %s leads to %q", door.Method, door.Path, door.Room)
		}
		if door.Room == "app" && len(door.Roles) > 0 && door.Path != "/metrics" &&
			!strings.HasPrefix(door.Path, "/v1/purchases") {
			t.Errorf("%s %s fell through to the app: give it a room", door.Method, door.Path)
		}
	}
}

// Goal: no question between rooms is left without what a role must know of it. Method: the declared
// seams against the rooms' own.
func TestEverySeamIsDeclared(t *testing.T) {
	t.Parallel()
	seams := declared(t).Seams
	if len(seams) != len(rooms.Seams()) {
		t.Errorf("%d seams are declared, there are %d", len(seams), len(rooms.Seams()))
	}
	for _, s := range seams {
		if s.Why == "" || len(s.Keys) == 0 || !s.Doors && !s.Reactions {
			t.Errorf("nothing is said of who asks %s, for which keys, and why", s.Name)
		}
	}
}

// Goal: who holds people's keys, sets timers or adds up all its records says so. Method: the calls
// in the sources of each room against its declaration.
func TestWhatRoomsUseIsDeclared(t *testing.T) {
	t.Parallel()
	d := declared(t)
	for _, r := range d.Rooms {
		dir := "../shop/" + r.Name
		if r.Name == "app" {
			dir = "."
		}
		used := selectorsOf(t, dir)
		if used["desk.Keys"] != r.People {
			t.Errorf("%s: uses people's keys %v, declares %v", r.Name, used["desk.Keys"], r.People)
		}
		if used["History.Records"] != r.Scans {
			t.Errorf("%s: scans %v, declares %v", r.Name, used["History.Records"], r.Scans)
		}
		if used["Files.Put"] != r.Files {
			t.Errorf("%s: keeps files %v, declares %v", r.Name, used["Files.Put"], r.Files)
		}
		sets := slices.ContainsFunc(d.Timers, func(timer app.DeclaredTimer) bool {
			return timer.Room == r.Name
		})
		if used["tx.SetTimer"] != sets {
			t.Errorf("%s: sets timers %v, declares %v", r.Name, used["tx.SetTimer"], sets)
		}
		if (r.Apart || r.People || r.Tells || r.Scans || r.Files) && r.Why == "" {
			t.Errorf("%s does not say why", r.Name)
		}
	}
	for _, timer := range d.Timers {
		if !slices.ContainsFunc(d.Subscriptions, func(s app.DeclaredSubscription) bool {
			return slices.Contains(s.Types, timer.Type)
		}) {
			t.Errorf("nobody hears %s", timer.Type)
		}
	}
}

// selectorsOf is the set of "x.y" in the sources of a folder, where x is the last name before y.
func selectorsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	names, err := filepath.Glob(dir + "/*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v, %d files", dir, err, len(names))
	}
	used := make(map[string]bool)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch x := sel.X.(type) {
			case *ast.Ident:
				used[x.Name+"."+sel.Sel.Name] = true
			case *ast.SelectorExpr:
				used[x.Sel.Name+"."+sel.Sel.Name] = true
			}
			return true
		})
	}
	return used
}
