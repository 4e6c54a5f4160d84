package edge

import (
	"fmt"
	"image"
	"strings"
)

// MaxWhy bounds what Why returns, in bytes.
const MaxWhy = 256

// Why says in plain sentences why the part was not accepted: where it deviates,
// how large and how strong that is, how the score stands to its threshold, which
// view carries it, and which taught part is nearest. It says nothing that v does
// not hold. It is "" for an accepted part.
func (v *Verdict) Why() string {
	switch {
	case v.Decision == Accept:
		return ""
	case v.Reason == ReasonScore || v.Reason == ReasonUnsure:
		return v.whyScored()
	}
	return v.whyNot()
}

// Brief is the first sentence of Why: where the part deviates, or why it has no
// result.
func (v *Verdict) Brief() string {
	first, _, more := strings.Cut(v.Why(), ". ")
	if more {
		first += "."
	}
	return first
}

// whyNot explains a part that has no result, or has it too late.
func (v *Verdict) whyNot() string {
	switch v.Reason {
	case ReasonLate:
		if v.Due > 0 && v.Scored.After(v.Due) {
			return fmt.Sprintf("The verdict came %.1f ms too late, so the part is rejected.", float64(v.Scored.Sub(v.Due))/1e6)
		}
		return "There was no verdict in time, so the part is rejected."
	case ReasonNoFrame:
		return "The camera gave no frame in time, so the part is rejected."
	case ReasonBadFrame:
		if v.Missing > 0 {
			return fmt.Sprintf("%.1f %% of the frame is missing (dead or lost lines), too much to judge it, so the part is rejected.", 100*v.Missing)
		}
		return "The frame is torn, short, repeated, flat or flagged by the driver, so the part is rejected unseen."
	case ReasonMoved:
		return fmt.Sprintf("The part lies %d px right and %d px down of its place, too far to be judged there, so it is rejected.", v.Shift.X, v.Shift.Y)
	case ReasonOverrun:
		return "The part came while every slot was taken, so it is rejected unseen."
	case ReasonFault:
		return "The part could not be judged, so it is rejected."
	}
	return fmt.Sprintf("There is no clear verdict, and the part is treated as %v.", v.Decision)
}

func (v *Verdict) whyScored() string {
	s := v.whyPlace() + fmt.Sprintf(" Score %.2f, threshold %.2f, p %.2g.", v.Score.Fused, v.Score.Threshold, v.Score.PValue)
	if v.Decision == Unsure {
		s = v.whyPlace() + fmt.Sprintf(" Score %.2f, give or take %.2f, is near the threshold %.2f, p %.2g.", v.Score.Fused, v.Score.Spread, v.Score.Threshold, v.Score.PValue)
	}
	latent := v.Score.LatentShare
	s += fmt.Sprintf(" Evidence: %.0f %% local, %.0f %% latent.", 100*(1-latent), 100*latent)
	if near := v.whyNearest(); len(s)+len(near) <= MaxWhy {
		s += near
	}
	return s
}

// muchWide is the share of a part that is told as faintly unlike good ones: of good parts
// it is less than a hundredth on average.
const muchWide = 0.05

// whyPlace is about the largest region, or, where none is a deviation of its own, which
// is above 1, about the strongest.
func (v *Verdict) whyPlace() string {
	if len(v.Regions) == 0 {
		return "No single place deviates; the part as a whole does."
	}
	r := &v.Regions[0]
	if r.Score <= 1 {
		for i := range v.Regions {
			if v.Regions[i].Score > r.Score {
				r = &v.Regions[i]
			}
		}
		s := fmt.Sprintf("No single place deviates more than in good parts; the strongest, %s, reaches %.2f times that", Where(r.Box, v.Judged), r.Score)
		if v.Wide >= muchWide {
			s += fmt.Sprintf(", but %.0f %% of the part is faintly unlike good ones", 100*v.Wide)
		}
		return s + "."
	}
	s := fmt.Sprintf("Deviation %s, %dx%d px, %.1f times the most that good parts show", Where(r.Box, v.Judged), r.Box.Dx(), r.Box.Dy(), r.Score)
	if n := len(v.Regions) - 1; n > 0 {
		places := "places"
		if n == 1 {
			places = "place"
		}
		s += fmt.Sprintf(", %.0f %% of the excess; %d more %s", 100*r.Share, n, places)
	}
	return s + "."
}

func (v *Verdict) whyNearest() string {
	n := &v.Nearest
	switch {
	case n.Part == "":
		return ""
	case n.Usual > 0:
		return fmt.Sprintf(" Nearest taught part: %s, at %.1f times the usual distance.", n.Part, n.Distance/n.Usual)
	}
	return fmt.Sprintf(" Nearest taught part: %s.", n.Part)
}

// Where says in words where the centre of r lies in whole: a third of its width
// and a third of its height, "at the upper left", or "over most of the picture".
func Where(r, whole image.Rectangle) string {
	w, h := whole.Dx(), whole.Dy()
	if w <= 0 || h <= 0 {
		return fmt.Sprintf("at %d,%d", r.Min.X, r.Min.Y)
	}
	if 2*r.Dx()*r.Dy() > w*h {
		return "over most of the picture"
	}
	third := func(lo, hi, from, n int) int { return min(max(3*(lo+hi-2*from)/(2*n), 0), 2) }
	row := [3]string{"upper", "", "lower"}[third(r.Min.Y, r.Max.Y, whole.Min.Y, h)]
	column := [3]string{"left", "", "right"}[third(r.Min.X, r.Max.X, whole.Min.X, w)]
	switch {
	case row == "" && column == "":
		return "in the centre"
	case row == "":
		return "at the " + column
	case column == "":
		return "at the " + row + " centre"
	}
	return "at the " + strings.Join([]string{row, column}, " ")
}
