package payment_test

import (
	"fmt"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
	"github.com/souk-commerce/souk/shop/payment"
)

// A payment is what its facts say, and nothing else.
func Example() {
	amount := shop.Money{Amount: 1020, Currency: "GBP"}
	p := &payment.Payment{}
	for i, f := range []event.Fact{
		&event.PaymentIntended{
			Payment: payment.Of("ord_7"), Order: "ord_7", Operation: payment.Authorise, Attempt: 1,
			Key: "k1", Amount: amount,
		},
		&event.PaymentUnresolved{Payment: "pay_7", Order: "ord_7", Key: "k1"}, // no answer
		&event.PaymentAuthorized{Payment: "pay_7", Order: "ord_7", Attempt: 1, Amount: amount},
	} {
		p.Apply(f, int64(i+1))
		fmt.Println(p.Status(), p.Authorised)
	}
	// Output:
	// processing 0
	// processing 0
	// authorized 1020
}
