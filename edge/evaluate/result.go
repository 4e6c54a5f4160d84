package evaluate

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"winnow/edge"
)

// Number is a figure that may be unknown; it is written as null then.
type Number float64

// Known reports whether there is a figure.
func (n Number) Known() bool { return !math.IsNaN(float64(n)) }

// MarshalJSON writes NaN as null and six significant digits otherwise: more
// would be noise.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Known() || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', 6, 64), nil
}

// UnmarshalJSON reads null as unknown.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	*n = Number(v)
	return err
}

// Defect holds the figures of some defective parts against all good ones.
type Defect struct {
	N          int    `json:"n"`
	ImageAUROC Number `json:"image_auroc"`
	AUPRO      Number `json:"aupro"`
	CaughtAt1  Number `json:"caught_at_1pct"`
	Escape     Number `json:"escape_rate"`
}

// SizeBin is the defective parts whose defect covers a share of the picture
// from Low (included) to High (excluded).
type SizeBin struct {
	Name string `json:"name"`
	Low  Number `json:"low"`
	High Number `json:"high"`
	Defect
}

// Condition is the parts of one slice, such as one exposure, judged with the
// one threshold: how stable it is.
type Condition struct {
	Name        string    `json:"name"`
	Good        int       `json:"good"`
	Bad         int       `json:"bad"`
	ImageAUROC  Number    `json:"image_auroc"`
	FalseReject Number    `json:"false_reject_rate"`
	Interval    [2]Number `json:"false_reject_interval"` // 95 %, exact binomial
	Unsure      Number    `json:"unsure_rate"`
	Escape      Number    `json:"escape_rate"`
	// Shift is how far the median score of its good parts lies from that of all
	// good parts, in median absolute deviations of all good parts.
	Shift Number `json:"good_shift"`
	// Rejects1 is the score that at most 1 % of its good parts exceed: where a
	// threshold of its own would lie.
	Rejects1 Number `json:"own_threshold_1pct"`
}

// Views compares the fused score with the views that it is made of.
type Views struct {
	Latent         Number `json:"latent_auroc"`
	Autoencoder    Number `json:"autoencoder_auroc"`
	Surroundings   Number `json:"surroundings_auroc"`   // unknown without that view
	Reconstruction Number `json:"reconstruction_auroc"` // of both maps, fused without Latent
	Fused          Number `json:"fused_auroc"`
	// Gain is Fused minus the best single view (Latent, Autoencoder, Surroundings);
	// its interval is a paired bootstrap, in which the best view is chosen anew from
	// each resample.
	Gain         Number    `json:"gain"`
	GainInterval [2]Number `json:"gain_interval"`
}

// Percentiles of a duration in milliseconds.
type Percentiles struct {
	P50 Number `json:"p50"`
	P99 Number `json:"p99"`
}

// Corrupted is what becomes of the same pictures under one corruption.
type Corrupted struct {
	Name        string `json:"name"`
	Grade       int    `json:"grade"`    // 1 to 3; 0: none
	Strength    string `json:"strength"` // what that is, for people
	ImageAUROC  Number `json:"image_auroc"`
	FalseReject Number `json:"false_reject_rate"`
	Unsure      Number `json:"unsure_rate"`
	Escape      Number `json:"escape_rate"`
}

// Crossed is one model on one data set.
type Crossed struct {
	Taught      string    `json:"taught"` // the model's recipe, with its file where another model has the same
	Judged      string    `json:"judged"` // the data's name
	ImageAUROC  Number    `json:"image_auroc"`
	Interval    [2]Number `json:"image_auroc_interval"`
	CaughtAt1   Number    `json:"caught_at_1pct"`
	FalseReject Number    `json:"false_reject_rate"`
	Escape      Number    `json:"escape_rate"`
}

// Result is what `winnow eval --json` prints.
type Result struct {
	ImageAUROC  Number               `json:"image_auroc"`
	ImageAP     Number               `json:"image_ap"`
	F1          Number               `json:"f1"` // the largest of any threshold
	PixelAUROC  Number               `json:"pixel_auroc"`
	AUPRO       Number               `json:"aupro"`
	RegionAUROC Number               `json:"region_auroc"` // see figures
	Intervals   map[string][2]Number `json:"intervals"`    // 95 %, bootstrap over groups
	CaughtAt1   Number               `json:"caught_at_1pct"`
	CaughtAt0   Number               `json:"caught_at_none"`
	PerDefect   map[string]Defect    `json:"per_defect"`
	PerSize     []SizeBin            `json:"per_size"`
	Condition   string               `json:"condition"` // what the slices are by, such as exposure
	Conditions  []Condition          `json:"conditions"`
	Views       Views                `json:"views"`

	// At the calibrated threshold. An unsure part is neither caught nor accepted.
	FalseReject Number           `json:"false_reject_rate"`
	Escape      Number           `json:"escape_rate"`
	Caught      Number           `json:"caught_rate"`
	Unsure      Number           `json:"unsure_rate"`     // of good parts
	UnsureBad   Number           `json:"unsure_bad_rate"` // of defective parts
	F1At        Number           `json:"f1_at_threshold"`
	Framed      Number           `json:"framed_rate"` // of defective parts that are not accepted: something marked lies in the box of the first region
	FrameIoU    Number           `json:"frame_iou"`   // median of that box's intersection over union with the box of the defect that it fits best
	Threshold   Number           `json:"threshold"`
	Certificate edge.Certificate `json:"certificate"`

	LatencyMS Percentiles `json:"latency_ms"`
	Engine    string      `json:"engine"`
	Model     string      `json:"model"`
	Good      int         `json:"good"`
	Bad       int         `json:"bad"`
	Groups    int         `json:"groups"`
	// What flatters: test pictures that the package was taught, and groups that the split has
	// parts of in both of its halves.
	Taught       int      `json:"taught_pictures"`
	SharedGroups []string `json:"shared_groups"`

	EmptyMasks   int         `json:"empty_masks"`   // defective pictures left out of pixel figures: their masks mark nothing
	MissingMasks int         `json:"missing_masks"` // or they have none, where others have
	Corruptions  []Corrupted `json:"corruptions"`
	CrossDomain  []Crossed   `json:"cross_domain"`
}

// Flattery says in sentences what makes the figures better than fresh parts would.
func (r *Result) Flattery() (says []string) {
	if r.Taught > 0 {
		says = append(says, fmt.Sprintf("%d of %d test pictures are among those that the package was taught: test others", r.Taught, r.Good+r.Bad))
	}
	if n := len(r.SharedGroups); n > 0 {
		const named = 3
		some := strings.Join(r.SharedGroups[:min(n, named)], ", ")
		if n > named {
			some += fmt.Sprintf(" and %d others", n-named)
		}
		says = append(says, fmt.Sprintf("groups that the split has on both sides, taught and tested: %s; keep each on one", some))
	}
	return says
}
