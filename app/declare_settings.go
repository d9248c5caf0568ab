package app

// declaredSettings lists what a function must be told of the world outside, and what the operator
// decides of the shop.
func declaredSettings() []DeclaredSetting {
	return append(append(vendorSettings(), messageSettings()...), shopSettings()...)
}

// vendorSettings are about who takes money, who pays it out and who carries parcels. What is secret
// goes to the functions that need it and to no others: a door that only keeps Stripe's tokens, and
// a task of machines, whose refund payment's workers carry out, are told that there is a key, and
// not the key.
func vendorSettings() []DeclaredSetting {
	const money = "payment"
	return []DeclaredSetting{
		{Env: "SOUK_SANDBOX_URL", Parameter: "SandboxUrl", Pattern: "^(https?://[^ ]{1,80})?$",
			About: "Address of the sandboxes of payment, payouts and parcels; empty: none.",
			Rooms: []string{money, "ledger", "fulfilment"}, Roles: []string{"api"}},
		{Env: "SOUK_PAYMENT_PROVIDER", Parameter: "PaymentProvider", Default: "sandbox",
			Pattern: "^(sandbox|stripe)$",
			About: "Whose tokens are meant when an order names no provider; with stripe the " +
				"sandbox takes no orders.",
			Rooms: []string{money}, Roles: []string{"api"}},
		{Env: "SOUK_WEBHOOK_SECRETS", Secret: money, Rooms: []string{money}, Role: "api",
			About: "What the provider of payment signs its notices with."},
		{Env: "SOUK_STRIPE_SECRET", Parameter: "StripeSecret", Pattern: stripeSecret,
			About: "Name of the secret with Stripe's key and webhook_secrets; empty: none.",
			Roles: []string{"api"}, Rooms: []string{money}, Role: "task"},
		{Env: "SOUK_STRIPE_KEY", Parameter: "StripeSecret", Field: "key", Pattern: stripeSecret,
			About: "Stripe's secret key.", Rooms: []string{money}, Without: "task"},
		{Env: "SOUK_STRIPE_WEBHOOK_SECRETS", Parameter: "StripeSecret", Field: "webhook_secrets",
			Pattern: stripeSecret, Rooms: []string{money}, Role: "api",
			About: "Secrets of Stripe's webhook endpoint, newest first, separated by spaces."},
		{Env: "SOUK_STRIPE_RETURN", Parameter: "StripeReturnUrl", Rooms: []string{money},
			Role: "worker", Pattern: "^(https://[^ ]{1,200})?$",
			About: "Where banks send customers who have confirmed: the shop's own page."},
		{Env: "SOUK_MIN_PAYOUT", Parameter: "PayoutMinimum", Default: "100",
			Pattern: "^[1-9][0-9]{0,8}$", Rooms: []string{"ledger"},
			About: "The least that is paid out to a dealer, in minor units."},
		{Env: "SOUK_CARRIER_SECRETS", Secret: "carrier", Rooms: []string{"fulfilment"}, Role: "api",
			About: "What the carrier signs its notices with."},
		{Env: "SOUK_DEPOT", Parameter: "Depot", Rooms: []string{"fulfilment"}, Role: "worker",
			Default: "Souk Depot; Unit 9, Canal Wharf; Leeds; LS1 4AP; GB",
			Pattern: "^([^;]{1,100};){4} ?[A-Z]{2}$",
			About: "Where parcels begin and returns end: name; street; city; postal code; " +
				"country."},
	}
}

// stripeSecret is what a secret of the operator's may be called. Its length, and those of the other
// parameters of doors, are bounded by the description of a function's version, which holds them.
const stripeSecret = "^[A-Za-z0-9/_+=.@-]{0,32}$"

// messageSettings are about how messages leave.
func messageSettings() []DeclaredSetting {
	rooms := []string{"notification"}
	return []DeclaredSetting{
		{Env: "SOUK_PUBLIC_URL", Parameter: "PublicUrl", Rooms: rooms, Role: "worker",
			About: "Where the doors are seen from outside, for links in mails; empty: none."},
		{Env: "SOUK_MAIL_FROM", Parameter: "MailFrom", Rooms: rooms, Role: "worker",
			About: "Sender of mail, an address of MailDomain; empty: mail is refused."},
		{Env: "SOUK_SMS_SENDER", Parameter: "SmsSender", Rooms: rooms, Role: "worker",
			Pattern: "^[A-Za-z0-9]{0,11}$",
			About:   "Who text messages say that they are from; empty: a number of Amazon's."},
	}
}

// shopSettings are given to whoever opens rooms: a door prices an order, and a worker ends its
// return window.
func shopSettings() []DeclaredSetting {
	const whole, share, span = "^[0-9]{1,7}$", "^[0-9]{1,5}$", "^([0-9]{1,5}(h|m|s)){1,3}$"
	everybody := []string{"api", "worker", "task", "purchases"}
	return []DeclaredSetting{
		{Env: "SOUK_COMMISSION_BPS", Parameter: "CommissionBps", Default: "1000", Pattern: share,
			About: "The market's share of a new listing's price, in 1/10,000.", Roles: everybody},
		{Env: "SOUK_SHIPPING", Parameter: "ShippingPerParcel", Default: "0", Pattern: whole,
			About: "Charge of a parcel, in minor units.", Roles: everybody},
		{Env: "SOUK_TAX_BPS", Parameter: "TaxBps", Default: "0", Pattern: share,
			About: "Tax on goods and shipping, in 1/10,000.", Roles: everybody},
		{Env: "SOUK_DEADLINE", Parameter: "PaymentDeadline", Default: "10m", Pattern: span,
			About: "From checkout until an order that is not paid expires, as in 10m.",
			Roles: everybody},
		{Env: "SOUK_RETURNS", Parameter: "ReturnWindow", Default: "336h", Pattern: span,
			About: "From delivery until nothing can be returned, as in 336h.", Roles: everybody},
	}
}
