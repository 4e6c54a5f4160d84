"""Makes small int8 .tflite files with the Keras converter and records what LiteRT gives for them.

Run by hand; the tests read what it leaves behind and need no Python:

    python3 -m venv venv && venv/bin/pip install tensorflow-cpu==2.18.1 ai-edge-litert==2.3.0
    venv/bin/python make_models.py OUTPUT_FOLDER [NAME ...]
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

K = tf.keras
L = K.layers
MODELS = {}


def model(shape, io="int8", batch=1, sparse=False):
    def register(f):
        MODELS[f.__name__] = (f, shape, io, batch, sparse)
        return f
    return register


def squeeze_excite(x, c):
    s = L.GlobalAveragePooling2D(keepdims=True)(x)
    s = L.Conv2D(4, 1, activation="relu")(s)
    s = L.Conv2D(c, 1, activation="sigmoid")(s)
    return L.Multiply()([x, s])


@model((13, 11, 3))
def conv_odd(x):
    x = L.Conv2D(9, 3, strides=2, padding="same", activation="relu6")(x)
    x = L.Conv2D(7, (5, 3), padding="valid", activation="relu")(x)
    return L.Conv2D(5, 1)(x)


@model((17, 15, 4))
def conv_dilated(x):
    x = L.Conv2D(6, 3, dilation_rate=2, padding="same", activation="relu")(x)
    return L.DepthwiseConv2D(3, dilation_rate=3, padding="valid")(x)


@model((12, 10, 6))
def conv_grouped(x):
    return L.Conv2D(8, 3, groups=2, padding="same")(x)


@model((14, 9, 5))
def depthwise(x):
    x = L.DepthwiseConv2D(5, strides=2, padding="same", activation="relu6")(x)
    x = L.DepthwiseConv2D(3, depth_multiplier=3, padding="same")(x)
    return L.SeparableConv2D(4, 3, activation="relu")(x)


@model((7, 6, 5))
def transposed(x):
    x = L.Conv2DTranspose(6, 3, strides=2, padding="same", activation="relu")(x)
    x = L.Conv2DTranspose(3, 4, strides=2, padding="valid")(x)
    return L.Conv2DTranspose(4, 2, strides=3, padding="valid", use_bias=False)(x)


@model((9, 9, 6))
def leaky(x):
    x = L.LeakyReLU(negative_slope=0.1)(L.Conv2D(6, 3, padding="same")(x))
    return L.LeakyReLU(negative_slope=0.3)(L.DepthwiseConv2D(3)(x))


@model((9, 7, 5))
def bilinear(x):
    x = L.UpSampling2D(2, interpolation="bilinear")(L.Conv2D(5, 1)(x))
    return L.Resizing(13, 23, interpolation="bilinear")(x)


@model((9, 7, 5))
def bilinear_flags(x):
    x = L.Conv2D(5, 1)(x)
    f = lambda t: tf.compat.v1.image.resize_bilinear(t, (16, 11), align_corners=True)
    g = lambda t: tf.compat.v1.image.resize_bilinear(t, (16, 11))
    return [L.Lambda(f, output_shape=(16, 11, 5))(x), L.Lambda(g, output_shape=(16, 11, 5))(x)]


@model((9, 7, 5))
def nearest_any(x):
    x = L.Conv2D(5, 1)(x)
    f = lambda t: tf.compat.v1.image.resize_nearest_neighbor(t, (16, 11), align_corners=True)
    g = lambda t: tf.compat.v1.image.resize_nearest_neighbor(t, (16, 11))
    return [L.Resizing(14, 17, interpolation="nearest")(x), L.Lambda(f, output_shape=(16, 11, 5))(x), L.Lambda(g, output_shape=(16, 11, 5))(x)]


@model((8, 6, 8))
def upsample_nearest(x):
    x = L.UpSampling2D(2, interpolation="nearest")(L.Conv2D(8, 3, padding="same", activation="relu")(x))
    x = L.Conv2D(3, 3, padding="same")(x)
    return L.UpSampling2D((3, 3), interpolation="nearest")(x)


@model((8, 8, 5))
def dense_softmax(x):
    x = L.Flatten()(L.Conv2D(4, 3, activation="relu")(x))
    x = L.Dense(12, activation="relu")(x)
    return L.Dense(10, activation="softmax")(x)


@model((8, 8, 5), batch=None)
def dense_no_batch(x):
    x = L.Flatten()(L.Conv2D(4, 3, activation="relu")(x))
    return L.Dense(10, activation="softmax")(x)


@model((6, 5, 7))
def softmax_map(x):
    return L.Softmax()(L.Conv2D(7, 1)(x))


@model((9, 9, 6))
def hard_swish(x):
    x = L.Conv2D(6, 3, padding="same")(x)
    x = L.Activation("hard_silu")(x)
    return L.Conv2D(4, 3)(x)


@model((10, 12, 8))
def squeeze_excited(x):
    return squeeze_excite(L.Conv2D(8, 3, padding="same", activation="relu")(x), 8)


@model((10, 12, 8), batch=None)
def squeeze_excited_no_batch(x):
    x = L.Conv2D(8, 3, padding="same", activation="relu")(x)
    s = L.Reshape((1, 1, 8))(L.GlobalAveragePooling2D()(x))
    s = L.Conv2D(8, 1, activation="hard_sigmoid")(s)
    return L.Multiply()([x, s])


@model((11, 9, 6))
def pools(x):
    x = L.Conv2D(6, 1)(x)
    a = L.AveragePooling2D(3, strides=1, padding="same")(x)
    m = L.MaxPooling2D(3, strides=2, padding="same")(x)
    v = L.AveragePooling2D((2, 3), padding="valid")(x)
    return [a, m, v]


@model((8, 7, 6))
def arithmetic(x):
    a, b = L.Conv2D(6, 1)(x), L.Conv2D(6, 3, padding="same", activation="relu")(x)
    s = L.Add()([a, b])
    d = L.Subtract()([a, b])
    m = L.Multiply()([a, b])
    return [s, d, m, L.ReLU()(L.Add()([s, m]))]


@model((8, 7, 6))
def arithmetic_const(x):
    x = L.Conv2D(6, 1)(x)
    r = np.random.default_rng(5)
    c = tf.constant(r.normal(0, 1, (1, 1, 1, 6)).astype("f4"))
    full = tf.constant(r.normal(0, 1, (1, 8, 7, 6)).astype("f4"))
    return [x + c, x * c, x - full, full * x, x * 0.37, 1.0 - x]


@model((9, 8, 4))
def mobile_block(x):
    y = L.Conv2D(16, 1, use_bias=False)(x)
    y = L.ReLU(6.0)(L.BatchNormalization()(y))
    y = L.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
    y = L.ReLU(6.0)(L.BatchNormalization()(y))
    y = L.BatchNormalization()(L.Conv2D(4, 1, use_bias=False)(y))
    return L.Add()([x, y])


@model((9, 8, 4))
def pad_concat(x):
    y = L.ZeroPadding2D(((1, 2), (0, 3)))(x)
    y = L.Conv2D(5, 3, strides=2)(y)
    z = L.Conv2D(3, 3, strides=2, padding="same")(L.ZeroPadding2D(((1, 1), (1, 2)))(x))
    p = L.ZeroPadding2D(2)(y)
    return [L.Concatenate()([y, L.Conv2D(4, 1)(y)]), z, p]


@model((9, 8, 4))
def means(x):
    x = L.Conv2D(7, 3, padding="same")(x)
    f = lambda ax, keep=False: L.Lambda(lambda t: tf.reduce_mean(t, ax, keepdims=keep))(x)
    return [f([1, 2]), f([1, 2], True), f([3]), f([1]), f([2], True), f([1, 2, 3])]


@model((9, 8, 4))
def activations(x):
    x = L.Conv2D(6, 3)(x)
    return [L.Activation("tanh")(x), L.Activation("sigmoid")(x), L.ReLU(6.0)(x), L.ReLU()(x)]


@model((9, 8, 4))
def square_root(x):
    x = L.Conv2D(6, 3, activation="relu")(x)
    return L.Lambda(lambda t: tf.sqrt(t))(x)


@model((9, 8, 4))
def swish(x):
    return L.Activation("swish")(L.Conv2D(6, 3)(x))


@model((12, 12, 3), io="float32")
def float_ends(x):
    x = L.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    return L.Conv2D(3, 3, activation="sigmoid")(x)


@model((12, 12, 3), io="uint8")
def uint8_ends(x):
    x = L.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    return L.Conv2D(3, 3)(x)


@model((12, 12, 3), io="float32", batch=None)
def float_ends_classifier(x):
    x = squeeze_excite(L.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x), 8)
    return L.Dense(5, activation="softmax")(L.GlobalAveragePooling2D()(x))


@model((10, 9, 8), sparse=True)
def sparse_weights(x):
    x = L.Conv2D(16, 3, padding="same", activation="relu")(x)
    return L.Conv2D(8, 1)(x)


@model((7, 6, 8), sparse=True)
def sparse_nothing_left(x):
    x = L.Conv2D(8, 3, activation="relu")(x)
    return L.Add()([x, L.Conv2D(8, 1, name="gone")(x)])


@model((10, 9, 4), io="float32")
def float_sqrt_output(x):
    x = L.Conv2D(4, 3, activation="relu")(x)
    return L.Lambda(lambda t: tf.sqrt(t))(x)


@model((10, 9, 4), io="uint8", batch=None)
def uint8_classifier(x):
    x = L.Conv2D(8, 3, activation="relu6")(x)
    x = L.MaxPooling2D()(x)
    x = L.Conv2D(8, 3, activation="relu6")(x)
    return L.Dense(4, activation="softmax")(L.Flatten()(x))


@model((16, 16, 3))
def unet(x):
    a = L.Conv2D(8, 3, padding="same", activation="relu")(x)
    b = L.Conv2D(12, 3, padding="same", activation="relu")(L.MaxPooling2D()(a))
    c = L.Conv2D(16, 3, padding="same", activation="relu")(L.AveragePooling2D(2)(b))
    d = L.Concatenate()([L.UpSampling2D()(c), b])
    d = L.Conv2D(8, 3, padding="same", activation="relu")(d)
    e = L.Concatenate()([L.Conv2DTranspose(8, 2, strides=2)(d), a])
    return L.Conv2D(1, 1, activation="sigmoid")(e)


@model((12, 10, 3))
def mobilenet_v3_block(x):
    x = L.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = L.Activation("hard_silu")(L.BatchNormalization()(x))
    y = L.Activation("hard_silu")(L.BatchNormalization()(L.Conv2D(24, 1, use_bias=False)(x)))
    y = L.DepthwiseConv2D(5, padding="same", use_bias=False)(y)
    y = L.Activation("hard_silu")(L.BatchNormalization()(y))
    s = L.GlobalAveragePooling2D(keepdims=True)(y)
    s = L.Conv2D(8, 1, activation="relu")(s)
    s = L.Conv2D(24, 1)(s)
    s = L.ReLU(6.0)(s + 3.0) * (1.0 / 6.0)
    y = L.Multiply()([y, s])
    y = L.BatchNormalization()(L.Conv2D(8, 1, use_bias=False)(y))
    return L.Add()([x, y])


@model((11, 9, 4), batch=None)
def transposed_no_batch(x):
    x = L.Conv2DTranspose(11, 4, strides=2, padding="same", activation="relu")(x)
    return L.Conv2DTranspose(5, 3, strides=2, padding="valid")(x)


@model((13, 15, 3), batch=None)
def upsampled_no_batch(x):
    x = L.UpSampling2D(2)(L.Conv2D(5, 3)(x))
    x = L.Conv2D(4, 3, dilation_rate=2, activation="relu")(x)
    x = L.UpSampling2D(2)(L.DepthwiseConv2D(3, dilation_rate=2, padding="same")(x))
    return L.Dense(3)(L.Flatten()(L.AveragePooling2D(4)(x)))


@model((9, 11, 4), io="float32")
def dense_map(x):
    x = L.Dense(6, activation="relu")(x)
    x = L.Activation("tanh")(L.Dense(5)(x))
    return L.Dense(3, activation="sigmoid")(L.Flatten()(x))


def randomize(m, sparse):
    r = np.random.default_rng(1)
    for l in m.layers:
        w = l.get_weights()
        if isinstance(l, L.BatchNormalization):
            n = w[0].shape
            w = [r.uniform(0.8, 1.2, n), r.normal(0, 0.3, n), r.normal(0, 0.1, n), r.uniform(0.5, 1.5, n)]
        elif w and w[-1].ndim == 1:
            w[-1] = r.normal(0, 0.3, w[-1].shape)
        if w:
            if sparse and l.name == "gone":
                w[0] = np.zeros_like(w[0])
            elif sparse:
                w[0] = np.where(r.uniform(0, 1, w[0].shape) < 0.85, 0, w[0])
            l.set_weights(w)


def convert(f, shape, io, batch, sparse):
    K.utils.set_random_seed(3)
    i = K.Input(shape, batch_size=batch)
    m = K.Model(i, f(i))
    randomize(m, sparse)
    c = tf.lite.TFLiteConverter.from_keras_model(m)
    c.optimizations = [tf.lite.Optimize.DEFAULT] + [tf.lite.Optimize.EXPERIMENTAL_SPARSITY] * sparse
    r = np.random.default_rng(2)
    c.representative_dataset = lambda: ([r.normal(0, 1.5, (1,) + shape).astype("f4")] for _ in range(16))
    c.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if io != "float32":
        c.inference_input_type = c.inference_output_type = getattr(tf, io)
    return c.convert()


def record(path, runs):
    it = Interpreter(path, num_threads=1)
    it.allocate_tensors()
    d = it.get_input_details()[0]
    r = np.random.default_rng(4)
    shape = (runs,) + tuple(d["shape"])
    if d["dtype"] == np.float32:
        x = r.normal(0, 1.5, shape).astype("f4")
    else:
        n = np.iinfo(d["dtype"])
        x = r.integers(n.min, n.max + 1, shape).astype(d["dtype"])
    outs = []
    for v in x:
        it.set_tensor(d["index"], v)
        it.invoke()
        outs.append([it.get_tensor(o["index"]) for o in it.get_output_details()])
    arrays = {f"output{k}": np.stack([o[k] for o in outs]) for k in range(len(outs[0]))}
    np.savez_compressed(path[:-7] + ".npz", input=x, **arrays)


def main():
    out, names = sys.argv[1], sys.argv[2:] or list(MODELS)
    os.makedirs(out, exist_ok=True)
    for n in names:
        path = os.path.join(out, n + ".tflite")
        try:
            open(path, "wb").write(convert(*MODELS[n]))
            record(path, 4)
            print(n, os.path.getsize(path))
        except Exception as e:
            print(n, "FAILED", str(e)[:300])


main()
