package telemetry_test

import (
	"testing"

	"winnow/telemetry"
	"winnow/telemetry/outboxtest"
)

func TestMemStoreConforms(t *testing.T) {
	outboxtest.Run(t, func(*testing.T) telemetry.Store { return new(telemetry.MemStore) })
}
