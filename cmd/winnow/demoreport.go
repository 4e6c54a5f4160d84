package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"winnow/cmd/winnow/internal/watch"
	"winnow/edge"
	"winnow/edge/evaluate"
	"winnow/infer/drift"
)

// caughtOf counts defects of one kind and size.
type caughtOf struct {
	N      int `json:"n"`
	Caught int `json:"caught"`
}

// demoReport is what `demo --json` prints. Counts of truth are null where the
// truth is not known.
type demoReport struct {
	Parts         int                  `json:"parts"`
	Defective     *int                 `json:"defective"`
	Caught        *int                 `json:"caught"`
	Escaped       *int                 `json:"escaped"`
	FalseRejects  *int                 `json:"false_rejects"`
	Unsure        int                  `json:"unsure"`
	NoResult      int                  `json:"no_result"`
	Late          int                  `json:"late"`
	Pulses        int                  `json:"pulses"`
	ByDefect      map[string]caughtOf  `json:"by_defect"`
	MQTTParts     uint64               `json:"mqtt_parts"`
	Certificate   edge.Certificate     `json:"certificate"`
	Drift         driftFigures         `json:"drift"`
	LatencyMS     evaluate.Percentiles `json:"latency_ms"`
	VerdictDigest string               `json:"verdict_digest"`
	ScoreDigest   string               `json:"score_digest"`
	Engine        string               `json:"engine"`

	Notes   []string `json:"-"`
	NoPulse int      `json:"-"`
	Seconds float64  `json:"-"`

	counts                               edge.Counts
	known                                bool
	bad, caught, escaped, wrong, rejects int
	verdicts, scoreSum                   hash.Hash
	scores                               bytes.Buffer
}

func newDemoReport() *demoReport {
	r := &demoReport{verdicts: sha256.New(), scoreSum: sha256.New(), ByDefect: map[string]caughtOf{}}
	r.scores.WriteString("part,truth,decision,score,p_value,latent,reconstruction\n")
	return r
}

// add one verdict. Parts come in order.
func (r *demoReport) add(part uint64, v *edge.Verdict, t truth) {
	r.Parts++
	r.known = r.known || t.known
	r.verdicts.Write([]byte{byte(v.Decision)})
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], math.Float64bits(v.Score.Fused))
	r.scoreSum.Write(b[:])
	name := t.name()
	if t.known && name == "" {
		name = "good"
	}
	fmt.Fprintf(&r.scores, "%d,%s,%v,%g,%g,%g,%g\n", part, csvField(name), v.Decision, v.Score.Fused, v.Score.PValue, v.Score.Latent, v.Score.Reconstruction)
	fires := v.Fires(true)
	if fires {
		r.rejects++
	}
	switch {
	case t.bad():
		r.bad++
		c := r.ByDefect[t.name()]
		c.N++
		if fires {
			r.caught++
			c.Caught++
		} else {
			r.escaped++
		}
		r.ByDefect[t.name()] = c
	case fires:
		r.wrong++
	}
}

// csvField is a field of a CSV file (RFC 4180): kinds are named as folders may be.
func csvField(field string) string {
	if !strings.ContainsAny(field, ",\"\r\n") {
		return field
	}
	return `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
}

// driftFigures are levels in standard deviations of taught parts, null where not
// measured, and the alarms that are up.
type driftFigures struct {
	Light   evaluate.Number `json:"light"`
	Focus   evaluate.Number `json:"focus"`
	Pose    evaluate.Number `json:"pose"`
	Product evaluate.Number `json:"product"`
	Alarms  []drift.Alarm   `json:"alarms"`
}

// setDrift takes what the tests beside the judge have come to.
func (r *demoReport) setDrift(w *watch.Watch) {
	now := w.Status()
	level := func(k drift.Kind) evaluate.Number { return evaluate.Number(now.Levels[k]) }
	r.Certificate = w.Certificate()
	r.Drift = driftFigures{level(drift.Light), level(drift.Focus), level(drift.Pose), level(drift.Product), append([]drift.Alarm{}, now.Alarms...)}
}

// finish works the figures out.
func (r *demoReport) finish(ms []float64) {
	r.Unsure, r.NoResult, r.Late = int(r.counts.Unsure), int(r.counts.NoResult), int(r.counts.Late)
	if r.known {
		r.Defective, r.Caught, r.Escaped, r.FalseRejects = &r.bad, &r.caught, &r.escaped, &r.wrong
	} else {
		r.ByDefect = nil
	}
	r.LatencyMS = evaluate.Percentiles{P50: evaluate.Number(evaluate.Quantile(ms, 0.5)), P99: evaluate.Number(evaluate.Quantile(ms, 0.99))}
	r.VerdictDigest = hex.EncodeToString(r.verdicts.Sum(nil))
	r.ScoreDigest = hex.EncodeToString(r.scoreSum.Sum(nil))
}

// verdict says in a word whether a rejected part deserved it.
func (t truth) verdict(d edge.Decision) string {
	switch {
	case !t.known:
		return ""
	case d == edge.Unsure && t.bad():
		return "unsure: " + t.name()
	case d == edge.Unsure:
		return "unsure: good"
	case t.bad():
		return "caught: " + t.name()
	}
	return "FALSE REJECT"
}

// print shows the final table.
func (r *demoReport) print(w io.Writer, dir string) error {
	row := func(name, format string, a ...any) {
		fmt.Fprintf(w, "  %-22s "+format+"\n", append([]any{name}, a...)...)
	}
	fmt.Fprintf(w, "\n%d parts in %.1f s on engine %s\n", r.Parts, r.Seconds, r.Engine)
	if r.known {
		row("defective", "%d", r.bad)
		row("caught", "%d (%.0f %%)", r.caught, 100*share(r.caught, r.bad))
		row("escaped", "%d", r.escaped)
		row("false rejects", "%d of %d good parts (%.1f %%)", r.wrong, r.Parts-r.bad, 100*share(r.wrong, r.Parts-r.bad))
	} else {
		row("rejected", "%d (the truth is not known)", r.rejects)
	}
	row("unsure, no result, late", "%d, %d, %d", r.Unsure, r.NoResult, r.Late)
	row("reject pulses", "%d counted on the simulated output", r.Pulses)
	row("MQTT part messages", "%d seen by a subscriber", r.MQTTParts)
	if void := r.Certificate.Void; void != "" {
		row("certificate", "VOID: %s", void)
	} else {
		row("certificate", "holds: no test of exchangeability has sounded")
	}
	for _, a := range r.Drift.Alarms {
		row("drift of "+a.Kind.String(), "%s: %s", a.Text, a.Action)
	}
	row("latency", "p50 %.1f ms, p99 %.1f ms from frame to verdict", float64(r.LatencyMS.P50), float64(r.LatencyMS.P99))
	row("heatmaps", "in %s", dir)
	if r.known && len(r.ByDefect) > 0 {
		fmt.Fprintf(w, "\n  %-22s %6s %6s\n", "defect", "parts", "caught")
		for _, k := range slices.Sorted(maps.Keys(r.ByDefect)) {
			fmt.Fprintf(w, "  %-22s %6d %6d\n", k, r.ByDefect[k].N, r.ByDefect[k].Caught)
		}
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	return nil
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
