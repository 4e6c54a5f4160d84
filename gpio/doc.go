// Package gpio owns what leaves the station by wire: outputs that have a safe
// level and the pulses that are fired through them at an instant. Lines come
// as periph's gpio.PinIO from gpio/cdev (real) or gpio/sim (simulated). It
// knows no verdicts and waits for neither network nor disk.
package gpio
