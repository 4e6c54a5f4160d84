package broker

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestCloseWhileClientsLeave: clients that leave while the broker looks for those that
// it has to disconnect do not keep it from closing. Somebody who takes the lock on the
// list of clients all the time stands for many that leave: each takes it once.
func TestCloseWhileClientsLeave(t *testing.T) {
	for round := range 20 {
		b, err := Start("127.0.0.1:0", nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", strings.TrimPrefix(b.URL(), "mqtt://"))
		if err != nil {
			t.Fatal(err)
		}
		// CONNECT of MQTT 3.1.1: clean session, a name of one letter.
		if _, err := c.Write([]byte{0x10, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 1, 'a'}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		stop := make(chan struct{})
		var leaving sync.WaitGroup
		for range 4 {
			leaving.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						b.server.Clients.Delete("nobody")
					}
				}
			})
		}
		go func() { closed <- b.Close() }()
		select {
		case err := <-closed:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("round %d: the broker does not close", round)
		}
		close(stop)
		leaving.Wait()
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a client is still connected")
		}
		_ = c.Close()
	}
}
