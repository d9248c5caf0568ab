package fulfilment

import (
	_ "embed" // the machine is a file, so that AWS can be given it as it is
	"slices"
)

//go:embed lost-shipment.asl.json
var lostShipment []byte

// LostShipment is the state machine that follows when a carrier has lost a parcel, in the Amazon
// States Language. The room does not run it: who does gives it its use cases.
func LostShipment() []byte { return slices.Clone(lostShipment) }
