package main

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"
)

// entries reads an archive back by the format's own rules.
func entries(t *testing.T, b []byte) map[string]string {
	t.Helper()
	got := map[string]string{}
	align := func(n int) int { return (n + 3) &^ 3 }
	for at := 0; at < len(b); {
		head := b[at : at+110]
		field := func(i int) int {
			v, err := strconv.ParseUint(string(head[6+8*i:14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(v)
		}
		if string(head[:6]) != "070701" {
			t.Fatalf("offset %d: magic %q", at, head[:6])
		}
		name := at + 110
		data := align(name + field(11))
		key := string(b[name : name+field(11)-1])
		got[key] = fmt.Sprintf("%o %d:%d %s", field(1), field(9), field(10), b[data:data+field(6)])
		at = align(data + field(6))
		if key == "TRAILER!!!" {
			return got
		}
	}
	t.Fatal("no trailer")
	return nil
}

func TestArchiveIsReadBack(t *testing.T) {
	a := archive{"dev/console": {mode: typeDevice | 0o600, major: 5, device: 1}}
	a.add("etc/init.d/rcS", 0o755, []byte("first"))
	a.add("etc/init.d/rcS", 0o755, []byte("#!/bin/sh\n"))
	var out bytes.Buffer
	if err := a.write(&out); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"dev/console": "20600 5:1 ", "etc": "40755 0:0 ", "etc/init.d": "40755 0:0 ", "etc/init.d/rcS": "100755 0:0 #!/bin/sh\n",
		"TRAILER!!!": "0 0:0 ",
	}
	got := entries(t, out.Bytes())
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}
