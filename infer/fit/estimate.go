package fit

// Estimate of a fit before it starts.
type Estimate struct {
	MACs  float64 // multiply-adds in float32, about
	Bytes int64   // memory that lives at once, about
}

// EstimateFit says what a fit of so many parts with so many drawn defects costs:
// the multiply-adds of its matrix products, and its largest tables.
func EstimateFit(taps []Tap, o Options, parts, drawn int) Estimate {
	o = o.withDefaults(taps[o.FirstTap:])
	own := taps[o.FirstTap:]
	grid := own[o.Grid].Height * own[o.Grid].Width
	channels := 0
	for _, t := range own {
		channels += t.Channels
	}
	width, n := grid*channels, min(parts, mostSnapshots)
	k := CodeSize(n, o.CodeSize)
	macs := float64(n*n) / 2 * float64(width)                                     // the Gram matrix
	macs += float64((o.Folds+1)*n*k) * float64(width)                             // bases
	macs += 3 * float64(parts*k) * float64(width)                                 // codes, and residuals twice
	macs += float64(2 * min(covarianceRows, grid*parts) * channels * channels)    // covariances
	macs += float64(o.Folds+1) * cube(channels) * 20                              // their roots
	macs += float64(o.Folds+1) * 12 * (cube(n) + cube(min(parts, mostDescribed))) // eigenvectors of parts
	table := int64(4 * k * width)                                                 // one basis
	rows := int64(width) * int64(parts+drawn)                                     // what the autoencoder sees
	chunk := int64(4*2*n*chunkColumns) + int64(12*n*n)                            // of columns, and Gram matrices
	live := 3*table + int64(2*8*o.Folds*width) + chunk                            // the moments of each fold
	rows, live = rows+table*int64(o.Folds+1), live+int64(8*o.Folds*channels*channels)
	for i, t := range taps {
		if i < o.LocalTaps || i >= o.FirstTap {
			rows += int64(t.size()) * int64(parts+drawn)
		}
	}
	if o.LocalTaps > 0 {
		fine := 0
		for _, t := range taps[:o.LocalTaps] {
			fine += t.Channels
		}
		w, cells := windowCells*fine, taps[0].Height*taps[0].Width
		macs += float64(max(24, localRows/max(1, parts))*parts) * float64(w*w) / 2    // windows
		macs += float64(o.Folds+1) * (cube(8*fine) + float64(2*8*8*9*fine*fine*fine)) // regressions, and what they leave
		local := int64(o.Folds)*int64(4*(w*w+cells*fine+surroundBuffer*w)) + int64(30*w*w) + int64(drawn*oddPlaces*w)
		live = max(live, local)
	}
	return Estimate{MACs: macs, Bytes: live + min(rows, MemoryRoom)}
}

func cube(n int) float64 { return float64(n) * float64(n) * float64(n) }
