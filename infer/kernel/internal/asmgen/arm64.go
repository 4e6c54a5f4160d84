package main

import "fmt"

// Instructions that Go's assembler does not know, as words.

func (f *file) word(v uint32, format string, a ...any) {
	f.p("WORD $0x%08X // %s", v, fmt.Sprintf(format, a...))
}

// op2 is an instruction of two vector registers.
func (f *file) op2(op uint32, name string, n, d int) {
	f.word(op|uint32(n)<<5|uint32(d), "%s V%d, V%d", name, n, d)
}

// dotElem is SDOT of Vn and element i of Vm to Vd.
func (f *file) dotElem(m, i, n, d int) {
	f.word(opSDOTElem|uint32(i&1)<<21|uint32(i>>1)<<11|uint32(m)<<16|uint32(n)<<5|uint32(d), "SDOT V%d[%d], V%d, V%d", m, i, n, d)
}

// op3 is an instruction of three vector registers, d = n op m.
func (f *file) op3(op uint32, name string, m, n, d int) {
	f.word(op|uint32(m)<<16|uint32(n)<<5|uint32(d), "%s V%d, V%d, V%d", name, m, n, d)
}

const (
	opSDOTElem = 0x4F80E000 // 4S += 16B . 4B[0]
	opSDOT     = 0x4E809400 // 4S += 16B . 16B
	opSMULL    = 0x0E20C000 // 8H = 8B * 8B
	opSMULL2   = 0x4E20C000
	opSMLAL    = 0x0E208000 // 8H += 8B * 8B
	opSMLAL2   = 0x4E208000
	opSADALP   = 0x4E606800 // 4S += neighbours of 8H
	opSMLALH   = 0x0F402000 // 4S += 4H * H[i]
	opSMLALH2  = 0x4F402000
	opSCVTF    = 0x4E21D800 // 4S
	opFMUL     = 0x6E20DC00 // 4S
	opFADD     = 0x4E20D400 // 4S
	opFCVTNS   = 0x4E21A800 // 4S
	opUZP1H    = 0x4E401800 // 8H: the low halves of two 4S
	opUZP2H    = 0x4E405800 // 8H: the high halves of two 4S
	opSQXTN4   = 0x0E614800 // 4H from 4S
	opSQXTN42  = 0x4E614800
	opSQXTN8   = 0x0E214800 // 8B from 8H
	opSQXTN82  = 0x4E214800
	opSQADD    = 0x4E600C00 // 8H
	opSMAX     = 0x4E206400 // 16B
	opSMIN     = 0x4E206C00 // 16B
	opSXTL8    = 0x0F08A400 // 8H from 8B
	opSXTL82   = 0x4F08A400
	opSXTL4    = 0x0F10A400 // 4S from 4H
	opSXTL42   = 0x4F10A400
	opMLA      = 0x4EA09400 // 4S
	opMUL      = 0x4EA09C00 // 4S
	opSUB      = 0x6EA08400 // 4S
	opSSHL     = 0x4EA04400 // 4S, by a register
	opSSHLH    = 0x4E604400 // 8H
	opTBL4     = 0x4E006000 // 16B, four registers
	opTBX4     = 0x4E007000
	opSUB16    = 0x6E208400 // 16B
)

const armPlan = `R0 args, R1 pixel table, R2 activations, R3 output, R4 tiles left, R5 weights,
R6 blocks left, R7 offsets, R8..R13 pixels of the tile, R14 block offset, R15 temporary,
R16 biases, R17 scales, R19..R24 outputs of the pixels, R25 ending (0 plain), R26 tail.
Sums of pixel i, channels 4j.. in V(i*vectors+j), or V(16+i*vectors+j) in wide kernels.`

const densePlan = `R0 args, R1 output from tile to tile, R2 blocks beyond the loop's, R3 output of the first pixel,
R4 tiles left, R5 weights, R6 end of the loop's weights, R7 weights of the panel, R8..R12 pixels:
what lies between the first and them, or their addresses; R14 activations of the first pixel,
R15 temporary, R16 biases, R17 scales, R19..R23 from the first output to the others,
R25 ending (0 plain), R26 tail. Sums of pixel i, channels 4j.. in V(i*vectors+j).`

