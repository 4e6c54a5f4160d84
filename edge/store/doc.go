// Package store keeps what must survive a power cut: files that are either old
// or new and never half, the SQLite database of records that wait for a
// broker, and pictures of rejects within a quota.
//
// It decides nothing about parts and knows no network. Whatever the line calls
// here returns without waiting for the disk; what cannot be taken is counted.
package store
