package aws

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/souk-commerce/souk/platform"
)

// A body travels as its own text, as base64, or as the digest of a file. The first character says
// which, so that no body is empty, which SQS would refuse.
const (
	wireText   = '='
	wireBase64 = '+'
	wireClaim  = '@'

	maxQueueWire = 261_000 // SQS takes 256 KiB with attributes
)

// packBody encodes a queue message's body. One that is too large in text goes to files.
func packBody(ctx context.Context, files platform.Files, body []byte) (string, error) {
	wire := string(wireText) + string(body)
	if !isMessageText(body) {
		wire = string(wireBase64) + base64.StdEncoding.EncodeToString(body)
	}
	if len(wire) <= maxQueueWire {
		return wire, nil
	}
	digest, err := files.Put(ctx, strings.NewReader(string(body)))
	if err != nil {
		return "", fmt.Errorf("store a body that is too large for a message: %w", err)
	}
	return string(wireClaim) + digest, nil
}

// unpackBody decodes what packBody encoded.
func unpackBody(ctx context.Context, files platform.Files, wire string) ([]byte, error) {
	if wire == "" {
		return nil, fmt.Errorf("a message without a body: %w", platform.ErrCorrupt)
	}
	switch wire[0] {
	case wireText:
		return []byte(wire[1:]), nil
	case wireBase64:
		body, err := base64.StdEncoding.DecodeString(wire[1:])
		if err != nil {
			return nil, fmt.Errorf("a message's body: %w: %w", platform.ErrCorrupt, err)
		}
		return body, nil
	case wireClaim:
		return readClaim(ctx, files, wire[1:])
	}
	return nil, fmt.Errorf("a message's body of an unknown kind: %w", platform.ErrCorrupt)
}

// isMessageText reports whether SQS takes the bytes as they are: characters that XML 1.0 allows. A
// carriage return is left out, since parsers of XML make it a line feed.
func isMessageText(body []byte) bool {
	if !utf8.Valid(body) {
		return false
	}
	for _, r := range string(body) {
		if r < 0x20 && r != '\t' && r != '\n' || r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return true
}
