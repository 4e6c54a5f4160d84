package mqtt_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"winnow/telemetry/mqtt"
)

// authority signs certificates for tests.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key, a.file = a.issue("authority", true)
	return a
}

// issue returns a certificate signed by a, or by itself for the first one, and
// its file; the key's file ends in .key.
func (a *authority) issue(name string, ca bool) (*x509.Certificate, *ecdsa.PrivateKey, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: ca, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if ca {
		tmpl.ExtKeyUsage, tmpl.IPAddresses = nil, nil
	}
	parent, signer := tmpl, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	file := filepath.Join(a.dir, name)
	a.write(file, "CERTIFICATE", der)
	a.write(file+".key", "EC PRIVATE KEY", keyDER)
	return cert, key, file
}

func (a *authority) write(file, kind string, der []byte) {
	b := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(file, b, 0o644); err != nil {
		a.t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	_, _, server := ours.issue("broker.plant", false)
	_, _, client := ours.issue("station", false)
	_, _, stranger := others.issue("stranger", false)
	m := newMosquitto(t, "cafile "+ours.file+"\ncertfile "+server+"\nkeyfile "+server+".key\nrequire_certificate true")
	m.Start(t)
	t.Cleanup(m.Stop)
	good := mqtt.TLS{CAFile: ours.file, CertFile: client, KeyFile: client + ".key"}
	t.Run("trusted", func(t *testing.T) {
		st := start(t, m.URL(), func(c *mqtt.Config) { c.TLS = good })
		await(t, "it connects", func() bool { return st.Stats().Connected })
	})
	t.Run("by name", func(t *testing.T) {
		st := start(t, m.URL(), func(c *mqtt.Config) { c.TLS = good; c.TLS.ServerName = "broker.plant" })
		await(t, "it connects", func() bool { return st.Stats().Connected })
	})
	for name, c := range map[string]struct {
		spoil func(*mqtt.TLS)
		want  string
	}{
		"wrong authority":      {func(c *mqtt.TLS) { c.CAFile = others.file }, "unknown authority"},
		"system's authorities": {func(c *mqtt.TLS) { c.CAFile = "" }, "certificate"},
		"wrong name":           {func(c *mqtt.TLS) { c.ServerName = "other.plant" }, "other.plant"},
		"no certificate":       {func(c *mqtt.TLS) { c.CertFile, c.KeyFile = "", "" }, ""},
		"foreign certificate":  {func(c *mqtt.TLS) { c.CertFile, c.KeyFile = stranger, stranger+".key" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			conf := good
			c.spoil(&conf)
			st := start(t, m.URL(), func(c *mqtt.Config) { c.TLS = conf })
			await(t, "the refusal is told", func() bool { return st.Stats().Failing != "" })
			if got := st.Stats(); got.Connects != 0 || !strings.Contains(got.Failing, c.want) {
				t.Errorf("%+v", got)
			}
		})
	}
}
