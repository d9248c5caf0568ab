package notification

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// SecretPrefix begins a secret as its owner sees it; base64 follows.
const SecretPrefix = "whsec_"

// secretSize is the length of a secret, in bytes.
const secretSize = 32

// signatures signs a webhook as Standard Webhooks 1.0.0 asks for, once with each secret, the newest
// first: HMAC-SHA256 over id, time and body, joined by dots.
func signatures(secrets [][]byte, id string, at time.Time, body string) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	all := make([]string, len(secrets))
	for i, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + seconds + "." + body))
		all[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(all, " ")
}

// secretText is a secret as its owner sees it.
func secretText(secret []byte) string {
	return SecretPrefix + base64.StdEncoding.EncodeToString(secret)
}
