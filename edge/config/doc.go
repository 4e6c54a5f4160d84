// Package config is the station's configuration file: strict TOML into typed
// values, with every mistake of a file reported at once, each with its place,
// what was given and what is allowed.
//
// It only reads. It opens no device and no connection; whether a GPIO chip
// exists is asked of a lister that the caller hands in. Secrets are never in
// the file: it names the file or the environment variable that holds them, and
// no error repeats one.
package config
