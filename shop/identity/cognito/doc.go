// Package cognito reads the tokens of an Amazon Cognito user pool: JWTs signed with RS256, whose
// keys the pool publishes. Access tokens and ID tokens are both taken, as the caller's.
//
// It promises that only RSA is ever computed, whatever a token's header says; that a token is for
// this pool and this client, within its life; that keys are fetched rarely, within bounds, and not
// because a stranger asks often; and that a key which the pool withdrew is refused within a quarter
// of an hour, as long as the pool answers. It refuses tokens of nobody, of unknown groups and of
// several roles. It stands behind the seam that identity declares; only commands import it.
package cognito
