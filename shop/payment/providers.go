package payment

import (
	"strings"

	"github.com/souk-commerce/souk/shop"
)

// Other is a provider beside the first one.
type Other struct {
	Name     string // 1 to 20 letters and digits: part of facts, paths and methods' ids
	Provider Provider
	Describe func(token string) Card // nil shows "card"
	Listener Listener                // nil refuses its webhooks
}

// maxName bounds a provider's name, which is part of a method's id.
const maxName = 20

// desks are the providers by their names, the first one first.
func desks(opt Options) []Other {
	first := Other{
		Name: opt.Name, Provider: opt.Provider, Describe: opt.Describe, Listener: opt.Listener,
	}
	if first.Listener == nil {
		first.Listener = Standard{Secrets: opt.Secrets}
	}
	return append([]Other{first}, opt.Others...)
}

// check is why the wiring is wrong, or "".
func (opt Options) check() string {
	seen := make(map[string]bool)
	for _, o := range desks(opt) {
		_, err := shop.ParseID(o.Name)
		switch {
		case o.Provider == nil:
			return "the provider " + o.Name + " is missing"
		case err != nil || len(o.Name) > maxName || strings.ContainsAny(o.Name, "_-"):
			return "a provider's name is 1 to 20 letters and digits"
		case seen[o.Name]:
			return "two providers have the name " + o.Name
		}
		seen[o.Name] = true
	}
	return ""
}

// at finds a provider by its name; "" is the first one. Nil if there is none.
func (s *Service) at(name string) *Other {
	for i := range s.others {
		if o := &s.others[i]; o.Name == name || name == "" {
			return o
		}
	}
	return nil
}

// Provides lists the names of the providers, the first one first.
func (s *Service) Provides() []string {
	names := make([]string, len(s.others))
	for i := range s.others {
		names[i] = s.others[i].Name
	}
	return names
}

// providerOf is the provider of a method: its id names all but the first one.
func (s *Service) providerOf(method shop.ID) string {
	_, rest, _ := strings.Cut(string(method), "_") // pm_<hash>_<provider>
	if _, name, ok := strings.Cut(rest, "_"); ok {
		return name
	}
	return s.opt.Name
}
