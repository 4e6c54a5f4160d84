package native

import "winnow/infer/graph"

func (l *lowering) softmax(n *graph.Node) (layer, error) {
	return layer{}, l.refuse(n, "the native engine cannot run it yet")
}
