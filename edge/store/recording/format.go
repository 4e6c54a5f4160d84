package recording

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"winnow/edge"
)

// Schema is the version of the format that this program writes and reads.
const Schema = 1

const magic = "WNWREC1\n"

// Tags of entries.
const (
	tagHead = "HEAD"
	tagPart = "PART"
	tagTail = "TAIL"
)

// Limits on what a reader accepts.
const (
	maxJSON   = 64 << 10
	maxPixels = 256 << 20
	maxSide   = 1 << 16 // pixels of a frame's width or height
	entryHead = 12      // tag and lengths
)

// Head opens a segment: who judged, and with what.
type Head struct {
	Schema  int           `json:"schema"`
	Segment int           `json:"segment"`
	Program string        `json:"program"`
	Engine  string        `json:"engine"`
	Device  string        `json:"device"`
	Boot    string        `json:"boot"`
	At      edge.WallTime `json:"at"`
	Model   string        `json:"model"`   // as verdicts carry it
	Package string        `json:"package"` // SHA-256 of the copy beside the segments: the package as it was in force
}

// Tail closes a segment.
type Tail struct {
	Parts int `json:"parts"`
}

// Bits is a float64 that travels as its IEEE 754 bits in hexadecimal.
type Bits float64

// MarshalText writes 16 hexadecimal digits.
func (b Bits) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%016x", math.Float64bits(float64(b))), nil
}

// UnmarshalText reads what MarshalText writes.
func (b *Bits) UnmarshalText(text []byte) error {
	u, err := strconv.ParseUint(string(text), 16, 64)
	if err != nil || len(text) != 16 {
		return fmt.Errorf("%q is not a float64 in 16 hexadecimal digits", text)
	}
	*b = Bits(math.Float64frombits(u))
	return nil
}

// Part is one judged frame without its pixels.
type Part struct {
	Record  uint64           `json:"record"`  // counts judged frames of this boot from 1; a gap was dropped
	Dropped uint64           `json:"dropped"` // frames of this boot that were dropped before this one
	ID      edge.EventID     `json:"id"`      // of the part that the frame shows; empty where nobody numbers parts
	Seq     uint64           `json:"frame"`
	At      edge.Instant     `json:"at"`
	Width   int              `json:"width"`
	Height  int              `json:"height"`
	Format  edge.PixelFormat `json:"format"`
	Flags   edge.FrameFlags  `json:"flags"`

	Decision edge.Decision `json:"decision"`
	Reason   edge.Reason   `json:"reason"`
	Error    string        `json:"error,omitempty"` // what the judge returned instead of a score

	Fused          Bits `json:"fused"`
	Latent         Bits `json:"latent"`
	Reconstruction Bits `json:"reconstruction"`
	LatentShare    Bits `json:"latent_share"`
	PValue         Bits `json:"p_value"`
	Threshold      Bits `json:"threshold"`
	Spread         Bits `json:"spread"`
}

// SetVerdict fills in what the judge said.
func (p *Part) SetVerdict(v *edge.Verdict, err error) {
	p.ID, p.Decision, p.Reason, p.Error = v.ID, v.Decision, v.Reason, ""
	s := v.Score
	p.Fused, p.Latent, p.Reconstruction = Bits(s.Fused), Bits(s.Latent), Bits(s.Reconstruction)
	p.LatentShare, p.PValue, p.Threshold = Bits(s.LatentShare), Bits(s.PValue), Bits(s.Threshold)
	p.Spread = Bits(s.Spread)
	if err != nil {
		p.Error = err.Error()
	}
}

// Difference says in which the verdict of q is not p's to the bit; "" if in
// nothing. Only what a judge says is compared, not which part it was.
func (p *Part) Difference(q *Part) string {
	for _, c := range []struct {
		name string
		a, b Bits
	}{
		{"fused score", p.Fused, q.Fused}, {"latent score", p.Latent, q.Latent},
		{"reconstruction score", p.Reconstruction, q.Reconstruction}, {"latent share", p.LatentShare, q.LatentShare},
		{"p-value", p.PValue, q.PValue}, {"threshold", p.Threshold, q.Threshold},
		{"spread", p.Spread, q.Spread},
	} {
		if math.Float64bits(float64(c.a)) != math.Float64bits(float64(c.b)) {
			return fmt.Sprintf("%s %v (%016x) was recorded, %v (%016x) comes out now", c.name,
				float64(c.a), math.Float64bits(float64(c.a)), float64(c.b), math.Float64bits(float64(c.b)))
		}
	}
	switch {
	case (p.Error == "") != (q.Error == ""):
		return fmt.Sprintf("the judge's error was %q, it is %q now", p.Error, q.Error)
	case p.Decision != q.Decision || p.Reason != q.Reason:
		return fmt.Sprintf("verdict %v %q was recorded, %v %q comes out now", p.Decision, p.Reason, q.Decision, q.Reason)
	}
	return ""
}

// chain is the running digest of a segment.
type chain [sha256.Size]byte

// next moves the chain over one entry without its digest.
func (c *chain) next(parts ...[]byte) {
	h := sha256.New()
	h.Write(c[:])
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(c[:0])
}

// encodeHead returns tag and lengths of an entry, and its JSON.
func encodeHead(tag string, v any, pixels int) (head, body []byte, err error) {
	body, err = json.Marshal(v)
	if err != nil {
		return nil, nil, err
	}
	if len(body) > maxJSON || pixels > maxPixels {
		return nil, nil, fmt.Errorf("an entry of %d bytes of text and %d of pixels is too large", len(body), pixels)
	}
	head = append(head, tag...)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(body)))
	head = binary.LittleEndian.AppendUint32(head, uint32(pixels))
	return head, body, nil
}

func segmentName(n int) string { return fmt.Sprintf("frames-%08d.rec", n) }

// ModelName is the file of the package with this SHA-256.
func ModelName(digest string) string { return "model-" + digest[:min(16, len(digest))] + ".tflite" }
