package station

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"winnow/edge"
	"winnow/edge/clock"
	"winnow/edge/config"
)

// stuck is where a log is written that stands still until it is freed.
type stuck struct {
	free chan struct{}
	mu   sync.Mutex
	text strings.Builder
}

func (s *stuck) Write(b []byte) (int, error) {
	<-s.free
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

// The line and the pulses say what is wrong, and do not wait until that is written.
func TestALogThatStandsStillKeepsNobodyWaiting(t *testing.T) {
	cfg := config.Default()
	cfg.Records.Dir = t.TempDir()
	to := &stuck{free: make(chan struct{})}
	s, err := Open(Options{Config: cfg, Clock: clock.NewManual(1e9, edge.WallTime{}), Log: slog.New(slog.NewTextHandler(to, nil))})
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan struct{})
	go func() {
		defer close(said)
		for i := range logRoom + 100 {
			s.stop("missed-reject", fmt.Sprintf("part %d was not rejected", i), "take it off the belt, then reset")
		}
	}()
	p := &plant{t: t}
	p.until("all is said", func() bool {
		select {
		case <-said:
			return true
		default:
			return false
		}
	})
	close(to.free)
	s.Close()
	s.log.Info("after the end")
	for _, want := range []string{"part 0 was not rejected", fmt.Sprintf("part %d was not rejected", logRoom-1), "messages were lost", "after the end"} {
		if !strings.Contains(to.text.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}
