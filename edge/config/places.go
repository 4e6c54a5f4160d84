package config

import (
	"fmt"

	"github.com/pelletier/go-toml/v2/unstable"
)

// findPlaces returns where each key of a well-formed document stands, by path;
// entries of a list of tables are numbered, as in "actuator[0].line".
func findPlaces(b []byte) map[string]Place {
	f := finder{places: map[string]Place{}, counts: map[string]int{}}
	f.parser.Reset(b)
	for f.parser.NextExpression() {
		f.expression(f.parser.Expression())
	}
	return f.places
}

type finder struct {
	parser unstable.Parser
	places map[string]Place
	counts map[string]int // of each list of tables so far
	table  string         // path of the table that is open
}

func (f *finder) expression(n *unstable.Node) {
	switch n.Kind {
	case unstable.Table:
		f.table = f.path("", n.Key())
	case unstable.ArrayTable:
		list := f.path("", n.Key())
		f.table = fmt.Sprintf("%s[%d]", list, f.counts[list])
		f.counts[list]++
		f.places[f.table] = f.places[list]
	case unstable.KeyValue:
		f.keyValue(f.table, n)
	}
}

func (f *finder) keyValue(parent string, n *unstable.Node) {
	key := f.path(parent, n.Key())
	f.value(key, n.Value())
}

// value finds keys inside inline tables and lists.
func (f *finder) value(key string, n *unstable.Node) {
	switch n.Kind {
	case unstable.InlineTable:
		for it := n.Children(); it.Next(); {
			f.keyValue(key, it.Node())
		}
	case unstable.Array:
		i := 0
		for it := n.Children(); it.Next(); i++ {
			item := fmt.Sprintf("%s[%d]", key, i)
			f.places[item] = f.places[key]
			f.value(item, it.Node())
		}
	}
}

// path joins a dotted key to parent and notes the place of each of its steps
// that has none yet. A step into a list of tables means its latest entry.
func (f *finder) path(parent string, key unstable.Iterator) string {
	p := parent
	for key.Next() {
		n := key.Node()
		if c := f.counts[p]; c > 0 {
			p = fmt.Sprintf("%s[%d]", p, c-1)
		}
		p = join(p, string(n.Data))
		if _, known := f.places[p]; !known || key.IsLast() {
			at := f.parser.Shape(n.Raw).Start
			f.places[p] = Place{at.Line, at.Column}
		}
	}
	return p
}
