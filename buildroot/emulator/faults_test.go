package main

import (
	"os"
	"reflect"
	"runtime"
	"testing"
	"time"

	"winnow/buildroot/emulator/rig"
)

// TestFaultsAreAsManyAsPromised counts what the campaigns go through.
func TestFaultsAreAsManyAsPromised(t *testing.T) {
	for _, c := range []struct {
		long            bool
		faults, unplugs int
	}{{false, shortFaults, shortUnplugs}, {true, longFaults, longUnplugs}} {
		all, unplugs := append(beltFaults(c.long), vividFaults(c.long)...), 0
		for _, f := range all {
			if f.unplug {
				unplugs++
			}
			if f.name == "" || f.breaks == nil {
				t.Errorf("%+v breaks nothing", f)
			}
			if f.ready && (f.unplug || f.alone) {
				t.Errorf("%s: READY cannot stay", f.name)
			}
		}
		if len(all) < c.faults || unplugs < c.unplugs {
			t.Errorf("long %v: %d faults, %d unplugs; promised %d, %d", c.long, len(all), unplugs, c.faults, c.unplugs)
		}
	}
	if longFaults < 30 || longUnplugs < 10 || longParts < 500 || longStarts < 100 {
		t.Errorf("the long campaign has become a short one: %d faults, %d unplugs, %d parts, %d starts", longFaults, longUnplugs, longParts, longStarts)
	}
}

func TestGlitchesAreSeen(t *testing.T) {
	edges := func(moves ...int) []rig.Edge { // line, then 1 or 0
		var all []rig.Edge
		for i := 0; i < len(moves); i += 2 {
			all = append(all, rig.Edge{Line: moves[i], Level: moves[i+1] == 1, At: time.Duration(i)})
		}
		return all
	}
	request := []int{lineReject, 0, lineReady, 0, lineHeartbeat, 0, lineError, 0, lineStop, 0}
	for _, c := range []struct {
		name          string
		moves         []int
		glitches, ups int
	}{
		{"nothing but the requests", nil, 0, 0},
		{"as it should be", []int{lineHeartbeat, 1, lineReady, 1, lineHeartbeat, 0, lineReady, 0}, 0, 1},
		{"HEARTBEAT is left on", []int{lineReady, 1, lineHeartbeat, 1, lineReady, 0}, 1, 1},
		{"a reject of nobody", []int{lineReady, 1, lineReject, 1, lineReject, 0, lineReady, 0}, 2, 1},
		{"READY twice", []int{lineReady, 1, lineReady, 0, lineReady, 1, lineReady, 0}, 1, 1},
		{"requested on", []int{lineError, 1, lineError, 0}, 2, 0},
	} {
		var g glitches
		g.look(edges(append(request, c.moves...)...), false)
		if got := [2]int{g.edges, g.ready}; got != [2]int{c.glitches, c.ups} {
			t.Errorf("%s: %v glitches and times READY, want %v; %v", c.name, got, [2]int{c.glitches, c.ups}, g.which)
		}
	}
}

func TestFunctionsAreFoundInAProgram(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("not here: an ELF program")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	got, err := functionEntry(self, "winnow/buildroot/emulator.functionEntry")
	if want := uint64(reflect.ValueOf(functionEntry).Pointer()); err != nil || got != want {
		t.Errorf("%#x, %v; it is at %#x", got, err, want)
	}
	if _, err := functionEntry(self, "winnow/buildroot/emulator.nowhere"); err == nil {
		t.Error("a function that is not there was found")
	}
}

func TestSymbolsOfAKernel(t *testing.T) {
	got := symbols([]byte("# text\nCONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=\"y\"\n"))
	if want := map[string]bool{"CONFIG_A": true, "CONFIG_B": true}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}
