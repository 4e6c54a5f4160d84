// Package mqtt carries a station's messages to a broker and commands back. It
// owns the connection: Last Will, birth and farewell, retained state, what is
// in flight, back-off, login and TLS. What the messages say is telemetry's.
//
// Every connection is a client of its own with a clean session: records wait
// in telemetry.Outbox, nowhere else. Whatever comes from the network passes a
// guard that closes the connection before the library would allocate for, or
// trip over, a packet that no honest broker sends.
package mqtt
