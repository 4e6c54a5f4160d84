package kernel

// Int8s views b as int8, for callers that share memory with the world, which
// speaks bytes.
func Int8s(b []byte) []int8 { return int8s(b) }

// Bytes is the way back.
func Bytes(v []int8) []byte { return bytesOf(v) }
