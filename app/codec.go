package app

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/souk-commerce/souk/shop"
)

// readJSON reads JSON strictly, so that two parsers can never disagree about a request: no
// duplicate keys, no invalid UTF-8, no unknown keys, no keys in another case, nothing after the
// value.
func readJSON(data []byte, v any) error {
	return explain(json.Unmarshal(data, v, json.RejectUnknownMembers(true)))
}

// writeJSON writes like the standard library, but lists that are empty as [].
func writeJSON(w io.Writer, v any) error {
	return json.MarshalWrite(w, v, jsonv1.DefaultOptionsV1(), json.FormatNilSliceAsNull(false),
		jsontext.EscapeForHTML(true))
}

// explain says what is wrong with a JSON text in the terms of JSON. The library's own words name
// our Go types and may repeat the value.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			return errors.New("the same key twice" + place(e.JSONPointer))
		case errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("the JSON text ends too early")
		}
		return errors.New("not JSON: " + plain(e.Err) + place(e.JSONPointer))
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		if errors.Is(err, json.ErrUnknownName) {
			return errors.New("a key that is not known" + place(e.JSONPointer))
		}
		return errors.New("a value of the wrong kind or out of range" + place(e.JSONPointer))
	}
	return errors.New("not readable as JSON")
}

// place names where something is, if that is short and printable.
func place(p jsontext.Pointer) string {
	const most = 100
	if p == "" || len(p) > most || strings.ContainsFunc(string(p), func(r rune) bool {
		return r < ' ' || r > '~'
	}) {
		return ""
	}
	return " at " + string(p)
}

// plain keeps the library's sentence about syntax, which never holds more than one character of
// the text, within bounds.
func plain(err error) string {
	const most = 100
	if err == nil || len(err.Error()) > most {
		return "malformed"
	}
	return strings.ToValidUTF8(err.Error(), "?")
}

// checkBody is asked about bodies that are probably wrong. It refuses what costs more to explain
// than to say no to: more values than any request of ours has, each of which would get its own
// complaint. And it refuses null, which none of our schemas has: what is not known is left out,
// since a null is nothing to one reader and a value to the next.
func checkBody(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(body))
	for range MaxValues {
		token, err := d.ReadToken()
		if err != nil { // the end, or no JSON, which is refused where it is read
			return nil
		}
		if token.Kind() == 'n' {
			return refusal(shop.Invalid, "a null%s; leave out what there is not",
				place(d.StackPointer()))
		}
	}
	return refusal(TooLarge, "the body has more than %d values", MaxValues)
}
