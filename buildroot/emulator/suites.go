package main

import (
	"fmt"
	"strings"
	"time"
)

// testBinaries are the packages whose device tests run in the machine.
var testBinaries = map[string]string{
	"v4l2.test": "./capture/v4l2",
	"cdev.test": "./gpio/cdev",
}

// vividCamera is the kernel's test camera by its stable name.
const vividCamera = "platform-vivid.0-video-index0"

// suites runs the device tests of the packages that face the kernel.
func (c *campaign) suites() error {
	for _, s := range []struct{ name, what, env string }{
		{"v4l2.test", "capture/v4l2 on vivid", "WINNOW_V4L2_DEVICE=" + vividCamera},
		{"cdev.test", "gpio/cdev on gpio-sim", "WINNOW_GPIO_CHIP=" + c.m.hello.Chip},
	} {
		out, code, err := c.m.exec(10*time.Minute, []string{s.env}, "/tests/"+s.name, "-test.v")
		if err != nil {
			return err
		}
		ok, said := suitePassed(out, code)
		c.report.check(ok, "%s: %s", s.what, said)
		if !ok {
			fmt.Println(out)
		}
	}
	return nil
}

// suitePassed says whether all tests of a binary passed. One that holds no test
// ends well, too, and shows nothing.
func suitePassed(out string, code int) (ok bool, said string) {
	ran, skipped := strings.Count(out, "--- PASS"), strings.Count(out, "--- SKIP")
	return code == 0 && skipped == 0 && ran > 0, fmt.Sprintf("%d tests passed, %d failed, %d skipped", ran, strings.Count(out, "--- FAIL"), skipped)
}
