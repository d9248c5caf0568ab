package deploy

import "slices"

// Generate returns the templates of a house: the root first, then what stands before it in
// us-east-1, then one for each room that hears events. It fails where a deployment would.
func Generate(h House) ([]*Template, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	root := h.root()
	all := []*Template{root, h.edge()}
	for _, r := range h.Rooms {
		if len(h.of(r.Name)) > 0 {
			all = append(all, h.stack(r.Name))
		}
	}
	for _, t := range all {
		if err := t.check(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// part is a template under construction, and where its parts find what they share.
type part struct {
	*Template
	house House
	name  string // of the part of the house: its log group, its nested stack
	isTop bool
}

// root holds what all rooms share, the doors among it, and names the rooms' own stacks.
func (h House) root() *Template {
	p := &part{newTemplate("template", "The shop: tables, bus, doors, and a stack for each room."),
		h, "shop", true}
	p.parameters()
	p.keys()
	p.tables()
	p.buckets()
	p.bus()
	p.logs()
	p.alarmTopic()
	p.intake()
	p.relays()
	p.sweepers()
	p.identity()
	p.secrets()
	p.api()
	p.front()
	p.audit()
	p.rooms()
	p.Outputs = obj{
		"Url":      obj{"Description": "Where the shop answers.", "Value": sub("https://${Front.DomainName}")},
		"UserPool": obj{"Description": "Who may sign in.", "Value": ref("Users")},
		"UserPoolClient": obj{"Description": "The client that people sign in with.",
			"Value": ref("Client")},
		"Table": obj{"Description": "The rooms' table.", "Value": ref("Table")},
	}
	return p.Template
}

// stack holds everything of one room that hears events.
func (h House) stack(room string) *Template {
	p := &part{newTemplate(room, "The room "+room+": a queue, a rule and a function for each "+
		"subscription."), h, room, false}
	p.shared()
	p.logs()
	p.givenUp()
	subs := h.of(room)
	for _, s := range subs {
		p.subscription(s)
	}
	p.letBusSend(subs)
	for _, t := range h.tasksIn(room) {
		p.task(t)
	}
	for _, m := range h.machinesOf(room) {
		p.machine(m)
	}
	return p.Template
}

// subscription is the whole of one interest in events: where they wait, how they come there, who
// handles them, and who is told when that fails.
func (p *part) subscription(s Subscription) {
	size := p.house.Workers[s.Class]
	if s.Calls {
		size.Timeout *= 2
	}
	p.queue(queue{
		name: s.Name, hidden: 6 * size.Timeout, receives: s.receives(), retention: fourDays,
	})
	p.rule(s)
	p.function(p.house.worker(s, size))
	p.fromQueue(s.Name, size.Most)
	p.fromDead(s.Name)
	p.alarms(s.Name, s.Class)
}

// receives is after how many receipts a message is dead though no worker said so: twice what its
// attempts and its waits may take.
func (s Subscription) receives() int {
	waits := 0
	if s.Wait > 0 {
		waits = int(2 * s.NotYet / s.Wait)
	}
	return min(max(50, 2*(s.Most+waits)), maxReceives)
}

// heard lists the rooms that have a stack.
func (h House) heard() []string {
	var names []string
	for _, r := range h.Rooms {
		if len(h.of(r.Name)) > 0 {
			names = append(names, r.Name)
		}
	}
	return slices.Clip(names)
}
