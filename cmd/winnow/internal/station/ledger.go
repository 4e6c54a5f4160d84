package station

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"winnow/edge"
	"winnow/edge/line"
	"winnow/edge/store"
)

// keeper writes the ledger's pages, a page for each shift and recipe, beside the
// line: it may wait for the disk.
type keeper struct {
	s       *Station
	db      *store.Ledger
	unclean bool // an earlier boot did not end by itself

	excused atomic.Bool  // a reset has stood for old
	old     []store.Page // of boots that did not end by themselves: open until a reset

	mu      sync.Mutex
	page    store.Page
	base    edge.Counts             // of the line when the page began
	closed  map[pageKey]edge.Counts // of this boot: earlier pages
	written store.Page
	of      store.Proved   // whom the challenges are of
	proved  line.Detection // challenges that are written
	curveN  uint64         // parts in the curve that is written
}

// pageKey is which page of a boot.
type pageKey struct {
	shift  int64 // Unix time
	recipe string
}

func keyOf(p store.Page) pageKey { return pageKey{p.Shift.Unix(), p.Recipe} }

// openLedger opens the records and takes up what earlier boots have proved.
func (s *Station) openLedger(ctx context.Context) error {
	db, err := store.OpenLedger(filepath.Join(s.cfg.Records.Dir, "ledger.db"))
	if err != nil {
		return err
	}
	s.keeper = &keeper{s: s, db: db, closed: map[pageKey]edge.Counts{}}
	if why := db.Damaged(); why != "" {
		s.log.Warn("the ledger was damaged and begins anew", "why", why)
		// What it knew of the boot before is lost with it: that may not have ended by itself.
		if err := db.Write(ctx, store.Page{Recipe: s.cfg.Recipe.Name, Boot: lostBoot, Open: true}); err != nil {
			return err
		}
	}
	return s.keeper.findOld(ctx)
}

// lostBoot stands for boots whose pages were in a ledger that was damaged.
const lostBoot = "lost"

// findOld finds pages of boots that did not end by themselves. They stay open
// until a reset, so that a restart does not stand for one.
func (k *keeper) findOld(ctx context.Context) (err error) {
	k.old, err = k.db.OpenPages(ctx)
	k.unclean = len(k.old) > 0
	return err
}

// excuse notes that somebody has cleared the belt and reset. It never blocks.
func (k *keeper) excuse() { k.excused.Store(true) }

// closeOld closes the pages that a reset has stood for.
func (k *keeper) closeOld(ctx context.Context) error {
	for k.excused.Load() && len(k.old) > 0 {
		p := k.old[0]
		p.Open = false
		if err := k.db.Write(ctx, p); err != nil {
			return err
		}
		k.old = k.old[1:]
	}
	return nil
}

// sayUnclean keeps READY off for parts that were on the belt when the station
// last ended, not by itself: they have no verdict.
func (k *keeper) sayUnclean() {
	if k.unclean {
		k.s.stop("unclean-stop", "the station did not end by itself: parts that were on the belt then have no verdict", "clear the belt, then reset")
	}
}

// restore takes up the challenges of earlier boots.
func (k *keeper) restore(ctx context.Context) error {
	if k.s.challenges == nil {
		return nil
	}
	return k.renew(ctx)
}

// renew takes up what is proved of the model in force.
func (k *keeper) renew(ctx context.Context) error {
	of := k.s.model.Load().proved()
	c, err := k.db.Challenges(ctx, of)
	if err != nil {
		return err
	}
	k.s.challenges.Renew(c.Caught, c.N, c.Failed)
	k.of, k.proved = of, k.s.challenges.Detection()
	k.s.checkChallenge()
	return nil
}

const ledgerAdvice = "look at the disk; counts are kept in memory and written when it is back"

// ledgerEvery is how often pages are written; a power cut loses as much.
const ledgerEvery = time.Second

