package main

import (
	"strings"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	"github.com/souk-commerce/souk/shop/identity"
	"github.com/souk-commerce/souk/shop/identity/cognito"
)

// signIn reads which user pool's tokens are accepted beside the shop's own; nil is none.
func signIn(e *function.Env) identity.Foreign {
	const name = "SOUK_USER_POOL"
	issuer := e.Text(name, "")
	if issuer == "" {
		return nil
	}
	if !strings.HasPrefix(issuer, "https://") || strings.HasSuffix(issuer, "/") {
		e.Wrong(name, "is %q: set it to the pool's issuer, as in "+
			"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc", issuer)
		return nil
	}
	pool, err := cognito.New(cognito.Options{
		Issuer: issuer, Clock: function.Clock{},
		Client: e.Need("SOUK_USER_POOL_CLIENT", "the id of the client that people sign in with"),
		Keys:   e.Text("SOUK_USER_POOL_KEYS", ""),
	})
	if err != nil {
		return nil // for want of a client, which is reported with everything else
	}
	return pool
}
