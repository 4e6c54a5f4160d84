package evaluate

import (
	"encoding/xml"
	"math"
	"regexp"
	"strings"
	"testing"

	"winnow/edge"
)

// reported is a report with every table in it.
func reported(t *testing.T) (*Report, string) {
	t.Helper()
	e := New()
	for i := range 12 {
		g := goodPart(float64(i))
		g.Condition = "1"
		e.Add(g)
		b := marked(1+i, float64(i+6))
		b.Condition = "2"
		e.Add(b)
	}
	r := e.Result(1)
	r.Condition, r.Threshold = "lamp", 10
	r.Corruptions = []Corrupted{{Name: "none"}, {Name: "blur", Grade: 1}, {Name: "blur", Grade: 2}, {Name: "noise", Grade: 1}}
	r.CrossDomain = []Crossed{{Taught: "a", Judged: "x"}, {Taught: "a", Judged: "y"}, {Taught: "b", Judged: "x"}, {Taught: "b", Judged: "y"}}
	rep := &Report{
		Title: "gears <b> & caps", Command: "winnow eval", Result: r, Parts: e.Parts(),
		Escapes: []Shot{{Caption: "spot: accept", Alarm: true, Media: "image/png", Data: []byte("picture")}},
	}
	var b strings.Builder
	if err := rep.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return rep, b.String()
}

func TestReportOpensOffline(t *testing.T) {
	_, page := reported(t)
	for _, want := range []string{"<svg", "data:image/png;base64,cGljdHVyZQ==", "gears &lt;b&gt; &amp; caps", "By lamp", "By size", "Under corruption", "judged on y"} {
		if !strings.Contains(page, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for _, bad := range []string{"http:", "https:", "<script", "ZgotmplZ", "NaN", "<link"} {
		if strings.Contains(page, bad) {
			t.Errorf("the report contains %q", bad)
		}
	}
}

func TestReportIsOrdered(t *testing.T) {
	rep, _ := reported(t)
	if rows := rep.Corruptions(); len(rows) != 2 || len(rows[0]) != 2 || rep.Clean() == nil {
		t.Errorf("corruptions %+v", rows)
	}
	if m := rep.Matrix(); len(m) != 2 || len(m[0]) != 2 || m[1][0].Taught != "b" || m[1][1].Judged != "y" {
		t.Errorf("matrix %+v", m)
	}
}

// Curves are well-formed and stay inside their box.
func TestCurvesStayInTheirBox(t *testing.T) {
	rep, _ := reported(t)
	for name, svg := range map[string]string{"roc": string(rep.ROC()), "pr": string(rep.PR()), "histogram": string(rep.Histogram())} {
		if err := xml.Unmarshal([]byte(svg), new(struct{ XMLName xml.Name })); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, m := range regexp.MustCompile(`(?:x|y|x1|x2|y1|y2|cx|cy)="(-?[0-9.]+|NaN|[+-]Inf)"`).FindAllStringSubmatch(svg, -1) {
			var v Number
			if err := v.UnmarshalJSON([]byte(m[1])); err != nil || math.IsNaN(float64(v)) || v < -1 || v > chartW+1 {
				t.Errorf("%s: %s", name, m[0])
			}
		}
	}
}

func TestReportWithoutDefectsHasNoCurves(t *testing.T) {
	rep := &Report{Parts: []Part{{Score: 1, Decision: edge.Accept}}, Result: New().Result(1)}
	var b strings.Builder
	if err := rep.WriteHTML(&b); err != nil || rep.ROC() != "" {
		t.Errorf("%v", err)
	}
}
