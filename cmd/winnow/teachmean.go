package main

import (
	"context"
	"fmt"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer"
)

// meanOf is how many pictures the mean taught picture is made of, at most.
const meanOf = 32

// someInputs are pictures, spread over ps, as the input of a graph of w x h pixels.
func someInputs(ctx context.Context, ps []evaluate.Picture, w, h int) ([][]byte, error) {
	pre := infer.NewPreprocessor(w, h, nil)
	frame := new(edge.Frame)
	var out [][]byte
	var first error
	n := min(len(ps), meanOf)
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in := make([]byte, w*h*3)
		path := ps[i*len(ps)/n].Path
		err := pixfmt.ReadImageInto(frame, path)
		if err == nil {
			if err = pre.Run(frame, in); err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			}
		}
		if err == nil {
			out = append(out, in)
		} else if first == nil {
			first = err // it is named when it is taught, if others are
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("none of %d pictures can be taught; the first: %w", n, first)
	}
	return out, nil
}

// mean of inputs.
func mean(inputs [][]byte) []byte {
	sum := make([]int, len(inputs[0]))
	for _, in := range inputs {
		for i, b := range in {
			sum[i] += int(b ^ 0x80)
		}
	}
	out := make([]byte, len(sum))
	for i, s := range sum {
		out[i] = uint8((s+len(inputs)/2)/len(inputs)) ^ 0x80
	}
	return out
}

// meanPicture is the mean of pictures, as the input of a graph.
func meanPicture(ctx context.Context, ps []evaluate.Picture, w, h int) ([]byte, error) {
	in, err := someInputs(ctx, ps, w, h)
	if err != nil {
		return nil, err
	}
	return mean(in), nil
}
