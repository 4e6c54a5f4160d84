package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"

	"winnow/edge"
	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/native"
	"winnow/infer/tflite"
	"winnow/models"
	"winnow/models/library"
)

// smallSide is the side of the small package's input: with the encoder cut
// behind block 4 it takes 18 MMAC, which an emulated processor does in a part of
// a second (models/library/README.md).
const (
	smallSide = 88
	smallTap  = "b4"
)

// smallPackage teaches good parts with an encoder cut for slow machines.
func smallPackage(ctx context.Context, good []*edge.Frame, out string) error {
	encoder, tap, err := smallEncoder()
	if err != nil {
		return err
	}
	eng := native.New()
	b, err := encoder.Marshal()
	if err != nil {
		return err
	}
	s, err := eng.Load(b, infer.Options{Threads: 1})
	if err != nil {
		return err
	}
	defer s.Close()
	features := fit.NewFeatures([]fit.Tap{tap})
	pre := infer.NewPreprocessor(smallSide, smallSide, nil)
	var golden [][]byte
	for i, f := range good {
		if err := pre.Run(f, s.Input(0)); err != nil {
			return err
		}
		if i == 0 {
			golden = append(golden, append([]byte(nil), s.Input(0)...))
		}
		if err := s.Run(); err != nil {
			return err
		}
		if err := features.Add(i, [][]byte{s.Output(0)}); err != nil {
			return err
		}
	}
	r, err := fit.Fit(ctx, encoder, features, eng, fit.Options{Threads: 1, CodeSize: 8})
	if err != nil {
		return err
	}
	p, err := packed(r, features)
	if err != nil {
		return err
	}
	if err := infer.MakeGolden(p, eng, infer.Options{Threads: 1}, golden); err != nil {
		return err
	}
	b, err = p.Bytes()
	if err != nil {
		return err
	}
	return os.WriteFile(out, b, 0o644)
}

// smallEncoder is the library's encoder up to block 4, for small pictures.
func smallEncoder() (*tflite.Model, fit.Tap, error) {
	m, err := tflite.Parse(library.Encoder(), tflite.Limits{})
	if err != nil {
		return nil, fit.Tap{}, err
	}
	at, err := library.TapNamed(smallTap)
	if err != nil {
		return nil, fit.Tap{}, err
	}
	m = m.Cut([]int{m.Find(at.Tensor)})
	if err := m.Resize([]int{1, smallSide, smallSide, 3}); err != nil {
		return nil, fit.Tap{}, fmt.Errorf("the encoder at %dx%d: %w", smallSide, smallSide, err)
	}
	t := &m.Tensors[m.Outputs[0]]
	return m, fit.Tap{
		Name: smallTap, Height: t.Shape[1], Width: t.Shape[2], Channels: t.Shape[3],
		Scale: t.Scale(), ZeroPoint: int(t.ZeroPoint()),
	}, nil
}

func packed(r *fit.Result, f *fit.Features) (*models.Package, error) {
	graph, err := r.Graph.Marshal()
	if err != nil {
		return nil, err
	}
	stats, err := r.Statistics.Encode()
	if err != nil {
		return nil, err
	}
	enc, taught := sha256.Sum256(library.Encoder()), sha256.Sum256(graph)
	return &models.Package{
		Graph: graph, Statistics: stats, Calibration: r.Calibration,
		Manifest: models.Manifest{
			Recipe: "emulated", Program: "buildroot/emulator",
			Preprocess: models.Preprocess{Width: smallSide, Height: smallSide, Resize: "triangle"},
			Encoder:    models.Encoder{Name: library.Name, Digest: hex.EncodeToString(enc[:])},
			Taught:     models.Taught{Parts: f.Len(), Groups: f.Groups(), Digest: hex.EncodeToString(taught[:])},
		},
	}, nil
}
