package deploy

import "slices"

// Usage is what one order uses.
type Usage struct {
	Requests    float64 // of the HTTP API
	Invocations float64
	MemoryMB    float64
	BilledMS    float64 // of an invocation
	Writes      float64 // write units; those of a transaction count twice
	Reads       float64 // read units
	Events      float64 // taken by the bus
	Messages    float64 // requests of SQS: a message is sent, received and deleted
	LogKB       float64
	Transitions float64 // of Step Functions
}

// Bill is what 1,000 orders cost, in US dollars.
type Bill struct {
	API, Requests, Duration, Writes, Reads, Bus, Queues, Logs, Workflows float64
}

// Total adds up a bill.
func (b Bill) Total() float64 {
	return b.API + b.Requests + b.Duration + b.Writes + b.Reads + b.Bus + b.Queues + b.Logs +
		b.Workflows
}

// The list prices of us-east-1 in US dollars, without any free tier; docs/cost.md says from when.
const (
	million     = 1e6
	perAPI      = 1.00 / million
	perInvoke   = 0.20 / million
	perGBSecond = 0.0000133334 // arm64
	perWrite    = 0.625 / million
	perRead     = 0.125 / million
	perEvent    = 1.00 / million
	perMessage  = 0.40 / million
	perLogGB    = 0.50
	perStep     = 0.025 / 1000
)

// Cost is what 1,000 orders of that usage cost.
func Cost(u Usage) Bill {
	const orders = 1000
	return Bill{
		API: orders * u.Requests * perAPI, Requests: orders * u.Invocations * perInvoke,
		Duration: orders * u.Invocations * u.MemoryMB / 1024 * u.BilledMS / 1000 * perGBSecond,
		Writes:   orders * u.Writes * perWrite, Reads: orders * u.Reads * perRead,
		Bus: orders * u.Events * perEvent, Queues: orders * u.Messages * perMessage,
		Logs:      orders * u.LogKB / (1 << 20) * perLogGB,
		Workflows: orders * u.Transitions * perStep,
	}
}

// Deliveries is to how many subscriptions events of these types go, each event by itself.
func (h House) Deliveries(types []string) int {
	n := 0
	for _, t := range types {
		for _, s := range h.Subscriptions {
			if slices.Contains(s.Types, t) {
				n++
			}
		}
	}
	return n
}

// Story is what one order did to the stores: the types of its events, and the sizes of what it
// wrote and read, in bytes.
type Story struct {
	Doors  int // requests that it took
	Types  []string
	Writes []int
	Reads  []int
}

// Use derives what an order uses at most: every event is relayed and handled by itself, in no batch
// with another's, and whoever handles one first reads whether its subscription is paused.
func (h House) Use(s Story) Usage {
	deliveries := h.Deliveries(s.Types)
	u := Usage{
		Requests: float64(s.Doors), Events: float64(len(s.Types)),
		Messages:    float64(3 * deliveries),
		Invocations: float64(s.Doors + len(s.Types) + deliveries),
		Reads:       float64(deliveries),
	}
	for _, bytes := range s.Writes {
		u.Writes += 2 * float64(units(bytes, 1024))
	}
	for _, bytes := range s.Reads {
		u.Reads += float64(units(bytes, 4096))
	}
	return u
}

// units is how many units of that size bytes take; nothing takes one.
func units(bytes, size int) int { return max(1, (bytes+size-1)/size) }
