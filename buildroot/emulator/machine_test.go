package main

import "testing"

// TestWordIsSpottedInPieces: the watchdog's word is spotted however it comes, once.
func TestWordIsSpottedInPieces(t *testing.T) {
	for _, said := range [][]string{
		{"watchdog: timer fired\n"},
		{"qemu: something\nwatch", "dog: timer", " fired\nmore", "watchdog: timer fired"},
	} {
		heard := make(chan struct{})
		l := &wordSpotter{word: watchdogBites, heard: heard}
		for i, s := range said {
			if n, err := l.Write([]byte(s)); n != len(s) || err != nil {
				t.Fatal(n, err)
			}
			select {
			case <-heard:
				if i < len(said)-2 {
					t.Errorf("%q was enough", said[:i+1])
				}
			default:
				if i == len(said)-1 {
					t.Errorf("nothing was heard in %q", said)
				}
			}
		}
	}
}
