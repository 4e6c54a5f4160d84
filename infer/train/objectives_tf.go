//go:build cgo && linux && (amd64 || arm64)

package train

import (
	"github.com/tensorflow/tensorflow/tensorflow/go/op"
)

// terms is what objectives look at: one batch through the network.
type terms struct {
	*lowering
	r       *Recipe
	target  output   // [B,H,W,C]: what is to be reconstructed
	nodes   []output // of the training pass
	second  []output // of the training pass over the other view; nil where no objective asks for one
	teacher output   // what a dense network reconstructs; void without one
}

func (t *terms) out() output  { return t.nodes[t.net.Output] }
func (t *terms) code() output { return t.codeOf(t.nodes) }

func (t *terms) codeOf(nodes []output) output {
	return t.flat(nodes[t.net.Code], t.net.Shape(t.net.Code).Size())
}

// objective is one term of the loss.
type objective struct {
	name   string
	weight func(*Recipe) float64
	term   func(*terms) output
	views  bool // needs a second view of each part
}

// objectives in the order in which they are reported. The adversarial one has
// its own file: it trains a second network.
func objectives() []objective {
	return []objective{
		{"mse", func(r *Recipe) float64 { return r.Objectives.MSE }, (*terms).mse, false},
		{"ssim", func(r *Recipe) float64 { return r.Objectives.SSIM }, (*terms).dissimilarity, false},
		{"contrastive", func(r *Recipe) float64 { return r.Objectives.Contrastive }, (*terms).contrastive, true},
		{"multi_view", func(r *Recipe) float64 { return r.Objectives.MultiView }, (*terms).agreement, true},
		{"one_class", func(r *Recipe) float64 { return r.Objectives.OneClass }, (*terms).oneClass, false},
		{"kl", func(r *Recipe) float64 { return r.Objectives.KL }, (*terms).divergence, false},
	}
}

// perPart is each part's mean squared error: [B].
func (t *terms) perPart() output {
	return t.mean(t.square(t.sub(t.out(), t.target)), 1, 2, 3)
}

func (t *terms) mse() output { return t.mean(t.perPart(), 0) }

// Constants of structural similarity for standardized features, which reach
// from -8 to 8 (Wang et al. 2004, K1 = 0.01, K2 = 0.03).
const (
	ssimC1 = (0.01 * 16) * (0.01 * 16)
	ssimC2 = (0.03 * 16) * (0.03 * 16)
)

// dissimilarity is 1 - SSIM over 3x3 windows, channel by channel.
func (t *terms) dissimilarity() output {
	window := func(x output) output {
		return op.AvgPool(t.s(), x, []int64{1, 3, 3, 1}, []int64{1, 1, 1, 1}, "SAME")
	}
	x, y := t.out(), t.target
	mx, my := window(x), window(y)
	vx := t.sub(window(t.square(x)), t.square(mx))
	vy := t.sub(window(t.square(y)), t.square(my))
	vxy := t.sub(window(t.mul(x, y)), t.mul(mx, my))
	c1, c2 := t.num(ssimC1), t.num(ssimC2)
	top := t.mul(t.add(t.scale(t.mul(mx, my), 2), c1), t.add(t.scale(vxy, 2), c2))
	bottom := t.mul(t.add(t.add(t.square(mx), t.square(my)), c1), t.add(t.add(vx, vy), c2))
	return t.sub(t.num(1), t.overall(t.div(top, bottom)))
}

// temperature of the contrastive term.
const temperature = 0.2

// contrastive is the NT-Xent loss between the codes of two views of each part
// (Chen et al. 2020): each must find its other view among all of the batch.
func (t *terms) contrastive() output {
	unit := func(z output) output {
		n := op.Rsqrt(t.s(), t.add(op.Sum(t.s(), t.square(z), t.ints(1), op.SumKeepDims(true)), t.num(1e-6)))
		return t.mul(z, n)
	}
	a, b := unit(t.code()), unit(t.codeOf(t.second))
	logits := t.scale(op.MatMul(t.s(), a, b, op.MatMulTransposeB(true)), 1/temperature)
	own := make([]float32, t.r.Loop.Batch*t.r.Loop.Batch)
	for i := range t.r.Loop.Batch {
		own[i*t.r.Loop.Batch+i] = -1
	}
	mask := t.floats(own, t.r.Loop.Batch, t.r.Loop.Batch)
	return t.mean(t.sum(t.mul(op.LogSoftmax(t.s(), logits), mask), 1), 0)
}

// agreement is the distance between the codes of two views of each part, over
// the variance of codes in the batch, so that shrinking the code gains nothing.
func (t *terms) agreement() output {
	a, b := t.code(), t.codeOf(t.second)
	spread := t.overall2(t.square(t.sub(a, op.Mean(t.s(), a, t.ints(0), op.MeanKeepDims(true)))))
	return t.div(t.overall2(t.square(t.sub(a, b))), t.add(spread, t.num(1e-3)))
}

func (t *terms) overall2(x output) output { return t.mean(x, 0, 1) }

// oneClass is the distance of codes to a fixed centre (Deep SVDD, Ruff et al.
// 2018). Its guards against collapse onto one point: the centre is the first
// mean code, kept away from 0; the encoder has no biases, no normalization and
// no bounded activation; and codes whose deviation over the batch falls below 1
// pay for it (the variance term of VICReg, Bardes et al. 2022).
func (t *terms) oneClass() output {
	z := t.code()
	distance := t.overall2(t.square(t.sub(z, t.params[t.net.Centre])))
	dev := t.sub(z, op.Mean(t.s(), z, t.ints(0), op.MeanKeepDims(true)))
	std := op.Sqrt(t.s(), t.add(t.mean(t.square(dev), 0), t.num(1e-4)))
	return t.add(distance, t.mean(op.Relu(t.s(), t.sub(t.num(1), std)), 0))
}

// divergence of the code's distribution from the standard normal, a value.
func (t *terms) divergence() output {
	mean, lv := t.code(), t.flat(t.nodes[t.net.LogVariance], t.net.Shape(t.net.LogVariance).Size())
	v := t.sub(t.add(t.square(mean), op.Exp(t.s(), lv)), t.add(lv, t.num(1)))
	return t.scale(t.overall2(v), 0.5)
}
