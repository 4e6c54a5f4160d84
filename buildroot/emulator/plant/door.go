//go:build linux

package main

import (
	"io"
	"net"
	"sync"

	"winnow/buildroot/emulator/rig"
)

// door is the way to the plant's broker. It can be shut, which breaks every
// connection and refuses new ones, or be deaf: then connections stand and
// nothing passes. The broker behind it and its subscriber notice nothing, so
// what they heard is all that the station said.
type door struct {
	address, broker string

	mu     sync.Mutex
	state  rig.Door
	listen net.Listener
	conns  map[net.Conn]bool
	opens  *sync.Cond // state is another
}

func newDoor(address, broker string) *door {
	d := &door{address: address, broker: broker, state: rig.DoorShut, conns: map[net.Conn]bool{}}
	d.opens = sync.NewCond(&d.mu)
	return d
}

// set changes the door.
func (d *door) set(state rig.Door) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state = state
	d.opens.Broadcast()
	if state == rig.DoorShut {
		return d.shut()
	}
	if d.listen != nil {
		return nil
	}
	l, err := net.Listen("tcp", d.address)
	if err != nil {
		return err
	}
	d.listen = l
	go d.serve(l)
	return nil
}

func (d *door) shut() error {
	for c := range d.conns {
		_ = c.Close()
	}
	clear(d.conns)
	l := d.listen
	d.listen = nil
	if l == nil {
		return nil
	}
	return l.Close()
}

func (d *door) serve(l net.Listener) {
	for {
		outer, err := l.Accept()
		if err != nil {
			return // shut
		}
		inner, err := net.Dial("tcp", d.broker)
		if err != nil {
			_ = outer.Close()
			continue
		}
		d.keep(outer, inner)
		go d.pass(outer, inner)
		go d.pass(inner, outer)
	}
}

func (d *door) keep(conns ...net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range conns {
		d.conns[c] = true
	}
}

// pass copies from one side to the other while the door is open.
func (d *door) pass(to, from net.Conn) {
	defer to.Close()
	b := make([]byte, 16<<10)
	for {
		n, err := from.Read(b)
		d.mu.Lock()
		for d.state == rig.DoorDeaf {
			d.opens.Wait()
		}
		d.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err == io.EOF || err != nil {
			return
		}
	}
}
