package config

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Config is one station. Every field has a value: what the file leaves out is
// as in Default.
type Config struct {
	Device    Device     `toml:"device"`
	Camera    Camera     `toml:"camera"`
	Model     Model      `toml:"model"`
	Recipe    Recipe     `toml:"recipe"`
	Trigger   Trigger    `toml:"trigger"`
	Belt      Belt       `toml:"belt"`
	Encoder   Encoder    `toml:"encoder"`
	Actuators []Actuator `toml:"actuator"`
	Signals   []Signal   `toml:"signal"`
	Handshake Handshake  `toml:"handshake"`
	Inputs    []Input    `toml:"input"`
	Confirm   Confirm    `toml:"confirm"`
	Challenge Challenge  `toml:"challenge"`
	Watchdog  Watchdog   `toml:"watchdog"`
	MQTT      MQTT       `toml:"mqtt"`
	Records   Records    `toml:"records"`
	HTTP      HTTP       `toml:"http"`
	Modbus    Modbus     `toml:"modbus"`

	name   string
	places map[string]Place
}

// Default is a station with a drawn camera and no actuator.
func Default() *Config {
	return &Config{
		Device:    defaultDevice(),
		Camera:    defaultCamera(),
		Model:     defaultModel(),
		Recipe:    defaultRecipe(),
		Trigger:   defaultTrigger(),
		Encoder:   defaultEncoder(),
		Handshake: Handshake{Hold: Duration(20 * time.Millisecond)},
		Confirm:   Confirm{Within: Duration(500 * time.Millisecond), JamAfter: Duration(2 * time.Second)},
		Challenge: defaultChallenge(),
		Watchdog:  defaultWatchdog(),
		HTTP:      defaultHTTP(),
		MQTT:      defaultMQTT(),
		Records:   defaultRecords(),
	}
}

//go:embed example.toml
var example []byte

// Example returns a file that runs as it is and documents every key.
func Example() []byte { return append([]byte(nil), example...) }

// MaxFileBytes bounds a configuration file.
const MaxFileBytes = 256 << 10

// Load reads, parses and validates the file. Relative paths in it are taken
// from the file's own folder. Mistakes come as *Errors.
func Load(path string) (*Config, error) {
	b, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	c, err := Parse(path, b)
	if err != nil {
		return nil, err
	}
	c.resolve(filepath.Dir(path))
	return c, nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if len(b) > MaxFileBytes {
		return nil, fmt.Errorf("configuration %s is larger than %d bytes: that is no configuration file", path, MaxFileBytes)
	}
	return b, nil
}

// Parse turns the bytes of a file into a valid Config; name is for messages.
// It returns *Errors that hold every mistake found.
func Parse(name string, b []byte) (*Config, error) {
	c := Default()
	c.name = name
	errs := c.decode(b)
	if len(errs) == 1 && errs[0].syntax {
		return nil, &Errors{Name: name, Fields: errs}
	}
	errs = append(errs, without(c.check(nil), errs)...)
	if len(errs) > 0 {
		return nil, newErrors(name, errs)
	}
	return c, nil
}

// without leaves out what is said of keys that already have a mistake.
func without(errs, known []FieldError) []FieldError {
	seen := map[string]bool{}
	for _, e := range known {
		seen[e.Key] = true
	}
	var rest []FieldError
	for _, e := range errs {
		if !seen[e.Key] {
			rest = append(rest, e)
		}
	}
	return rest
}

// Option adds a check that needs the machine.
type Option func(*checker)

// WithChips checks every GPIO chip against the names that lister returns,
// such as "gpiochip0". The chip "sim" always exists.
func WithChips(lister func() ([]string, error)) Option {
	return func(c *checker) { c.chips = lister }
}

// Validate returns nil or *Errors with every mistake in c. It is what Parse
// does after reading; call it again with options, or after changing fields.
func (c *Config) Validate(opts ...Option) error {
	if errs := c.check(opts); len(errs) > 0 {
		return newErrors(c.name, errs)
	}
	return nil
}

// resolve makes relative paths relative to dir.
func (c *Config) resolve(dir string) {
	for _, p := range []*string{
		&c.Camera.Path, &c.Model.Path, &c.Model.Recipes, &c.Model.LibTensorFlow, &c.Records.Dir,
		&c.MQTT.CAFile, &c.MQTT.CertFile, &c.MQTT.KeyFile, &c.MQTT.PasswordFile, &c.HTTP.TokenFile,
	} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// IsMistake reports whether err says that the configuration is wrong, which a
// command answers with the exit code for usage.
func IsMistake(err error) bool {
	var e *Errors
	return errors.As(err, &e)
}
