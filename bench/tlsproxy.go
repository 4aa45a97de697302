package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// tlsProxy puts TLS in front of an engine that speaks plain HTTP, so that a
// function makes the handshake that it makes with AWS.
type tlsProxy struct {
	net.Listener
	roots string // file with the certificates to trust
}

// startTLSProxy proxies to the TCP address target. It writes its root certificates into
// dir: the machine's own and one made for this run, because a function on Lambda also
// has to read a whole bundle before its first handshake.
func startTLSProxy(target, dir string) (*tlsProxy, error) {
	certificate, roots, err := selfMade()
	if err != nil {
		return nil, fmt.Errorf("TLS proxy: %w", err)
	}
	// Where Amazon Linux and Debian keep trusted certificates.
	for _, name := range []string{"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"} {
		if system, err := os.ReadFile(name); err == nil {
			roots = append(append(system, '\n'), roots...)
			break
		}
	}
	p := &tlsProxy{roots: filepath.Join(dir, "roots.pem")}
	if err := os.WriteFile(p.roots, roots, 0o600); err != nil {
		return nil, fmt.Errorf("TLS proxy: %w", err)
	}
	p.Listener, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{certificate},
		NextProtos:   []string{"http/1.1"}, // all that DynamoDB speaks
	})
	if err != nil {
		return nil, fmt.Errorf("TLS proxy: %w", err)
	}
	go p.serve(target)
	return p, nil
}

func (p *tlsProxy) serve(target string) {
	for {
		client, err := p.Accept()
		if err != nil {
			return // closed
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("tcp", target)
			if err != nil {
				return // the function sees a closed connection
			}
			defer server.Close()
			go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
			_, _ = io.Copy(client, server)
		}()
	}
}

// selfMade returns a self-signed certificate for 127.0.0.1 and its PEM.
func selfMade() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{Organization: []string{"Amazon's stand-in"}}, // the store's client tries Amazon's first
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}
