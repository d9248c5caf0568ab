package shop

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Address is where a parcel goes. It is personal data: outside a request it exists only sealed.
type Address struct {
	Name       string `json:"name"                 minLength:"1" maxLength:"100" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$"`
	Line1      string `json:"line1"                minLength:"1" maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$"`
	Line2      string `json:"line2,omitempty"      maxLength:"200" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$"`
	City       string `json:"city"                 minLength:"1" maxLength:"100" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$"`
	PostalCode string `json:"postalCode,omitempty" maxLength:"20"  pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$"`
	Country    string `json:"country"              pattern:"^[A-Z]{2}$" doc:"ISO 3166-1 alpha-2"`
}

// Check refuses an address that cannot be printed on a label.
func (a Address) Check() error {
	fields := []struct {
		name, value string
		least, most int
	}{
		{"name", a.Name, 1, 100},
		{"line1", a.Line1, 1, 200},
		{"line2", a.Line2, 0, 200},
		{"city", a.City, 1, 100},
		{"postalCode", a.PostalCode, 0, 20},
	}
	for _, f := range fields {
		if err := CheckText("address "+f.name, f.value, f.least, f.most); err != nil {
			return err
		}
	}
	if len(a.Country) != 2 || strings.ToUpper(a.Country) != a.Country {
		return Errorf(Invalid, "address country %q is not an ISO 3166-1 alpha-2 code",
			clip(a.Country))
	}
	return nil
}

// CheckText refuses text that is not valid UTF-8, holds control characters, or has fewer than least
// or more than most characters. what names the field in the message.
func CheckText(what, s string, least, most int) error {
	if !utf8.ValidString(s) {
		return Errorf(Invalid, "%s is not valid UTF-8", what)
	}
	if n := utf8.RuneCountInString(s); n < least || n > most {
		return Errorf(Invalid, "%s has %d characters, allowed are %d to %d", what, n, least, most)
	}
	if strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return Errorf(Invalid, "%s holds a control character", what)
	}
	return nil
}
