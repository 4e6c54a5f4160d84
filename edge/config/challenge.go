package config

import "time"

// Challenge is the timetable of known-bad parts.
type Challenge struct {
	Every         Duration `toml:"every"`          // 0: no challenges are asked for
	Grace         Duration `toml:"grace"`          // READY drops this long after one was due
	Parts         int      `toml:"parts"`          // known-bad parts of one challenge
	InjectedEvery Duration `toml:"injected_every"` // 0: no defects are drawn into live pictures
}

func defaultChallenge() Challenge {
	return Challenge{Grace: Duration(15 * time.Minute), Parts: 3}
}

func (c *Challenge) check(k *checker) {
	k.span("challenge.every", c.Every, 0, 31*24*time.Hour)
	k.span("challenge.grace", c.Grace, 0, 31*24*time.Hour)
	within(k, "challenge.parts", c.Parts, 1, 1000, "known-bad parts")
	k.span("challenge.injected_every", c.InjectedEvery, 0, 24*time.Hour)
	if c.InjectedEvery > 0 && c.InjectedEvery.Std() < time.Second {
		k.refuse("challenge.injected_every", c.InjectedEvery.String(), "0s for none, or at least 1s")
	}
}

// Watchdog is the hardware watchdog, fed by the line's progress alone.
type Watchdog struct {
	Device   string   `toml:"device"` // "": none
	Patience Duration `toml:"patience"`
}

func defaultWatchdog() Watchdog { return Watchdog{Patience: Duration(15 * time.Second)} }

func (w *Watchdog) check(k *checker) {
	k.span("watchdog.patience", w.Patience, 2*time.Second, time.Hour)
}

// Modbus says where PLCs read signals and counters; Listen "" serves none.
type Modbus struct {
	Listen string `toml:"listen"`
}

func (m *Modbus) check(k *checker) {
	if m.Listen != "" {
		k.address("modbus.listen", m.Listen, false)
	}
}

// HTTP says where status and metrics are served and commands are taken; Listen
// "" serves none.
type HTTP struct {
	Listen    string `toml:"listen"`     // of this machine alone, until there are logins
	TokenFile string `toml:"token_file"` // made with a new token if it is not there
}

func defaultHTTP() HTTP { return HTTP{TokenFile: "http.token"} }

func (h *HTTP) check(k *checker) {
	if h.Listen == "" {
		return
	}
	k.address("http.listen", h.Listen, true)
	k.need("http.token_file", h.TokenFile, "commands over HTTP need a token; it is made if the file is not there")
}
