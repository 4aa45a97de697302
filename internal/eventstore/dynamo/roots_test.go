package dynamo_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/test/check"
)

// The bundle is the same in all cases and all runs of the test, because
// crypto/x509 reads it once a process.
var (
	amazon, amazonPEM = selfSigned("Amazon")
	other, otherPEM   = selfSigned("Somebody Else")
	stranger, _       = selfSigned("Amazon") // the name alone must not be enough
)

func TestTLSTrustsWhatTheMachineTrusts(t *testing.T) {
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	check.OK(t, os.WriteFile(bundle, slices.Concat(amazonPEM, otherPEM), 0o600))
	t.Setenv("SSL_CERT_FILE", bundle)
	t.Setenv("SSL_CERT_DIR", os.DevNull)

	for _, c := range []struct {
		name        string
		certificate tls.Certificate
		trusted     bool
		connections int32
	}{
		{"an authority of Amazon's, at once", amazon, true, 1},
		{"any other that the machine trusts, on a second connection", other, true, 2},
		{"nobody else", stranger, false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var connections atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			server.TLS = &tls.Config{Certificates: []tls.Certificate{c.certificate}}
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					connections.Add(1)
				}
			}
			server.StartTLS()
			t.Cleanup(server.Close)
			client, err := dynamo.NewClient(environment(server.URL))
			check.OK(t, err)
			err = dynamo.Warm(t.Context(), client)
			var unknown x509.UnknownAuthorityError
			if trusted := !errors.As(err, &unknown); trusted != c.trusted || trusted && err != nil {
				t.Errorf("got error %v, want trusted = %t", err, c.trusted)
			}
			if got := connections.Load(); got != c.connections {
				t.Errorf("used %d connections, want %d", got, c.connections)
			}
		})
	}
}

// selfSigned returns a certificate for 127.0.0.1 that is its own authority, and
// its PEM.
func selfSigned(organization string) (tls.Certificate, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{Organization: []string{organization}},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
