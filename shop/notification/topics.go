package notification

import (
	"fmt"
	"strings"

	"github.com/souk-commerce/souk/shop"
)

// The topics of messages.
const (
	TopicPlaced     = "order_placed"
	TopicCancelled  = "order_cancelled"
	TopicExpired    = "order_expired"
	TopicDispatched = "order_dispatched"
	TopicDelivered  = "order_delivered"
	TopicRefunded   = "payment_refunded"
	TopicReduced    = "order_reduced"

	TopicRequested = "parcel_requested" // to dealers, as the next three
	TopicWithdrawn = "parcel_cancelled"
	TopicLess      = "parcel_reduced"
	TopicShort     = "stock_short"
	TopicCase      = "case_opened" // to the office, as the next
	TopicHeld      = "order_held"
	TopicDisabled  = "endpoint_disabled" // to the endpoint's owner and to the office
)

// Office is the person that stands for the market's own people: its mailbox and its preferences are
// every administrator's.
const Office shop.ID = "office"

// Topic is a kind of message.
type Topic struct {
	Name string
	// Must says that the topic is part of a deal that the person made, or of their work: nobody can
	// be left without it. It cannot be switched off by mail; by SMS everything can.
	Must bool
	// Sample is what its templates are filled with in a preview.
	Sample []string // name, value, name, value …
}

// Topics lists the topics that there are.
func Topics() []Topic {
	return []Topic{
		{TopicPlaced, true, []string{"order", "ord_1", "parcels", "2"}},
		{TopicCancelled, true, []string{"order", "ord_1", "reason", "out_of_stock"}},
		{TopicExpired, true, []string{"order", "ord_1"}},
		{TopicDispatched, true, []string{"order", "ord_1"}},
		{TopicDelivered, false, []string{"order", "ord_1"}},
		{TopicRefunded, true, []string{"order", "ord_1", "amount", "10.20 GBP"}},
		{TopicReduced, true, []string{"order", "ord_1", "units", "2", "amount", "10.20 GBP"}},
		{TopicRequested, true, []string{
			"order", "ord_1", "shipment", "shp_1_1", "lines", "2", "amount", "10.20 GBP",
		}},
		{TopicWithdrawn, true, []string{"order", "ord_1", "shipment", "shp_1_1"}},
		{TopicLess, true, []string{"order", "ord_1", "shipment", "shp_1_1", "units", "2"}},
		{TopicShort, false, []string{"sku", "85123A", "wanted", "6", "available", "2"}},
		{TopicCase, true, []string{
			"order", "ord_1", "payment", "pay_1", "operation", "refund", "reason", "refused",
		}},
		{TopicHeld, false, []string{"order", "ord_1", "reason", "capture_failed"}},
		{TopicDisabled, true, []string{
			"endpoint", "whe_1", "owner", "dlr_1", "reason", "failing", "since", "2026-11-26 09:30",
		}},
	}
}

// topicOf returns the topic of that name.
func topicOf(name string) (Topic, bool) {
	for _, t := range Topics() {
		if t.Name == name {
			return t, true
		}
	}
	return Topic{}, false
}

// amountText writes money as people read it, as in "10.20 GBP".
func amountText(m shop.Money) string {
	digits := minorDigits(m.Currency)
	sign, amount := "", m.Amount
	if amount < 0 {
		sign, amount = "-", -amount
	}
	if digits == 0 {
		return fmt.Sprintf("%s%d %s", sign, amount, m.Currency)
	}
	s := fmt.Sprintf("%0*d", digits+1, amount)
	whole := len(s) - digits
	return fmt.Sprintf("%s%s.%s %s", sign, s[:whole], s[whole:], m.Currency)
}

// minorDigits is how many digits of an amount stand behind the point, by ISO 4217.
func minorDigits(c shop.Currency) int {
	switch {
	case strings.Contains("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
		string(c)) && c != "":
		return 0
	case strings.Contains("BHD IQD JOD KWD LYD OMR TND", string(c)) && c != "":
		return 3
	}
	return 2
}
