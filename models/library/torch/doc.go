// Package torch reads the legacy file format of torch.save (PyTorch before 1.6)
// as far as a plain state dictionary of tensors needs it, and nothing more. It
// never calls what a pickle names: the four globals that such a file holds are
// recognised, every other global and every opcode outside the short list in
// unpickle.go is refused with its offset, so a hostile file can at worst be an
// error. It knows no network; what the tensors mean is the business of lite0.
//
// The format, as torch/serialization.py (_legacy_load) reads it: five pickles
// in a row (magic number, protocol version, byte order and type sizes, the
// state dictionary, the storage keys), then for each key an int64 count and the
// little-endian elements.
package torch
