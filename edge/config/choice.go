package config

import (
	"errors"
	"fmt"
	"strings"
)

// choose sets *dst to text if it is one of all, and else says what is.
func choose[T ~string](dst *T, text []byte, all ...T) error {
	for _, a := range all {
		if string(a) == string(text) {
			*dst = a
			return nil
		}
	}
	return errors.New(oneOf(all))
}

func oneOf[T ~string](all []T) string {
	quoted := make([]string, len(all))
	for i, a := range all {
		quoted[i] = fmt.Sprintf("%q", string(a))
	}
	if len(quoted) == 1 {
		return "only " + quoted[0]
	}
	return "one of " + strings.Join(quoted, ", ")
}

// known refuses a value of a choice that a program, not a file, has set.
func known[T ~string](k *checker, key string, v T, all ...T) {
	for _, a := range all {
		if a == v {
			return
		}
	}
	k.refuse(key, string(v), oneOf(all))
}
