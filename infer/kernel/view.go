package kernel

// Int8s views b as int8, for callers that share memory with the world, which
// speaks bytes.
func Int8s(b []byte) []int8 { return int8s(b) }
