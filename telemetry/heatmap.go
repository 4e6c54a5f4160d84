package telemetry

import (
	"encoding/json"
	"fmt"

	"winnow/edge"
)

// MaxHeatmapBytes bounds the payload of heatmap.
const MaxHeatmapBytes = 2048

// Heatmap is the payload of heatmap: the anomaly map of one part, summed up.
type Heatmap struct {
	Header
	Grid    []byte   `json:"grid"` // edge.Heatmap: 256 bytes, row-major, in base64
	Peak    Peak     `json:"peak"`
	Regions []Region `json:"regions"` // at most edge.MaxRegions, largest share first
}

// Peak is the first of the highest cells of the grid.
type Peak struct {
	X     int   `json:"x"` // column, 0..15
	Y     int   `json:"y"` // row, 0..15
	Value uint8 `json:"value"`
}

// Region is edge.Region on the wire: x, y, w, h are pixels of the frame.
type Region struct {
	X     int     `json:"x"`
	Y     int     `json:"y"`
	W     int     `json:"w"`
	H     int     `json:"h"`
	Area  int     `json:"area"`
	Score Rounded `json:"score"`
	Share Rounded `json:"share"`
}

// HeatmapOf returns the heatmap of v as written on the wire.
func HeatmapOf(v *edge.Verdict) Heatmap {
	h := Heatmap{
		Header:  Header{Schema: Version, ID: v.ID, At: Stamp(v.Wall)},
		Grid:    v.Heatmap[:],
		Peak:    peakOf(&v.Heatmap),
		Regions: make([]Region, 0, edge.MaxRegions),
	}
	for _, r := range v.Regions[:min(len(v.Regions), edge.MaxRegions)] {
		h.Regions = append(h.Regions, Region{
			X: r.Box.Min.X, Y: r.Box.Min.Y, W: r.Box.Dx(), H: r.Box.Dy(),
			Area: r.Area, Score: Rounded(r.Score), Share: Rounded(r.Share),
		})
	}
	return h
}

func peakOf(m *edge.Heatmap) Peak {
	var p Peak
	for i, c := range m {
		if c > p.Value {
			p = Peak{X: i % edge.HeatmapSide, Y: i / edge.HeatmapSide, Value: c}
		}
	}
	return p
}

// EncodeHeatmap returns the JSON of v's heatmap, or an error if it would
// exceed MaxHeatmapBytes, which no valid ids can bring about.
func EncodeHeatmap(v *edge.Verdict) ([]byte, error) {
	b, err := json.Marshal(HeatmapOf(v))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxHeatmapBytes {
		return nil, fmt.Errorf("heatmap of part %v has %d bytes, more than %d: its ids are too long", v.ID, len(b), MaxHeatmapBytes)
	}
	return b, nil
}
