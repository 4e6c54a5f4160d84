// Package pixfmt brings pictures of every camera format and file format to the
// two layouts that judges take, Gray8 and RGB24, in buffers that the caller
// owns. It decides nothing about a picture and opens no device.
//
// All arithmetic is in integers, so the same bytes come out on every CPU.
// Colour follows ITU-R BT.601; sixteen-bit samples keep their high byte; an
// alpha channel is dropped, not blended.
package pixfmt