// armRegs says where a kernel has its sums and, when the blocks are added, its
// constants: scales from scale on; zero point, least and greatest value from k on,
// or the tail. Where kept, the tail's last, the magic number, is there all the time.
type armRegs struct {
	acc, scale, k int
	kept          bool
}

var (
	lowSums  = armRegs{acc: 0, scale: 24, k: 28}
	keptSums = armRegs{acc: 0, scale: 24, k: 28, kept: true}
	highSums = armRegs{acc: 16, scale: 0, k: 4} // by-element instructions on 16 bits want V0..V15
)

// magic is the register of the tail's magic number.
func (r armRegs) magic() int { return r.k + 3 }

const tailMagic = 48 // its offset

// armISA is what differs between the two instruction sets.
type armISA struct {
	name string
	mr   int // pixels of a tile of block kernels
	// block adds the block at offset R14 of nv*4 channels to the sums of all pixels.
	block func(f *file, nv int)
	// joined adds as many neighbouring blocks as the layout joins.
	joined       func(f *file, nv int)
	steps        bool    // block and joined move the pixels by R14, as rows does
	sums, dwSums armRegs // of block and dense kernels, and of depthwise ones
	// dense adds four blocks to mr pixels in a dense kernel, rest the R2 other ones, 1 to 3.
	dense, rest func(f *file, mr, nv int)
	dwMR        int // pixels of a depthwise tile
	// rows adds one tap of 16 channels x rows to the sums of all pixels and moves
	// these by R14; rowPair, where it is not nil, adds two, and nextTo two whose
	// activations follow each other.
	rows, rowPair, nextTo func(f *file)
	// vector adds one block of 16 outputs to V0..V3; activations in V28.
	vector func(f *file)
	zip    func(f *file)
}

func arm(isa armISA) *file {
	f := newFile()
	armBlocks(f, "blocks16"+isa.name, armTile{isa.sums, isa.mr, 4}, isa.steps, isa.block, isa.joined)
	armBlocks(f, "blocks8"+isa.name, armTile{isa.sums, isa.mr, 2}, isa.steps, isa.block, isa.joined)
	armDense(f, "dense16"+isa.name, armTile{isa.sums, isa.mr, 4}, isa)
	armDense(f, "dense8"+isa.name, armTile{isa.sums, isa.mr, 2}, isa)
	armDense(f, "denseOne16"+isa.name, armTile{isa.sums, 1, 4}, isa)
	armDense(f, "denseOne8"+isa.name, armTile{isa.sums, 1, 2}, isa)
	armDepthwise(f, isa)
	armVector(f, isa)
	isa.zip(f)
	return f
}

// armTile is mr pixels x nv*4 channels and where their sums are.
type armTile struct {
	armRegs
	mr, nv int
}

// sums is the first register of pixel i.
func (t armTile) sums(i int) int { return t.acc + i*t.nv }

// armBlocks writes a block kernel.
func armBlocks(f *file, name string, t armTile, steps bool, block, joined func(*file, int)) {
	t.begin(f, name)
	t.place(f, steps)
	f.p("MOVD %d(R0), R15", argJoined)
	f.p("CBZ R15, single")
	f.label("joined")
	f.p("MOVW.P 4(R7), R14")
	joined(f, t.nv)
	f.p("SUBS $1, R15, R15")
	f.p("BNE joined")
	f.label("single")
	f.p("CBZ R6, done")
	f.label("block")
	f.p("MOVW.P 4(R7), R14")
	block(f, t.nv)
	f.p("SUBS $1, R6, R6")
	f.p("BNE block")
	f.label("done")
	t.next(f)
}

