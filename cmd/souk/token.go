package main

import (
	"fmt"
	"time"

	"github.com/souk-commerce/souk/platform/embedded"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/identity"
	"github.com/souk-commerce/souk/shop/room"
)

// tokenCommand makes a token. It reads the keys beside the store, so it works while a server runs.
type tokenCommand struct {
	Data string        `default:"./data" help:"Data directory of the server." type:"path"`
	Role string        `required:"" enum:"customer,dealer,admin,service" help:"What the caller may do: ${enum}."`
	ID   string        `arg:"" help:"Who the caller is, as in cus_ada or dlr_lamps."`
	Life time.Duration `default:"24h" help:"How long the token is valid, at most 744h."`
}

// Run implements the command.
func (c *tokenCommand) Run(e *env) error {
	id, err := shop.ParseID(c.ID)
	if err != nil {
		return err
	}
	role, err := room.ParseRole(c.Role)
	if err != nil {
		return err
	}
	keys, err := embedded.OpenSigner(c.Data)
	if err != nil {
		return fmt.Errorf(
			"%w\n  a server makes the keys when it first starts: souk serve --data %s", err, c.Data)
	}
	issuer := identity.New(keys, embedded.SystemClock{}, tokenIssuer)
	token, err := issuer.Issue(e.ctx, room.Caller{ID: id, Role: role}, c.Life)
	if err != nil {
		return err
	}
	if e.json {
		return e.print(map[string]any{
			"token": token, "id": c.ID, "role": c.Role, "expires": time.Now().Add(c.Life).UTC(),
		})
	}
	e.say("%s", token)
	return nil
}
