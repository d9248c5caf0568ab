package demo

import "github.com/souk-commerce/souk/shop"

// Currency is what everything costs in the demo.
const Currency shop.Currency = "GBP"

// stall is a dealer and what they sell.
type stall struct {
	dealer shop.ID
	name   string
	things []thing
}

// thing is a listing: what it is called, what a unit costs in minor units, and how many there are.
type thing struct {
	sku          shop.SKU
	title        string
	price, units int64
}

// The thing of which there are few and which everybody wants.
const (
	flashSKU   shop.SKU = "LAMP-WISHES"
	flashTitle          = "Lamp of three wishes"
	flashUnits          = 10
	flashPrice          = 9900
)

// plenty is more than all shoppers of a demo can want of one thing.
const plenty = 5000

// scarce is few enough to run out.
const scarce = 8

// stalls is the whole market. The first dealer also has the flash sale.
func stalls() []stall {
	return []stall{
		{Dealer, "Nur & Daughters, lamps", []thing{
			{"LAMP-MOSAIC", "Mosaic table lamp, cobalt", 4850, plenty},
			{"LAMP-HANGING", "Hanging lamp of seven colours", 8900, plenty},
			{"LAMP-STAR", "Star lantern, pierced tin", 3275, plenty},
			{"LAMP-TRAVEL", "Traveller's lantern with a handle", 2450, plenty},
			{"LAMP-OIL", "Oil lamp, clay, as in the museum", 1290, plenty},
			{"LAMP-WICK", "Wicks, a dozen", 350, plenty},
			{flashSKU, flashTitle, flashPrice, flashUnits},
			{twinSKU, "Desk lamp, one of a pair", 4200, followedUnits},
		}},
		{"dlr_spices", "The Saffron Scale, spices", []thing{
			{"SPICE-SAFFRON", "Saffron, one gram in glass", 1195, plenty},
			{"SPICE-SUMAC", "Sumac from the hills, 100 g", 420, plenty},
			{"SPICE-CARDAMOM", "Green cardamom, 50 g", 565, plenty},
			{"SPICE-RAS", "Ras el hanout, twenty-two spices", 740, plenty},
			{"SPICE-LIME", "Black limes, ten", 480, plenty},
			{"SPICE-ZAATAR", "Za'atar with sesame, 150 g", 510, plenty},
			{"SPICE-ROSE", "Rose petals, a handful", 390, plenty},
		}},
		{"dlr_rugs", "Knots & Sons, rugs", []thing{
			{"RUG-PRAYER", "Prayer rug, wool, madder red", 14900, plenty},
			{"RUG-RUNNER", "Runner for a long hall, indigo", 23900, plenty},
			{"RUG-KILIM", "Flat-woven kilim, geometric", 11850, plenty},
			{"RUG-CUSHION", "Cushion from an old rug", 2950, plenty},
			{"RUG-SADDLE", "Saddle bag, goat hair", 6400, scarce},
			{"RUG-COASTER", "Four coasters that were a carpet", 1150, plenty},
		}},
		{teaDealer, "Samovar House, tea", []thing{
			{"TEA-MINT", "Gunpowder tea with mint, 200 g", 680, plenty},
			{"TEA-APPLE", "Apple tea, 100 g", 450, plenty},
			{"TEA-SMOKED", "Smoked black tea, 125 g", 890, plenty},
			{"TEA-GLASSES", "Six tea glasses with gold rims", 1860, plenty},
			{"TEA-POT", "Double teapot, enamel", 3480, plenty},
			{"TEA-SUGAR", "Sugar loaf and its hammer", 975, plenty},
			{"TEA-HIBISCUS", "Hibiscus flowers, 150 g", 540, plenty},
			{chestSKU, "Tea chest, cedar, half a kilo", 3600, followedUnits},
		}},
		{"dlr_brass", "Hammer & Moon, brass", []thing{
			{"BRASS-TRAY", "Engraved tray, forty centimetres", 5600, plenty},
			{"BRASS-MORTAR", "Mortar and pestle", 2240, plenty},
			{"BRASS-COFFEE", "Coffee pot with a long handle", 1975, plenty},
			{"BRASS-BELL", "Camel bell, loud", 860, plenty},
			{"BRASS-ASTROLABE", "Astrolabe that nearly works", 18750, scarce},
			{"BRASS-SCALE", "Pocket scale for small secrets", 3120, plenty},
			{"BRASS-CANDLE", "Pair of candlesticks", 2690, plenty},
		}},
		{"dlr_scent", "The Orange Blossom, scent", []thing{
			{"SCENT-OUD", "Oud oil, three millilitres", 3900, plenty},
			{"SCENT-ROSE", "Rose water, a tall bottle", 720, plenty},
			{"SCENT-SOAP", "Olive and laurel soap, aged a year", 595, plenty},
			{"SCENT-AMBER", "Amber resin in a wooden box", 1480, plenty},
			{"SCENT-INCENSE", "Frankincense, first tears, 50 g", 1150, plenty},
			{"SCENT-BURNER", "Incense burner, clay and copper", 1690, plenty},
			{"SCENT-GLOVE", "Scrubbing glove, merciless", 480, plenty},
		}},
	}
}

// listings counts what the stalls offer.
func listings(all []stall) (n int) {
	for _, s := range all {
		n += len(s.things)
	}
	return n
}
