//go:build linux

package v4l2

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Structures of linux/videodev2.h. Their sizes are part of the request numbers,
// so a wrong one is refused by the kernel (ENOTTY) and found by the test, which
// knows the numbers of 64-bit and 32-bit machines.

const (
	bufTypeCapture = 1 // V4L2_BUF_TYPE_VIDEO_CAPTURE
	memoryMMap     = 1 // V4L2_MEMORY_MMAP

	flagError         = 0x0040 // V4L2_BUF_FLAG_ERROR
	flagTimestampMask = 0xe000
	flagMonotonic     = 0x2000 // V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC

	capTimePerFrame = 0x1000 // V4L2_CAP_TIMEPERFRAME

	colorspaceJPEG = 7 // V4L2_COLORSPACE_JPEG: full range unless said otherwise
	quantFull      = 1 // V4L2_QUANTIZATION_FULL_RANGE
	quantLimited   = 2
)

// pixFormat is struct v4l2_pix_format.
type pixFormat struct {
	width, height uint32
	pixelformat   uint32
	field         uint32
	bytesperline  uint32
	sizeimage     uint32
	colorspace    uint32
	priv          uint32
	flags         uint32
	encoding      uint32
	quantization  uint32
	transfer      uint32
}

// format is struct v4l2_format; its union holds pointers and is aligned so.
type format struct {
	kind uint32
	fmt  struct {
		_   [0]uintptr
		pix pixFormat
		_   [200 - unsafe.Sizeof(pixFormat{})]byte
	}
}

// requestBuffers is struct v4l2_requestbuffers.
type requestBuffers struct {
	count, kind, memory, capabilities uint32
	flags                             uint8
	_                                 [3]uint8
}

// buffer is struct v4l2_buffer. On 32-bit machines its time stamp has 32-bit
// seconds, the layout that kernels keep for programs of that kind.
type buffer struct {
	index     uint32
	kind      uint32
	bytesused uint32
	flags     uint32
	field     uint32
	timestamp unix.Timeval
	timecode  [16]byte
	sequence  uint32
	memory    uint32
	offset    uintptr // union m: offset for mmap
	length    uint32
	_         uint32
	requestFD int32
}

// streamParm is struct v4l2_streamparm with its capture member.
type streamParm struct {
	kind        uint32
	capability  uint32
	mode        uint32
	numerator   uint32
	denominator uint32
	_           [200 - 16]byte
}

// Request numbers, _IOC of asm-generic/ioctl.h.
const (
	iocWrite = 1
	iocRead  = 2

	reqFormatGet  = uintptr(iocRead|iocWrite)<<30 | unsafe.Sizeof(format{})<<16 | 'V'<<8 | 4
	reqBuffers    = uintptr(iocRead|iocWrite)<<30 | unsafe.Sizeof(requestBuffers{})<<16 | 'V'<<8 | 8
	reqBufferInfo = uintptr(iocRead|iocWrite)<<30 | unsafe.Sizeof(buffer{})<<16 | 'V'<<8 | 9
	reqQueue      = uintptr(iocRead|iocWrite)<<30 | unsafe.Sizeof(buffer{})<<16 | 'V'<<8 | 15
	reqDequeue    = uintptr(iocRead|iocWrite)<<30 | unsafe.Sizeof(buffer{})<<16 | 'V'<<8 | 17
	reqStreamOn   = uintptr(iocWrite)<<30 | 4<<16 | 'V'<<8 | 18
	reqStreamOff  = uintptr(iocWrite)<<30 | 4<<16 | 'V'<<8 | 19
	reqParmGet    = uintptr(iocRead|iocWrite)<<30 | unsafe.Sizeof(streamParm{})<<16 | 'V'<<8 | 21
)
