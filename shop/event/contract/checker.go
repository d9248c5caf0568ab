package contract

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/event"
)

// Checker validates payloads against the contracts of this build, with no help from the Go structs.
// It is immutable and safe for concurrent use.
type Checker struct {
	kinds   map[string]*checks
	english *message.Printer
}

// checks are the two halves of one contract. Rules are compiled when they are first needed, because
// most programs meet only a few kinds.
type checks struct {
	glance *glance // of the schema, for what is certainly sound; nil for none
	schema *jsonschema.Schema
	rules  func() ([]program, error)
}

// New compiles the schemas. An error means that this build's own contracts are broken.
func New() (*Checker, error) {
	set, err := Current()
	if err != nil {
		return nil, err
	}
	env := sync.OnceValues(newEnv)
	c := &Checker{
		kinds:   make(map[string]*checks, len(set)),
		english: message.NewPrinter(language.English),
	}
	for _, k := range event.Kinds() {
		schema, err := compileSchema(set[k.Type])
		if err != nil {
			return nil, err
		}
		c.kinds[k.Type] = &checks{
			glance: glanceOf(&set[k.Type].Schema, k), schema: schema, rules: lazily(env, k),
		}
	}
	return c, nil
}

func lazily(env func() (*cel.Env, error), k event.Kind) func() ([]program, error) {
	return sync.OnceValues(func() ([]program, error) {
		e, err := env()
		if err != nil {
			return nil, err
		}
		return compile(e, k)
	})
}

func compileSchema(c *Contract) (*jsonschema.Schema, error) {
	data, err := encode(c)
	if err != nil {
		return nil, err
	}
	// read admits no number but int64, so "number" says the same here and spares the library the
	// rational arithmetic by which it tells integers: a seventh of the whole check.
	data = bytes.ReplaceAll(data, []byte(`"type": "integer"`), []byte(`"type": "number"`))
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", c.Title, err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiler.AssertContent()
	compiler.RegisterFormat(&jsonschema.Format{Name: "date-time", Validate: moment})
	if err := compiler.AddResource(c.ID, doc); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", c.Title, err)
	}
	s, err := compiler.Compile(c.ID)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", c.Title, err)
	}
	return s, nil
}

// moment admits the times that a fact can hold. RFC 3339 also allows leap seconds and small
// letters, which Go does not read.
func moment(v any) error {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	return new(time.Time).UnmarshalText([]byte(s))
}

// Validate refuses a payload that breaks the contract of its type: in its shape (JSON Schema) or in
// its meaning (CEL). The error has the code Invalid and names the type and the place or the rule.
func (c *Checker) Validate(eventType string, data []byte) error {
	k, ok := c.kinds[eventType]
	if !ok {
		return shop.Errorf(shop.Invalid, "no contract for event type %q", eventType)
	}
	v, sound := k.glance.read(data)
	if !sound {
		var err error
		if v, err = read(data); err != nil {
			return shop.Errorf(shop.Invalid, "%s: the payload is not readable: %w", eventType, err)
		}
		if err := k.schema.Validate(v); err != nil {
			return shop.Errorf(shop.Invalid, "%s: %s", eventType, c.explain(err))
		}
	}
	broken, err := k.broken(v)
	if err != nil {
		return shop.Errorf(shop.Internal, "%w", err)
	}
	if broken != nil {
		return shop.Errorf(shop.Invalid, "%s breaks its invariant %s: %s",
			eventType, broken.Name, broken.CEL)
	}
	return nil
}

// Broken returns the first rule of the type that does not hold for the payload, or nil. It does not
// look at the schema.
func (c *Checker) Broken(eventType string, data []byte) (*Rule, error) {
	k, ok := c.kinds[eventType]
	if !ok {
		return nil, shop.Errorf(shop.Invalid, "no contract for event type %q", eventType)
	}
	v, err := read(data)
	if err != nil {
		return nil, shop.Errorf(shop.Invalid, "%s: the payload is not readable: %w", eventType, err)
	}
	return k.broken(v)
}

func (k *checks) broken(v any) (*Rule, error) {
	rules, err := k.rules()
	if err != nil {
		return nil, err
	}
	vars := map[string]any{"data": v}
	for i := range rules {
		if !rules[i].holds(vars) {
			return &rules[i].Rule, nil
		}
	}
	return nil, nil
}

// explain says in one phrase what the schema refused first, and where.
func (c *Checker) explain(err error) string {
	v, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return fmt.Sprint(err)
	}
	for len(v.Causes) > 0 {
		v = v.Causes[0]
	}
	return fmt.Sprintf("at /%s: %s",
		strings.Join(v.InstanceLocation, "/"), v.ErrorKind.LocalizedString(c.english))
}