// armDense writes the kernel of a panel of whole blocks, which reads every input of
// its pixels, 16 or more: joined fours of blocks and n more. A tile is one pixel each of mr stretches of tiles pixels, so that the
// end of one tile's activations is where the next one's begin. The stretches' first
// pixels come from px; skip bytes lie from output to output.
func armDense(f *file, name string, t armTile, isa armISA) {
	f.text(name, 8, densePlan)
	f.p("MOVD a+0(FP), R0")
	for i, off := range []int{argSkip, argN, argOut, argTiles} {
		f.p("MOVD %d(R0), R%d", off, 1+i)
	}
	f.p("MOVD %d(R0), R7", argW)
	f.p("MOVD %d(R0), R14", argIn)
	f.p("MOVD %d(R0), R15", argPx)
	for i := range t.mr {
		f.p("LDPSW %d(R15), (R%d, R%d)", 8*i, 8+i, 19+i)
	}
	if isa.steps {
		for i := range t.mr {
			f.p("ADD R14, R%d, R%d", 8+i, 8+i)
		}
	}
	f.p("MOVD %d(R0), R6", argJoined)
	f.p("LSL $%d, R6, R6", 6+t.nv/2) // four blocks each
	f.p("ADD R7, R6, R6")
	t.constants(f)
	f.label("tile")
	f.p("MOVD R7, R5")
	for i := range t.mr {
		f.p("VLD1 (R16), %s", regs(t.sums(i), t.nv))
	}
	f.label("blocks")
	isa.dense(f, t.mr, t.nv)
	f.p("CMP R5, R6")
	f.p("BNE blocks")
	f.p("CBNZ R2, rest")
	f.label("done")
	t.plain(f)
	f.label("next")
	f.p("ADD R1, R3, R3")
	f.p("SUBS $1, R4, R4")
	f.p("BNE tile")
	f.p("RET")
	f.label("rest")
	isa.rest(f, t.mr, t.nv)
	f.p("B done")
	t.others(f)
}

// armDepthwise writes the depthwise kernel of 6 pixels x 16 channels, which walks
// from tap to tap.
func armDepthwise(f *file, isa armISA) {
	t := armTile{isa.dwSums, isa.dwMR, 4}
	t.begin(f, "depthwise"+isa.name)
	t.place(f, true)
	if isa.rowPair != nil {
		f.p("MOVD %d(R0), R15", argJoined)
		f.p("CBZ R15, apart")
		f.label("joined")
		f.p("MOVW.P 4(R7), R14")
		isa.nextTo(f)
		f.p("SUBS $1, R15, R15")
		f.p("BNE joined")
		f.label("apart")
		f.p("SUBS $2, R6, R6")
		f.p("BMI last")
		f.label("pair")
		isa.rowPair(f)
		f.p("SUBS $2, R6, R6")
		f.p("BPL pair")
		f.label("last")
		f.p("TBZ $0, R6, done")
	}
	f.label("block")
	f.p("MOVW.P 4(R7), R14")
	isa.rows(f)
	if isa.rowPair == nil {
		f.p("SUBS $1, R6, R6")
		f.p("BNE block")
	}
	f.label("done")
	t.next(f)
}

// begin begins a kernel and its loop over tiles, up to the sums.
func (t armTile) begin(f *file, name string) {
	f.text(name, 8, armPlan)
	f.p("MOVD a+0(FP), R0")
	f.p("MOVD %d(R0), R1", argPx)
	f.p("MOVD %d(R0), R2", argIn)
	f.p("MOVD %d(R0), R3", argOut)
	f.p("MOVD %d(R0), R4", argTiles)
	t.constants(f)
	f.label("tile")
	for i := range t.mr {
		f.p("LDPSW %d(R1), (R%d, R%d)", 8*i, 8+i, 19+i)
	}
	f.p("MOVD %d(R0), R5", argW)
	f.p("MOVD %d(R0), R6", argN)
	f.p("MOVD %d(R0), R7", argOffs)
	for i := range t.mr {
		f.p("VLD1 (R16), %s", regs(t.sums(i), t.nv))
	}
}

// constants loads what stays the same for all tiles.
func (t armTile) constants(f *file) {
	f.p("MOVD %d(R0), R16", argBias)
	f.p("MOVD %d(R0), R17", argScale)
	f.p("MOVD %d(R0), R26", argTail)
	f.p("MOVD %d(R0), R25", argEnd)
	f.p("EOR $1, R25, R25")
	if t.kept {
		f.p("FMOVQ %d(R26), F%d", tailMagic, t.magic())
	}
}

// place makes the pixels' offsets addresses: of their first block where kernels
// walk in steps.
func (t armTile) place(f *file, steps bool) {
	base := 2
	if steps {
		f.p("MOVW.P 4(R7), R14")
		f.p("ADD R2, R14, R14")
		base = 14
	}
	for i := range t.mr {
		f.p("ADD R%d, R%d, R%d", base, 8+i, 8+i)
	}
}

// next ends the loop over tiles.
func (t armTile) next(f *file) {
	t.plain(f)
	f.label("next")
	f.p("ADD $%d, R1, R1", 8*t.mr)
	f.p("SUBS $1, R4, R4")
	f.p("BNE tile")
	f.p("RET")
	t.others(f)
}

