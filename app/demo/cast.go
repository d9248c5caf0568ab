package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/order"
)

// Script says how big the day is. What every shopper wants follows from it alone.
type Script struct {
	Seed     uint64
	Shoppers int           // who stroll in, MinShoppers to MaxShoppers
	Rush     int           // who come for the flash sale, at most MaxShoppers
	Length   time.Duration // that shoppers keep coming
}

// The bounds of a Script. With fewer shoppers there would not be one for every story.
const (
	MinShoppers = 20
	MaxShoppers = 2000
)

// Check refuses a script that cannot be played.
func (s Script) Check() error {
	switch {
	case s.Shoppers < MinShoppers || s.Shoppers > MaxShoppers:
		return shop.Errorf(shop.Invalid, "a demo has %d to %d shoppers, not %d",
			MinShoppers, MaxShoppers, s.Shoppers)
	case s.Rush < 0 || s.Rush > MaxShoppers:
		return shop.Errorf(shop.Invalid, "a flash sale has at most %d shoppers, not %d",
			MaxShoppers, s.Rush)
	case s.Length < 0 || s.Length > time.Hour:
		return shop.Errorf(shop.Invalid, "a day in the souk lasts up to an hour, not %s", s.Length)
	}
	return nil
}

// rushAt is when the flash sale begins, as a part of the day.
const rushAt = 0.4

// plot is what happens to a shopper.
type plot uint8

// The plots.
const (
	buys        plot = iota
	declined         // the card is refused
	unanswered       // the provider's answer is lost
	walksAway        // the bank asks for a confirmation that never comes
	regrets          // cancels once the order is placed
	regretsSoon      // cancels at once, whatever has happened by then
	clicksThree      // sends the same checkout three times at once
	wantsRefund      // gets the parcel, and sends it back
	cannotPay        // the card is good until the parcel is packed
	isFollowed       // buys of two dealers, and sends a part of it back
	rushes           // wants one unit of the flash sale
)

// shopper is one person of the day.
type shopper struct {
	id     shop.ID
	to     shop.Address
	email  string
	arrive time.Duration
	items  []order.Item
	card   string
	plot   plot
}

// patient reports whether the shopper waits at the counter until the order is decided.
func (s *shopper) patient() bool { return s.plot != walksAway && s.plot != regretsSoon }

// measured reports whether nothing but the shop decides how long the order takes. The flash sale is
// measured by itself, and who clicks three times is told to come again later.
func (s *shopper) measured() bool {
	return s.patient() && s.plot != unanswered && s.plot != clicksThree && s.plot != rushes
}

// cast makes everybody who comes, in the order of arrival.
func (s Script) cast() []shopper {
	chance := rand.New(rand.NewPCG(s.Seed, 0x50_75_6b))
	plots := s.plots()
	chance.Shuffle(len(plots), func(i, j int) { plots[i], plots[j] = plots[j], plots[i] })
	all := make([]shopper, 0, s.Shoppers+s.Rush)
	lost := 0
	for i, p := range plots {
		one := person(chance, i)
		one.plot, one.arrive = p, s.arrival(chance, p)
		one.items, one.card = basket(chance, p), goodCard(chance)
		switch p {
		case declined:
			one.card = "tok_declined"
		case unanswered:
			one.card = lostAnswers()[lost%len(lostAnswers())]
			lost++
		case walksAway:
			one.card = "tok_requires_action"
		case cannotPay:
			one.card = "tok_capture_declined"
		case isFollowed:
			one.items = []order.Item{
				{SKU: twinSKU, Quantity: twins}, {SKU: chestSKU, Quantity: 1},
			}
		}
		all = append(all, one)
	}
	for i := range s.Rush {
		one := person(chance, s.Shoppers+i)
		one.plot, one.card = rushes, goodCard(chance)
		one.arrive = s.part(rushAt) + time.Duration(chance.Int64N(int64(50*time.Millisecond)))
		one.items = []order.Item{{SKU: flashSKU, Quantity: 1}}
		all = append(all, one)
	}
	slices.SortStableFunc(all, func(a, b shopper) int { return int(a.arrive - b.arrive) })
	return all
}

