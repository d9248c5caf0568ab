package app

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/souk-commerce/souk/shop"
)

// The words of the shop's language that JSON knows only as strings. The rooms name them by their
// types; here each gets the schema that its constructor enforces, so the document promises neither
// more nor less than the code does.
type (
	idSchema       struct{}
	skuSchema      struct{}
	currencySchema struct{}
)

const (
	idPattern       = `^[A-Za-z0-9_-]{1,64}$`
	skuPattern      = `^[!-.0-~]{1,64}$`
	currencyPattern = `^[A-Z]{3}$`
	// keyPattern is an Idempotency-Key: printable ASCII, bare or as a structured field's string.
	// A bare key neither begins nor ends with a space, since HTTP takes those off a header.
	keyPattern = `^("[ !#-\[\]-~]{1,255}"|[!#-\[\]-~]([ !#-\[\]-~]{0,253}[!#-\[\]-~])?)$`
)

// Schema implements huma.SchemaProvider.
func (idSchema) Schema(huma.Registry) *huma.Schema { return text(idPattern) }

// Schema implements huma.SchemaProvider.
func (skuSchema) Schema(huma.Registry) *huma.Schema { return text(skuPattern) }

// Schema implements huma.SchemaProvider.
func (currencySchema) Schema(huma.Registry) *huma.Schema {
	s := text(currencyPattern)
	s.Description = "ISO 4217"
	return s
}

func text(pattern string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: pattern}
}

// words makes the registry of schemas and teaches it the shop's language.
func words() huma.Registry {
	reg := huma.NewMapRegistry("#/components/schemas/", schemaName)
	reg.RegisterTypeAlias(reflect.TypeFor[shop.ID](), reflect.TypeFor[idSchema]())
	reg.RegisterTypeAlias(reflect.TypeFor[shop.SKU](), reflect.TypeFor[skuSchema]())
	reg.RegisterTypeAlias(reflect.TypeFor[shop.Currency](), reflect.TypeFor[currencySchema]())
	return reg
}
