package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/notification"
	"github.com/souk-commerce/souk/shop/notification/sandbox"
	"github.com/souk-commerce/souk/shop/notification/smtp"
	"github.com/souk-commerce/souk/shop/notification/webhook"
)

// messageFlags are how messages leave the market. Without any they stay in the mailboxes, and
// webhooks go to public addresses only.
type messageFlags struct {
	Server   string `name:"mail-server" placeholder:"HOST:PORT" help:"Mail by this SMTP server; empty: messages are not mailed."`
	Security string `name:"mail-security" default:"starttls" enum:"tls,starttls,plain" help:"How the connection to it is kept secret: tls (465), starttls (587), plain."`
	From     string `name:"mail-from" placeholder:"ADDRESS" help:"Sender of mail, as in 'Souk <shop@example.org>'."`
	User     string `name:"mail-user" help:"Who signs in at the mail server; empty: nobody."`
	Password string `name:"mail-password-file" type:"path" help:"File with the password of that user."`
	SMS      string `name:"sms" default:"none" enum:"none,sandbox" help:"sandbox takes SMS to nowhere, and shows every outcome by magic numbers."`
	Public   string `name:"public-url" placeholder:"URL" help:"Where the API is seen from outside, for links in mails."`
	Private  bool   `name:"webhooks-to-private" help:"Let webhooks go to private addresses and without TLS: for trying them out on one machine."`
}

// options makes the carriers.
func (f messageFlags) options() (notification.Options, error) {
	o := notification.Options{
		Poster: webhook.New(webhook.Options{Private: f.Private}), PublicURL: f.Public,
	}
	if u, err := url.Parse(f.Public); f.Public != "" &&
		(err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return o, shop.Errorf(shop.Invalid, "--public-url %q is no address", f.Public).
			WithHint("write it as in https://shop.example.org")
	}
	if f.SMS == "sandbox" {
		o.SMS = sandbox.New()
	}
	if f.Server == "" {
		return o, nil
	}
	password, err := readPassword(f.Password)
	if err != nil {
		return o, err
	}
	mail, err := smtp.New(smtp.Options{
		Address: f.Server, Security: smtp.Security(f.Security), From: f.From,
		User: f.User, Password: password,
	})
	if err != nil {
		return o, fmt.Errorf("mail: %w", err)
	}
	o.Mail = mail
	return o, nil
}

// readPassword reads the first line of a file that not everybody on the machine can read.
func readPassword(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", shop.Errorf(shop.Invalid, "the mail password cannot be read: %w", err)
	}
	if info.Mode().Perm()&othersMayAccess != 0 {
		return "", shop.Errorf(shop.Invalid,
			"everybody on this machine can read the mail password in %s", path).
			WithHint("chmod 600 %s, and change the password if others may have read it", path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", shop.Errorf(shop.Invalid, "the mail password cannot be read: %w", err)
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}
