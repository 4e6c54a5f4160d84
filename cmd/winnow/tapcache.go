package main

import (
	"crypto/sha256"
	"maps"
	"slices"

	"winnow/infer"
	"winnow/infer/tflite"
	"winnow/models/library"
)

// tapCache is an engine that runs the encoder once for each picture: a graph
// that begins with the encoder is loaded without it, and is fed with the feature
// maps that are remembered for what its input holds. Results are the inner
// engine's to the bit, since the same operators run on the same bytes. It makes
// thousands of fits and verdicts on one pool of pictures affordable.
//
// Remembering is for one goroutine; once it is off, sessions of one cache may
// run side by side.
type tapCache struct {
	infer.Engine
	known    map[[sha256.Size]byte]map[string][]byte
	remember bool
}

func newTapCache(inner infer.Engine) *tapCache {
	return &tapCache{Engine: inner, known: map[[sha256.Size]byte]map[string][]byte{}, remember: true}
}

// Load takes the encoder out of a graph whose only input is a picture.
func (c *tapCache) Load(model []byte, o infer.Options) (infer.Session, error) {
	whole, err := tflite.Parse(model, tflite.Limits{})
	if err != nil {
		return nil, err
	}
	taps := tapTensors(whole)
	if len(taps) == 0 || len(whole.Inputs) != 1 {
		return c.Engine.Load(model, o)
	}
	s := &cachedSession{cache: c, options: o, front: whole.Cut(slices.Sorted(maps.Values(taps)))}
	if err := s.loadRest(whole, taps); err != nil {
		return c.Engine.Load(model, o) // something else looks at the picture too
	}
	full, err := s.cache.Engine.Load(model, o) // for the tensors' descriptions
	if err != nil {
		return nil, err
	}
	defer full.Close()
	s.inputs, s.outputs = full.Inputs(), full.Outputs()
	s.picture = make([]byte, len(full.Input(0)))
	return s, nil
}

// tapTensors are the encoder's taps that a graph holds, by name.
func tapTensors(m *tflite.Model) map[string]int {
	out := map[string]int{}
	for _, t := range library.Taps() {
		if i := m.Find(t.Tensor); i >= 0 {
			out[t.Tensor] = i
		}
	}
	return out
}

// cachedSession is a graph without its encoder.
type cachedSession struct {
	cache           *tapCache
	options         infer.Options
	front           *tflite.Model // the encoder, cut behind every tap
	encoder         infer.Session // of front; nil until a picture is new
	rest            infer.Session // nil where every output is a tap
	feeds           []string      // tap of each input of rest
	from            []string      // tap that is output i, "" for one of rest's
	at              []int         // which output of rest it is
	inputs, outputs []infer.Tensor
	picture         []byte
	now             map[string][]byte
}

// loadRest loads what comes behind the taps.
func (s *cachedSession) loadRest(whole *tflite.Model, taps map[string]int) error {
	names := map[int]string{}
	for name, i := range taps {
		names[i] = name
	}
	var wanted []int
	for _, o := range whole.Outputs {
		name, isTap := names[o]
		s.from = append(s.from, name)
		s.at = append(s.at, len(wanted))
		if !isTap {
			wanted = append(wanted, o)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	whole.Ops = slices.DeleteFunc(whole.Ops, func(o tflite.Op) bool { _, is := names[o.Outputs[0]]; return is })
	whole.Inputs = slices.Sorted(maps.Keys(names))
	rest := whole.Cut(wanted)
	for _, i := range rest.Inputs {
		s.feeds = append(s.feeds, rest.Tensors[i].Name)
	}
	b, err := rest.Marshal()
	if err != nil {
		return err
	}
	s.rest, err = s.cache.Engine.Load(b, s.options)
	return err
}

func (s *cachedSession) Inputs() []infer.Tensor  { return s.inputs }
func (s *cachedSession) Outputs() []infer.Tensor { return s.outputs }
func (s *cachedSession) Input(int) []byte        { return s.picture }

func (s *cachedSession) Output(i int) []byte {
	if s.from[i] != "" {
		return s.now[s.from[i]]
	}
	return s.rest.Output(s.at[i])
}

func (s *cachedSession) Run() error {
	key := sha256.Sum256(s.picture)
	now, ok := s.cache.known[key]
	if !ok || !s.has(now) {
		var err error
		if now, err = s.encode(); err != nil {
			return err
		}
		if s.cache.remember {
			s.cache.known[key] = now
		}
	}
	s.now = now
	if s.rest == nil {
		return nil
	}
	for i, name := range s.feeds {
		copy(s.rest.Input(i), now[name])
	}
	return s.rest.Run()
}

// has reports whether every tap of the graph is among those remembered.
func (s *cachedSession) has(taps map[string][]byte) bool {
	for _, o := range s.front.Outputs {
		if taps[s.front.Tensors[o].Name] == nil {
			return false
		}
	}
	return true
}

// encode runs the encoder on the picture.
func (s *cachedSession) encode() (map[string][]byte, error) {
	if s.encoder == nil {
		b, err := s.front.Marshal()
		if err != nil {
			return nil, err
		}
		if s.encoder, err = s.cache.Engine.Load(b, s.options); err != nil {
			return nil, err
		}
	}
	copy(s.encoder.Input(0), s.picture)
	if err := s.encoder.Run(); err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for i, o := range s.front.Outputs {
		out[s.front.Tensors[o].Name] = append([]byte(nil), s.encoder.Output(i)...)
	}
	return out, nil
}

func (s *cachedSession) Close() error {
	if s.encoder != nil {
		if err := s.encoder.Close(); err != nil {
			return err
		}
	}
	if s.rest == nil {
		return nil
	}
	return s.rest.Close()
}
