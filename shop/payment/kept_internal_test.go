package payment

import (
	"testing"

	"github.com/souk-commerce/souk/shop/room"
	"github.com/souk-commerce/souk/shop/room/roomtest"
)

// Goal: nobody can change a record that the store keeps decoded. Method: clone each kind of it and
// look for memory that is shared.
func TestClonesShareNothing(t *testing.T) {
	t.Parallel()
	for _, v := range []room.Kept{&Payment{}, &vaulted{}} {
		roomtest.CheckClone(t, v)
	}
}
