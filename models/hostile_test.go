package models

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// manyFiles is a file whose archive's directory has n entries and says that it has one.
func manyFiles(n int) []byte {
	entry, end := make([]byte, 46), make([]byte, 22)
	copy(entry, "PK\x01\x02")
	copy(end, "PK\x05\x06")
	end[8], end[10] = byte(n), byte(n)
	end[9], end[11] = byte(n>>8), byte(n>>8)
	binary.LittleEndian.PutUint32(end[12:], uint32(n*len(entry)))
	binary.LittleEndian.PutUint32(end[16:], 8)
	return slices.Concat([]byte("\x00\x00\x00\x00TFL3"), bytes.Repeat(entry, n), end)
}

// TestHostilePackagesTakeLittleMemory: small files that unpack to lists of millions of empty
// entries are refused before the lists are made.
func TestHostilePackagesTakeLittleMemory(t *testing.T) {
	const bulk = 24 << 20
	list := func(format, entry string) []byte {
		return fmt.Appendf(nil, format, strings.TrimSuffix(strings.Repeat(entry+",", bulk/(len(entry)+1)), ","))
	}
	for name, c := range map[string]struct {
		file []byte
		rule string
	}{
		"outputs of a golden vector": {recoded(t, "golden/0.outputs", make([]byte, bulk)), "P12"},
		"scores":                     {recoded(t, CalibrationFile, list(`{"scores":[%s]}`, "0")), "P4"},
		"listed files":               {rebuild(t, func(f map[string][]byte) { f[ManifestFile] = list(`{"schema":1,"files":[%s]}`, "{}") }), "P4"},
		"taught inputs":              {rebuild(t, func(f map[string][]byte) { f[ManifestFile] = list(`{"schema":1,"taught":{"inputs":[%s]}}`, `""`) }), "P4"},
		"files":                      {manyFiles(1<<20 + 1), "P4"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(c.file)
		runtime.ReadMemStats(&after)
		var r *RuleError
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 200 || !errors.As(err, &r) || r.Rule != c.rule {
			t.Errorf("%s: %d KiB took %d MiB: %v", name, len(c.file)>>10, took, err)
		}
	}
}
