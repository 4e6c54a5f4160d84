package fit

// Estimate of a fit before it starts.
type Estimate struct {
	MACs  float64 // multiply-adds in float32, about
	Bytes int64   // memory that lives at once, about
}

// EstimateFit says what a fit of so many parts, with so many drawn defects and parts in
// other conditions, costs: the multiply-adds of its matrix products, and its largest tables.
func EstimateFit(taps []Tap, o Options, parts, drawn, swayed int) Estimate {
	means := taps[len(taps)-o.WideTaps:]
	taps = o.own(taps)
	own := taps[o.FirstTap:]
	o = o.withDefaults(own)
	grid := [2]int{own[o.Grid].Height, own[o.Grid].Width}
	width, widest, cells, levels := 0, 0, 0, levelsOf(taps, grid)
	mixed := 0.0
	for _, l := range levels {
		width, widest, cells = width+l.width(), max(widest, l.width()), cells+l.h*l.w
		mixed += float64(l.width() * l.channels)
	}
	n := min(parts, mostSnapshots)
	k := CodeSize(n, o.CodeSize) + min(swayed, swayDirections)
	macs := float64(n*n) / 2 * float64(width)                         // Gram matrices
	macs += float64((o.Folds+1)*n*k) * float64(width)                 // bases
	macs += 2 * float64(parts*k) * float64(width)                     // codes and residuals
	macs += float64(2*(o.Folds+1)*n) * mixed                          // whitening
	macs += float64(o.Folds+1) * 12 * float64(len(levels)) * cube(n)  // eigenvectors of parts
	macs += float64(o.Folds+1) * 12 * cube(min(parts, mostDescribed)) // and of descriptors
	wide := 0
	if o.WideTaps > 0 {
		for _, l := range wideLevelsOf(taps, means, grid) {
			wide += l.width()
			macs += float64(o.Folds+1) * 12 * cube(n)
		}
		macs += float64(n*n/2+(o.Folds+1)*n*k+2*parts*k) * float64(wide)
	}
	companies := max(1, (parts+companyParts-1)/companyParts)
	company := (parts + companies - 1) / companies
	macs += 1.5 * float64(parts*company) * float64(width)                          // comparing parts
	macs += float64(companies*len(levels)) * cube(company)                         // and inverting what that takes
	table := int64(4 * k * width)                                                  // one basis of all levels
	rows := int64(width)*int64(2*(parts+swayed)+drawn) + table*int64(o.Folds+1)    // what the autoencoder sees, leaves and learns
	chunk := int64(4*2*n*chunkColumns) + int64(12*n*n)                             // of columns, and Gram matrices
	live := int64(3*4*k*widest) + chunk + int64(8*len(levels)*n*n)                 // while one basis is made
	live += int64(8*2*2*channelsOf(own[min(1, len(own)-1):])) * int64(parts+drawn) // descriptors
	live += int64(4 * swayed * widest)                                             // what conditions change
	live += int64(2*4*cells) * int64(parts)                                        // what is left of parts, by cell
	if wide > 0 {
		rows += int64(wide) * int64(parts+swayed)
		live += int64(4*3*grid[0]*grid[1]) * int64(parts) // maps of held-out parts, for each way to whiten
	}
	for i, t := range taps {
		if i < o.LocalTaps || i >= o.FirstTap {
			rows += int64(t.size()) * int64(parts+drawn+swayed)
		}
	}
	if o.LocalTaps > 0 {
		fine := 0
		for _, t := range taps[:o.LocalTaps] {
			fine += t.Channels
		}
		w, places := windowCells*fine, taps[0].Height*taps[0].Width
		macs += float64(max(24, localRows/max(1, parts))*parts) * float64(w*w) / 2    // windows
		macs += float64(o.Folds+1) * (cube(8*fine) + float64(2*8*8*9*fine*fine*fine)) // regressions, and what they leave
		local := int64(o.Folds)*int64(4*(w*w+places*fine+2*outerRows*w)) + int64(30*w*w) + int64(drawn*oddPlaces*w)
		live = max(live, local)
	}
	return Estimate{MACs: macs, Bytes: live + min(rows, MemoryRoom)}
}

func cube(n int) float64 { return float64(n) * float64(n) * float64(n) }
