package contract

import (
	"github.com/souk-commerce/souk/shop/event"
)

// object is a JSON object whose keys are written in sorted order.
type object = map[string]any

// asyncAPI returns the AsyncAPI 3.0 document: a channel and a send operation for each event
// version. Its schemas are open, unlike the producer's: who reads events must bear fields that are
// added later, and code generated from this document should too.
func asyncAPI() (object, error) {
	set, err := build(&builder{open: true})
	if err != nil {
		return nil, err
	}
	carrier, err := envelopeSchema()
	if err != nil {
		return nil, err
	}
	schemas := object{"CloudEvent": carrier.Schema}
	channels, operations, messages := object{}, object{}, object{}
	for _, k := range event.Kinds() {
		schemas[k.Type] = payload(set[k.Type])
		messages[k.Type] = messageOf(k)
		channels[k.Type] = object{
			"address": k.Type,
			"title":   k.Type,
			"description": "Subject " + set[k.Type].Subject +
				". Delivered at least once; sequence gives the order within a subject.",
			"messages": object{"event": refTo("messages", k.Type)},
		}
		operations["announce."+k.Type] = object{
			"action":   "send",
			"channel":  object{"$ref": "#/channels/" + k.Type},
			"messages": []any{object{"$ref": "#/channels/" + k.Type + "/messages/event"}},
			"summary":  event.Room(k.Type) + " announces: " + k.Doc,
			"tags":     []any{object{"name": event.Room(k.Type)}},
		}
	}
	return object{
		"asyncapi":           "3.0.0",
		"id":                 "urn:souk:events",
		"defaultContentType": "application/cloudevents+json",
		"info": object{
			"title":   "Souk events",
			"version": "1.0.0",
			"description": "Every fact that the rooms of Souk announce. Generated; do not edit. " +
				"Within a version, only optional fields are ever added: readers ignore what they " +
				"do not know.",
			"license": object{"name": "Apache-2.0"},
		},
		"channels":   channels,
		"operations": operations,
		"components": object{"messages": messages, "schemas": schemas},
	}, nil
}

func messageOf(k event.Kind) object {
	return object{
		"name":        k.Type,
		"title":       k.Type,
		"summary":     k.Doc,
		"contentType": "application/cloudevents+json",
		"tags":        []any{object{"name": event.Room(k.Type)}},
		"payload": object{"allOf": []any{
			refTo("schemas", "CloudEvent"),
			object{"type": "object", "properties": object{
				"type":   object{"const": k.Type},
				"source": object{"const": event.Source(k.Type)},
				"data":   refTo("schemas", k.Type),
			}},
		}},
	}
}

// payload is a contract without the keywords that belong to a document of its own.
func payload(c *Contract) any {
	return struct {
		Title      string `json:"title"`
		UpcastsTo  string `json:"x-upcasts-to,omitempty"`
		Invariants []Rule `json:"x-invariants,omitempty"`
		Schema
	}{c.Title, c.UpcastsTo, c.Invariants, c.Schema}
}

func refTo(kind, name string) object {
	return object{"$ref": "#/components/" + kind + "/" + name}
}
