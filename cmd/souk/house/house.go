// Package house says to the deployment, in its words, what the shop declares.
//
// It promises to add nothing: what is not declared is not deployed. Only commands and their tests
// import it.
package house

import (
	"slices"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/app/rooms"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/platform/aws/deploy"
	"github.com/souk-commerce/souk/shop/room"
)

// Of joins the declarations of every room to one house.
func Of() (deploy.House, error) {
	d, err := app.Declarations()
	if err != nil {
		return deploy.House{}, err
	}
	h := deploy.House{Name: "souk"}
	roles := []room.Role{room.Customer(), room.Dealer(), room.Admin(), room.ServiceRole()}
	for _, r := range roles {
		h.Roles = append(h.Roles, r.String())
	}
	for _, r := range d.Rooms {
		h.Rooms = append(h.Rooms, deploy.Room{
			Name: r.Name, Apart: r.Apart, People: r.People, Tells: r.Tells, Scans: r.Scans,
			Files: r.Files,
		})
	}
	for _, s := range d.Subscriptions {
		if !s.Local {
			h.Subscriptions = append(h.Subscriptions, subscriptionOf(s))
		}
	}
	for _, s := range d.Seams {
		h.Seams = append(h.Seams, deploy.Seam{
			Asker: s.Asker, Answerer: s.Asked, Keys: s.Keys,
			Writes: s.How == rooms.InPerson(), Doors: s.Doors, Reactions: s.Reactions,
		})
	}
	for _, q := range d.Queues {
		h.Queues = append(h.Queues, deploy.Queue{
			Name: q.Name, Room: q.Room, Receives: q.Policy.MaxReceives,
			Retention: q.Policy.Retention, Hidden: q.Hidden, Opens: q.Opens,
		})
	}
	for _, t := range d.Timers {
		h.Timers = append(h.Timers, deploy.Timer{Room: t.Room, Keys: []string{t.Key, t.Subject}})
	}
	h.Machines, h.Tasks = machinesOf(d), tasksOf(d)
	for _, s := range d.Settings {
		h.Settings = append(h.Settings, deploy.Setting(s))
	}
	for _, door := range d.Doors {
		h.Routes = append(h.Routes, deploy.Route{
			Method: door.Method, Path: door.Path, Room: door.Room, Load: door.Load,
			Reads: door.Reads(),
		})
	}
	h.API, h.Relay = sizeOf(d, "api", 0), sizeOf(d, "relay", 0)
	h.Sweeper = sizeOf(d, "sweeper", 0)
	for class := platform.Critical; class <= platform.Background; class++ {
		h.Workers = append(h.Workers, sizeOf(d, "worker", class))
	}
	return h, nil
}

func subscriptionOf(s app.DeclaredSubscription) deploy.Subscription {
	return deploy.Subscription{
		Name: s.Name, Room: s.Room, Types: s.Types, Pattern: s.Pattern, Class: int(s.Class),
		Ordered: s.Ordered, Follows: s.Follows, Calls: s.Calls,
		Most: s.Retry.Attempts, NotYet: s.Retry.NotYet, Wait: s.Retry.Most,
	}
}

func machinesOf(d app.Declared) (list []deploy.Machine) {
	for _, m := range d.Machines {
		functions := make(map[string]string)
		for _, t := range m.Tasks {
			functions[t] = t // a task's function is called as the machine has it
		}
		list = append(list, deploy.Machine{
			Name: m.Room + "." + m.Name, Room: m.Room, Definition: m.Definition,
			Functions: functions,
		})
	}
	return list
}

// tasksOf lists the tasks. What is nobody's stands beside the first machine that calls it.
func tasksOf(d app.Declared) (list []deploy.Task) {
	for _, t := range d.Tasks {
		stack := t.Room
		for _, m := range d.Machines {
			if stack == "" && slices.Contains(m.Tasks, t.Name) {
				stack = m.Room
			}
		}
		list = append(list, deploy.Task{
			Name: t.Name, Room: t.Room, Stack: stack, Reads: t.Reads, Asks: t.Asks,
		})
	}
	return list
}

func sizeOf(d app.Declared, role string, class platform.Class) deploy.Size {
	i := slices.IndexFunc(d.Sizes, func(s app.DeclaredSize) bool {
		return s.Role == role && s.Class == class
	})
	s := d.Sizes[i]
	size := deploy.Size{Memory: s.Memory, Timeout: s.Timeout, Most: s.Most}
	for _, w := range s.Windows {
		size.Windows = append(size.Windows, deploy.Window(w))
	}
	return size
}
