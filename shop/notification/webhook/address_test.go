package webhook

import (
	"net/netip"
	"testing"
)

// Goal: nothing is posted to an address that is not of the open Internet, however it is written.
// Method: addresses of every reserved block, at both of its ends where that is interesting, their
// neighbours outside, and IPv6 addresses that embed them.
func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for _, private := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254",
		"127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254", "169.254.170.2",
		"172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1",
		"192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1",
		"203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
		"::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::a00:1",
		"64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2001:10::1", "2002:7f00:1::",
		"2002:a9fe:a9fe::1", "2002:c0a8:1::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254",
		"fdff::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
		"4000::1", "1::1",
	} {
		a, err := netip.ParseAddr(private)
		if err != nil {
			t.Fatal(err)
		}
		if public(a) {
			t.Errorf("%s is taken for public", private)
		}
	}
	for _, open := range []string{
		"1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.0.0.1",
		"128.0.0.1", "169.253.255.255", "169.255.0.1", "172.15.255.255", "172.32.0.1",
		"192.167.255.255", "192.169.0.1", "198.17.255.255", "198.20.0.1", "223.255.255.255",
		"2600::1", "2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1",
	} {
		if !public(netip.MustParseAddr(open)) {
			t.Errorf("%s is taken for private", open)
		}
	}
}

// Goal: an address at which nothing could or should ever be reached is refused when it is
// registered. Method: one of each kind, and some that are good.
func TestCheck(t *testing.T) {
	t.Parallel()
	p := New(Options{})
	for _, bad := range []string{
		"", "x", "shop.example", "//shop.example", "http://shop.example", "ftp://shop.example",
		"https://", "https:shop.example", "https://user@shop.example", "https://u:p@shop.example",
		"https://shop.example/#x", "https://shop.example#", "https://shop.example:22",
		"https://shop.example:0", "https://shop.example:99999", "https://127.0.0.1",
		"https://127.0.0.1:8443/x", "https://[::1]", "https://[::ffff:127.0.0.1]",
		"https://[fe80::1%25eth0]", "https://169.254.169.254/latest/meta-data", "https://10.1.2.3",
		"https://localhost", "https://localhost:8443", "https://x.localhost", "https://LOCALHOST.",
		"https://2130706433", "https://0x7f000001", "https://0x7f.1", "https://127.1",
		"https://0177.0.0.1", "https://metadata.google.internal", "https://printer.local",
		"https://intranet", "https://1.0.0.127.in-addr.arpa", "https://a b.example",
		"https://shop.example/\n",
	} {
		if err := p.Check(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, good := range []string{
		"https://shop.example", "https://shop.example/a/b?c=d", "https://shop.example:8443/",
		"https://1.1.1.1/", "https://[2600::1]:443/x", "https://xn--bcher-kva.example",
	} {
		if err := p.Check(good); err != nil {
			t.Errorf("%q is refused: %v", good, err)
		}
	}
}
