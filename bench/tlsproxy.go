package main

import (
	"bytes"
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
	"slices"
	"time"
)

// tlsProxy puts TLS in front of an engine that speaks plain HTTP, so that a
// function makes the handshake that it makes with AWS.
type tlsProxy struct {
	listener net.Listener
	roots    string // file with the certificates to trust
}

// systemRoots are where Linux distributions keep the certificates that programs
// trust; the first is that of Amazon Linux.
var systemRoots = []string{"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"}

// startTLSProxy proxies to the TCP address target. It writes its roots into dir:
// the machine's own and one made for this run, because a function on Lambda, too,
// has to read a whole bundle before its first handshake.
func startTLSProxy(target, dir string) (*tlsProxy, error) {
	certificate, authority, err := selfMade()
	if err != nil {
		return nil, fmt.Errorf("TLS proxy: %w", err)
	}
	roots, err := os.CreateTemp(dir, "roots-*.pem")
	if err != nil {
		return nil, fmt.Errorf("TLS proxy: %w", err)
	}
	for _, name := range systemRoots {
		if system, err := os.ReadFile(name); err == nil {
			authority = slices.Concat(system, []byte("\n"), authority)
			break
		}
	}
	if _, err := roots.Write(authority); err != nil {
		return nil, fmt.Errorf("TLS proxy: %w", err)
	}
	if err := roots.Close(); err != nil {
		return nil, fmt.Errorf("TLS proxy: %w", err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{certificate},
		NextProtos:   []string{"http/1.1"}, // all that DynamoDB speaks
	})
	if err != nil {
		return nil, fmt.Errorf("TLS proxy: %w", err)
	}
	p := &tlsProxy{listener: listener, roots: roots.Name()}
	go p.serve(target)
	return p, nil
}

func (p *tlsProxy) url() string { return "https://" + p.listener.Addr().String() }

// trusted counts the certificates of the roots.
func (p *tlsProxy) trusted() int {
	bundle, err := os.ReadFile(p.roots)
	if err != nil {
		return 0
	}
	return bytes.Count(bundle, []byte("-----BEGIN CERTIFICATE-----"))
}

func (p *tlsProxy) close() error { return p.listener.Close() }

func (p *tlsProxy) serve(target string) {
	for {
		client, err := p.listener.Accept()
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
			go func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			}()
			_, _ = io.Copy(client, server)
		}()
	}
}

// selfMade returns a certificate for 127.0.0.1 and the PEM of its authority.
func selfMade() (tls.Certificate, []byte, error) {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	authority := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{Organization: []string{"Amazon's stand-in"}}, // the store's client tries Amazon's first
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "127.0.0.1"},
		NotBefore:    authority.NotBefore,
		NotAfter:     authority.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, authority, &leafKey.PublicKey, authorityKey)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: leafKey},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityDER}), nil
}
