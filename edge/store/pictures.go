package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"winnow/edge"
)

// PictureLimits bound the pictures in a folder; the oldest go first.
type PictureLimits struct {
	Count   int   // pictures; 0 keeps none
	Bytes   int64 // of pictures and their descriptions together
	Waiting int   // pictures between the line and the disk; default 4
}

// PictureStats is what a folder of pictures has come to.
type PictureStats struct {
	Kept    int
	Bytes   int64
	Dropped uint64 // pictures that could not be taken or written
	Failing string // what went wrong with the last one; "" if nothing did
}

// Pictures keeps pictures of parts: each a PNG and a JSON that describes it,
// NUMBER-BOOT-SEQ.png and .json. The JSON is written last, so a picture is
// complete when its JSON is there.
type Pictures struct {
	dir    string
	limits PictureLimits
	log    *slog.Logger
	atomic Atomic

	free chan *shot
	full chan *shot

	next uint64 // Run's alone

	mu      sync.Mutex // guards kept and bytes; never held while the disk works
	kept    []picture  // oldest first
	bytes   int64
	dropped atomic.Uint64
	failing atomic.Pointer[string]
}

// picture is one kept pair of files.
type picture struct {
	number uint64
	stem   string
	bytes  int64
}

// OpenPictures makes the folder if needed, counts what is in it, and removes
// what a crash left half done. fs is OS{} outside of tests.
func OpenPictures(dir string, limits PictureLimits, fs FS, log *slog.Logger) (*Pictures, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("pictures: %w", err)
	}
	if limits.Waiting < 1 {
		limits.Waiting = 4
	}
	p := &Pictures{
		dir: dir, limits: limits, log: log, atomic: Atomic{fs},
		free: make(chan *shot, limits.Waiting),
		full: make(chan *shot, limits.Waiting),
	}
	for range limits.Waiting {
		p.free <- new(shot)
	}
	if err := p.scan(); err != nil {
		return nil, fmt.Errorf("pictures: %w", err)
	}
	p.evict(0)
	return p, nil
}

// Offer copies v and f and returns; Run writes them. It returns false, and
// counts a drop, when the disk does not keep up. It never waits.
func (p *Pictures) Offer(v *edge.Verdict, f *edge.Frame) bool {
	if p.limits.Count < 1 {
		return true
	}
	select {
	case s := <-p.free:
		s.copy(v, f)
		p.full <- s // has room for every shot
		return true
	default:
		p.dropped.Add(1)
		return false
	}
}

// Run writes pictures until ctx ends; then it writes what was offered before
// and returns nil.
func (p *Pictures) Run(ctx context.Context) error {
	for {
		select {
		case s := <-p.full:
			p.keep(s)
		case <-ctx.Done():
			for {
				select {
				case s := <-p.full:
					p.keep(s)
				default:
					return nil
				}
			}
		}
	}
}

// Stats may be called at any time.
func (p *Pictures) Stats() PictureStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := PictureStats{Kept: len(p.kept), Bytes: p.bytes, Dropped: p.dropped.Load()}
	if text := p.failing.Load(); text != nil {
		s.Failing = *text
	}
	return s
}

// keep writes one shot. On a full disk it gives up the oldest picture, once.
func (p *Pictures) keep(s *shot) {
	err := p.write(s)
	if errors.Is(err, syscall.ENOSPC) && p.giveUpOldest() {
		err = p.write(s)
	}
	p.free <- s
	if err == nil {
		p.failing.Store(nil)
		return
	}
	p.dropped.Add(1)
	text := err.Error()
	if old := p.failing.Swap(&text); old == nil {
		p.log.Error("a picture was not kept", "err", err)
	}
}

func (p *Pictures) write(s *shot) error {
	picturePNG, err := s.png()
	if err != nil {
		return err
	}
	stem := stemOf(p.next, s.verdict.ID)
	about, err := s.describe(stem+".png", DigestBytes(picturePNG))
	if err != nil {
		return err
	}
	size := int64(len(picturePNG) + len(about))
	if size > p.limits.Bytes {
		return fmt.Errorf("a picture of %d bytes exceeds the quota of %d", size, p.limits.Bytes)
	}
	p.next++
	p.evict(size)
	err = p.atomic.WriteFile(p.path(stem+".png"), picturePNG, 0o644)
	if err == nil {
		err = p.atomic.WriteFile(p.path(stem+".json"), about, 0o644)
	}
	if err != nil { // either may be there all the same, where the folder cannot be synced
		p.atomic.FS.Remove(p.path(stem + ".json"))
		p.atomic.FS.Remove(p.path(stem + ".png"))
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept = append(p.kept, picture{number: p.next - 1, stem: stem, bytes: size})
	p.bytes += size
	return nil
}

// evict removes the oldest pictures until one more of size more fits; 0 stands
// for none.
func (p *Pictures) evict(more int64) {
	room := p.limits.Count
	if more > 0 {
		room--
	}
	for len(p.kept) > 0 && (len(p.kept) > room || p.bytes+more > p.limits.Bytes) {
		p.removeOldest()
	}
}

func (p *Pictures) giveUpOldest() bool {
	if len(p.kept) == 0 {
		return false
	}
	p.removeOldest()
	return true
}

// removeOldest removes the JSON first: without it the pair does not count, and
// the next start removes what is left.
func (p *Pictures) removeOldest() {
	old := p.kept[0]
	p.mu.Lock()
	p.kept = p.kept[1:]
	p.bytes -= old.bytes
	p.mu.Unlock()
	for _, ext := range []string{".json", ".png"} {
		if err := p.atomic.FS.Remove(p.path(old.stem + ext)); err != nil && !errors.Is(err, os.ErrNotExist) {
			p.log.Warn("an old picture was not removed", "err", err)
		}
	}
}