// plain requantizes and stores the sums of a tile in the way of endPlain of package
// kernel, and leaves the other ways to others.
func (t armTile) plain(f *file) {
	f.p("VLD1 (R17), %s", regs(t.scale, t.nv))
	f.p("CBNZ R25, other")
	if !t.kept {
		f.p("FMOVQ %d(R26), F%d", tailMagic, t.magic())
	}
	t.store(f, func(a int) { armShort(f, t.armRegs, a, t.nv, false) })
}

// others writes the other two ways, which lead to label next.
func (t armTile) others(f *file) {
	f.label("other")
	f.p("TBZ $1, R25, saturating")
	f.p("VLD1 (R26), %s", regs(t.k, 4))
	t.store(f, func(a int) { armShort(f, t.armRegs, a, t.nv, true) })
	f.p("B next")
	f.label("saturating")
	armConsts(f, t.armRegs, t.nv)
	t.store(f, func(a int) { armSaturate(f, t.armRegs, a, t.nv) })
	f.p("B next")
}

// store requantizes every pixel's sums in Va.. to Va and writes them to the output.
func (t armTile) store(f *file, requantize func(a int)) {
	op, name := uint32(0x3CA06800), "FMOVQ"
	if t.nv == 2 {
		op, name = 0xFC206800, "FMOVD"
	}
	for i := range t.mr {
		v, to := t.sums(i), 19+i
		requantize(v)
		f.word(op|uint32(to)<<16|3<<5|uint32(v), "%s F%d, (R3)(R%d)", name, v, to)
	}
}

// armShort requantizes the sums in Va.. with the tail's constants, all of them
// where shifted.
func armShort(f *file, r armRegs, a, nv int, shifted bool) {
	for j := range nv {
		f.op2(opSCVTF, "SCVTF", a+j, a+j)
	}
	for j := range nv {
		f.op3(opFMUL, "FMUL", r.scale+j, a+j, a+j)
	}
	for j := range nv {
		f.op3(opFADD, "FADD", r.magic(), a+j, a+j)
	}
	for j := 0; j < nv; j += 2 {
		f.op3(opUZP1H, "UZP1", a+j+1, a+j, a+j)
		if shifted {
			f.op3(opSQADD, "SQADD", r.k, a+j, a+j)
		}
	}
	armNarrow(f, a, nv)
	if shifted {
		f.op3(opSMAX, "SMAX", r.k+1, a, a)
		f.op3(opSMIN, "SMIN", r.k+2, a, a)
	}
}

// armNarrow brings nv*4 numbers of 16 bits in Va, Va+2 to Va.
func armNarrow(f *file, a, nv int) {
	f.op2(opSQXTN8, "SQXTN", a, a)
	if nv == 4 {
		f.op2(opSQXTN82, "SQXTN2", a+2, a)
	}
}

// armConsts loads the constants.
func armConsts(f *file, r armRegs, nv int) {
	f.p("MOVD %d(R0), R15", argScale)
	f.p("VLD1 (R15), %s", regs(r.scale, nv))
	f.p("MOVW %d(R0), R15", argZero)
	f.p("VDUP R15, V%d.H8", r.k)
	f.p("MOVW %d(R0), R15", argLo)
	f.p("VDUP R15, V%d.B16", r.k+1)
	f.p("MOVW %d(R0), R15", argHi)
	f.p("VDUP R15, V%d.B16", r.k+2)
}

// armSaturate requantizes the sums in Va.. to Va.
func armSaturate(f *file, r armRegs, a, nv int) {
	for j := range nv {
		f.op2(opSCVTF, "SCVTF", a+j, a+j)
	}
	for j := range nv {
		f.op3(opFMUL, "FMUL", r.scale+j, a+j, a+j)
	}
	for j := range nv {
		f.op2(opFCVTNS, "FCVTNS", a+j, a+j)
	}
	for j := 0; j < nv; j += 2 {
		f.op2(opSQXTN4, "SQXTN", a+j, a+j)
		f.op2(opSQXTN42, "SQXTN2", a+j+1, a+j)
		f.op3(opSQADD, "SQADD", r.k, a+j, a+j)
	}
	armNarrow(f, a, nv)
	f.op3(opSMAX, "SMAX", r.k+1, a, a)
	f.op3(opSMIN, "SMIN", r.k+2, a, a)
}

