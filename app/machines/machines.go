package machines

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/app/rooms"
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/fulfilment"
	"github.com/souk-commerce/souk/workflow/durable"
	"github.com/souk-commerce/souk/workflow/jsonata"
)

// Config is what the machines stand on. All of it is required.
type Config struct {
	Platform  platform.Platform
	Clock     platform.Clock
	Catalogue *event.Catalogue
	Rooms     *rooms.Row // all of them
}

// Machines are the shop's state machines on one platform. Safe for concurrent use.
type Machines struct {
	engine    *durable.Engine
	rooms     *rooms.Row
	catalogue *event.Catalogue
	tasks     map[string]durable.Task
}

// Name is the prefix of everything that executions keep and announce: no room's.
const Name = "workflow"

// Open declares what the machines listen to, so it comes before the delivery's Start. It reads and
// writes nothing.
func Open(c Config) (*Machines, error) {
	if c.Rooms.Fulfilment == nil || c.Rooms.Payment == nil {
		return nil, shop.Errorf(shop.Invalid,
			"the state machines need every room in their process; nothing was opened")
	}
	m := &Machines{rooms: c.Rooms, catalogue: c.Catalogue}
	m.tasks = m.registry()
	var err error
	m.engine, err = durable.New(durable.Options{
		Platform: c.Platform, Clock: c.Clock, Tasks: m.resources(),
		Pure:      true, // use cases read and commit; payment calls the bank, by its own reactions
		Evaluator: jsonata.New(jsonata.Limits{}),
	})
	if err != nil {
		return nil, fmt.Errorf("open the state machines: %w", err)
	}
	for _, s := range m.starters() {
		if err := c.Platform.Delivery().Subscribe(s); err != nil {
			return nil, fmt.Errorf("subscribe %s: %w", s.Name, err)
		}
	}
	return m, nil
}

// Definition is a machine of the shop's.
type Definition struct {
	Name string
	ASL  []byte
}

// Definitions lists the machines that the rooms own.
func Definitions() []Definition {
	return []Definition{
		{"lost-shipment", fulfilment.LostShipment()},
	}
}

// Define stores every machine's definition where it is new. Executions that run keep theirs.
func (m *Machines) Define(ctx context.Context) error {
	for _, d := range Definitions() {
		if _, err := m.engine.Define(ctx, d.Name, d.ASL); err != nil {
			return err
		}
	}
	return nil
}

// Engine is what runs them.
func (m *Machines) Engine() *durable.Engine { return m.engine }

// known refuses a machine that there is not, with those that there are.
func known(machine string) error {
	var names []string
	for _, d := range Definitions() {
		names = append(names, d.Name)
	}
	if slices.Contains(names, machine) {
		return nil
	}
	return shop.Errorf(shop.NotFound, "there is no machine %q", machine).
		WithHint("the machines are %s", strings.Join(names, ", "))
}
