package native_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"winnow/infer"
	"winnow/infer/native"
)

// maxSession is what a session of the 342-MMAC autoencoder may keep: packed
// weights, arena and scratch.
const maxSession = 6 << 20

func TestSessionIsSmall(t *testing.T) {
	dir := shared(t, "models")
	for _, name := range []string{"ae256_dense_int8", "aern256_dense_int8", "ae256_un80sp_int8"} {
		b, err := os.ReadFile(filepath.Join(dir, name+".tflite"))
		if err != nil {
			t.Fatal(err)
		}
		before := heap()
		s, err := native.New().Load(b, infer.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		n := heap() - before
		runtime.KeepAlive(b)
		t.Logf("%s keeps %d KiB", name, n>>10)
		if n > maxSession {
			t.Errorf("%s keeps %d bytes, allowed are %d", name, n, maxSession)
		}
		s.Close()
	}
}

// heap is the bytes that live on it.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkLoad prepares the autoencoder from the file's bytes.
func BenchmarkLoad(b *testing.B) {
	data, err := os.ReadFile(filepath.Join(shared(b, "models"), "ae256_dense_int8.tflite"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := native.New().Load(data, infer.Options{Threads: 1})
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}
