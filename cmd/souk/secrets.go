package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/souk-commerce/souk/shop"
)

// The bounds of a file of webhook secrets.
const (
	maxSecrets      = 8
	minSecret       = 16 // bytes
	maxSecret       = 1000
	secretPrefix    = "whsec_" // of a secret as Standard Webhooks writes it, in base64
	othersMayAccess = 0o007
)

// webhookSecrets reads the secrets that webhooks may be signed with: one a line, the newest first,
// so that a provider can change from one to the next while both are accepted. Empty lines and those
// that begin with "#" do not count. It refuses a file that everybody on the machine can read.
func webhookSecrets(path string) ([][]byte, error) {
	f, err := openSecrets(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	secrets, err := readSecrets(f)
	if err == nil && len(secrets) == 0 {
		err = badSecrets("make a secret with: openssl rand -base64 32", "there is none")
	}
	if err != nil {
		return nil, fmt.Errorf("webhook secrets in %s: %w", path, err)
	}
	return secrets, nil
}

// openSecrets opens a file of secrets, unless everybody on the machine can read it.
func openSecrets(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, badSecrets("name a file with one secret a line, the newest first",
			"the webhook secrets cannot be read: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = badSecrets("look at the file", "the webhook secrets cannot be read: %w", err)
	case !info.Mode().IsRegular():
		err = badSecrets("name a file with one secret a line, the newest first",
			"%s is no file", path)
	case info.Mode().Perm()&othersMayAccess != 0:
		err = badSecrets(fmt.Sprintf("chmod 600 %s, and if others may have read it, "+
			"put new secrets into it and at the provider", path),
			"everybody on this machine can use the webhook secrets in %s (mode %04o)", path,
			info.Mode().Perm())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// secretLines reads a file of secrets as they stand, one a line.
func secretLines(path string) ([]string, error) {
	f, err := openSecrets(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	var list []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" && line[0] != '#' {
			list = append(list, line)
		}
	}
	if err := lines.Err(); err != nil || len(list) == 0 || len(list) > maxSecrets {
		return nil, badSecrets("name a file with one secret a line, the newest first",
			"%s holds no secret, or more than %d, or no text", path, maxSecrets)
	}
	return list, nil
}

// readSecrets names lines by their number alone: what is wrong may be a secret all the same.
func readSecrets(r io.Reader) ([][]byte, error) {
	var secrets [][]byte
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		secret := []byte(line)
		if text, ok := strings.CutPrefix(line, secretPrefix); ok {
			var err error
			if secret, err = base64.StdEncoding.DecodeString(text); err != nil {
				return nil, badSecrets("copy it from the provider once more",
					"line %d is not base64 after %s", number, secretPrefix)
			}
		}
		switch {
		case len(secret) < minSecret || len(secret) > maxSecret:
			return nil, badSecrets("make a secret with: openssl rand -base64 32",
				"line %d has %d bytes, a secret has %d to %d", number, len(secret), minSecret,
				maxSecret)
		case len(secrets) == maxSecrets:
			return nil, badSecrets("remove the lines of old secrets, which are the last",
				"there are more than %d", maxSecrets)
		}
		secrets = append(secrets, secret)
	}
	if err := lines.Err(); err != nil {
		return nil, badSecrets("name a file with one secret a line, the newest first",
			"it cannot be read: %w", err)
	}
	return secrets, nil
}

func badSecrets(hint, format string, args ...any) error {
	return shop.Errorf(shop.Invalid, format, args...).WithHint("%s", hint)
}
