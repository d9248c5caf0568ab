package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// cacheFor is how long a browser may show a listing without asking again. A price shown is never
// trusted: checkout asks the room, and the client may say what total it expects.
const cacheFor = "public, max-age=5"

const listRoute = "POST /v1/products"

// ProductBody is a listing as clients see it.
type ProductBody struct {
	ID        shop.SKU   `json:"id"`
	Dealer    shop.ID    `json:"dealer"`
	Title     string     `json:"title"`
	Price     shop.Money `json:"price"`
	Withdrawn bool       `json:"withdrawn"`
	Version   int64      `json:"version"`
}

func bodyOf(l Listing) ProductBody {
	return ProductBody{
		ID: l.SKU, Dealer: l.Dealer, Title: l.Title, Price: l.Price,
		Withdrawn: l.Withdrawn, Version: l.Seq,
	}
}

// PostProductIn asks to list a product.
type PostProductIn struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255"`
	Body           struct {
		SKU           string     `json:"sku" pattern:"^[!-.0-~]{1,64}$"`
		Dealer        string     `json:"dealer,omitempty" pattern:"^[A-Za-z0-9_-]{0,64}$" doc:"an admin names one"`
		Title         string     `json:"title" minLength:"1" maxLength:"120" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$"`
		Price         shop.Money `json:"price"`
		CommissionBPS *int64     `json:"commissionBps,omitempty" minimum:"0" maximum:"10000"`
	}
}

// PostProductOut is the stored answer, byte for byte.
type PostProductOut struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Location    string `header:"Location"`
	Body        []byte
}

// PostProduct lists a product: POST /v1/products.
func (s *Service) PostProduct(ctx context.Context, in *PostProductIn) (*PostProductOut, error) {
	if in.IdempotencyKey == "" {
		return nil, shop.Errorf(shop.KeyMissing, "an Idempotency-Key is required; nothing was done")
	}
	fingerprint, err := room.Fingerprint(in.Body)
	if err != nil {
		return nil, err
	}
	n := NewListing{
		SKU: shop.SKU(in.Body.SKU), Dealer: shop.ID(in.Body.Dealer), Title: in.Body.Title,
		Price: in.Body.Price, CommissionBPS: in.Body.CommissionBPS,
	}
	_, _, a, err := s.list(ctx, n, &room.Once{
		Principal: string(room.CallerOf(ctx).ID), Route: listRoute,
		Key: in.IdempotencyKey, Fingerprint: fingerprint,
	})
	if err != nil {
		return nil, err
	}
	return &PostProductOut{
		Status: a.Status, ContentType: "application/json", Location: productPath(in.Body.SKU),
		Body: a.Body,
	}, nil
}

func answer(l Listing, made bool) (room.Answer, error) {
	body, err := room.Encode(bodyOf(l))
	a := room.Answer{Status: http.StatusOK, Body: body, Ref: string(l.SKU)}
	if made {
		a.Status = http.StatusCreated
	}
	return a, err
}

// PatchProductIn asks to reprice or withdraw a product.
type PatchProductIn struct {
	ID      string `path:"id" pattern:"^[!-.0-~]{1,64}$"`
	IfMatch string `header:"If-Match" required:"true" pattern:"^([*]|\"[1-9][0-9]{0,17}\")$" doc:"the ETag that the change was decided on, or *"`
	Body    struct {
		Price     *shop.Money `json:"price,omitempty"`
		Withdrawn bool        `json:"withdrawn,omitempty" doc:"true ends the sale, for good"`
	}
}

// ProductOut is one product.
type ProductOut struct {
	Status       int
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         *ProductBody
}

// PatchProduct changes a product: PATCH /v1/products/{id}.
func (s *Service) PatchProduct(ctx context.Context, in *PatchProductIn) (*ProductOut, error) {
	version, err := parseMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	sku, err := skuOf(in.ID)
	if err != nil {
		return nil, err
	}
	l, err := s.Change(ctx, sku, Change{
		Price: in.Body.Price, Withdraw: in.Body.Withdrawn, Version: version,
	})
	if err != nil {
		return nil, err
	}
	return product(l, "no-store"), nil
}

