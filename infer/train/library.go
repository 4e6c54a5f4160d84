package train

import "winnow/infer/tf"

// loadLibrary makes TensorFlow's functions callable.
func loadLibrary(load func() (string, error)) error {
	_, err := tf.Probe(tf.Config{Load: load})
	return err
}
