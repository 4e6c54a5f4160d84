package mqtt

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"winnow/telemetry"
)

// MaxInFlight bounds the publishes that wait for their acknowledgement.
const MaxInFlight = 32

// Config is how a broker is reached. The zero value of each field but Broker
// is its default.
type Config struct {
	Broker   string                 // mqtt://host:1883 or mqtts://host:8883, without a login
	ClientID string                 // default: the station's device id
	User     string                 // default: no login
	Password func() (string, error) // asked on every connect; never logged
	TLS      TLS

	InFlight   int           // default and at most MaxInFlight
	MaxPacket  int           // of incoming messages, in bytes: larger ones are left out; default 128 KiB
	KeepAlive  time.Duration // default 20 s
	Timeout    time.Duration // of one attempt to connect and of one write; default 10 s
	BackoffMin time.Duration // default 0.5 s
	BackoffMax time.Duration // default 60 s

	// Handle obeys commands, one at a time in the order in which they came, and
	// beside them those of Slow; nil takes none. An error that wraps
	// telemetry.ErrRefused is answered with refused, any other with failed.
	Handle func(ctx context.Context, cmd telemetry.Command) error
	Slow   []string        // verbs that no other command waits for
	Gate   *telemetry.Gate // that commands by other ways pass too; default: one of its own
}

// TLS is how a mqtts broker is trusted and convinced. Files are read on every
// connect, so that renewed certificates need no restart.
type TLS struct {
	CAFile     string // PEM; default: the system's authorities
	CertFile   string // PEM; with KeyFile, our own certificate
	KeyFile    string
	ServerName string // default: the broker's host
}

func (c Config) withDefaults() Config {
	if c.InFlight < 1 || c.InFlight > MaxInFlight {
		c.InFlight = MaxInFlight
	}
	c.MaxPacket = cmp.Or(max(c.MaxPacket, 0), 128<<10)
	c.KeepAlive = cmp.Or(max(c.KeepAlive, 0), 20*time.Second)
	c.Timeout = cmp.Or(max(c.Timeout, 0), 10*time.Second)
	c.BackoffMin = cmp.Or(max(c.BackoffMin, 0), 500*time.Millisecond)
	c.BackoffMax = max(cmp.Or(max(c.BackoffMax, 0), time.Minute), c.BackoffMin)
	return c
}

// endpoint is where and how to dial.
type endpoint struct {
	address string
	host    string
	secure  bool
}

func parseBroker(broker string) (endpoint, error) {
	u, err := url.Parse(broker)
	if err != nil || u.User != nil {
		// Neither the text nor the parser's error: there may be a password in them.
		return endpoint{}, errors.New("broker: not an address without a login, such as mqtt://host:1883")
	}
	port := map[string]string{"mqtt": "1883", "mqtts": "8883"}[u.Scheme]
	if port == "" || u.Hostname() == "" {
		return endpoint{}, fmt.Errorf("broker %q: only mqtt://host:port and mqtts://host:port are known", broker)
	}
	address := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
	return endpoint{address: address, host: u.Hostname(), secure: u.Scheme == "mqtts"}, nil
}

// config reads the files of t.
func (t TLS) config(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cmp.Or(t.ServerName, host)}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("certificate authority: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate authority: %s holds no PEM certificate", t.CAFile)
		}
	}
	if t.CertFile != "" || t.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// dial opens a guarded connection, within Timeout.
func (c *Config) dial(ctx context.Context) (net.Conn, error) {
	ep, err := parseBroker(c.Broker)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", ep.address)
	if err != nil {
		return nil, err
	}
	if ep.secure {
		if conn, err = c.secure(ctx, conn, ep.host); err != nil {
			return nil, err
		}
	}
	return newGuard(conn, c.MaxPacket), nil
}

// secure shakes hands over conn, which it closes on failure.
func (c *Config) secure(ctx context.Context, conn net.Conn, host string) (net.Conn, error) {
	conf, err := c.TLS.config(host)
	if err != nil {
		conn.Close()
		return nil, err
	}
	t := tls.Client(conn, conf)
	if err := t.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", host, err)
	}
	return t, nil
}
