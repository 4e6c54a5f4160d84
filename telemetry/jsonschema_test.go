package telemetry_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// schema is the part of JSON Schema (2020-12) that schema.json uses. Decoding
// it strictly makes any other keyword an error.
type schema struct {
	Schema     string             `json:"$schema"`
	ID         string             `json:"$id"`
	Title      string             `json:"title"`
	Defs       map[string]*schema `json:"$defs"`
	Ref        string             `json:"$ref"`
	Type       any                `json:"type"`
	Enum       []string           `json:"enum"`
	Const      *float64           `json:"const"`
	Pattern    string             `json:"pattern"`
	MaxLength  *int               `json:"maxLength"`
	Minimum    *float64           `json:"minimum"`
	Maximum    *float64           `json:"maximum"`
	Required   []string           `json:"required"`
	Properties map[string]*schema `json:"properties"`
	Additional *bool              `json:"additionalProperties"`
	Items      *schema            `json:"items"`
	MaxItems   *int               `json:"maxItems"`
}

// validate checks b against a definition of schema.json.
func validate(t *testing.T, def string, b []byte) error {
	t.Helper()
	text, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var root schema
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&root); err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if root.Defs[def] == nil {
		t.Fatalf("schema.json does not define %s", def)
	}
	return root.check(root.Defs[def], v, def)
}

func (root *schema) check(s *schema, v any, path string) error {
	if s.Ref != "" {
		s = root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
	}
	if !s.hasType(v) {
		return fmt.Errorf("%s is %v, not %v", path, v, s.Type)
	}
	if s.Const != nil && v != *s.Const {
		return fmt.Errorf("%s is %v, not %v", path, v, *s.Const)
	}
	switch v := v.(type) {
	case string:
		return s.checkString(v, path)
	case float64:
		if s.Minimum != nil && v < *s.Minimum || s.Maximum != nil && v > *s.Maximum {
			return fmt.Errorf("%s is %v", path, v)
		}
	case []any:
		if s.MaxItems != nil && len(v) > *s.MaxItems {
			return fmt.Errorf("%s has %d items", path, len(v))
		}
		for i, item := range v {
			if err := root.check(s.Items, item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case map[string]any:
		return root.checkObject(s, v, path)
	}
	return nil
}

func (s *schema) checkString(v, path string) error {
	if s.Enum != nil && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%s is %q, none of %q", path, v, s.Enum)
	}
	if s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(v) {
		return fmt.Errorf("%s is %q, which %s does not match", path, v, s.Pattern)
	}
	if s.MaxLength != nil && utf8.RuneCountInString(v) > *s.MaxLength {
		return fmt.Errorf("%s has %d characters", path, utf8.RuneCountInString(v))
	}
	return nil
}

func (root *schema) checkObject(s *schema, v map[string]any, path string) error {
	for _, key := range s.Required {
		if _, ok := v[key]; !ok {
			return fmt.Errorf("%s lacks %s", path, key)
		}
	}
	for key, item := range v {
		p := s.Properties[key]
		if p == nil {
			if s.Additional != nil && !*s.Additional {
				return fmt.Errorf("%s has %s, which is unknown", path, key)
			}
			continue
		}
		if err := root.check(p, item, path+"."+key); err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) hasType(v any) bool {
	var names []string
	switch t := s.Type.(type) {
	case nil:
		return true
	case string:
		names = []string{t}
	case []any:
		for _, n := range t {
			names = append(names, n.(string))
		}
	}
	name := "null"
	switch v := v.(type) {
	case bool:
		name = "boolean"
	case string:
		name = "string"
	case []any:
		name = "array"
	case map[string]any:
		name = "object"
	case float64:
		name = "number"
		if v == math.Trunc(v) && slices.Contains(names, "integer") {
			name = "integer"
		}
	}
	return slices.Contains(names, name)
}
