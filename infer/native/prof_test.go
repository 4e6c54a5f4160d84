package native_test

import (
	"os"
	"testing"

	"winnow/infer"
)

func TestProfilePrints(t *testing.T) {
	f := os.Getenv("PROFILE")
	if f == "" {
		t.Skip("not here: PROFILE")
	}
	s := load(t, "", f, 1)
	ls, err := s.(infer.Profiler).Profile(30)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range ls {
		t.Logf("%-24s %-34s %-18s %6.1f MMAC %8.0f us %5.1f G/s %.2f", l.Op, l.Shape, l.Kernel, float64(l.MACs)/1e6, float64(l.Time)/1e3, float64(l.MACs)/float64(l.Time.Nanoseconds()), l.Density)
	}
}