// plots deals out the stories, at least one of each.
func (s Script) plots() []plot {
	all := make([]plot, 0, s.Shoppers)
	deal := func(p plot, percent int) {
		for range max(1, s.Shoppers*percent/100) {
			all = append(all, p)
		}
	}
	deal(declined, 6)
	deal(unanswered, 4)
	deal(walksAway, 1)
	deal(regrets, 4)
	deal(regretsSoon, 2)
	deal(clicksThree, 4)
	deal(wantsRefund, 1)
	all = append(all, cannotPay, isFollowed)
	for len(all) < s.Shoppers {
		all = append(all, buys)
	}
	return all
}

// arrival spreads shoppers over the day. Those whose story takes long come early, so that the
// evening is not spent waiting for them.
func (s Script) arrival(chance *rand.Rand, p plot) time.Duration {
	last := 1.0
	switch p {
	case walksAway, isFollowed:
		last = 0.1
	case unanswered, wantsRefund, cannotPay:
		last = 0.6
	}
	return s.part(last * chance.Float64())
}

func (s Script) part(f float64) time.Duration { return time.Duration(f * float64(s.Length)) }

// mostOfOne is how many units of one thing a shopper wants at most.
const mostOfOne = 2

// basket is one to three things. Only those who merely buy may want what runs out.
func basket(chance *rand.Rand, p plot) []order.Item {
	var offers []thing
	for _, s := range stalls() {
		for _, t := range s.things {
			if t.units == plenty || t.units == scarce && p == buys {
				offers = append(offers, t)
			}
		}
	}
	chance.Shuffle(len(offers), func(i, j int) { offers[i], offers[j] = offers[j], offers[i] })
	items := make([]order.Item, 1+chance.IntN(3))
	for i := range items {
		items[i] = order.Item{SKU: offers[i].sku, Quantity: 1 + chance.Int64N(mostOfOne)}
	}
	return items
}

func goodCard(chance *rand.Rand) string {
	return []string{"tok_visa", "tok_mastercard"}[chance.IntN(2)]
}

// lostAnswers are the cards with which the provider's first answer is lost, each in its own way.
func lostAnswers() []string {
	return []string{
		"tok_timeout", "tok_charge_then_timeout", "tok_500_after_charge", "tok_reset_after_charge",
	}
}

// person makes up somebody and where they live.
func person(chance *rand.Rand, n int) shopper {
	names := []string{
		"Amina", "Yusuf", "Leyla", "Omar", "Farida", "Idris", "Samira", "Karim", "Noor", "Tariq",
		"Zahra", "Bilal", "Hana", "Rashid", "Mira", "Jamal", "Salma", "Dario", "Elif", "Anton",
	}
	homes := []struct{ street, city, country string }{
		{"Lantern Row", "Leeds", "GB"}, {"Harbour Street", "Bristol", "GB"},
		{"Rua do Sol", "Porto", "PT"}, {"Via dei Fabbri", "Palermo", "IT"},
		{"Kanalgatan", "Malmö", "SE"}, {"Rue des Oliviers", "Marseille", "FR"},
		{"Am Brunnen", "Graz", "AT"}, {"Calle Naranjo", "Sevilla", "ES"},
	}
	name, home := names[chance.IntN(len(names))], homes[chance.IntN(len(homes))]
	return shopper{
		id:    shop.ID(fmt.Sprintf("cus_%04d", n+1)),
		email: fmt.Sprintf("shopper%04d@example.org", n+1),
		to: shop.Address{
			Name: name, Line1: fmt.Sprintf("%d %s", 1+chance.IntN(90), home.street),
			City: home.city, Country: home.country,
		},
	}
}
