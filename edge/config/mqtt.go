package config

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// MQTT says whom the station tells.
type MQTT struct {
	Broker        string        `toml:"broker"` // "": the embedded one
	Listen        string        `toml:"listen"` // embedded broker: loopback only
	User          string        `toml:"user"`
	PasswordFile  string        `toml:"password_file"`
	PasswordEnv   string        `toml:"password_env"`
	CAFile        string        `toml:"ca_file"` // "": the system's
	ServerName    string        `toml:"server_name"`
	CertFile      string        `toml:"cert_file"`
	KeyFile       string        `toml:"key_file"`
	InFlight      int           `toml:"in_flight"`
	OutboxRecords int           `toml:"outbox_records"`
	OutboxMB      int           `toml:"outbox_mb"`
	Commands      bool          `toml:"commands"` // whether cmd/<verb> is obeyed
	HomeAssistant HomeAssistant `toml:"home_assistant"`
}

// HomeAssistant says whether the station introduces itself to Home Assistant.
type HomeAssistant struct {
	Enabled bool   `toml:"enabled"`
	Prefix  string `toml:"prefix"`
}

func defaultMQTT() MQTT {
	return MQTT{
		Listen: "127.0.0.1:1883", InFlight: 32, OutboxRecords: 100_000, OutboxMB: 64, Commands: true,
		HomeAssistant: HomeAssistant{Prefix: "homeassistant"},
	}
}

// Embedded reports whether the station runs its own broker.
func (m *MQTT) Embedded() bool { return m.Broker == "" }

// TLS reports whether the connection to the broker is encrypted.
func (m *MQTT) TLS() bool {
	scheme, _, _ := strings.Cut(m.Broker, ":")
	return strings.EqualFold(scheme, "mqtts") // RFC 3986, section 3.1: case says nothing
}

func (m *MQTT) check(k *checker) {
	m.checkBroker(k)
	m.checkLogin(k)
	m.checkTLS(k)
	within(k, "mqtt.in_flight", m.InFlight, 1, 32, "publishes without acknowledgement")
	within(k, "mqtt.outbox_records", m.OutboxRecords, 1, 10_000_000, "records")
	within(k, "mqtt.outbox_mb", m.OutboxMB, 1, 65536, "MB")
	k.id("mqtt.home_assistant.prefix", m.HomeAssistant.Prefix)
}

func (m *MQTT) checkBroker(k *checker) {
	if m.Embedded() {
		k.address("mqtt.listen", m.Listen, true)
		return
	}
	u, err := url.Parse(m.Broker)
	switch {
	case err == nil && u.User != nil || strings.Contains(m.Broker, "@"):
		k.problem("mqtt.broker", "has a login in it, which logs would show", "use mqtt.user with password_file or password_env")
	case err != nil || u.RawQuery != "" || !portOr(u.Port()): // what stands there may be a secret
		k.problem("mqtt.broker", "has something behind the host that is no port", `give "mqtt://host:port", "mqtts://host:port", or "" for the embedded broker; a login goes into mqtt.user with password_file or password_env`)
	case u.Scheme != "mqtt" && u.Scheme != "mqtts" || u.Hostname() == "" || u.Path != "" && u.Path != "/":
		k.refuse("mqtt.broker", m.Broker, `"mqtt://host:port", "mqtts://host:port", or "" for the embedded broker`)
	}
}

// portOr reports whether a port is one, or not given.
func portOr(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

func (m *MQTT) checkLogin(k *checker) {
	if m.PasswordFile != "" && m.PasswordEnv != "" {
		k.problem("mqtt.password_env", "is given beside password_file", "give one of them")
	}
	if m.User == "" {
		when := "without mqtt.user"
		k.unused("mqtt.password_file", m.PasswordFile != "", when)
		k.unused("mqtt.password_env", m.PasswordEnv != "", when)
	}
}

func (m *MQTT) checkTLS(k *checker) {
	if !m.TLS() {
		when := `unless mqtt.broker starts with "mqtts:"`
		k.unused("mqtt.ca_file", m.CAFile != "", when)
		k.unused("mqtt.server_name", m.ServerName != "", when)
		k.unused("mqtt.cert_file", m.CertFile != "", when)
		k.unused("mqtt.key_file", m.KeyFile != "", when)
		return
	}
	if (m.CertFile == "") != (m.KeyFile == "") {
		k.problem("mqtt.cert_file", "a client certificate needs cert_file and key_file", "give both or none")
	}
}

// maxPassword bounds a password; MQTT allows 65535 bytes.
const maxPassword = 1024

// Password reads the password from the file or the variable that the
// configuration names; it is "" if neither is named. Its errors never hold it.
func (m *MQTT) Password() (string, error) {
	switch {
	case m.PasswordFile != "":
		return passwordFrom(m.PasswordFile)
	case m.PasswordEnv != "":
		p, ok := env(m.PasswordEnv)
		if !ok || p == "" {
			return "", fmt.Errorf("mqtt.password_env: the environment variable %s is not set", m.PasswordEnv)
		}
		return p, nil
	}
	return "", nil
}

// passwordFrom reads the first line of a file.
func passwordFrom(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("mqtt.password_file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPassword+2))
	if err != nil {
		return "", fmt.Errorf("mqtt.password_file: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	line = strings.TrimSuffix(line, "\r")
	switch {
	case line == "":
		return "", fmt.Errorf("mqtt.password_file: %s is empty: its first line must be the password", path)
	case len(line) > maxPassword:
		return "", fmt.Errorf("mqtt.password_file: the first line of %s is longer than %d bytes", path, maxPassword)
	}
	return line, nil
}

// address refuses what is no host:port, and with loopback what others can reach.
func (k *checker) address(key, s string, loopback bool) {
	host, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err == nil && loopback && !isLoopback(host) {
		err = errors.New("not loopback")
	}
	if err != nil {
		allowed := `"host:port", such as "127.0.0.1:8080"`
		if loopback {
			allowed = `an address of this machine alone, such as "127.0.0.1:1883"; port 0 takes a free one`
		}
		k.refuse(key, s, allowed)
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
