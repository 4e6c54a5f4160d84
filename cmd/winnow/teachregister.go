package main

import (
	"context"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"winnow/edge/evaluate"
	"winnow/infer"
)

// Words for whether parts are moved onto the mean taught part. The flag without a
// word is registerOn.
const (
	registerAuto = "auto"
	registerOn   = "on"
	registerOff  = "off"
)

// When registration is tried: where it explains so much of what differs between taught
// parts that they lie apart rather than look apart, and none of them lies so far away
// that a part soon might be too far.
const (
	registerLeft = 0.75               // of the variance of pixels, at most, that is left by it
	registerFar  = infer.MaxShift / 2 // of a side, at most, by which a part is moved
)

// registerReport is how parts that are moved, or lie as they lie, did.
type registerReport struct {
	Register bool    `json:"register"`
	AUROC    float64 `json:"drawn_auroc"`
}

// registerArgs takes no arguments, and says how the word of the flag is written, for it
// is not the next argument.
func registerArgs(c *cobra.Command, args []string) error {
	if len(args) == 1 && c.Flags().Changed("register") && slices.Contains([]string{registerAuto, registerOn, registerOff}, args[0]) {
		return usagef("--register takes its word behind a =: write --register=%s", args[0])
	}
	return cobra.NoArgs(c, args)
}

func checkRegister(register, mask string) error {
	switch {
	case !slices.Contains([]string{"", registerAuto, registerOn, registerOff}, register):
		return usagef("--register=%s: on, off or auto", register)
	case register == registerOn && mask != "":
		return usagef("--register moves the part and --mask lies over the frame: what is under the mask could move the part; give one")
	}
	return nil
}

// chooseRegister is whether parts are moved before they are judged: as asked for, or
// what drawn defects speak for, tried on no more than the usual number of pixels. Under
// a mask, and where taught parts do not lie apart, it is not tried.
func chooseRegister(ctx context.Context, sv survey, f teachFlags, bar *progress) (bool, []registerReport, error) {
	if f.register != registerAuto || f.mask != "" {
		return f.register == registerOn, nil, nil
	}
	w, h := inputSize(sv.aspects)
	if apart, err := lieApart(ctx, sv.usable, w, h); err != nil || !apart {
		return false, nil, err
	}
	tries := []try{{w: w, h: h, register: true}, {w: w, h: h}}
	aurocs, err := newProber(sv, f, "trying to move parts onto each other", tries...).run(ctx, sv.usable, bar)
	if err != nil || len(aurocs) < len(tries) {
		return false, nil, err
	}
	return worthIt(aurocs[1], aurocs[0]), []registerReport{{true, aurocs[0]}, {false, aurocs[1]}}, nil
}

// lieApart reports whether some of ps, as inputs of w x h pixels, lie apart.
func lieApart(ctx context.Context, ps []evaluate.Picture, w, h int) (bool, error) {
	inputs, err := someInputs(ctx, ps, w, h)
	if err != nil {
		return false, err
	}
	_, moved, shifts, err := onto(inputs, w, h)
	if err != nil {
		return false, err
	}
	for _, s := range shifts {
		if s.beyond || math.Abs(float64(s.dx)) > registerFar*float64(w) || math.Abs(float64(s.dy)) > registerFar*float64(h) {
			return false, nil
		}
	}
	return variance(moved, w, h) <= registerLeft*variance(inputs, w, h), nil
}

// variance of inputs about their mean, summed over the pixels that no shift brings in.
func variance(inputs [][]byte, w, h int) float64 {
	n, sum := float64(len(inputs)), 0.0
	left, top := int(math.Ceil(infer.MaxShift*float64(w))), int(math.Ceil(infer.MaxShift*float64(h)))
	for y := top; y < h-top; y++ {
		for i := 3 * (y*w + left); i < 3*(y*w+w-left); i++ {
			s, q := 0.0, 0.0
			for _, in := range inputs {
				v := float64(in[i] ^ 0x80)
				s, q = s+v, q+v*v
			}
			sum += q/n - s/n*s/n
		}
	}
	return sum
}

// shift is where a part lay: how far right and down of the reference.
type shift struct {
	dx, dy int
	beyond bool // farther than registration moves it
}

// onto moves copies of inputs onto each other: first onto the one that is nearest to
// the plain mean, which is sharp, then onto what that gives. It returns the mean of
// the moved ones, and by what they were moved at last.
func onto(inputs [][]byte, w, h int) (reference []byte, moved [][]byte, shifts []shift, err error) {
	reference = nearestTo(mean(inputs), inputs)
	moved, shifts = make([][]byte, len(inputs)), make([]shift, len(inputs))
	for range 2 {
		for i, in := range inputs {
			moved[i] = append(moved[i][:0], in...)
			s := &shifts[i]
			if s.dx, s.dy, s.beyond, err = infer.Register(reference, moved[i], w, h); err != nil {
				return nil, nil, nil, err
			}
		}
		reference = mean(moved)
	}
	return reference, moved, shifts, nil
}

// nearestTo is the input that differs least from m.
func nearestTo(m []byte, inputs [][]byte) []byte {
	best, least := inputs[0], -1
	for _, in := range inputs {
		sum := 0
		for i, b := range in {
			d := int(b^0x80) - int(m[i]^0x80)
			sum += max(d, -d)
		}
		if least < 0 || sum < least {
			best, least = in, sum
		}
	}
	return best
}

// register makes t move each part to where it lies in the mean of ps.
func (t *teacher) register(ctx context.Context, ps []evaluate.Picture) error {
	inputs, err := someInputs(ctx, ps, t.w, t.h)
	if err != nil {
		return err
	}
	if t.reference, _, _, err = onto(inputs, t.w, t.h); err != nil {
		return err
	}
	return t.pre.SetReference(t.reference)
}
