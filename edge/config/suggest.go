package config

import (
	"reflect"
	"strings"
)

// unknownKey is the mistake of a key that table (at path) does not have. The
// value is never repeated: it might be a secret.
func unknownKey(table reflect.Type, path, name string) FieldError {
	e := FieldError{Key: join(path, name), Problem: "unknown key"}
	switch near := nearest(name, keysOf(table)); {
	case secret(e.Key):
		e.Problem = "secrets do not belong into this file"
		e.Allowed = "put it into a file that only this program can read and name that in password_file, or into an environment variable named in password_env"
	case near != "":
		e.Allowed = "did you mean " + join(path, near) + "?"
	case elsewhere(name) != "":
		e.Allowed = "did you mean " + elsewhere(name) + "?"
	default:
		e.Allowed = "known here: " + strings.Join(keysOf(table), ", ")
	}
	return e
}

// keysOf lists the keys of a table in the order of the struct.
func keysOf(table reflect.Type) []string {
	var keys []string
	for i := range table.NumField() {
		if tag := table.Field(i).Tag.Get("toml"); tag != "" {
			keys = append(keys, tag)
		}
	}
	return keys
}

// elsewhere returns the path of a key of the same name in another section.
func elsewhere(name string) string {
	root := reflect.TypeFor[Config]()
	for i := range root.NumField() {
		f := root.Field(i)
		t := f.Type
		if t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || f.Tag.Get("toml") == "" {
			continue
		}
		for _, k := range keysOf(t) {
			if k == name {
				return f.Tag.Get("toml") + "." + k
			}
		}
	}
	return ""
}

// nearest returns the one of known that name was probably meant to be, or "".
func nearest(name string, known []string) string {
	name = strings.ToLower(name)
	best, bestCost := "", max(2, len(name)/3)+1
	for _, k := range known {
		cost := distance(name, k)
		if bare := withoutUnit(name); bare != name && bare == k {
			cost = 0
		}
		if cost < bestCost && cost < len(k) {
			best, bestCost = k, cost
		}
	}
	return best
}

// withoutUnit takes a unit off a key, since durations carry theirs in the value.
func withoutUnit(name string) string {
	for _, unit := range []string{"_ms", "_us", "_s", "_sec", "_seconds"} {
		if bare, ok := strings.CutSuffix(name, unit); ok {
			return bare
		}
	}
	return name
}

// distance is the Levenshtein distance of two short strings.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal, row[j] = row[j], min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
