package scene

import (
	"fmt"

	"winnow/edge"
)

// Corruption is a way in which a finished picture is spoiled, whoever took it.
type Corruption string

// Corruptions. Levels go from 1, hardly seen, to 5, severe.
const (
	CorruptNoise    Corruption = "noise"    // grain
	CorruptBlur     Corruption = "blur"     // out of focus
	CorruptMotion   Corruption = "motion"   // smeared along the belt
	CorruptDark     Corruption = "dark"     // underexposed
	CorruptBright   Corruption = "bright"   // overexposed
	CorruptContrast Corruption = "contrast" // haze: contrast lost
)

// Corruptions lists them.
func Corruptions() []Corruption {
	return []Corruption{CorruptNoise, CorruptBlur, CorruptMotion, CorruptDark, CorruptBright, CorruptContrast}
}

// Corrupt spoils f in place. Level 0 changes nothing; seed chooses the noise.
func Corrupt(f *edge.Frame, c Corruption, level int, seed uint64) error {
	if err := f.Check(); err != nil {
		return err
	}
	if level < 0 || level > 5 {
		return fmt.Errorf("scene: corruption level %d; it is 0 to 5", level)
	}
	n := int32(level)
	switch c {
	case CorruptNoise:
		d := newDice(seed, f.Seq, streamCorrupt)
		spoil(f, func(v int32) int32 { return v + d.around(8*n)*3/2 })
	case CorruptBlur:
		for range level {
			smear(f, f.Format.BytesPerPixel(), 1)
			smear(f, f.Stride, 1)
		}
	case CorruptMotion:
		smear(f, f.Format.BytesPerPixel(), level)
	case CorruptDark:
		spoil(f, func(v int32) int32 { return v * (16 - 2*n) / 16 })
	case CorruptBright:
		spoil(f, func(v int32) int32 { return v * (16 + 3*n) / 16 })
	case CorruptContrast:
		spoil(f, func(v int32) int32 { return 128 + (v-128)*(16-2*n)/16 })
	default:
		return fmt.Errorf("scene: corruption %q is not one of %q", c, Corruptions())
	}
	return nil
}

func spoil(f *edge.Frame, change func(v int32) int32) {
	for y := range f.Height {
		for i, row := 0, f.Row(y); i < len(row); i++ {
			row[i] = byteOf(change(int32(row[i])))
		}
	}
}

// smear replaces each byte by the mean of the 2*r+1 bytes step apart around it.
func smear(f *edge.Frame, step, r int) {
	if r == 0 {
		return
	}
	src := append([]byte(nil), f.Pix...)
	bpp := f.Format.BytesPerPixel()
	for y := range f.Height {
		for i := range f.Width * bpp {
			sum := 0
			for k := -r; k <= r; k++ {
				j := y*f.Stride + i
				if step == bpp {
					j = y*f.Stride + min(max(i/bpp+k, 0), f.Width-1)*bpp + i%bpp
				} else {
					j = min(max(y+k, 0), f.Height-1)*f.Stride + i
				}
				sum += int(src[j])
			}
			f.Pix[y*f.Stride+i] = byte(sum / (2*r + 1))
		}
	}
}
