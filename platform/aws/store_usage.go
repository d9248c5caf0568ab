package aws

import (
	"maps"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Usage is what a platform has asked of AWS since it was opened. DynamoDB's units are as it reports
// them; a transaction's are already doubled.
type Usage struct {
	Calls      map[string]int64 // by action as IAM names it, such as "dynamodb:GetItem"
	ReadUnits  float64
	WriteUnits float64
}

// usage counts. Safe for concurrent use.
type usage struct {
	mu sync.Mutex
	u  Usage
}

// add counts one call, and what it consumed if the answer says so.
func (u *usage) add(action string, write bool, consumed ...*types.ConsumedCapacity) {
	u.mu.Lock()
	if u.u.Calls == nil {
		u.u.Calls = make(map[string]int64)
	}
	u.u.Calls[action]++
	u.mu.Unlock()
	for _, c := range consumed {
		u.units(write, c)
	}
}

func (u *usage) units(write bool, c *types.ConsumedCapacity) {
	if c == nil || c.CapacityUnits == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if write {
		u.u.WriteUnits += *c.CapacityUnits
	} else {
		u.u.ReadUnits += *c.CapacityUnits
	}
}

// Usage returns what was counted so far.
func (p *Platform) Usage() Usage {
	p.usage.mu.Lock()
	defer p.usage.mu.Unlock()
	u := p.usage.u
	u.Calls = maps.Clone(u.Calls)
	return u
}
