//go:build linux

package v4l2

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNoCamera is a name under which no camera is plugged in.
var ErrNoCamera = errors.New("no such camera")

// nameFolders hold the links that udev keeps, the most telling first.
var nameFolders = [2]string{"by-id", "by-path"}

// Resolve finds the device file of a camera by its stable name, its path, or,
// for "", because it is the only one. The result may differ after replugging.
func Resolve(name string) (string, error) { return resolve("/dev", name) }

func resolve(dev, name string) (string, error) {
	if name == "" {
		return onlyCamera(dev)
	}
	candidates := []string{name}
	if !strings.Contains(name, "/") {
		candidates = []string{filepath.Join(dev, name)}
		for _, folder := range nameFolders {
			candidates = append(candidates, filepath.Join(dev, "v4l", folder, name))
		}
	}
	for _, c := range candidates {
		if path, err := filepath.EvalSymlinks(c); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: %q is not plugged in; %s", ErrNoCamera, name, whatIsThere(dev))
}

func onlyCamera(dev string) (string, error) {
	switch nodes := videoNodes(dev); len(nodes) {
	case 1:
		return nodes[0], nil
	case 0:
		return "", fmt.Errorf("%w: none is plugged in", ErrNoCamera)
	default:
		// A webcam has a second device file, for metadata, with index 1.
		var first []string
		for _, n := range nodes {
			if names := stableNames(dev, n); len(names) == 0 || strings.HasSuffix(names[0], "index0") {
				first = append(first, n)
			}
		}
		if len(first) == 1 {
			return first[0], nil
		}
		return "", fmt.Errorf("%w: name one, %s", ErrNoCamera, whatIsThere(dev))
	}
}

func whatIsThere(dev string) string {
	var all []string
	for _, n := range videoNodes(dev) {
		all = append(all, append(stableNames(dev, n), n)[0])
	}
	if len(all) == 0 {
		return "there is no camera at all"
	}
	return "there are: " + strings.Join(all, ", ")
}

// videoNodes lists the device files dev/videoN in the order of N.
func videoNodes(dev string) []string {
	nodes, _ := filepath.Glob(filepath.Join(dev, "video[0-9]*"))
	slices.SortFunc(nodes, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return nodes
}

// stableNames are the names in by-id and by-path that lead to node.
func stableNames(dev, node string) []string {
	real, err := filepath.EvalSymlinks(node)
	if err != nil {
		real = node
	}
	var names []string
	for _, folder := range nameFolders {
		entries, _ := os.ReadDir(filepath.Join(dev, "v4l", folder))
		for _, e := range entries {
			if to, err := filepath.EvalSymlinks(filepath.Join(dev, "v4l", folder, e.Name())); err == nil && to == real {
				names = append(names, e.Name())
			}
		}
	}
	return names
}
