package config

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// decode fills c from b and returns what does not fit. It does not stop at the
// first mistake, as the decoder of the TOML library would.
func (c *Config) decode(b []byte) []FieldError {
	var tree map[string]any
	if err := toml.Unmarshal(b, &tree); err != nil {
		return []FieldError{syntaxError(err)}
	}
	c.places = findPlaces(b)
	d := decoder{places: c.places}
	d.table(reflect.ValueOf(c).Elem(), tree, "")
	return d.errs
}

func syntaxError(err error) FieldError {
	e := FieldError{Problem: "not TOML: " + strings.TrimPrefix(err.Error(), "toml: "), syntax: true}
	var at *toml.DecodeError
	if errors.As(err, &at) {
		e.Place.Line, e.Place.Column = at.Position()
		e.Key = strings.Join(at.Key(), ".")
	}
	return e
}

// decoder binds a tree of TOML values to structs by their toml tags.
type decoder struct {
	places map[string]Place
	errs   []FieldError
}

func (d *decoder) fail(e FieldError) {
	e.Place = d.places[e.Key]
	d.errs = append(d.errs, e)
}

func (d *decoder) table(dst reflect.Value, tree map[string]any, path string) {
	for _, name := range sortedKeys(tree) {
		key := join(path, name)
		field, ok := fieldFor(dst, name)
		if !ok {
			d.fail(unknownKey(dst.Type(), path, name))
			continue
		}
		d.value(field, tree[name], key)
	}
}

func (d *decoder) value(dst reflect.Value, v any, key string) {
	if u, ok := dst.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(u, v, key)
		return
	}
	ok := false
	want := ""
	switch dst.Kind() {
	case reflect.Struct:
		var t map[string]any
		if t, ok = v.(map[string]any); ok {
			d.table(dst, t, key)
		}
		want = "a table"
	case reflect.Slice:
		ok = d.tables(dst, v, key)
		want = "a list of tables: [[" + key + "]]"
	default:
		want, ok = scalar(dst, v)
	}
	if !ok {
		d.fail(FieldError{Key: key, Given: show(key, v), Problem: "has the wrong type", Allowed: "write " + want})
	}
}

// tables binds a list of tables; every entry starts from its defaults.
func (d *decoder) tables(dst reflect.Value, v any, key string) bool {
	list, ok := v.([]any)
	if !ok {
		return false
	}
	out := reflect.MakeSlice(dst.Type(), len(list), len(list))
	for i, item := range list {
		if def, ok := out.Index(i).Addr().Interface().(interface{ setDefaults() }); ok {
			def.setDefaults()
		}
		t, ok := item.(map[string]any)
		if !ok {
			return false
		}
		d.table(out.Index(i), t, fmt.Sprintf("%s[%d]", key, i))
	}
	dst.Set(out)
	return true
}

// text binds a value that is written as a string.
func (d *decoder) text(u encoding.TextUnmarshaler, v any, key string) {
	s, ok := v.(string)
	if !ok {
		d.fail(FieldError{Key: key, Given: show(key, v), Problem: "has the wrong type", Allowed: "write " + exampleOf(u)})
		return
	}
	if err := u.UnmarshalText([]byte(s)); err != nil {
		d.fail(FieldError{Key: key, Given: show(key, v), Allowed: err.Error()})
	}
}

// exampleOf shows how a typed value is written.
func exampleOf(u encoding.TextUnmarshaler) string {
	if e, ok := u.(interface{ example() string }); ok {
		return e.example()
	}
	return "a string in quotes"
}

// scalar sets dst if v has its type and range, and names that type.
func scalar(dst reflect.Value, v any) (want string, ok bool) {
	switch dst.Kind() {
	case reflect.String:
		s, ok := v.(string)
		if ok {
			dst.SetString(s)
		}
		return "a string in quotes", ok
	case reflect.Bool:
		b, ok := v.(bool)
		if ok {
			dst.SetBool(b)
		}
		return "true or false", ok
	case reflect.Int, reflect.Int64:
		n, ok := v.(int64)
		if ok = ok && !dst.OverflowInt(n); ok {
			dst.SetInt(n)
		}
		return "a whole number", ok
	case reflect.Uint64:
		n, ok := v.(int64)
		if ok = ok && n >= 0; ok {
			dst.SetUint(uint64(n))
		}
		return "a whole number from 0", ok
	case reflect.Float64:
		f, ok := number(v)
		if ok {
			dst.SetFloat(f)
		}
		return "a number", ok
	}
	return "nothing: this key cannot be set", false
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	}
	return 0, false
}

// fieldFor returns the field of struct v whose tag is name.
func fieldFor(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("toml"); tag != "" && tag == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// maxShown bounds how much of a value an error repeats.
const maxShown = 80

// show is v as an error may repeat it. What might be a secret is not shown.
func show(key string, v any) string {
	if secret(key) {
		return "the value (not shown)"
	}
	var s string
	switch v := v.(type) {
	case map[string]any:
		s = "a table"
	case []any:
		s = "a list"
	case string:
		s = fmt.Sprintf("%q", v)
	default:
		s = fmt.Sprint(v)
	}
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "..."
	}
	return s
}

// secret reports whether key is one that people put secrets into. The keys
// that name a file or a variable are none.
func secret(key string) bool {
	k := strings.ToLower(key[strings.LastIndexByte(key, '.')+1:])
	if strings.HasSuffix(k, "_file") || strings.HasSuffix(k, "_env") {
		return false
	}
	for _, word := range []string{"password", "passwd", "secret", "token"} {
		if strings.Contains(k, word) {
			return true
		}
	}
	return false
}
