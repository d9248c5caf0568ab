// Package identity says who is asking and what they may do: it issues and verifies signed tokens,
// and publishes the keys to verify them with.
//
// A token is a JWT in the compact form, signed with Ed25519 (EdDSA, RFC 8037) and nothing else.
// Its header is fixed for each key, so a token is refused before any of its bytes are parsed
// unless it begins with the header of a key that is known and carries that key's signature. There
// is no algorithm to choose, no key to fetch and no header field to misread.
//
// Where the operator trusts a user pool, its tokens are accepted beside ours, behind the seam
// Foreign: what they are signed with, and what their claims mean, is its affair.
//
// It promises that Verify never accepts what Issue, another holder of the signing key, or a
// trusted Foreign did not sign; that a token ends at its expiry; and that a retired key is refused
// within a minute. It refuses to keep accounts, passwords or sessions. The app imports it; it
// imports the platform's ports, never another room.
package identity