// load16 loads 16 bytes at Rbase + Roff.
func (f *file) load16(base, off, v int) {
	f.word(0x3CE06800|uint32(off)<<16|uint32(base)<<5|uint32(v), "FMOVQ (R%d)(R%d), F%d", base, off, v)
}

// regs lists n registers from first on.
func regs(first, n int) string {
	s := "["
	for i := range n {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("V%d.B16", first+i)
	}
	return s + "]"
}

func armVector(f *file, isa armISA) {
	f.text("vector"+isa.name, 8, `R0 args, R1 blocks of the panels, R2 activations, R3 output, R4 panels left, R5 weights,
R6 blocks left, R7 offsets, R8 bias, R9 scale, R14 block offset, R15 temporary. V0..V3 sums;
V16..V18 keep the constants of V28..V30 while blocks are added.`)
	f.p("MOVD a+0(FP), R0")
	for i, off := range []int{argPx, argIn, argOut, argTiles, argW} {
		f.p("MOVD %d(R0), R%d", off, 1+i)
	}
	f.p("MOVD %d(R0), R7", argOffs)
	f.p("MOVD %d(R0), R8", argBias)
	armConsts(f, lowSums, 4)
	for i := range 3 {
		f.p("VORR V%d.B16, V%d.B16, V%d.B16", 28+i, 28+i, 16+i)
	}
	f.p("MOVD %d(R0), R9", argScale)
	f.label("panel")
	f.p("MOVW.P 4(R1), R6")
	f.p("VLD1.P 64(R8), %s", regs(0, 4))
	f.p("CBZ R6, done")
	f.label("block")
	f.p("MOVW.P 4(R7), R14")
	f.p("VLD1.P 64(R5), %s", regs(24, 4))
	f.p("FMOVS (R2)(R14), F28")
	isa.vector(f)
	f.p("SUBS $1, R6, R6")
	f.p("BNE block")
	f.label("done")
	f.p("VLD1.P 64(R9), %s", regs(24, 4))
	for i := range 3 {
		f.p("VORR V%d.B16, V%d.B16, V%d.B16", 16+i, 16+i, 28+i)
	}
	armSaturate(f, lowSums, 0, 4)
	f.p("VST1.P [V0.B16], 16(R3)")
	f.p("SUBS $1, R4, R4")
	f.p("BNE panel")
	f.p("RET")
}

// armZip writes rows side by side, 16 channels of all pixels at a time, in one group
// of rows or in several that start two rows after each other.
func armZip(f *file, name string, rows, groups int) {
	f.text(name, 8, `R0 args, R1 destination, R2 pixels left, R3 sixteens of channels left, R4, R5 from pixel
to pixel, R6 from the end of sixteen channels to the next in the destination, R7 in the rows;
R8.. rows, R19.. destinations in the groups, R22 from group to group, R23 pixels. V0.. rows.`)
	f.p("MOVD a+0(FP), R0")
	for i, off := range []int{zipDst, zipPixels, zipN, zipSrcStep, zipDstStep, zipPlane} {
		f.p("MOVD %d(R0), R%d", off, 1+i)
	}
	f.p("MOVD %d(R0), R22", zipGroup)
	f.p("MOVD R2, R23")
	f.p("LSR $4, R3, R3")
	f.p("MSUB R5, R6, R2, R6")
	f.p("MUL R4, R2, R7")
	f.p("SUB $16, R7, R7")
	all := rows + 2*(groups-1)
	for i := range all {
		off := zipRow + 8*i
		if i >= 4 {
			off = zipMore + 8*(i-4)
		}
		f.p("MOVD %d(R0), R%d", off, 8+i)
	}
	f.p("MOVD R1, R19")
	for g := 1; g < groups; g++ {
		f.p("ADD R22, R%d, R%d", 19+g-1, 19+g)
	}
	f.label("pixel")
	for i := range all {
		f.p("VLD1.P (R%d)(R4), [V%d.B16]", 8+i, i)
	}
	for g := range groups {
		f.p("VST%d.P %s, (R%d)(R5)", rows, regs(2*g, rows), 19+g)
	}
	f.p("SUBS $1, R2, R2")
	f.p("BNE pixel")
	f.p("SUBS $1, R3, R3")
	f.p("BEQ end")
	f.p("MOVD R23, R2")
	for i := range all {
		f.p("SUB R7, R%d, R%d", 8+i, 8+i)
	}
	for g := range groups {
		f.p("ADD R6, R%d, R%d", 19+g, 19+g)
	}
	f.p("B pixel")
	f.label("end")
	f.p("RET")
}

