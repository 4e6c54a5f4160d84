package tflite

import (
	"fmt"
	"slices"
)

// blocks returns block height and width and the four paddings or crops of
// SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND on pictures.
func (m *Model) blocks(o *Op) (x, block, edges []int, err error) {
	if x, err = m.shape4(o, 0); err != nil {
		return nil, nil, nil, err
	}
	if block, err = m.ints(o, 1); err != nil {
		return nil, nil, nil, err
	}
	if edges, err = m.ints(o, 2); err != nil {
		return nil, nil, nil, err
	}
	if len(block) != 2 || len(edges) != 4 || min(block[0], block[1]) < 1 || max(block[0], block[1]) > maxWindow {
		return nil, nil, nil, fmt.Errorf("blocks %v with edges %v, expected two dimensions", block, edges)
	}
	for _, v := range [][]int{{x[0], block[0], block[1]}, {x[1], block[0]}, {x[2], block[1]}} {
		if _, err := checkedElements(v, maxElements); err != nil {
			return nil, nil, nil, fmt.Errorf("blocks %v of shape %v are out of range", block, x)
		}
	}
	if slices.Min(edges) < 0 || slices.Max(edges) > 1<<24 {
		return nil, nil, nil, fmt.Errorf("edges %v are out of range", edges)
	}
	return x, block, edges, nil
}

func spaceToBatchShape(m *Model, o *Op) ([]int, error) {
	x, b, e, err := m.blocks(o)
	if err != nil {
		return nil, err
	}
	h, w := x[1]+e[0]+e[1], x[2]+e[2]+e[3]
	if h%b[0] != 0 || w%b[1] != 0 {
		return nil, fmt.Errorf("padded size %dx%d is no multiple of blocks %v", h, w, b)
	}
	return []int{x[0] * b[0] * b[1], h / b[0], w / b[1], x[3]}, nil
}

func batchToSpaceShape(m *Model, o *Op) ([]int, error) {
	x, b, e, err := m.blocks(o)
	if err != nil {
		return nil, err
	}
	h, w := x[1]*b[0]-e[0]-e[1], x[2]*b[1]-e[2]-e[3]
	if x[0]%(b[0]*b[1]) != 0 || min(h, w) < 1 {
		return nil, fmt.Errorf("input %v with blocks %v and crops %v", x, b, e)
	}
	return []int{x[0] / (b[0] * b[1]), h, w, x[3]}, nil
}
