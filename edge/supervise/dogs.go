package supervise

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Device is the hardware watchdog (Documentation/watchdog/watchdog-api.rst).
type Device struct{ file *os.File }

// OpenDevice arms the watchdog at path with the given patience, in whole
// seconds, rounded up. From here on the machine resets unless it is fed.
func OpenDevice(path string, patience time.Duration) (*Device, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("watchdog: %w", err)
	}
	d := &Device{f}
	seconds := int((patience + time.Second - 1) / time.Second)
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.WDIOC_SETTIMEOUT, seconds); err != nil {
		return nil, errors.Join(fmt.Errorf("watchdog %s: set its patience to %d s: %w", path, seconds, err), d.Close())
	}
	return d, nil
}

// Feed keeps the machine alive for another patience.
func (d *Device) Feed() error {
	_, err := d.file.Write([]byte{0})
	return err
}

// Close disarms the watchdog with the magic character, where the driver allows it.
func (d *Device) Close() error {
	_, err := d.file.Write([]byte{'V'})
	return errors.Join(err, d.file.Close())
}

// Systemd is the service manager's notification socket (sd_notify(3)).
type Systemd struct{ conn *net.UnixConn }

// OpenSystemd connects to socket, the value of NOTIFY_SOCKET; an empty one gives
// a Systemd that says nothing. Names that begin with @ are abstract.
func OpenSystemd(socket string) (*Systemd, error) {
	if socket == "" {
		return &Systemd{}, nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("systemd's notification socket: %w", err)
	}
	return &Systemd{conn}, nil
}

// Notify sends lines such as "READY=1" or "STATUS=waiting for the camera". It
// never waits: a reader that does not keep up misses the message, and the
// caller is told.
func (s *Systemd) Notify(state string) error {
	if s.conn == nil {
		return nil
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(fd uintptr) {
		sent = unix.Send(int(fd), []byte(state), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	})
	return errors.Join(err, sent)
}

// Feed is systemd's watchdog. One meal that systemd is too busy for is no matter:
// it gets another long before its patience is over.
func (s *Systemd) Feed() error {
	if err := s.Notify("WATCHDOG=1"); !errors.Is(err, unix.EAGAIN) {
		return err
	}
	return nil
}

// Close says that the service is stopping.
func (s *Systemd) Close() error {
	if s.conn == nil {
		return nil
	}
	return errors.Join(s.Notify("STOPPING=1"), s.conn.Close())
}
