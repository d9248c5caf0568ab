package ledger_test

import (
	"fmt"

	"github.com/souk-commerce/souk/shop/ledger"
)

// Every dealer has two accounts: what is earned, and what may be paid out.
func Example() {
	fmt.Println(ledger.Pending("dlr_1"))
	fmt.Println(ledger.Payable("dlr_1"))
	// Output:
	// dealer:dlr_1:pending
	// dealer:dlr_1:payable
}