// GetProductIn asks for one product.
type GetProductIn struct {
	ID          string `path:"id" pattern:"^[!-.0-~]{1,64}$"`
	IfNoneMatch string `header:"If-None-Match" maxLength:"200"`
}

// GetProduct shows a product: GET /v1/products/{id}.
func (s *Service) GetProduct(ctx context.Context, in *GetProductIn) (*ProductOut, error) {
	sku, err := skuOf(in.ID)
	if err != nil {
		return nil, err
	}
	l, err := s.Get(ctx, sku)
	if err != nil {
		return nil, err
	}
	out := product(l, cacheFor)
	if matches(in.IfNoneMatch, out.ETag) {
		out.Status, out.Body = http.StatusNotModified, nil
	}
	return out, nil
}

// GetProductsIn asks for a page of the catalogue.
type GetProductsIn struct {
	Dealer      string `query:"dealer" pattern:"^[A-Za-z0-9_-]{0,64}$"`
	Cursor      string `query:"cursor" pattern:"^(|([0-9]|1[0-5])/[!-.0-~]{0,64})$" doc:"next of the page before"`
	Limit       int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	IfNoneMatch string `header:"If-None-Match" maxLength:"200"`
}

// PageBody is a page of the catalogue.
type PageBody struct {
	Items []ProductBody `json:"items" maxItems:"100"`
	Next  string        `json:"next,omitempty" doc:"cursor of the following page; none at the end"`
}

// GetProductsOut is a page of the catalogue.
type GetProductsOut struct {
	Status       int
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         *PageBody
}

// GetProducts browses: GET /v1/products.
func (s *Service) GetProducts(ctx context.Context, in *GetProductsIn) (*GetProductsOut, error) {
	page, err := s.Browse(ctx, shop.ID(in.Dealer), in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	body := &PageBody{Items: make([]ProductBody, len(page.Listings)), Next: page.Next}
	sum := sha256.New()
	for i, l := range page.Listings {
		body.Items[i] = bodyOf(l)
		_, _ = fmt.Fprintf(sum, "%s %d\n", l.SKU, l.Seq) // a hash never fails to write
	}
	out := &GetProductsOut{
		Status: http.StatusOK, CacheControl: cacheFor, Body: body,
		ETag: `"` + hex.EncodeToString(sum.Sum([]byte(page.Next))[:16]) + `"`,
	}
	if matches(in.IfNoneMatch, out.ETag) {
		out.Status, out.Body = http.StatusNotModified, nil
	}
	return out, nil
}

func product(l Listing, cache string) *ProductOut {
	body := bodyOf(l)
	return &ProductOut{
		Status: http.StatusOK, ETag: etag(l.Seq), CacheControl: cache, Body: &body,
	}
}

func productPath(sku string) string { return "/v1/products/" + url.PathEscape(sku) }

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

func skuOf(id string) (shop.SKU, error) {
	sku, err := shop.ParseSKU(id)
	if err != nil {
		return "", unknown(sku)
	}
	return sku, nil
}

// parseMatch reads If-Match: our ETag, or "*" for whatever is there (version 0).
func parseMatch(s string) (int64, error) {
	if strings.TrimSpace(s) == "*" {
		return 0, nil
	}
	version, err := strconv.ParseInt(strings.Trim(strings.TrimSpace(s), `"`), 10, 64)
	if err != nil || version < 1 {
		return 0, shop.Errorf(shop.Invalid,
			"send If-Match with the ETag that the change was decided on, or * for any")
	}
	return version, nil
}

// matches reports whether an If-None-Match list names the tag. Weak tags match as well: bodies
// that are only semantically equal are equal enough for a cache.
func matches(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == tag || one == "*" {
			return true
		}
	}
	return false
}
