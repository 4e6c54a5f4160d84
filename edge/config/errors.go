package config

import (
	"fmt"
	"sort"
	"strings"
)

// Place is where a key stands in the file, both from 1; zero if it does not.
type Place struct{ Line, Column int }

// FieldError is one mistake.
type FieldError struct {
	Key     string // such as "actuator[1].pulse"
	Place   Place  // zero when the key is not in the file
	Given   string // the value, as text; "" when that says nothing
	Problem string // what is wrong, when more is to say than that the value is not allowed
	Allowed string // what is allowed, or what to do
	syntax  bool
}

func (e FieldError) Error() string {
	var b strings.Builder
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	switch {
	case e.Problem != "" && e.Given != "":
		fmt.Fprintf(&b, "%s %s", e.Given, e.Problem)
	case e.Problem != "":
		b.WriteString(e.Problem)
	default:
		fmt.Fprintf(&b, "%s is not allowed", e.Given)
	}
	if e.Allowed != "" {
		b.WriteString("; " + e.Allowed)
	}
	return b.String()
}

// Errors is every mistake of one file, in the order of the file.
type Errors struct {
	Name   string
	Fields []FieldError
}

// newErrors sorts by place; keys that are not in the file come last.
func newErrors(name string, fields []FieldError) *Errors {
	sort.SliceStable(fields, func(i, j int) bool {
		a, b := fields[i].Place, fields[j].Place
		if (a.Line == 0) != (b.Line == 0) {
			return b.Line == 0
		}
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	return &Errors{Name: name, Fields: fields}
}

// Error has one line for each mistake: file:line:column: key: what is wrong.
func (e *Errors) Error() string {
	lines := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		place := e.Name
		if place == "" {
			place = "configuration"
		}
		if f.Place.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d", place, f.Place.Line, f.Place.Column)
		}
		lines[i] = place + ": " + f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a FieldError.
func (e *Errors) Unwrap() []error {
	errs := make([]error, len(e.Fields))
	for i, f := range e.Fields {
		errs[i] = f
	}
	return errs
}