// armElementwise writes what both sets share.
func armElementwise() *file {
	f := newFile()
	armMap(f)
	armAdd(f)
	armMul(f)
	armGather(f)
	armResize(f)
	armSums(f)
	return f
}

// armGather writes the rows of windows of three rows one after the other, 16 bytes
// for each of which the next overwrites what is too much.
func armGather(f *file) {
	f.text("gatherNEON", 8, `R0 args, R1 destination, R2 pixels left, R3 bytes of a window's row, R4 from pixel to pixel,
R5 from window to window, then from its last row to the next; R8..R10 rows, V0..V2 what they hold.`)
	f.p("MOVD a+0(FP), R0")
	for i, off := range []int{zipDst, zipPixels, zipN, zipSrcStep, zipDstStep} {
		f.p("MOVD %d(R0), R%d", off, 1+i)
	}
	for i := range 3 {
		f.p("MOVD %d(R0), R%d", zipRow+8*i, 8+i)
	}
	f.p("SUB R3<<1, R5, R5")
	f.label("next")
	for i := range 3 {
		f.p("VLD1.P (R%d)(R4), [V%d.B16]", 8+i, i)
	}
	f.p("VST1.P [V0.B16], (R1)(R3)")
	f.p("VST1.P [V1.B16], (R1)(R3)")
	f.p("VST1.P [V2.B16], (R1)(R5)")
	f.p("SUBS $1, R2, R2")
	f.p("BNE next")
	f.p("RET")
}

// armMap writes the table lookup of n bytes, a multiple of 16: TBL gives 0 and
// TBX leaves its destination where the index is outside of its 64 entries.
func armMap(f *file) {
	f.text("mapNEON", 32, `R0 dst, R1 src, R2 bytes left, R3 table. V0..V15 table, V16 index, V17 result, V18 64.`)
	for i, n := range []string{"dst+0", "src+8", "n+16", "t+24"} {
		f.p("MOVD %s(FP), R%d", n, i)
	}
	for i := range 4 {
		f.p("VLD1.P 64(R3), %s", regs(4*i, 4))
	}
	f.p("MOVD $64, R4")
	f.p("VDUP R4, V18.B16")
	f.label("next")
	f.p("VLD1.P 16(R1), [V16.B16]")
	f.op3(opTBL4, "TBL", 16, 0, 17)
	for i := 1; i < 4; i++ {
		f.op3(opSUB16, "SUB", 18, 16, 16)
		f.op3(opTBX4, "TBX", 16, 4*i, 17)
	}
	f.p("VST1.P [V17.B16], 16(R0)")
	f.p("SUBS $16, R2, R2")
	f.p("BNE next")
	f.p("RET")
}

// armElements begins a function of pairs of elements: its arguments, three numbers of its
// parameters in V16 to V18, and what armBytes needs of the output; all by their offsets.
func armElements(f *file, numbers [3]int, zero, least, most int) {
	for i, n := range []string{"dst+0", "a+8", "b+16", "n+24", "p+32"} {
		f.p("MOVD %s(FP), R%d", n, i)
	}
	for i, off := range numbers {
		f.p("MOVW %d(R4), R5", off)
		f.p("VDUP R5, V%d.S4", 16+i)
	}
	f.p("MOVW %d(R4), R5", zero)
	f.p("VDUP R5, V28.H8")
	f.p("MOVB %d(R4), R5", least)
	f.p("VDUP R5, V29.B16")
	f.p("MOVB %d(R4), R5", most)
	f.p("VDUP R5, V30.B16")
}

