package webhook

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/souk-commerce/souk/shop"
)

// errPrivate says that a name means an address that is not public.
var errPrivate = errors.New("the address is not public")

// maxURL bounds the address of an endpoint, in bytes.
const maxURL = 2000

// Check implements notification.Poster. What a name means is looked at when something is posted:
// until then it may mean something else.
func (p *Poster) Check(address string) error {
	wrong := func(why string) error {
		return shop.Errorf(shop.Invalid, "the address of an endpoint %s", why)
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || len(address) > maxURL || u.Opaque != "":
		return wrong("is a URL of at most 2000 characters")
	case u.Scheme != "https" && (u.Scheme != "http" || !p.opt.Private):
		return wrong("begins with https://")
	case u.User != nil:
		return wrong("holds no user and no password")
	case u.Fragment != "" || strings.Contains(address, "#"):
		return wrong("has no fragment")
	case u.Hostname() == "":
		return wrong("names a host")
	case p.opt.Private:
		return nil
	case !portAllowed(u.Port()):
		return wrong("has port 443, or one from 1024 on")
	case !hostAllowed(u.Hostname()):
		return wrong("is public")
	}
	return nil
}

func portAllowed(port string) bool {
	if port == "" || port == "443" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n >= 1024
}

// hostAllowed refuses what is known before any name is resolved: addresses, in whichever way they
// are written, and names that mean this network by definition.
func hostAllowed(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if a, err := netip.ParseAddr(host); err == nil {
		return public(a)
	}
	if !strings.Contains(host, ".") {
		return false // a number that some resolvers take for an address, or a name of this network
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if strings.Trim(last, "0123456789abcdefx") == "" && last[0] >= '0' && last[0] <= '9' {
		return false // as in 0x7f.1: no top level domain begins with a digit
	}
	for _, own := range []string{
		".localhost", ".local", ".internal", ".intranet", ".lan", ".home", ".corp", ".arpa",
		".onion",
	} {
		if strings.HasSuffix(host, own) {
			return false
		}
	}
	return true
}

// publicAddress is public for "address:port".
func publicAddress(address string) bool {
	a, err := netip.ParseAddrPort(address)
	return err == nil && public(a.Addr())
}

// public reports whether an address is one of the open Internet. What embeds another address is
// as public as that.
func public(a netip.Addr) bool {
	if a.Zone() != "" || !a.IsValid() {
		return false
	}
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false // loopback, link-local, multicast, unspecified, broadcast; 10/8, fc00::/7 …
	}
	for _, block := range reserved() {
		if block.Contains(a) {
			return false
		}
	}
	if a.Is6() {
		raw := a.As16()
		switch {
		case netip.MustParsePrefix("64:ff9b::/96").Contains(a): // NAT64
			return public(netip.AddrFrom4([4]byte(raw[12:])))
		case netip.MustParsePrefix("2002::/16").Contains(a): // 6to4
			return public(netip.AddrFrom4([4]byte(raw[2:6])))
		case !netip.MustParsePrefix("2000::/3").Contains(a): // all that was ever given out
			return false
		}
	}
	return true
}

// reserved lists the blocks that IANA keeps for other uses than the open Internet.
func reserved() []netip.Prefix {
	var all []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20",
		"5f00::/16", "fec0::/10",
	} {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}
