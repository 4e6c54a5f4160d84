// Package line is the inspection loop: it takes announced parts and frames,
// has them judged, and sees to it that every part gets exactly one verdict by
// its due instant, whatever fails. It owns the states of the station, the
// ledger, and the deadlines. It must not touch a device, a disk or a network:
// those stand behind Source, Judge, Actuator and Recorder.
//
// Machine decides and never waits, so a simulator can run a million parts
// through it in virtual time; Line waits, with goroutines around one Machine.
//
// What always holds:
//
//   - a part whose judge fails, panics, hangs or is late is rejected, and so is
//     a part without a frame or with a flagged one;
//   - a part is judged only by frames exposed between its own trigger and the
//     next one, never by a neighbour's;
//   - triggers = accept + reject + unsure + no-result + parts still open.
package line

import (
	"context"

	"winnow/edge"
)

// Source gives frames. Next is called by one goroutine; io.EOF ends the run
// after the parts in hand are settled, any other error makes the line
// NOT_READY until the next frame. Release is called exactly once a frame, by
// another goroutine than Next.
type Source interface {
	Next(ctx context.Context) (*edge.Frame, error)
	Release(f *edge.Frame)
}

// Judge decides on one frame. It fills Score, Decision, Reason, Regions,
// Heatmap of v and keeps neither f nor v. It is called by one goroutine.
type Judge interface {
	Judge(f *edge.Frame, v *edge.Verdict) error
}

// Actuator acts on a verdict that Fires. Act never blocks, waits for neither
// network nor disk, and does not keep v. It may turn a verdict that it finds
// late into a reject (Verdict.Late); the ledger counts v as Act leaves it.
type Actuator interface {
	Act(v *edge.Verdict)
}

// Announcer is implemented by actuators that follow parts on the belt and fire
// at one that arrives without a verdict. Forget lets a part pass, announced or not, whose
// verdict is not to be acted on. Neither blocks.
type Announcer interface {
	Announce(seq uint64, trigger edge.Instant)
	Forget(seq uint64)
}

// Holder is implemented by actuators that whoever inhibits the line, or puts it in shadow mode,
// keeps still. Parts are announced to them meanwhile, and Hold takes their verdicts as Act does:
// a part that arrives after the end of that is acted on.
type Holder interface {
	Hold(v *edge.Verdict)
}

// Recorder keeps verdicts and pictures. Record never blocks and returns false
// if it had to drop the record. f is nil where no frame came; v and f are valid
// during the call only, and f must not be written.
type Recorder interface {
	Record(v *edge.Verdict, f *edge.Frame) bool
}
