package rooms

import (
	"slices"
	"strings"

	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Subscriptions lists the reactions of the rooms that are open, in the platform's terms.
func (r *Row) Subscriptions() []platform.Subscription {
	var list []platform.Subscription
	for _, one := range r.list {
		for _, reaction := range one.Reactions() {
			list = append(list, reaction.Subscription(r.cfg.Catalogue))
		}
	}
	return list
}

// Subscription returns the reaction of that name in the platform's terms: its Handle runs it for
// one event, without any delivery having been started. NotFound, with what there is, if no room
// that is open here has it.
func (r *Row) Subscription(name string) (platform.Subscription, error) {
	list := r.Subscriptions()
	i := slices.IndexFunc(list, func(s platform.Subscription) bool { return s.Name == name })
	if i >= 0 {
		return list[i], nil
	}
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.Name
	}
	return platform.Subscription{}, shop.Errorf(shop.NotFound,
		"there is no reaction %q in the rooms that are open", name).
		WithHint("the reactions are %s", strings.Join(names, ", "))
}

// RoomOf names the room whose reaction a subscription is: a reaction's name begins with its
// room's. NotFound if there is no such room.
func RoomOf(subscription string) (string, error) {
	name, _, _ := strings.Cut(subscription, ".")
	if !slices.Contains(Names(), name) {
		return "", shop.Errorf(shop.NotFound, "no room has a subscription %q", subscription).
			WithHint("a subscription is <room>.<what>-on-<fact>; the rooms are %s",
				strings.Join(Names(), ", "))
	}
	return name, nil
}

// Check returns the test that a store makes of every event before it commits it: the event is of a
// known type, can be read, and keeps the invariants of its kind. It is safe for concurrent use.
func Check(cat *event.Catalogue) func(platform.Event) error {
	return func(e platform.Event) error {
		if f, ok := e.Value.(event.Fact); ok {
			return cat.Check(f)
		}
		f, err := cat.Decode(e.Type, e.Data)
		if err != nil {
			return err
		}
		return cat.Check(f)
	}
}
