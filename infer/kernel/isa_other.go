package kernel

func available() []isa { return nil }

func (s *Set) addHead(dst, a, b []int8, p *Add) int  { return 0 }
func (s *Set) mapHead(dst, src []int8, t *Table) int { return 0 }