// armAdd writes the quantized addition of n elements, a multiple of 16.
func armAdd(f *file) {
	f.text("addNEON", 40, `R0 dst, R1 a, R2 b, R3 elements left, R4 parameters. V16 multiplier of a, V17 of b,
V18 bias, V19 minus shift, or 16 less, V28 zero point, V29 least, V30 greatest value; V0..V3 sums.`)
	armElements(f, [3]int{addMulA, addMulB, addBias}, addZero, addMin, addMax)
	f.p("MOVW %d(R4), R5", addShift)
	f.p("NEG R5, R5")
	f.p("ADDS $16, R5, R6")
	f.p("BGT near")
	f.p("VDUP R6, V19.H8")
	armAddLoop(f, "far", func() {
		for j := 0; j < 4; j += 2 { // shifts from 16 on begin with the high halves
			f.op3(opUZP2H, "UZP2", j+1, j, j)
			f.op3(opSSHLH, "SSHL", 19, j, j)
		}
	})
	f.label("near")
	f.p("VDUP R5, V19.S4")
	armAddLoop(f, "nearby", func() {
		for j := range 4 {
			f.op3(opSSHL, "SSHL", 19, j, j)
		}
		for j := 0; j < 4; j += 2 {
			f.op2(opSQXTN4, "SQXTN", j, j)
			f.op2(opSQXTN42, "SQXTN2", j+1, j)
		}
	})
}

// armAddLoop writes the loop over the elements; shift brings the sums to 16 bits in
// V0 and V2.
func armAddLoop(f *file, label string, shift func()) {
	f.label(label)
	f.p("VLD1.P 16(R1), [V20.B16]")
	f.p("VLD1.P 16(R2), [V21.B16]")
	for j := range 4 {
		f.p("VORR V18.B16, V18.B16, V%d.B16", j)
	}
	for i := range 2 { // a, then b
		f.op2(opSXTL8, "SXTL", 20+i, 22)
		f.op2(opSXTL82, "SXTL2", 20+i, 23)
		for h := range 2 {
			f.op2(opSXTL4, "SXTL", 22+h, 24)
			f.op2(opSXTL42, "SXTL2", 22+h, 25)
			f.op3(opMLA, "MLA", 16+i, 24, 2*h)
			f.op3(opMLA, "MLA", 16+i, 25, 2*h+1)
		}
	}
	shift()
	armBytes(f, label)
}

// armMul writes the quantized product of n elements, a multiple of 16.
func armMul(f *file) {
	f.text("mulNEON", 40, `R0 dst, R1 a, R2 b, R3 elements left, R4 parameters. V16 zero point of a, V17 of b,
V18 scale, V28 zero point, V29 least, V30 greatest value; V0..V3 products, V4..V7 b.`)
	armElements(f, [3]int{mulZeroA, mulZeroB, mulScale}, mulZero, mulMin, mulMax)
	f.label("next")
	f.p("VLD1.P 16(R1), [V20.B16]")
	f.p("VLD1.P 16(R2), [V21.B16]")
	for i := range 2 { // a, then b
		f.op2(opSXTL8, "SXTL", 20+i, 22)
		f.op2(opSXTL82, "SXTL2", 20+i, 23)
		for h := range 2 {
			f.op2(opSXTL4, "SXTL", 22+h, 4*i+2*h)
			f.op2(opSXTL42, "SXTL2", 22+h, 4*i+2*h+1)
		}
		for j := range 4 {
			f.op3(opSUB, "SUB", 16+i, 4*i+j, 4*i+j)
		}
	}
	for j := range 4 {
		f.op3(opMUL, "MUL", 4+j, j, j)
		f.op2(opSCVTF, "SCVTF", j, j)
		f.op3(opFMUL, "FMUL", 18, j, j)
		f.op2(opFCVTNS, "FCVTNS", j, j)
	}
	for j := 0; j < 4; j += 2 {
		f.op2(opSQXTN4, "SQXTN", j, j)
		f.op2(opSQXTN42, "SQXTN2", j+1, j)
	}
	armBytes(f, "next")
}

// armBytes ends the loop at label: the 16 integers of V0 and V2, of 16 bits, become bytes.
func armBytes(f *file, label string) {
	for j := 0; j < 4; j += 2 {
		f.op3(opSQADD, "SQADD", 28, j, j)
	}
	f.op2(opSQXTN8, "SQXTN", 0, 0)
	f.op2(opSQXTN82, "SQXTN2", 2, 0)
	f.op3(opSMAX, "SMAX", 29, 0, 0)
	f.op3(opSMIN, "SMIN", 30, 0, 0)
	f.p("VST1.P [V0.B16], 16(R0)")
	f.p("SUBS $16, R3, R3")
	f.p("BNE %s", label)
	f.p("RET")
}
