package main

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/spf13/cobra"

	"winnow/infer"
	"winnow/infer/native"
	"winnow/infer/tf"
	"winnow/models"
)

func modelVerify() *cobra.Command {
	var engine string
	c := &cobra.Command{
		Use: "verify FILE.tflite", Short: "Check a model package and replay its golden vectors; compare any .tflite on two engines",
		Long: "Verify checks a model package and replays its golden vectors. The graph of a package and any other .tflite file\n" +
			"then run on the engine and on native (native itself: on its fastest and its plain kernels) with the same noise;\n" +
			"the first layer that differs is named with both values.",
		Example: "  winnow model verify part.tflite\n  winnow model verify --engine tensorflow part.tflite", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			said, err := verify(args[0], engine)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", args[0], said)
			return err
		},
	}
	c.Flags().StringVar(&engine, "engine", engineAuto, "auto, native, tensorflow or tensorflow-fast")
	return c
}

// verify says what was found equal.
func verify(path, engine string) (string, error) {
	b, err := models.ReadLimited(path)
	if err != nil {
		return "", err
	}
	p, err := models.Read(b)
	switch {
	case err == nil:
		j, e, err := openJudge(p, engine, "", judgeThreads(0))
		if err != nil {
			return "", err
		}
		defer j.Close()
		found, err := compareWithNative(p.Graph, e)
		return fmt.Sprintf("package whole, %d golden vectors equal on engine %s; %s", len(p.Golden), e.Name(), found), err
	case !errors.Is(err, models.ErrNotPackage):
		return "", err
	}
	e, s, err := openSession(b, engine, judgeThreads(0))
	if err != nil {
		return "", err
	}
	if err := s.Close(); err != nil {
		return "", err
	}
	found, err := compareWithNative(b, e)
	return "a plain .tflite file; " + found, err
}

// verifyInputs is how many inputs two engines are compared on.
const verifyInputs = 3

// compareWithNative runs a graph on e and on native, or where e is native on its
// plain kernels too; an error names the first layer that differs.
func compareWithNative(graph []byte, e infer.Engine) (string, error) {
	reference, name, tolerance := native.New(), "native", 0
	if e.Name() == engineNative {
		reference, name = native.NewWith("generic"), "plain kernels"
	}
	if t, ok := e.(infer.Tolerant); ok {
		tolerance = t.Tolerance()
	}
	s, err := native.New().Load(graph, infer.Options{Threads: 1})
	if err != nil {
		return "native cannot run it, so there is nothing to compare with", nil
	}
	defer s.Close()
	for i := range verifyInputs {
		d, err := tf.Compare(graph, noiseFor(s, uint64(i)), reference, e, tolerance)
		if err != nil {
			return "", err
		}
		if d != nil {
			return "", fmt.Errorf("%s and engine %s differ on input %d: %v", name, e.Name(), i, d)
		}
	}
	return fmt.Sprintf("outputs of %d inputs equal to %s within %d steps", verifyInputs, name, tolerance), nil
}

// noiseFor makes one input of every kind: noise, or zeros where it is real numbers.
func noiseFor(s infer.Session, seed uint64) [][]byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var all [][]byte
	for i, t := range s.Inputs() {
		b := make([]byte, len(s.Input(i)))
		for k := range b {
			if t.Type != infer.Float32 {
				b[k] = byte(r.Uint32())
			}
		}
		all = append(all, b)
	}
	return all
}
