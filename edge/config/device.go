package config

import "log/slog"

// Device says who the station is. Site, Line and ID are levels of its topics.
type Device struct {
	ID       string   `toml:"id"`
	Site     string   `toml:"site"`
	Line     string   `toml:"line"`
	LogLevel LogLevel `toml:"log_level"`
}

func defaultDevice() Device {
	return Device{ID: "station-1", Site: "site", Line: "line", LogLevel: LogInfo}
}

func (d *Device) check(k *checker) {
	k.id("device.id", d.ID)
	k.id("device.site", d.Site)
	k.id("device.line", d.Line)
	known(k, "device.log_level", d.LogLevel, logLevels()...)
}

// LogLevel is the least important level that is logged.
type LogLevel string

// Log levels.
const (
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)

func logLevels() []LogLevel { return []LogLevel{LogDebug, LogInfo, LogWarn, LogError} }

// UnmarshalText reads the name of a level.
func (l *LogLevel) UnmarshalText(b []byte) error { return choose(l, b, logLevels()...) }

// Slog returns l as log/slog has it.
func (l LogLevel) Slog() slog.Level {
	switch l {
	case LogDebug:
		return slog.LevelDebug
	case LogWarn:
		return slog.LevelWarn
	case LogError:
		return slog.LevelError
	}
	return slog.LevelInfo
}
