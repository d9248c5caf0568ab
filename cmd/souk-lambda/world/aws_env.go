//go:build !souk_remote

package world

import (
	"strings"

	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
	adapter "github.com/souk-commerce/souk/platform/aws"
)

// unused is the bus of whoever publishes nothing: only relays do.
const unused = "none"

// options reads what every function is told of the shop's resources.
func options(s function.Start) adapter.Options {
	e := s.Env
	return adapter.Options{
		Table:  e.Need("SOUK_TABLE", "the name of the table of all rooms that have none"),
		Rooms:  roomsOf(e),
		Bucket: e.Need("SOUK_ARCHIVE", "the name of the archive's bucket"),
		Files:  e.Need("SOUK_FILES", "the name of the bucket of files"),
		KeyID:  e.Text("SOUK_PEOPLE_KEY", unused), Bus: unused,
		Clock: function.Clock{}, Log: s.Log, Functions: true,
	}
}

// roomsOf reads every room of the shop, and in which table it is.
func roomsOf(e *function.Env) []adapter.Room {
	const name = "SOUK_ROOMS"
	var list []adapter.Room
	for _, one := range strings.Fields(e.Need(name,
		"every room, with its table if it has one, as in: order payment=souk-prod-payment")) {
		room, table, apart := strings.Cut(one, "=")
		if room == "" || apart && table == "" {
			e.Wrong(name, "names a room as %q: write room, or room=table", one)
			continue
		}
		list = append(list, adapter.Room{Name: room, Table: table})
	}
	return list
}

// served reads the tables whose streams or timers a function serves.
func served(e *function.Env) []string {
	return strings.Fields(e.Need("SOUK_TABLES",
		"the tables whose stream, or whose timers, this function serves"))
}

// carrier reads what carries events: a bus, or a topic in its place.
func carrier(e *function.Env) (bus, topic string) {
	const name = "SOUK_BUS"
	switch v := e.Need(name, "eventbridge or sns"); v {
	case "eventbridge":
		return e.Need("SOUK_BUS_NAME", "the name of the bus"), ""
	case "sns":
		return "", e.Need("SOUK_TOPIC", "the ARN of the topic")
	default:
		e.Wrong(name, "is %q: set it to eventbridge or sns", v)
		return "", ""
	}
}
