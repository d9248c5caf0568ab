package contract

import (
	"reflect"

	"github.com/souk-commerce/souk/shop/event"
)

// Where the generated files stand in the source tree, with slashes.
const (
	Folder      = "docs/contracts"               // one JSON Schema an event version
	AsyncAPI    = Folder + "/asyncapi.json"      // all events, for tools that draw or generate
	Envelope    = Folder + "/cloudevent.json"    // the JSON Schema of what carries a payload
	Page        = "docs/events.md"               // all events, for people
	ReleasedDir = "shop/event/contract/released" // the contracts of the last release
)

// Generate returns every generated file by its path in the source tree. The same build gives the
// same bytes.
func Generate() (map[string][]byte, error) {
	set, err := Current()
	if err != nil {
		return nil, err
	}
	envelope, err := envelopeSchema()
	if err != nil {
		return nil, err
	}
	asyncapi, err := asyncAPI()
	if err != nil {
		return nil, err
	}
	files := map[string]any{Envelope: envelope, AsyncAPI: asyncapi}
	for typ, c := range set {
		files[Folder+"/"+typ+".json"] = c
	}
	out := map[string][]byte{Page: page(set)}
	for path, v := range files {
		if out[path], err = encode(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Release returns the files that make this build's contracts the released ones, by path.
func Release() (map[string][]byte, error) {
	set, err := Current()
	if err != nil {
		return nil, err
	}
	out := make(map[string][]byte, len(set))
	for typ, c := range set {
		if out[ReleasedDir+"/"+typ+".json"], err = encode(c); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// envelope is the schema document of event.CloudEvent. CloudEvents lets anybody on the way add
// attributes, so it is open.
type envelope struct {
	Dialect string `json:"$schema"`
	ID      string `json:"$id"`
	Title   string `json:"title"`
	Schema
}

func envelopeSchema() (*envelope, error) {
	s, err := (&builder{open: true}).schema(reflect.TypeFor[event.CloudEvent]())
	if err != nil {
		return nil, err
	}
	s.Properties["specversion"].Const = "1.0"
	s.Properties["datacontenttype"].Const = "application/json"
	s.Description = "a fact in its envelope: CloudEvents 1.0 in JSON"
	return &envelope{
		Dialect: dialect, ID: "urn:souk:event:envelope", Title: "CloudEvent", Schema: *s,
	}, nil
}
