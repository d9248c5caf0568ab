package deploy

// Diagram draws the house.
func Diagram(h House) []byte { return nil }
