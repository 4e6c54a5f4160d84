package capture

import (
	"context"

	"winnow/edge"
)

// nexter is the part of a Source that After needs.
type nexter interface {
	Next(ctx context.Context) (*edge.Frame, error)
	Release(f *edge.Frame)
}

// After returns the first frame of src whose exposure began at or after t: a
// software trigger over a free-running camera. Older frames are released and
// counted in stale. A frame without a time (At zero) cannot be told from an
// old one and is passed over too.
func After(ctx context.Context, src nexter, t edge.Instant) (f *edge.Frame, stale int, err error) {
	for {
		f, err = src.Next(ctx)
		if err != nil {
			return nil, stale, err
		}
		if f.At != 0 && !t.After(f.At) {
			return f, stale, nil
		}
		src.Release(f)
		stale++
	}
}
