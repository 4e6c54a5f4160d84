package main

import (
	"fmt"
	"io"
)

// alike is what was found of pictures that are all but the same.
type alike struct {
	Joined  int `json:"joined"`  // groups that were joined to others, because they hold near-duplicates
	Uniform int `json:"uniform"` // more that would have been, had they not been most of the parts
}

func (a alike) print(out io.Writer) {
	if a.Joined > 0 {
		fmt.Fprintf(out, "near-duplicates: %d pictures count as parts of another one's group\n", a.Joined)
	}
	if a.Uniform > 0 {
		fmt.Fprintf(out, "%d pictures are all but the same as others and count as parts of their own: if they show a part again, "+
			"give it one group in a --split file, or the promise below is too good\n", a.Uniform)
	}
}
