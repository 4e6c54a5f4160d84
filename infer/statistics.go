package infer

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// StatisticsSchema is the version of Statistics that this program knows.
const StatisticsSchema = 2

// Outputs of a package's graph, in order. h and w are the feature grid, c its
// channels, r those of the residual; all are int8.
const (
	OutCode     = iota // [1,k]      latent code of the autoencoder
	OutResidual        // [1,h,w,r]  reconstruction residual: of all levels, or whitened
	OutFeatures        // [1,h,w,c]  standardized features: what the latent view looks at
	numOutputs
	// OutLocal is there where Statistics.Local is: [1,h',w',m] what the features
	// around a cell do not explain of it, along the m most telling directions.
	OutLocal = numOutputs
)

// OutWide is the output, the last one, that is there where Statistics.Wide is: [1,n] what the
// wide levels leave of the part, one level's map behind the other.
func (s *Statistics) OutWide() int {
	if s.Local != nil {
		return OutLocal + 1
	}
	return numOutputs
}

// Statistics is what is known of good parts beside the graph: how to turn the
// graph's outputs into two views of one part and fuse them. It is fitted by
// infer/fit and travels in the package as JSON.
type Statistics struct {
	Schema   int    `json:"schema"`
	Grid     [2]int `json:"grid"` // height, width of the feature map
	Channels int    `json:"channels"`

	// PositionWeight multiplies the anomaly map, row-major over the grid: learned
	// from normal variability, times the recipe's mask. 0 takes a cell out.
	PositionWeight []float64 `json:"position_weight"`
	ResidualScale  float64   `json:"residual_scale"` // real value of one step of OutResidual
	// ResidualChannels of OutResidual; 0: as many as the features have.
	ResidualChannels int `json:"residual_channels,omitempty"`
	// Sharp: the map of the reconstruction is taken as it is; else it is smoothed.
	Sharp bool `json:"sharp,omitempty"`
	Calm  Calm `json:"calm,omitzero"` // of the map of the reconstruction

	Local  *LocalModel `json:"local,omitempty"` // nil: the graph has no such output
	Wide   *WideModel  `json:"wide,omitempty"`  // nil: the graph has no such output
	Latent LatentModel `json:"latent"`
	Views  [2]View     `json:"views"` // reconstruction, latent
	Fusion Fusion      `json:"fusion"`

	Members []Member `json:"members,omitempty"` // none, or Members: how sure the score is
}

// LocalModel is how OutLocal becomes a map of local novelty: the root of the
// sum of squares at each cell, times the cell's weight.
type LocalModel struct {
	Grid           [2]int    `json:"grid"` // height, width
	Channels       int       `json:"channels"`
	Step           float64   `json:"step"`            // real value of one step of OutLocal
	Peaks          int       `json:"peaks,omitempty"` // the mean of so many of the largest cells is the view: 2; 0 and 1 are the largest alone
	PositionWeight []float64 `json:"position_weight"`
	View           View      `json:"view"`
}

// LatentModel is a Gaussian over the pooled descriptor: mean and standard
// deviation over the grid of each channel from FirstChannel on. It is low-rank
// plus isotropic: variance Variance[i] along Basis[i], Rest across them.
type LatentModel struct {
	FirstChannel int         `json:"first_channel"`
	Mean         []float64   `json:"mean"`  // 2*(channels-first): means, then deviations
	Scale        []float64   `json:"scale"` // of the same length, > 0
	Basis        [][]float64 `json:"basis"` // k rows, orthonormal, over the standardized descriptor
	Variance     []float64   `json:"variance"`
	Rest         float64     `json:"rest"`
}

// View standardizes one raw score in the log domain by the median and the
// scale (1.4826 MAD, bounded below) of held-out good parts.
type View struct {
	LogMedian float64 `json:"log_median"`
	LogScale  float64 `json:"log_scale"`
	Median    float64 `json:"median"` // raw score of the median part, > 0
}

// Standardize returns how many scales the raw score lies above the median.
func (v View) Standardize(raw float64) float64 { return (Log(raw) - v.LogMedian) / v.LogScale }

// ParseStatistics reads and checks what Encode wrote.
func ParseStatistics(b []byte) (*Statistics, error) {
	s := new(Statistics)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("statistics: %w", err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("statistics: %w", err)
	}
	return s, nil
}

// Encode returns the JSON form.
func (s *Statistics) Encode() ([]byte, error) {
	s.Schema = StatisticsSchema
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("statistics: %w", err)
	}
	return json.Marshal(s)
}

