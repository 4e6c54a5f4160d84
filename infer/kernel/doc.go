// Package kernel owns the int8 arithmetic of the native engine: what an operator
// computes, bit for bit, and how each instruction set computes it fast. It knows
// nothing of files, graphs, memory plans or threads, and imports nothing of ours.
//
// # Use
//
// Choose a Set once (Choose(os.Getenv(Env))), describe an operator (Conv,
// Depthwise, FullyConnected, AvgPool) and get an Op with packed weights. The
// description's slices are not kept, but for Requant.Scale. Then, for every inference:
//
//	op.Run(dst, src, scratch, from, to)
//
// dst and src are dense NHWC tensors without padding. Units from..to-1 of
// 0..Units() are computed; disjoint ranges may run at the same time, each
// with its own op.Scratch() bytes. Run allocates nothing. Padding, nearest
// upsampling of the input (Conv.Up), channel counts that are no multiple of the
// vector length, and the signedness of instructions are handled inside.
//
// The memory contract is exact: no byte outside dst, src and scratch is read or
// written. Kernels do read up to 64 bytes (slack) behind the packed rows and
// write whole vectors, but only inside scratch, which has room for it; packed
// weights are followed by 64 readable bytes. TestNothingOutside runs everything
// between pages that fault.
//
// Elementwise functions (Add, Map, Upsample) are methods of Set; cut the slices
// to share them among threads. ResizeRows and ResizeColumns give functions that
// resize pictures, or nil: there the caller's plain Go is the definition.
//
// # How it works
//
// A Run packs the input rows of a band (a range of output rows whose input fits
// the cache) into scratch, as the instruction set wants them: sign-extended to 16
// bits for AVX2 (VPMADDWD is exact, VPMADDUBSW saturates), plus 128 for VPDPBUSD,
// as they are on arm64, where rows without padding are read in place. There, a panel of 8, 16 or 32 output channels is a list of blocks of 4
// input channels: a byte offset into the packed rows and the weights. The block
// kernel walks that list for a tile of 5 to 8 pixels, which come from a table of
// offsets. So one kernel serves every kernel size, stride, dilation and padding,
// and a block of zeros is simply not in the list (pruning pays here). What else is
// folded into the list when weights are packed:
//
//   - Up: a convolution of a picture upsampled U times is U*U interleaved
//     convolutions of the small picture whose taps are summed where they read the
//     same pixel: 3x3 over 2x becomes four 2x2, 9/4 times less work.
//   - Transposed convolutions, likewise, as StrideH*StrideW plain ones.
//   - Sums that a packed weight cannot hold become several blocks with one offset
//     (layout.cut), or on NEON a panel of 16-bit weights (layout.wide).
//   - Few input channels, on arm64: windows are copied side by side (window), which
//     makes a pointwise convolution.
//   - Few output channels: neighbouring pixels become channels of one (axis.group).
//
// Pointwise convolutions whose panels have no zero block need neither list nor table
// on arm64: dense kernels walk as many stretches of pixels as a tile has, and what is
// left goes pixel by pixel.
//
// Requantizing costs as much as thin layers' products do, so arm64 kernels know
// three endings: what saturates on the way is left out where the weights prove that
// scaled sums fit 16 bits, and clamping where there is nothing to clamp (ending).
//
// Depthwise kernels (blockDW) take interleaved rows: two (or four) rows of a channel
// side by side, so that one multiply-add sums a column of the window. On arm64, 16
// channels of a unit lie together (a plane), so that two columns are one load. With
// AVX512-VNNI rows are only padded, and four places of the window are interleaved in
// registers (quadDW); in windows of 3x3 and 5x5 a column is interleaved once and
// stays in registers until the window has passed it. Matrix-vector products read
// 8-bit blocks once.
//
// Up to four output channels would leave most of a vector empty: with AVX512-VNNI
// wide pictures are then computed with neighbouring pixels in the lanes (laneConv),
// from planes of four channels each.
//
// # Adding a kernel
//
// The definition is generic.go and Requant.apply; never change it to suit a
// kernel. For a new instruction set:
//
//  1. choose.go: add a constant of type isa and its name; available() in
//     isa_GOARCH.go returns it where the CPU has every feature that it uses.
//  2. isa_GOARCH.go: give it a layout. pair is how many inputs one instruction
//     sums, mr how many pixels its tile has, wMin and wMax what a weight may be so
//     that no intermediate sum saturates or wraps short of 32 bits.
//  3. internal/asmgen: write blocks, depthwise, vector and zip kernels against
//     blockArgs and zipArgs (their comments say what is computed), the register plan
//     above each; `go generate` writes the .s file. Declare the functions
//     //go:noescape and add them to the switches of isa_GOARCH.go.
//  4. Nothing to do in tests: TestConvRandom and the others run every set that
//     Sets() lists against the definition: random shapes, the shipped shapes,
//     faulting pages, no allocation. testdata/arm64.sh runs them under qemu.
//     On a CPU without the instructions TestSetsOfThisCPU says so loudly;
//     interpret_amd64_test.go then still runs the logic of the AVX512-VNNI kernels,
//     instruction by instruction: add what is new to instructions_amd64_test.go.
//  5. go test -bench . shows GMAC/s for the layers of the autoencoder, of
//     EfficientNet-Lite0 and of MobileNetV2. A kernel that is not faster somewhere
//     does not stay.
//
// A new shape of loop for an existing set is step 3 and a case where panels are
// chosen (tapWeights.bestPanel).
package kernel
