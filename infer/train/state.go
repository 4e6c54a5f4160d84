package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
)

// The phases of a member.
const (
	phaseFloat    = iota // as the recipe builds it
	phaseCompress        // folded, pruned and rounded
)

// state is all that a run needs to go on from where it was.
type state struct {
	Recipe, Data [32]byte // digests of what it belongs to

	Member, Phase, Step int
	Values              [][]float32 // parameters and the optimizer's moments
	Masks               [][]float32 // of parameters, while pruning
	Hard                []float32   // last loss of each part, for the curriculum

	Best      [][]float32 // parameters at the best look
	BestScore float64
	First     float64 // held-out loss of the first look
	Bad       int     // looks since the best

	Dense  [][]float32 // of this member, when its first phase is over
	Ranges []Range
	Done   []finished

	Curve []Point
	Looks []Look
}

// finished is a member that is ready.
type finished struct {
	Dense  [][]float32 // parameters of the net as it was built
	Final  [][]float32 // parameters of the folded net, where it was compressed
	Ranges []Range
}

// magic starts a checkpoint; its last byte is the version of the format.
const magic = "winnow-train\x01"

// ErrOtherRun is wrapped by the error for a checkpoint of another recipe or of
// other pictures.
var ErrOtherRun = errors.New("the checkpoint is of another run")

func (s *state) encode() ([]byte, error) {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(s); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	sum := sha256.Sum256(body.Bytes())
	return append(append([]byte(magic), sum[:]...), body.Bytes()...), nil
}

func decodeState(b []byte) (*state, error) {
	body, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok || len(body) < sha256.Size {
		return nil, errors.New("the checkpoint is not one of this program: remove it, or start with --restart")
	}
	sum := [32]byte(body[:sha256.Size])
	body = body[sha256.Size:]
	if sha256.Sum256(body) != sum {
		return nil, errors.New("the checkpoint is damaged: remove it, or start with --restart")
	}
	s := new(state)
	if err := gob.NewDecoder(bytes.NewReader(body)).Decode(s); err != nil {
		return nil, fmt.Errorf("the checkpoint cannot be read (%w): remove it, or start with --restart", err)
	}
	return s, nil
}
