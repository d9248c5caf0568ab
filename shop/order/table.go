package order

import (
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// Command is what can be asked of an order that changes its status. The set is closed.
type Command struct{ n uint8 }

func commandNames() []string {
	return []string{
		"", "check out", "place", "reject", "fail", "cancel", "expire", "hold", "approve",
		"complete",
	}
}

// The commands. Reject is for want of stock, Fail for want of money; both cancel.
func checkOut() Command { return Command{1} }
func place() Command    { return Command{2} }
func reject() Command   { return Command{3} }
func fail() Command     { return Command{4} }
func cancel() Command   { return Command{5} }
func expire() Command   { return Command{6} }
func hold() Command     { return Command{7} }
func approve() Command  { return Command{8} }
func complete() Command { return Command{9} }

// Commands lists all of them.
func Commands() []Command {
	all := make([]Command, 0, len(commandNames())-1)
	for n := range commandNames() {
		if n > 0 {
			all = append(all, Command{uint8(n)})
		}
	}
	return all
}

// String is the verb.
func (c Command) String() string { return commandNames()[c.n] }

// Sources is a set of statuses.
type Sources struct{ bits uint16 }

func from(statuses ...Status) Sources {
	var s Sources
	for _, one := range statuses {
		s.bits |= 1 << one.n
	}
	return s
}

// Has reports whether the set holds a status.
func (s Sources) Has(one Status) bool { return s.bits&(1<<one.n) != 0 }

// String lists the set; "(cart)" stands for the order that does not exist yet.
func (s Sources) String() string {
	var names []string
	for n, name := range statusNames() {
		if !s.Has(Status{uint8(n)}) {
			continue
		}
		if n == 0 {
			name = "(cart)"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// Guard is a condition besides the status. The set is closed; the zero Guard holds always.
type Guard struct{ n uint8 }

func guardNames() []string {
	return []string{
		"", "the authorised amount covers the total", "the deadline has passed",
		"nothing was dispatched", "everything was delivered or lost, and nothing comes back",
	}
}

func covered() Guard         { return Guard{1} }
func overdue() Guard         { return Guard{2} }
func nothingLeft() Guard     { return Guard{3} }
func allOver() Guard         { return Guard{4} }
func (g Guard) none() bool   { return g == Guard{} }
func (g Guard) name() string { return guardNames()[g.n] }

// Given is what a guard looks at besides the order.
type Given struct {
	Authorised shop.Money // by the fact that places
	Due        time.Time  // the deadline that has come
}

func (g Guard) holds(o *Order, given Given) bool {
	switch g {
	case covered():
		return given.Authorised.Currency == o.Currency && given.Authorised.Amount >= o.Total
	case overdue():
		return !given.Due.Before(o.Deadline)
	case nothingLeft():
		return o.Dispatched == 0
	case allOver():
		return o.Over() && !o.returning()
	}
	return true
}

// Transition is one row of the table.
type Transition struct {
	Command Command
	From    Sources
	To      Status
	Guard   Guard
}

// String prints the row as in "placed, on_hold -cancel-> cancelled [nothing was dispatched]".
func (t Transition) String() string {
	row := t.From.String() + " -" + t.Command.String() + "-> " + t.To.String()
	if t.Guard.none() {
		return row
	}
	return row + " [" + t.Guard.name() + "]"
}

// Table is every transition there is: one row a command. What it does not list is refused.
func Table() [9]Transition {
	return [...]Transition{
		{checkOut(), from(Status{}), PendingPayment(), Guard{}},
		{place(), from(PendingPayment()), Placed(), covered()},
		{reject(), from(PendingPayment()), Cancelled(), Guard{}},
		{fail(), from(PendingPayment()), Cancelled(), Guard{}},
		{cancel(), from(PendingPayment(), Placed(), OnHold()), Cancelled(), nothingLeft()},
		{expire(), from(PendingPayment()), Expired(), overdue()},
		{hold(), from(Placed()), OnHold(), Guard{}},
		{approve(), from(OnHold()), Placed(), Guard{}},
		{complete(), from(Placed()), Completed(), allOver()},
	}
}

// Decide returns the status to which a command leads, or an Illegal error that names the order's
// status and version.
func (o *Order) Decide(c Command, given Given) (Status, error) {
	for _, t := range Table() {
		if t.Command != c {
			continue
		}
		if !t.From.Has(o.Status) {
			break
		}
		if !t.Guard.holds(o, given) {
			return o.Status, shop.Errorf(shop.Illegal,
				"order %s is %s (version %d): it takes more to %s it: %s",
				o.ID, o.Status, o.Seq, c, t.Guard.name())
		}
		return t.To, nil
	}
	return o.Status, shop.Errorf(shop.Illegal,
		"order %s is %s (version %d): one cannot %s it now", o.ID, o.Status, o.Seq, c)
}
