package scene

import (
	"math"
	"math/rand/v2"

	"winnow/capture"
	"winnow/edge"
)

// optics is what a station's camera and lamp do to every picture.
type optics struct {
	lamp  []uint16         // light that falls on each pixel, 4096 usual
	bell  [1 << 14]int16   // normal deviates, Q8
	sigma [white + 1]uint8 // noise by light: shot and read, 1/4 of a linear step
	tone  [white + 1]uint8 // linear light to the byte of the frame
}

func newOptics(seed uint64, w, h int32) *optics {
	r := rand.NewPCG(seed, 0x6f707469)
	o := &optics{lamp: make([]uint16, w*h)}
	tiltX, tiltY := int32(r.Uint64()>>40&255)-128, int32(r.Uint64()>>40&255)-128
	for y := range h {
		for x := range w {
			cx, cy := (2*x+1-w)*256/w, (2*y+1-h)*256/w // -256..256 over the width
			fall := (cx*cx + cy*cy) >> 8               // lens and lamp fall off towards the corners
			o.lamp[y*w+x] = uint16(4096 - 2*fall + (cx*tiltX+cy*tiltY)>>8)
		}
	}
	for i := range o.bell {
		sum := int32(0)
		for range 12 {
			sum += int32(r.Uint64() >> 48)
		}
		o.bell[i] = int16((sum - 6*65535) >> 8)
	}
	for v := range o.sigma {
		// read noise of 10 steps; full well such that white has 44 of shot noise
		o.sigma[v] = uint8(min(4*math.Sqrt(float64(100+v*2000/white)), 255))
		x := float64(v) / white
		o.tone[v] = uint8(float64(190*math.Sqrt(x)) + float64(65*x) + 0.5)
	}
	return o
}

// shot is how one exposure differs from the next.
type shot struct {
	gain   int32 // Q12
	blurX  int32 // weight of each neighbour, 1/256
	blurY  int32
	soft   int // further passes of the blur, at full weight
	noise  int32
	specks int32
}

func (s *Scene) shot(d *dice, c Conditions) shot {
	gain := int64(4096 + fix(c.Light, 4096))
	sh := shot{blurX: 18, blurY: 18, noise: 256 + fix(c.Noise, 256), specks: fix(c.Dust, 1)}
	if s.cfg.Still {
		sh.noise = fix(c.Noise, 256)
	} else {
		gain += gain * int64(d.around(100)) >> 12 // flicker, +-2.4 %
		sh.blurX += d.under(28)                   // vibration along the belt
		sh.blurY += d.under(10)
		sh.specks += max(d.under(7)-3, 0)
	}
	sh.gain = int32(max(gain, 0))
	// One pass at weight w adds a variance of 2w/256 pixels.
	scale := float64(s.cfg.Width) / 256
	variance := float64(c.Blur*c.Blur) * float64(scale*scale)
	passes := fix(min(variance, 64*float64(scale*scale)), 256)
	sh.soft = int(passes / 128)
	sh.blurX, sh.blurY = sh.blurX+passes%128/2, sh.blurY+passes%128/2
	return sh
}

// expose takes the picture of what compose drew.
func (s *Scene) expose(i uint64, c Conditions, dst *edge.Frame) {
	d, dust := newDice(s.cfg.Seed, i, streamCamera), newDice(s.cfg.Seed, i, streamDust)
	sh := s.shot(&d, c)
	for range min(sh.specks, 64) {
		s.speck(&dust)
	}
	s.blur(sh.blurX, sh.blurY)
	for range sh.soft {
		s.blur(64, 64)
	}
	capture.Reshape(dst, s.cfg.Width, s.cfg.Height, s.Format())
	s.develop(dst, &d, sh)
}

// speck lays a grain of dust somewhere: dark or light, under a pixel large.
func (s *Scene) speck(d *dice) {
	w, h := int32(s.cfg.Width), int32(s.cfg.Height)
	cx, cy := d.under(w*16), d.under(h*16)
	r, to := 8+d.under(8)*w/256, d.under(2)*1400+300
	for y := max((cy-r)>>4, 0); y <= min((cy+r)>>4, h-1); y++ {
		for x := max((cx-r)>>4, 0); x <= min((cx+r)>>4, w-1); x++ {
			weight := ramp(-hypot(16*x+8-cx, 16*y+8-cy), -r-8, -r+8) / 4
			for k := range int32(3) {
				p := &s.paint.lin[3*(y*w+x)+k]
				*p = uint16(mixed(int32(*p), to, weight))
			}
		}
	}
}

// blur gives each neighbour along x the weight wx/256 and along y wy/256.
func (s *Scene) blur(wx, wy int32) {
	w, h := s.cfg.Width, s.cfg.Height
	lin := s.paint.lin
	if wx > 0 {
		for y := range h {
			row := lin[3*w*y : 3*w*(y+1)]
			before := [3]int32{int32(row[0]), int32(row[1]), int32(row[2])}
			for x := 0; x < len(row)-3; x += 3 {
				for k := range before {
					v := int32(row[x+k])
					row[x+k] = uint16(v + ((before[k]+int32(row[x+k+3])-2*v)*wx+128)>>8)
					before[k] = v
				}
			}
		}
	}
	if wy > 0 {
		before := s.line[:3*w]
		copy(before, lin)
		for y := range h - 1 {
			row, below := lin[3*w*y:3*w*(y+1)], lin[3*w*(y+1):3*w*(y+2)]
			for x, b := range before {
				v := int32(row[x])
				row[x] = uint16(v + ((int32(b)+int32(below[x])-2*v)*wy+128)>>8)
				before[x] = uint16(v)
			}
		}
	}
}

// develop lights, adds noise and quantizes.
func (s *Scene) develop(dst *edge.Frame, d *dice, sh shot) {
	o := s.optic
	for y := range s.cfg.Height {
		at := d.under(1 << 14)
		in := s.paint.lin[3*s.cfg.Width*y:]
		out := dst.Row(y)
		for x, lamp := range o.lamp[s.cfg.Width*y : s.cfg.Width*(y+1)] {
			light := int32(lamp) * sh.gain >> 12
			var c rgb
			for k := range c {
				v := min(int32(int64(in[3*x+k])*int64(light)>>12), white)
				at += 1 + v&1
				n := int32(o.bell[at&(1<<14-1)]) * int32(o.sigma[v]) >> 8 * sh.noise >> 10
				c[k] = int32(o.tone[min(max(v+n, 0), white)])
			}
			if dst.Format == edge.Gray8 {
				out[x] = uint8((19595*c[0] + 38470*c[1] + 7471*c[2] + 1<<15) >> 16)
				continue
			}
			o := out[3*x : 3*x+3]
			o[0], o[1], o[2] = uint8(c[0]), uint8(c[1]), uint8(c[2])
		}
	}
}
