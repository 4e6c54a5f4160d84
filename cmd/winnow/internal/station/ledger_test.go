package station

import (
	"path/filepath"
	"testing"
	"time"

	"winnow/edge"
	"winnow/edge/clock"
	"winnow/edge/config"
	"winnow/edge/line"
	"winnow/edge/store"
)

// wall is a clock whose time of day is set.
type wall struct {
	*clock.Manual
	now edge.WallTime
}

func (w *wall) Wall() edge.WallTime { return w.now }

// A clock that is set back over the end of a shift takes up that shift's page where it
// stood, and the next one's when it gets there again.
func TestAShiftGoesOnWithItsPageAfterTheClockWasSetBack(t *testing.T) {
	noon := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	c := &wall{clock.NewManual(1, edge.WallTime{}), edge.WallTime{Quality: edge.WallNTP}}
	s := &Station{cfg: config.Default(), clock: c, boot: "b"}
	s.cfg.Records.Shifts = config.Shifts{0, 12 * time.Hour}
	var err error
	s.line, err = line.New(line.Config{Device: "d", Boot: "b", Recipe: "gear", Deadline: time.Second}, line.Deps{
		Clock: c, Judge: judgeFunc(oddIsBad), Actuator: new(outputs), Recorder: s,
	}, &shots{}, line.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.OpenLedger(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	k := &keeper{s: s, db: db, closed: map[pageKey]edge.Counts{}}
	for _, at := range []struct {
		since time.Duration // noon
		parts uint64        // since the start
	}{{-time.Second, 100}, {time.Second, 101}, {-time.Second, 103}, {time.Second, 107}, {13 * time.Hour, 107}} {
		c.now.Time = noon.Add(at.since)
		if err := k.turn(t.Context(), edge.Counts{Triggers: at.parts, Accept: at.parts}); err != nil {
			t.Fatal(err)
		}
	}
	pages, err := db.Pages(t.Context(), 10)
	if err != nil || len(pages) != 2 || pages[0].Counts.Triggers+pages[1].Counts.Triggers != 107 {
		t.Errorf("of 107 parts: %+v %v", pages, err)
	}
}
