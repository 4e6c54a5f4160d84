//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"winnow/buildroot/emulator/rig"
)

const tracing = "/sys/kernel/tracing"

// watch records every level that anybody sets on an output of the chip, with
// the kernel's time. Polling would miss a glitch of a microsecond; the kernel's
// trace of its own calls does not. What a line does that nobody holds is not
// traced: it follows its pull.
func (p *plant) watch(ctx context.Context) {
	if err := p.trace(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "plant: outputs are not watched:", err)
	}
}

func (p *plant) trace(ctx context.Context) error {
	base, err := p.firstNumber()
	if err != nil {
		return err
	}
	for _, w := range [][2]string{{"trace_clock", "mono"}, {"events/gpio/gpio_value/enable", "1"}, {"tracing_on", "1"}} {
		if err := os.WriteFile(filepath.Join(tracing, w[0]), []byte(w[1]), 0); err != nil {
			return err
		}
	}
	f, err := os.Open(filepath.Join(tracing, "trace_pipe"))
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = f.Close() })()
	for s := bufio.NewScanner(f); s.Scan(); {
		e, ok := parseEdge(s.Text())
		gone := lostEvents.MatchString(s.Text())
		if !ok && !gone {
			continue
		}
		e.Line -= base
		p.mu.Lock()
		if ok {
			p.edges = append(p.edges, e)
		}
		p.blind = p.blind || gone
		p.mu.Unlock()
	}
	return fmt.Errorf("the kernel's trace ended")
}

// firstNumber is the chip's first line in the numbers that the trace uses.
func (p *plant) firstNumber() (int, error) {
	found, err := filepath.Glob(filepath.Join(filepath.Dir(p.sim), "gpio", "gpiochip*", "base"))
	if err != nil || len(found) != 1 {
		return 0, fmt.Errorf("%s: %d files gpio/gpiochip*/base, one was expected (%v)", filepath.Dir(p.sim), len(found), err)
	}
	text, err := word(found[0])
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// valueLine is such as "winnow-123 [001] d..1.   12.345678: gpio_value: 513 set 1".
var valueLine = regexp.MustCompile(`\s(\d+)\.(\d{6}): gpio_value: (\d+) set +([01])`)

// lostEvents is what the trace says when it was read too slowly.
var lostEvents = regexp.MustCompile(`LOST \d+ EVENTS`)

// parseEdge reads one line of the trace; Line is still the kernel's number.
func parseEdge(s string) (rig.Edge, bool) {
	m := valueLine.FindStringSubmatch(s)
	if m == nil {
		return rig.Edge{}, false
	}
	sec, _ := strconv.ParseInt(m[1], 10, 64) // the expression lets digits through only
	micro, _ := strconv.ParseInt(m[2], 10, 64)
	line, _ := strconv.Atoi(m[3])
	return rig.Edge{Line: line, Level: m[4] == "1", At: time.Duration(sec)*time.Second + time.Duration(micro)*time.Microsecond}, true
}

// Edges hands over what was recorded since the last call. A trace with gaps is an
// error: a glitch may have been in one.
func (p *plant) Edges(_ rig.None, r *[]rig.Edge) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	*r, p.edges = p.edges, nil
	if p.blind {
		p.blind = false
		return errors.New("the kernel's trace of the outputs has lost events")
	}
	return nil
}
