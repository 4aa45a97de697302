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

// bundles are the files where Linux distributions keep trusted certificates, in the
// order of crypto/x509; the second is Lambda's.
var bundles = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"}

// amazonsRoots are words in the names of the authorities that sign AWS endpoints:
// https://www.amazontrust.com/repository/
var amazonsRoots = [][]byte{[]byte("Amazon"), []byte("Starfield Services")}

// dialTLS returns a function that opens a TLS connection. It trusts what the machine
// trusts, and tries Amazon's authorities first.
//
// crypto/x509 parses every certificate of the bundle before its first handshake, and
// again for every directory in which it finds the bundle: about 145 certificates, up to
// three times, which is most of a cold start. Only five of them sign AWS endpoints. A
// server that these do not vouch for costs parsing the others and a second handshake.
func dialTLS(dialer *net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	all := &tls.Dialer{NetDialer: dialer}
	few := sync.OnceValue(trustedFirst)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		// Without Amazon's certificates the first try is the same as the second.
		first := &tls.Dialer{NetDialer: dialer, Config: &tls.Config{RootCAs: few()}}
		conn, err := first.DialContext(ctx, network, address)
		var unknown x509.UnknownAuthorityError
		if errors.As(err, &unknown) {
			return all.DialContext(ctx, network, address)
		}
		return conn, err
	}
}

// trustedFirst returns the machine's trusted certificates that name Amazon, or nil if
// there are none.
func trustedFirst() *x509.CertPool {
	files := bundles
	if file := os.Getenv("SSL_CERT_FILE"); file != "" { // crypto/x509 then reads no other file
		files = []string{file}
	}
	for _, name := range files {
		if bundle, err := os.Open(name); err == nil {
			defer func() { _ = bundle.Close() }() // only read from
			return amazonsOf(bundle)
		}
	}
	return nil
}

// issuerWithin is how many characters at the start of a certificate's text hold its
// issuer: only version, serial number and algorithm precede it (RFC 5280, section 4.1).
// An authority is its own issuer.
const issuerWithin = 512

// amazonsOf returns the certificates in a PEM bundle that name Amazon, or nil.
//
// It reads one certificate at a time into the same two buffers: a bundle has more than
// 200 KB, and a cold start waits for memory that the process has not used before.
// encoding/pem needs the whole bundle and copies it.
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
		der, _ = base64.StdEncoding.AppendDecode(der[:0], text[:min(len(text), issuerWithin)]) // it skips line ends
		if !namesAmazon(der) {
			continue
		}
		der, _ = base64.StdEncoding.AppendDecode(der[:0], text)
		if certificate, err := x509.ParseCertificate(bytes.Clone(der)); err == nil { // it keeps the slice
			pool = cmp.Or(pool, x509.NewCertPool())
			pool.AddCert(certificate)
		}
	}
	return pool // certificates after a part that is too long are left to dialTLS's second try
}

// betweenDashes is a bufio.SplitFunc. Base64 has no dashes, so the parts of a bundle
// are its markers and the text between them.
func betweenDashes(data []byte, _ bool) (advance int, token []byte, err error) {
	i := bytes.IndexByte(data, '-')
	if i < 0 {
		return 0, nil, nil // need more data, or at the end
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
