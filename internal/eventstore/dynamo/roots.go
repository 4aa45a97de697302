package dynamo

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
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
	var bundle []byte
	for _, name := range files {
		var err error
		if bundle, err = os.ReadFile(name); err == nil {
			break
		}
	}
	var pool *x509.CertPool
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if !namesAmazon(block.Bytes) {
			continue
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
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