// run writes until ctx ends, then closes the page.
func (k *keeper) run(ctx context.Context) {
	for k.s.clock.SleepUntil(ctx, k.s.clock.Now().Add(ledgerEvery)) == nil {
		err := k.keep(ctx, true)
		k.s.health.Check("ledger-write", err, ledgerAdvice)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := k.keep(last, false); err != nil {
		k.s.log.Error("the ledger was not closed", "err", err)
	}
}

// keep writes what has changed. Imbalance drops READY.
func (k *keeper) keep(ctx context.Context, open bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.s.line.Counts()
	if err := k.turn(ctx, now); err != nil {
		return err
	}
	k.page.Counts, k.page.Open = minus(now, k.base), open
	k.s.balance(k.page.Counts)
	if k.page != k.written {
		if err := k.db.Write(ctx, k.page); err != nil {
			return err
		}
		k.written = k.page
	}
	if err := k.closeOld(ctx); err != nil {
		return err
	}
	if err := k.keepChallenges(ctx); err != nil {
		return err
	}
	return k.keepCurve()
}

// turn begins a new page where a new shift or recipe does.
func (k *keeper) turn(ctx context.Context, now edge.Counts) error {
	var shift time.Time
	wall := k.s.clock.Wall()
	if wall.Quality != edge.WallNone {
		shift = k.s.cfg.Records.Shifts.Begin(wall.Time)
	}
	next := store.Page{Shift: shift, Recipe: k.s.line.Status().Recipe, Boot: k.s.boot}
	if k.page.Boot != "" && keyOf(next) == keyOf(k.page) {
		return nil
	}
	if k.page.Boot != "" {
		k.page.Counts, k.page.Open = minus(now, k.base), false
		if err := k.db.Write(ctx, k.page); err != nil {
			return err
		}
		k.closed[keyOf(k.page)] = k.page.Counts
		// A recipe that comes back goes on with its page, and so does a shift after the clock was set back.
		k.base = minus(now, k.closed[keyOf(next)])
	}
	k.page = next
	return nil
}

func minus(a, b edge.Counts) edge.Counts {
	return edge.Counts{
		Triggers: a.Triggers - b.Triggers, Accept: a.Accept - b.Accept, Reject: a.Reject - b.Reject, Unsure: a.Unsure - b.Unsure,
		NoResult: a.NoResult - b.NoResult, Confirmed: a.Confirmed - b.Confirmed, Late: a.Late - b.Late, Dropped: a.Dropped - b.Dropped,
	}
}

// balance drops READY for a page that does not add up.
func (s *Station) balance(c edge.Counts) {
	why := ""
	if !c.Balanced() {
		why = fmt.Sprintf("the ledger does not balance: %d triggers, but %d accepted + %d rejected + %d unsure + %d without result",
			c.Triggers, c.Accept, c.Reject, c.Unsure, c.NoResult)
		s.health.Raise("ledger", why, "stop the belt, clear it, start the station again, and report this")
	}
	s.line.Post(line.Hold{Code: "ledger", Reason: why})
}

func (k *keeper) keepChallenges(ctx context.Context) error {
	if k.s.challenges == nil {
		return nil
	}
	err := k.writeChallenges(ctx)
	if err == nil && k.of != k.s.model.Load().proved() {
		err = k.renew(ctx)
	}
	return err
}

func (k *keeper) writeChallenges(ctx context.Context) error {
	d, failed := k.s.challenges.Standing()
	if d.N == k.proved.N {
		return nil
	}
	err := k.db.Challenge(ctx, k.s.clock.Wall().Time, k.of, k.s.boot, store.Challenged{Caught: d.Caught - k.proved.Caught, N: d.N - k.proved.N, Failed: failed})
	if err == nil {
		k.proved = d
	}
	return err
}

// curveEvery is by how many parts the written curve may lag behind.
const curveEvery = 50

// keepCurve writes the curve of shadow mode.
func (k *keeper) keepCurve() error {
	points := k.s.curve.Points(k.s.cfg.Recipe.RejectCost)
	if points[0].N < k.curveN {
		k.curveN = 0 // it is of another model now
	}
	if n := points[0].N; n < k.curveN+curveEvery && (k.page.Open || n == k.curveN) {
		return nil
	}
	b, err := json.MarshalIndent(points, "", "  ")
	if err != nil {
		return err
	}
	if err := store.WriteFile(filepath.Join(k.s.cfg.Records.Dir, "curve.json"), b, 0o644); err != nil {
		return err
	}
	k.curveN = points[0].N
	return nil
}
