package deploy

import (
	"fmt"
	"slices"
	"time"
)

// House is what a shop declares.
type House struct {
	Name          string // begins every physical name: up to 8 lower-case letters
	Rooms         []Room
	Subscriptions []Subscription
	Seams         []Seam
	Queues        []Queue
	Timers        []Timer
	Routes        []Route
	Roles         []string // that a caller may have
	Settings      []Setting
	Machines      []Machine
	Tasks         []Task // that machines call
	API           Size
	Relay         Size
	Sweeper       Size
	Workers       []Size // by class
}

// Room owns the records whose partition begins with its name and "/".
type Room struct {
	Name   string
	Apart  bool // a table, a stream and a key of its own
	People bool // opens personal data
	Tells  bool // sends mail and text messages
	Scans  bool // a door of it reads all its records
	Files  bool // its doors, and those of its workers that call somebody outside, keep files
}

// Subscription is one interest in events, with a queue and a function of its own.
type Subscription struct {
	Name    string // "<room>.<what>"
	Room    string
	Types   []string // exact event types: "<system>.<room>.…"
	Pattern string   // an event pattern over the envelope and its data; "" is none
	Follows []string // keys of the events that it must be able to read again, if Ordered
	Class   int      // 0 is the most important
	Ordered bool     // it reads the history of an event's subject
	Calls   bool     // it calls somebody outside
	Most    int      // attempts
	NotYet  time.Duration
	Wait    time.Duration // the longest between two attempts
}

// Seam lets the functions of one room use keys of another.
type Seam struct {
	Asker, Answerer string
	Keys            []string // below the answerer's name; "*" is any rest
	Writes          bool
	Doors           bool // asked by functions that answer requests or take up queued work
	Reactions       bool // asked by functions that handle events
}

// Queue holds accepted work. One function takes it up in the name of Room.
type Queue struct {
	Name      string
	Room      string
	Receives  int // after so many a message is dead
	Retention time.Duration
	Hidden    time.Duration
	Opens     []string // rooms that its function changes besides Room
}

// Timer is a fact that a room announces later.
type Timer struct {
	Room string
	Keys []string // of the timer and of its event, below the room's name; "*" is any rest
}

// Route is one door.
type Route struct {
	Method, Path string
	Room         string // that answers; one that is no Room looks into the machinery
	Load         string // "carry" is never throttled for itself
	Reads        bool
}

// Size is what a function is given.
type Size struct {
	Memory  int // MB
	Timeout time.Duration
	Most    int // at once; 0: no bound of its own
	Windows []Window
}

// Setting is what the operator decides, or what nobody may see, as a function's environment.
type Setting struct {
	Env       string
	Parameter string // of the template: the value itself, or with Field what the secret is called
	Field     string // of the operator's own secret that Parameter names; "" is none
	Secret    string // that is made with the stack, if there is no Parameter
	About     string
	Default   string
	Pattern   string   // of what the parameter may be; "" is anything
	Rooms     []string // whose functions are given it
	Roles     []string // and every function of these roles
	Role      string   // the only role of those rooms' functions that needs it; "" is all
	Without   string   // a role of those rooms' functions that does not need it; "" is none
}

// givenTo reports whether a function that acts in the name of these rooms is given the setting.
func (s Setting) givenTo(role string, rooms ...string) bool {
	if slices.Contains(s.Roles, role) {
		return true
	}
	if s.Role != "" && s.Role != role || s.Without == role {
		return false
	}
	return slices.ContainsFunc(rooms, func(r string) bool {
		return slices.Contains(s.Rooms, r)
	})
}

// version is the parameter that says which version of the operator's secret it is, if it is one.
func (s Setting) version() string { return s.Parameter + "Version" }

// told is the condition under which the operator named a secret.
func (s Setting) told() string { return "Has" + s.Parameter }

// Window is a time of day in which instances stand by.
type Window struct {
	Name, Open, Close string // of cron, six fields
	Warm              int
}

// The bounds that AWS sets.
const (
	maxFunctionName = 64
	maxStage        = 8
	maxReceives     = 1000
)

// check refuses what would make a template that no deployment takes.
func (h House) check() error {
	seen := make(map[string]string)
	for _, s := range h.Subscriptions {
		if _, ok := h.room(s.Room); !ok {
			return fmt.Errorf("the subscription %q belongs to no room; nothing was generated",
				s.Name)
		}
		if len(s.Types) == 0 || s.Class < 0 || s.Class >= len(h.Workers) {
			return fmt.Errorf("the subscription %q has %d types and class %d; "+
				"nothing was generated", s.Name, len(s.Types), s.Class)
		}
		if err := h.nameable(s.Name, seen); err != nil {
			return err
		}
	}
	for _, t := range h.Tasks {
		if len(h.of(t.Stack)) == 0 {
			return fmt.Errorf("the task %q belongs to a room without a stack; "+
				"nothing was generated", t.Name)
		}
		if err := h.nameable(t.Name, seen); err != nil {
			return err
		}
	}
	for _, s := range h.Seams {
		if _, ok := h.room(s.Answerer); !ok {
			return fmt.Errorf("%s asks %q, which is no room; nothing was generated",
				s.Asker, s.Answerer)
		}
	}
	return h.checkMachines()
}

// nameable refuses a name that no function may have, or that another has.
func (h House) nameable(name string, seen map[string]string) error {
	longest := len(h.Name) + 1 + maxStage + 1 + len(dashed(name))
	if longest > maxFunctionName {
		return fmt.Errorf("%q makes a function's name of %d characters, at most %d: shorten it; "+
			"nothing was generated", name, longest, maxFunctionName)
	}
	if other := seen[logical(name)]; other != "" {
		return fmt.Errorf("%q and %q are one name to CloudFormation; nothing was generated",
			other, name)
	}
	seen[logical(name)] = name
	return nil
}

func (h House) room(name string) (Room, bool) {
	i := slices.IndexFunc(h.Rooms, func(r Room) bool { return r.Name == name })
	if i < 0 {
		return Room{}, false
	}
	return h.Rooms[i], true
}

// of lists a room's subscriptions.
func (h House) of(room string) []Subscription {
	var list []Subscription
	for _, s := range h.Subscriptions {
		if s.Room == room {
			list = append(list, s)
		}
	}
	return list
}

// tables lists the tables: the one that rooms share is "", the others are named after their rooms.
func (h House) tables() []string {
	list := []string{shared}
	for _, r := range h.Rooms {
		if r.Apart {
			list = append(list, r.Name)
		}
	}
	return list
}

// tableOf names the table in which a room's records are.
func (h House) tableOf(room string) string {
	if r, ok := h.room(room); ok && r.Apart {
		return room
	}
	return shared
}

// in lists the rooms of a table.
func (h House) in(table string) []string {
	var list []string
	for _, r := range h.Rooms {
		if h.tableOf(r.Name) == table {
			list = append(list, r.Name)
		}
	}
	return list
}

// timed lists the rooms of a table that set timers.
func (h House) timed(table string) []string {
	var list []string
	for _, t := range h.Timers {
		if h.tableOf(t.Room) == table && !slices.Contains(list, t.Room) {
			list = append(list, t.Room)
		}
	}
	return list
}
