package scene

// glyph returns the strokes of a character on a grid 4 wide and 6 high: four
// digits (x0 y0 x1 y1) a stroke.
func glyph(ch rune) string {
	switch ch {
	case 'A':
		return "0620 2046 1434"
	case 'B':
		return "0006 0030 3041 4142 4233 0333 3344 4445 4536 0636"
	case 'C':
		return "4010 1001 0105 0516 1646"
	case 'D':
		return "0006 0030 3041 4145 4536 0636"
	case 'E':
		return "0006 0040 0333 0646"
	case 'F':
		return "0006 0040 0333"
	case 'I':
		return "2026 1030 1636"
	case 'L':
		return "0006 0646"
	case 'M':
		return "0006 0023 2340 4046"
	case 'N':
		return "0006 0046 4640"
	case 'O', '0':
		return "1030 3041 4145 4536 3616 1605 0501 0110"
	case 'P':
		return "0006 0030 3041 4142 4233 3303"
	case 'R':
		return "0006 0030 3041 4142 4233 3303 2346"
	case 'S', '5':
		return "4000 0003 0333 3344 4445 4536 3606"
	case 'T':
		return "0040 2026"
	case 'U':
		return "0005 0516 1636 3645 4540"
	case 'V':
		return "0026 2640"
	case 'W':
		return "0016 1622 2236 3640"
	case 'X':
		return "0046 4006"
	case '1':
		return "1120 2026 1636"
	case '2':
		return "0110 1030 3041 4142 4206 0646"
	case '3':
		return "0030 3041 4142 4233 1333 3344 4445 4536 3606"
	case '4':
		return "3036 3004 0444"
	case '6':
		return "4010 1001 0105 0516 1636 3645 4544 4433 3303"
	case '7':
		return "0040 4016"
	case '8':
		return "1030 3041 4142 4233 3344 4445 4536 3616 1605 0504 0413 1302 0201 0110 1333"
	case '9':
		return "4333 3313 1302 0201 0110 1030 3041 4145 4536 3606"
	case '-':
		return "0343"
	case '+':
		return "0343 2125"
	}
	return ""
}

// text calls draw for each stroke of s, centred at (u, v), with characters of
// height h, and returns the box of each character.
func text(s string, u, v, h, w int32, draw func(box, shape)) []box {
	cell := h / 6
	advance := 6 * cell
	left := u - int32(len(s))*advance/2 + cell
	var boxes []box
	for i, ch := range s {
		ox := left + int32(i)*advance
		strokes := glyph(ch)
		for ; len(strokes) >= 4; strokes = strokes[min(5, len(strokes)):] {
			p := func(k int) int32 { return int32(strokes[k]-'0') * cell }
			draw(stroke(ox+p(0), v-h/2+p(1), ox+p(2), v-h/2+p(3), w))
		}
		if ch != ' ' {
			boxes = append(boxes, box{ox + 2*cell, v, 2*cell + w, h/2 + w})
		}
	}
	return boxes
}
