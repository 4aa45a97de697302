package dynamo

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"sync"
)

// bundles are the files where Linux keeps the certificates that programs trust,
// in the order of crypto/x509; the second is Lambda's.
var bundles = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"}

// amazonsRoots are words in the names of the authorities that sign the endpoints
// of AWS: https://www.amazontrust.com/repository/
var amazonsRoots = [][]byte{[]byte("Amazon"), []byte("Starfield Services")}

// dialTLS returns how to open a TLS connection that trusts what the machine
// trusts, with Amazon's authorities tried first.
//
// crypto/x509 parses every certificate of the bundle before its first handshake,
// and again for every directory that it finds the bundle in: some 145 of them,
// up to three times, most of a cold start. Those that sign AWS are five. Only a
// server that they do not vouch for costs the others, and a second handshake.
func dialTLS(dialer *net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	all := &tls.Dialer{NetDialer: dialer}
	few := sync.OnceValue(trustedFirst)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		// Without a pool of its own the first try is as good as the second.
		first := &tls.Dialer{NetDialer: dialer, Config: &tls.Config{RootCAs: few()}}
		conn, err := first.DialContext(ctx, network, address)
		var unknown x509.UnknownAuthorityError
		if errors.As(err, &unknown) {
			return all.DialContext(ctx, network, address)
		}
		return conn, err
	}
}

// trustedFirst returns those of the machine's trusted certificates that name
// Amazon, or nil when there are none, or none in a file.
func trustedFirst() *x509.CertPool {
	files := bundles
	if file := os.Getenv("SSL_CERT_FILE"); file != "" { // crypto/x509 reads no other then
		files = []string{file}
	}
	for _, name := range files {
		if bundle, err := os.Open(name); err == nil {
			defer func() { _ = bundle.Close() }() // it was only read
			return amazonsOf(bundle)
		}
	}
	return nil
}

// issuerWithin is how many characters of a certificate's text hold its issuer: only
// version, serial number and algorithm come before that name (RFC 5280, section
// 4.1), and the issuer of an authority is itself.
const issuerWithin = 512

// amazonsOf returns those certificates of a PEM bundle that name Amazon, or nil.
//
// A bundle has more than 200 KB, and memory that a process has not used before is
// what a cold start waits for: so one certificate at a time, in the same two
// buffers, where encoding/pem wants the whole and copies it again.
func amazonsOf(bundle io.Reader) *x509.CertPool {
	var pool *x509.CertPool
	parts := bufio.NewScanner(bundle)
	parts.Split(betweenDashes)
	var der []byte
	for begun := false; parts.Scan(); {
		text := parts.Bytes()
		if len(text) == 0 {
			continue
		}
		if !begun {
			begun = string(text) == "BEGIN CERTIFICATE" // RFC 7468, section 5
			continue
		}
		begun = false
		der, _ = base64.StdEncoding.AppendDecode(der[:0], text[:min(len(text), issuerWithin)]) // it skips the ends of lines
		if !namesAmazon(der) {
			continue
		}
		der, _ = base64.StdEncoding.AppendDecode(der[:0], text)
		if certificate, err := x509.ParseCertificate(bytes.Clone(der)); err == nil { // it keeps its bytes
			pool = cmp.Or(pool, x509.NewCertPool())
			pool.AddCert(certificate)
		}
	}
	return pool // after a part that is too long there may be more, which dialTLS's second try trusts
}

// betweenDashes is a bufio.SplitFunc. Base64 has no dashes, so the parts of a
// bundle are its markers and the texts between them.
func betweenDashes(data []byte, _ bool) (advance int, token []byte, err error) {
	i := bytes.IndexByte(data, '-')
	if i < 0 {
		return 0, nil, nil // more is needed, or nothing is left
	}
	return i + 1, data[:i], nil
}

func namesAmazon(certificate []byte) bool {
	for _, name := range amazonsRoots {
		if bytes.Contains(certificate, name) {
			return true
		}
	}
	return false
}
