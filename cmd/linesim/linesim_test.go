package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestEveryPartIsTreatedAsItsVerdictSays(t *testing.T) {
	for seed := range uint64(4) {
		r, err := simulate(plan{Parts: 5000, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		if !r.ok() {
			t.Errorf("seed %d: %+v", seed, r.Wrong)
		}
		if r.Ledger.Late == 0 || r.Ledger.NoResult == 0 || r.Ledger.Unsure == 0 || r.Stops == 0 || r.Defective == 0 || r.Extra.JudgeErrors == 0 {
			t.Errorf("seed %d left something out: %+v", seed, r)
		}
		if r.LateHit != r.Ledger.Late || r.Hit != r.Ledger.Reject+r.Ledger.Unsure+r.Ledger.NoResult {
			t.Errorf("seed %d: %d hit, %d of them late, ledger %+v", seed, r.Hit, r.LateHit, r.Ledger)
		}
	}
}

func TestSameSeedSameRun(t *testing.T) {
	var outs [2]bytes.Buffer
	for i := range outs {
		if code := run([]string{"--parts", "3000", "--seed", "9", "--json"}, &outs[i], &outs[i]); code != 0 {
			t.Fatalf("exit %d: %s", code, &outs[i])
		}
	}
	if outs[0].String() != outs[1].String() {
		t.Error("two runs of one seed differ")
	}
	var r result
	if err := json.Unmarshal(outs[0].Bytes(), &r); err != nil || r.Parts != 3000 {
		t.Errorf("%v: %+v", err, r)
	}
}

// TestItCanFail: a wire that is broken lets rejects pass, and the run says so.
func TestItCanFail(t *testing.T) {
	w, err := newWorld(plan{Parts: 500, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.wire.Fail(errScore)
	for w.sent < w.plan.Parts || len(w.parts) > 0 {
		w.step()
	}
	w.finish()
	if r := w.result; r.ok() || r.Wrong.Missed == 0 || r.Wrong.Escaped == 0 || r.Wrong.Outputs == 0 {
		t.Errorf("%+v", r.Wrong)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"--parts", "0"}, {"--nonsense"}, {"word"}} {
		var out bytes.Buffer
		if code := run(args, &out, &out); code != 2 || out.Len() == 0 {
			t.Errorf("%v: exit %d, %q", args, code, &out)
		}
	}
	var out bytes.Buffer
	if code := run([]string{"--parts", "50"}, &out, &out); code != 0 || !strings.Contains(out.String(), "as it should be") {
		t.Errorf("exit %d: %s", code, &out)
	}
}

// FuzzSchedules looks for a schedule that goes wrong: the fuzzer writes when the
// belt stops and how fast it runs, how parts are spaced, and when they are exposed.
func FuzzSchedules(f *testing.F) {
	f.Add(uint64(1), uint16(300), []byte(nil))
	f.Add(uint64(2), uint16(100), bytes.Repeat([]byte{0, 255, 0, 8, 255, 16, 128}, 40))
	f.Fuzz(func(t *testing.T, seed uint64, parts uint16, tape []byte) {
		r, err := simulate(plan{Parts: int64(parts%500) + 1, Seed: seed, Tape: tape})
		if err != nil || !r.ok() {
			t.Errorf("%v %+v", err, r.Wrong)
		}
	})
}
