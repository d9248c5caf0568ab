package smtp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	server "github.com/emersion/go-smtp"
)

// post is a real SMTP server that keeps what it took, and behaves as the test says.
type post struct {
	addr  string
	roots *x509.CertPool

	mail, rcpt, data error         // its answers; nil takes
	hang             chan struct{} // once a letter is taken, no answer comes before it is closed
	cut              bool          // once a letter is taken, the connection is cut

	mu    sync.Mutex
	took  []letter
	users []string
	conns []net.Conn
}

type letter struct {
	from, to string
	data     []byte
}

// start serves until the test ends. With implicit, TLS begins with the first byte; secure offers
// STARTTLS.
func (p *post) start(t *testing.T, implicit, secure bool) *post {
	t.Helper()
	cert, roots := certificate(t)
	p.roots = roots
	s := server.NewServer(p)
	s.Domain = "localhost"
	s.ErrorLog = quiet{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	l = &noted{l, p}
	switch {
	case implicit:
		l = tls.NewListener(l, cfg)
	case secure:
		s.TLSConfig = cfg
	}
	done := make(chan struct{})
	go func() { // ends with Close
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		if p.hang != nil {
			close(p.hang)
		}
		_ = s.Close() // it may have closed by itself
		<-done
	})
	return p
}

// quiet drops what the server says of connections that are cut on purpose.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// noted keeps the connections, so that they can be cut.
type noted struct {
	net.Listener
	p *post
}

func (n *noted) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if err == nil {
		n.p.mu.Lock()
		n.p.conns = append(n.p.conns, c)
		n.p.mu.Unlock()
	}
	return c, err
}

// NewSession implements the server's backend.
func (p *post) NewSession(*server.Conn) (server.Session, error) { return &session{p: p}, nil }

func (p *post) letters() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]letter(nil), p.took...)
}

type session struct {
	p    *post
	from string
	to   string
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "secret" {
			return server.ErrAuthFailed
		}
		s.p.mu.Lock()
		defer s.p.mu.Unlock()
		s.p.users = append(s.p.users, user)
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *server.MailOptions) error {
	s.from = from
	return s.p.mail
}

func (s *session) Rcpt(to string, _ *server.RcptOptions) error {
	s.to = to
	return s.p.rcpt
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.p.data != nil {
		return s.p.data
	}
	s.p.mu.Lock()
	s.p.took = append(s.p.took, letter{s.from, s.to, data})
	conns := s.p.conns
	s.p.mu.Unlock()
	if s.p.hang != nil {
		<-s.p.hang
	}
	if s.p.cut {
		for _, c := range conns {
			_ = c.Close()
		}
	}
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// certificate makes one for 127.0.0.1.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
