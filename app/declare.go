package app

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/payment"
)

// Declared is the shop as plain values: what whoever deploys it must know. What code says already
// (rooms, subscriptions, queues, doors) is taken from a shop that was opened on nothing; what only
// a person can say stands in declare_house.go, and tests hold the two together.
type Declared struct {
	Rooms         []DeclaredRoom         // in the order in which they are opened
	Subscriptions []DeclaredSubscription // in the order of their rooms
	Seams         []DeclaredSeam
	Queues        []DeclaredQueue
	Timers        []DeclaredTimer
	Doors         []DeclaredDoor // in the table's order
	Sizes         []DeclaredSize
	Settings      []DeclaredSetting
	Machines      []DeclaredMachine
	Tasks         []DeclaredTask // that machines call
}

// DeclaredRoom is an owner of records: every key of them begins with its name and "/".
type DeclaredRoom struct {
	Name   string
	Apart  bool   // it holds secrets: a table, a stream and a key of its own
	People bool   // it seals or opens personal data
	Tells  bool   // it sends mail and text messages
	Scans  bool   // one of its doors adds up all its records
	Files  bool   // its doors, and those of its workers that call somebody, keep files
	Why    string // of what is out of the ordinary; "" if nothing is
}

// DeclaredSubscription is one interest in events.
type DeclaredSubscription struct {
	Name    string
	Room    string
	Types   []string // exact event types
	Pattern string   // narrows them; "" is none
	Follows []string // keys of their subjects: "<room>/<subject>", "*" for what differs
	Class   platform.Class
	Ordered bool
	Calls   bool // it calls somebody outside the store
	Local   bool // it serves the process that it runs in, so nobody delivers to it from outside
	Retry   platform.Retry
}

// DeclaredQueue is a queue of work that was accepted and is not begun.
type DeclaredQueue struct {
	Name   string
	Room   string // whose records its worker changes
	Policy platform.QueuePolicy
	Hidden time.Duration // how long a message is hidden from others while it is worked on
	Opens  []string      // rooms in whose name its worker acts as well
}

// DeclaredTimer is a fact that a room has announced later.
type DeclaredTimer struct {
	Room, Type string
	Key        string // of the timer, "*" for what differs
	Subject    string // of the fact, likewise
}

// DeclaredSetting is what an operator decides, or what nobody may see, in a function's environment.
type DeclaredSetting struct {
	Env       string
	Parameter string // of a deployment: the value itself, or with Field what the secret is called
	Field     string // of the operator's own secret that Parameter names; "" is none
	Secret    string // that is made with a deployment, if there is no Parameter
	About     string
	Default   string
	Pattern   string   // of what the parameter may be; "" is anything
	Rooms     []string // whose functions need it
	Roles     []string // and every function of these roles
	Role      string   // the only role of those rooms' functions that needs it; "" is all
	Without   string   // a role of those rooms' functions that does not need it; "" is none
}

// DeclaredDoor is one route.
type DeclaredDoor struct {
	Method, Path, ID string
	Room             string // that answers
	Roles            []string
	Load             string // "carry", "begin" or "browse"
}

// Reads reports whether a door changes nothing.
func (d DeclaredDoor) Reads() bool { return d.Method == get }

// Declarations opens the shop on a platform that only takes notes, and returns what it declared. It
// reads and writes nothing.
func Declarations() (Declared, error) {
	b := &blueprint{}
	a, err := Open(Config{
		Platform: b, Clock: b, Log: slog.New(slog.DiscardHandler),
		IDs:     shop.RandomIDs{Now: b.Now, Chance: strings.NewReader("")},
		Payment: payment.Options{Name: "provider", Provider: noProvider{}},
		Notification: notification.Options{
			Mail: noCarrier{}, SMS: noCarrier{}, Poster: noPoster{},
		},
	})
	if err != nil {
		return Declared{}, fmt.Errorf("open the shop to see what it declares: %w", err)
	}
	d := Declared{
		Rooms: declaredRooms(), Seams: declaredSeams(), Timers: declaredTimers(),
		Sizes: declaredSizes(), Settings: declaredSettings(), Queues: b.queues,
		Machines: declaredMachines(), Tasks: declaredTasks(),
	}
	for _, s := range b.subscriptions {
		d.Subscriptions = append(d.Subscriptions, declare(s))
	}
	for _, r := range a.Routes() {
		d.Doors = append(d.Doors, DeclaredDoor{
			Method: r.Method, Path: r.Path, ID: r.ID, Room: answeredBy(r.Path),
			Roles: r.roleNames(), Load: r.Load.String(),
		})
	}
	if err := agree(b, d.Rooms); err != nil {
		return Declared{}, err
	}
	slices.SortStableFunc(d.Subscriptions, func(x, y DeclaredSubscription) int {
		return cmp.Compare(d.place(x.Room), d.place(y.Room))
	})
	return d, nil
}

// declare turns a subscription into values.
func declare(s platform.Subscription) DeclaredSubscription {
	owner, _, _ := strings.Cut(s.Name, ".")
	var follows []string
	for _, t := range s.Types {
		follows = append(follows, subjectKey(t))
	}
	slices.Sort(follows)
	return DeclaredSubscription{
		Name: s.Name, Room: owner, Types: s.Types, Pattern: s.Pattern,
		Follows: slices.Compact(follows), Class: s.Class, Ordered: s.Ordered,
		Calls: !s.Pure, Local: owner == theApp, Retry: s.Retry,
	}
}

// subjectKey is the key under which events of a type are, for any subject.
func subjectKey(typ string) string {
	for _, k := range event.Kinds() {
		if k.Type == typ {
			_, rest, _ := strings.Cut(typ, ".")
			owner, _, _ := strings.Cut(rest, ".")
			return owner + "/" + k.New().Subject() + "*"
		}
	}
	return ""
}

// place is where a room stands in the row.
func (d Declared) place(name string) int {
	return slices.IndexFunc(d.Rooms, func(r DeclaredRoom) bool { return r.Name == name })
}

// agree compares the rooms that were declared with those that took a part of the store.
func agree(b *blueprint, rooms []DeclaredRoom) error {
	for _, r := range rooms {
		if !slices.Contains(b.stores, r.Name) {
			return fmt.Errorf("the room %q is declared, and has no part of the store", r.Name)
		}
	}
	for _, name := range b.stores {
		known := func(r DeclaredRoom) bool { return r.Name == name }
		if !slices.ContainsFunc(rooms, known) {
			return fmt.Errorf("the room %q has a part of the store, and is not declared", name)
		}
	}
	return nil
}
