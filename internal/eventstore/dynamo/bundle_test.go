package dynamo

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"

	"visitplannr/test/check"
)

func TestAmazonsCertificatesAreFoundInABundle(t *testing.T) {
	t.Parallel()
	first, second := authority(t, "Amazon Root CA 1"), authority(t, "Amazon Root CA 2")
	starfield, other := authority(t, "Starfield Services Root"), authority(t, "Somebody Else")
	trusted := bytes.ReplaceAll(second, []byte(" CERTIFICATE"), []byte(" TRUSTED CERTIFICATE"))
	broken := bytes.Replace(first, []byte("\nM"), []byte("\n!"), 1)

	for name, c := range map[string]struct{ bundle, want []byte }{
		"nothing":               {nil, nil},
		"none":                  {other, nil},
		"all that there are":    {slices.Concat(first, other, second, starfield, other), slices.Concat(first, second, starfield)},
		"comments between":      {slices.Concat([]byte("# Amazon\n"), first, []byte("\n# Amazon\n"), second), slices.Concat(first, second)},
		"lines of Windows":      {bytes.ReplaceAll(slices.Concat(first, second), []byte("\n"), []byte("\r\n")), slices.Concat(first, second)},
		"no end of line":        {bytes.TrimSpace(first), first},
		"another kind of block": {slices.Concat(trusted, first), first},
		"a broken one":          {slices.Concat(broken, second), second},
		"the last one cut":      {slices.Concat(first, second[:len(second)/2]), first},
	} {
		t.Run(name, func(t *testing.T) {
			var want *x509.CertPool
			if c.want != nil {
				want = x509.NewCertPool()
				want.AppendCertsFromPEM(c.want)
			}
			got := amazonsOf(c.bundle)
			if (got == nil) != (want == nil) || got != nil && !got.Equal(want) {
				t.Errorf("found others than the %d that are there", strings.Count(string(c.want), "BEGIN"))
			}
		})
	}
}

// authority returns the PEM of a self-signed certificate.
func authority(t testing.TB, name string) []byte {
	t.Helper()
	key := check.Value(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
	}
	der := check.Value(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))(t)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// What a cold start over TLS pays before its handshake, for as many certificates
// as Amazon Linux has.
func BenchmarkAmazonsCertificatesInABundle(b *testing.B) {
	bundle := bytes.Repeat(authority(b, "Somebody Else"), 140)
	for range 5 {
		bundle = append(bundle, authority(b, "Amazon")...)
	}
	b.ReportAllocs()
	for b.Loop() {
		amazonsOf(bundle)
	}
}