// residualChannels of OutResidual.
func (s *Statistics) residualChannels() int {
	if s.ResidualChannels == 0 {
		return s.Channels
	}
	return s.ResidualChannels
}

func (s *Statistics) check() error {
	cells := s.Grid[0] * s.Grid[1]
	d := 2 * (s.Channels - s.Latent.FirstChannel)
	switch {
	case s.Schema != StatisticsSchema:
		return fmt.Errorf("schema %d; this program knows %d", s.Schema, StatisticsSchema)
	case s.Grid[0] < 1 || s.Grid[1] < 1 || s.Grid[0] > 512 || s.Grid[1] > 512 || s.Channels < 1 || s.Channels > 4096:
		return fmt.Errorf("grid %v with %d channels", s.Grid, s.Channels)
	case s.ResidualChannels < 0 || s.ResidualChannels > 4096:
		return fmt.Errorf("a residual of %d channels", s.ResidualChannels)
	case len(s.PositionWeight) != cells:
		return fmt.Errorf("%d position weights for %d cells", len(s.PositionWeight), cells)
	case s.Latent.FirstChannel < 0 || d < 2 || len(s.Latent.Mean) != d || len(s.Latent.Scale) != d:
		return fmt.Errorf("latent model of %d means and %d scales for %d", len(s.Latent.Mean), len(s.Latent.Scale), d)
	case len(s.Latent.Basis) != len(s.Latent.Variance) || !(s.Latent.Rest > 0):
		return errors.New("latent model: basis and variances do not fit")
	case !(s.ResidualScale > 0):
		return fmt.Errorf("residual scale %g", s.ResidualScale)
	}
	if err := s.Fusion.check(s.Local != nil); err != nil {
		return err
	}
	if err := s.Calm.check(); err != nil {
		return err
	}
	if s.Local != nil {
		if err := s.Local.check(); err != nil {
			return fmt.Errorf("local model: %w", err)
		}
	}
	if s.Wide != nil {
		if err := s.Wide.check(); err != nil {
			return fmt.Errorf("wide map: %w", err)
		}
	}
	if n := len(s.Members); n != 0 && n != Members {
		return fmt.Errorf("an ensemble of %d members, %d are known", n, Members)
	}
	for i := range s.Members {
		if err := s.Members[i].check(s.Local != nil); err != nil {
			return fmt.Errorf("member %d: %w", i, err)
		}
	}
	return s.checkNumbers()
}

func (s *Statistics) checkNumbers() error {
	for i, b := range s.Latent.Basis {
		if len(b) != len(s.Latent.Mean) || !(s.Latent.Variance[i] >= 0) {
			return fmt.Errorf("latent basis vector %d", i)
		}
	}
	for i, v := range s.Latent.Scale {
		if !(v > 0) || math.IsInf(v, 0) {
			return fmt.Errorf("latent scale %d is %g", i, v)
		}
	}
	for i, v := range s.Views {
		if err := v.check(); err != nil {
			return fmt.Errorf("view %d: %w", i, err)
		}
	}
	return checkWeights(s.PositionWeight)
}

func (m *LocalModel) check() error {
	cells := m.Grid[0] * m.Grid[1]
	switch {
	case m.Grid[0] < 1 || m.Grid[1] < 1 || m.Grid[0] > 512 || m.Grid[1] > 512 || m.Channels < 1 || m.Channels > 4096:
		return fmt.Errorf("grid %v with %d channels", m.Grid, m.Channels)
	case len(m.PositionWeight) != cells:
		return fmt.Errorf("%d position weights for %d cells", len(m.PositionWeight), cells)
	case m.Peaks < 0 || m.Peaks > 2:
		return fmt.Errorf("a view of the %d largest cells", m.Peaks)
	case !(m.Step > 0) || math.IsInf(m.Step, 0):
		return fmt.Errorf("step %g", m.Step)
	}
	if err := m.View.check(); err != nil {
		return err
	}
	return checkWeights(m.PositionWeight)
}

func (v View) check() error {
	if !(v.LogScale > 0) || math.IsNaN(v.LogMedian) || math.IsInf(v.LogMedian, 0) || math.IsInf(v.LogScale, 0) || !(v.Median > 0) || math.IsInf(v.Median, 0) {
		return fmt.Errorf("%+v cannot standardize", v)
	}
	return nil
}

func checkWeights(w []float64) error {
	for i, v := range w {
		if !(v >= 0) || math.IsInf(v, 0) {
			return fmt.Errorf("position weight %d is %g", i, v)
		}
	}
	return nil
}
