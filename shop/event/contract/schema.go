package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/souk-commerce/souk/shop"
)

// Schema is the part of JSON Schema 2020-12 that contracts use. It holds no reference, so a schema
// can be read, compared and put into another document as it stands.
type Schema struct {
	Description string `json:"description,omitempty"`
	Type        Types  `json:"type,omitempty"`
	// Format is date-time or int64; id, sku and currency are annotations that name a type of shop.
	Format          string             `json:"format,omitempty"`
	ContentEncoding string             `json:"contentEncoding,omitempty"`
	Const           string             `json:"const,omitempty"`
	Enum            []string           `json:"enum,omitempty"`
	Items           *Schema            `json:"items,omitempty"`
	Properties      map[string]*Schema `json:"properties,omitempty"`
	Required        []string           `json:"required,omitempty"`
	Additional      *bool              `json:"additionalProperties,omitempty"`
	// Personal names what is sealed inside, as in "Address": only its person's key opens it.
	Personal string `json:"x-personal,omitempty"`

	order []string // the properties as the struct lists them
}

// Types lists the JSON types that a value may have. One type is written as a string.
type Types []string

// MarshalJSON implements json.Marshaler.
func (t Types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Types) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*t = Types{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// builder makes schemas of Go types.
type builder struct {
	open bool           // whether objects admit fields that the schema does not name
	path []reflect.Type // the structs around the present one
}

// schema returns the schema of t, or an error if a contract cannot hold such a value.
func (b *builder) schema(t reflect.Type) (*Schema, error) {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &Schema{Type: Types{"string"}, Format: "date-time"}, nil
	case t == reflect.TypeFor[json.RawMessage]():
		return &Schema{}, nil
	case t == reflect.TypeFor[[]byte]():
		return &Schema{Type: Types{"string", "null"}, ContentEncoding: "base64"}, nil
	}
	switch t.Kind() {
	case reflect.String:
		return &Schema{Type: Types{"string"}, Format: formatOf(t)}, nil
	case reflect.Bool:
		return &Schema{Type: Types{"boolean"}}, nil
	case reflect.Int, reflect.Int64:
		return &Schema{Type: Types{"integer"}, Format: "int64"}, nil
	case reflect.Slice:
		items, err := b.schema(t.Elem())
		return &Schema{Type: Types{"array"}, Items: items}, err
	case reflect.Struct:
		return b.object(t)
	}
	return nil, fmt.Errorf("a contract cannot hold a %s", t)
}

func (b *builder) object(t reflect.Type) (*Schema, error) {
	for _, outer := range b.path {
		if outer == t {
			return nil, fmt.Errorf("a contract cannot hold %s within itself", t)
		}
	}
	b.path = append(b.path, t)
	defer func() { b.path = b.path[:len(b.path)-1] }()

	s := &Schema{
		Type: Types{"object"}, Properties: make(map[string]*Schema), Personal: sealedName(t),
	}
	if !b.open {
		s.Additional = new(bool)
	}
	for i := range t.NumField() {
		if err := b.property(s, t.Field(i)); err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t.Name(), t.Field(i).Name, err)
		}
	}
	return s, nil
}

func (b *builder) property(s *Schema, f reflect.StructField) error {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" || name == "-" || f.Anonymous {
		return errors.New("a contract's field needs a json name")
	}
	p, err := b.schema(f.Type)
	if err != nil {
		return err
	}
	p.Description = f.Tag.Get("doc")
	if enum := f.Tag.Get("enum"); enum != "" {
		p.Enum = strings.Split(enum, ",")
	}
	s.Properties[name] = p
	s.order = append(s.order, name)
	if options == "" {
		s.Required = append(s.Required, name)
	}
	return nil
}

// formatOf names the type of shop that a string is.
func formatOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[shop.ID]():
		return "id"
	case reflect.TypeFor[shop.SKU]():
		return "sku"
	case reflect.TypeFor[shop.Currency]():
		return "currency"
	}
	return ""
}

// sealedName returns "Address" for shop.Sealed[shop.Address], and "" for what is not sealed.
func sealedName(t reflect.Type) string {
	open, inner, found := strings.Cut(t.Name(), "[")
	if !found || open != "Sealed" || t.PkgPath() != reflect.TypeFor[shop.ID]().PkgPath() {
		return ""
	}
	inner = strings.TrimSuffix(inner, "]")
	return inner[strings.LastIndexByte(inner, '.')+1:]
}
