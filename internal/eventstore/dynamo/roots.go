package dynamo

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
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
	trusted := &tls.Dialer{NetDialer: dialer}
	amazons := sync.OnceValue(amazonsCertificates)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		// Without Amazon's certificates the first try is the same as the second.
		first := &tls.Dialer{NetDialer: dialer, Config: &tls.Config{RootCAs: amazons()}}
		conn, err := first.DialContext(ctx, network, address)
		if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
			return trusted.DialContext(ctx, network, address)
		}
		return conn, err
	}
}

// amazonsCertificates returns the machine's trusted certificates that name Amazon, or
// nil if there are none.
func amazonsCertificates() *x509.CertPool {
	files := bundles
	if file := os.Getenv("SSL_CERT_FILE"); file != "" { // crypto/x509 then reads no other file
		files = []string{file}
	}
	for _, name := range files {
		if bundle, err := os.ReadFile(name); err == nil {
			return amazonsOf(bundle)
		}
	}
	return nil
}

// amazonsOf returns the certificates in a PEM bundle that name Amazon, or nil. It
// decodes one after the other into the same buffer, which encoding/pem cannot:
// docs/adr/0015 has what that saves.
func amazonsOf(bundle []byte) (pool *x509.CertPool) {
	var der []byte
	for part := range bytes.SplitSeq(bundle, []byte("-----BEGIN CERTIFICATE-----")) { // RFC 7468, section 5
		text, _, ended := bytes.Cut(part, []byte("-----END CERTIFICATE-----"))
		var err error
		if der, err = base64.StdEncoding.AppendDecode(der[:0], text); !ended || err != nil || !namesAmazon(der) {
			continue
		}
		if certificate, err := x509.ParseCertificate(bytes.Clone(der)); err == nil { // it keeps the slice
			pool = cmp.Or(pool, x509.NewCertPool())
			pool.AddCert(certificate)
		}
	}
	return pool
}

func namesAmazon(certificate []byte) bool {
	for _, name := range amazonsRoots {
		if bytes.Contains(certificate, name) {
			return true
		}
	}
	return false
}
