package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// elsewhere are symbols of the kernel fragments that Debian's kernel need not
// have, and why.
var elsewhere = map[string]string{
	"CONFIG_GPIO_SIM":       "machine.sh compiles the module",
	"CONFIG_DEVTMPFS_MOUNT": "the init of an initramfs mounts it",
}

// kernelFragments checks that the kernel in the machine has what the images'
// kernels are configured with, so that what is proved here says something of them.
func (c *campaign) kernelFragments() error {
	b, err := os.ReadFile(c.parts.file("kernel.config"))
	if err != nil {
		return err
	}
	has := symbols(b)
	fragments, err := filepath.Glob("buildroot/board/*/linux.fragment")
	if err != nil {
		return err
	}
	asked, missing := 0, []string{}
	for _, f := range fragments {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		for symbol := range symbols(b) {
			asked++
			if elsewhere[symbol] == "" && !has[symbol] {
				missing = append(missing, symbol)
			}
		}
	}
	slices.Sort(missing)
	c.report.check(asked > 0 && len(missing) == 0, "kernel: of the %d symbols of %d fragments this kernel has all but %d that it gets elsewhere; missing: %v", asked, len(fragments), len(elsewhere), missing)
	return nil
}

var symbolLine = regexp.MustCompile(`(?m)^(CONFIG_\w+)=[ym]$`)

// symbols are those that a kernel configuration has built in or as modules.
func symbols(config []byte) map[string]bool {
	all := map[string]bool{}
	for _, m := range symbolLine.FindAllSubmatch(config, -1) {
		all[string(m[1])] = true
	}
	return all
}
