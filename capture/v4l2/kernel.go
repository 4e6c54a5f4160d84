//go:build linux

package v4l2

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernel is what a stream asks of an open video device. The tests have one that
// fails on demand.
type kernel interface {
	// ioctl performs request req on the structure at arg.
	ioctl(req uintptr, arg unsafe.Pointer) error
	// mapping maps length bytes of the device from offset on; unmap undoes it.
	mapping(offset int64, length int) (b []byte, unmap func() error, err error)
	// wait waits for a frame, at most as long as given. ready is true if a
	// frame can be taken or if taking one will say what is wrong.
	wait(d time.Duration) (ready bool, err error)
	close() error
}

// device is a kernel on a real file.
type device struct {
	fd   int
	poll [1]unix.PollFd
}

func openDevice(path string) (*device, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open camera %s: %w", path, err)
	}
	return &device{fd: fd, poll: [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}}, nil
}

func (d *device) ioctl(req uintptr, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(d.fd), req, uintptr(arg))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

func (d *device) mapping(offset int64, length int) ([]byte, func() error, error) {
	b, err := unix.Mmap(d.fd, offset, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return b, func() error { return unix.Munmap(b) }, nil
}

func (d *device) wait(timeout time.Duration) (bool, error) {
	ms := int((timeout + time.Millisecond - 1) / time.Millisecond)
	n, err := unix.Poll(d.poll[:], ms)
	if err == unix.EINTR {
		return false, nil
	}
	return n > 0, err
}

func (d *device) close() error { return unix.Close(d.fd) }
