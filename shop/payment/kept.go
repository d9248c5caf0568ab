package payment

import "slices"

// Clone implements room.Kept.
func (p *Payment) Clone() any {
	c := *p
	c.Parts, c.Operations = slices.Clone(p.Parts), slices.Clone(p.Operations)
	c.Disputes, c.Reductions = slices.Clone(p.Disputes), slices.Clone(p.Reductions)
	for i := range c.Disputes {
		c.Disputes[i].Moves = slices.Clone(c.Disputes[i].Moves)
	}
	return &c
}

// Clone implements room.Kept.
func (v *vaulted) Clone() any {
	c := *v
	return &c
}
