// Package telemetry says what a station tells the plant: the topics, the
// payloads of version 1 (schema.md is normative, schema.json is its machine
// form) and the outbox in which records wait until a broker has them.
//
// It knows no MQTT library, opens no socket and starts no goroutine that its
// caller did not ask for: telemetry/mqtt carries what this package writes.
// Nothing here may hold up the line: every call that the line makes returns
// without waiting for network or disk, and what cannot be taken is counted.
package telemetry
