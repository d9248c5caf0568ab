package payment

import (
	"github.com/souk-commerce/souk/platform"
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// The layout. Domain state, made by Apply:
//
//	payment/<id>   state        a Payment
//	cases          <id>#<key>   an open Case
//
// Outside it:
//
//	~vault/<customer>     <method>     a sealed token
//	~webhook/<provider>   <event id>   a notice that was dealt with
//	~counts               webhooks     how many notices of each kind
//	~once/<principal>     …            answers to requests

// Case is an operation at which a person has to look.
type Case struct {
	Payment   shop.ID `json:"payment"`
	Order     shop.ID `json:"order"`
	Key       string  `json:"key"`
	Operation string  `json:"operation"`
	Reason    string  `json:"reason"`
}

const casesPart = "cases"

func paymentKey(id shop.ID) platform.Key {
	return platform.Key{Part: "payment/" + string(id), Sort: "state"}
}

func caseKey(payment shop.ID, key string) platform.Key {
	return platform.Key{Part: casesPart, Sort: string(payment) + "#" + key}
}

func vaultKey(customer, method shop.ID) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "vault/" + string(customer), Sort: string(method)}
}

func webhookKey(provider, id string) platform.Key {
	return platform.Key{Part: room.AuxPrefix + "webhook/" + provider, Sort: id}
}

func countsKey() platform.Key {
	return platform.Key{Part: room.AuxPrefix + "counts", Sort: "webhooks"}
}
