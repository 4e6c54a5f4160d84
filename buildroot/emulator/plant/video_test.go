//go:build linux

package main

import (
	"bytes"
	"testing"

	"winnow/buildroot/emulator/rig"
)

func TestCameraFaults(t *testing.T) {
	first, second := rig.Picture("aaaa"), rig.Picture("bbbb")
	for fault, want := range map[rig.CameraFault]rig.Picture{
		rig.CameraWell: second, rig.CameraSilent: nil, rig.CameraShort: rig.Picture("bb"), rig.CameraTorn: rig.Picture("bbaa"),
		rig.CameraFlat: rig.Picture{128, 128, 128, 128}, rig.CameraFrozen: first,
	} {
		l := &loopback{size: 4}
		l.spoiled(first)
		l.spoil.Fault = fault
		if got := l.spoiled(second); !bytes.Equal(got, want) {
			t.Errorf("%q: %q, want %q", fault, got, want)
		}
	}
}
