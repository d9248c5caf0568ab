package contract

// Glance judges a payload by a glance alone: the first rule that does not hold, and whether the
// payload's shape is certainly sound.
func (c *Checker) Glance(eventType string, data []byte) (broken *Rule, sound bool, err error) {
	k := c.kinds[eventType]
	v, sound := k.glance.read(data)
	if !sound {
		return nil, false, nil
	}
	broken, err = k.broken(v)
	return broken, true, err
}

// Schema judges the shape of a payload by the schema alone.
func (c *Checker) Schema(eventType string, data []byte) error {
	v, err := read(data)
	if err != nil {
		return err
	}
	return c.kinds[eventType].schema.Validate(v)
}
