package gbdt

// penalty is what the weight of a leaf is found with, in the units of sums.
type penalty struct {
	lambda, alpha float64
	least         int64   // least sum of second derivatives in a child, at least one unit
	unit          float64 // of sums, as a share of 1
}

// score is what a leaf with these sums takes off the loss, twice: G²/(H+λ), with |G| less α.
func (p *penalty) score(s sums) float64 {
	g := shrink(float64(s.g), p.alpha)
	return g * g / (float64(s.h) + p.lambda)
}

// weight is the value of a leaf with these sums before it is multiplied by eta.
func (p *penalty) weight(s sums) float64 {
	if s.h < p.least {
		return 0
	}
	return -shrink(float64(s.g), p.alpha) / (float64(s.h) + p.lambda)
}

// shrink moves g towards 0 by alpha.
func shrink(g, alpha float64) float64 {
	switch {
	case g > alpha:
		return g - alpha
	case g < -alpha:
		return g + alpha
	}
	return 0
}

// candidate is a split of a node.
type candidate struct {
	gain        float32 // loss reduction, twice; 0 when there is no split
	binned      *binned
	feature     int
	bin         int  // of a number, codes ≤ bin go left, none at -1; of a category, all levels but bin, all at -1
	missingLeft bool // a missing value goes left
	left        sums
}

// goesLeft says for each code of the column whether it goes left.
func (c *candidate) goesLeft() (table [mostBins]uint8) {
	b := c.binned
	for code := range b.total() {
		left := code <= c.bin
		if b.levels > 0 {
			left = code != c.bin
		}
		if code == b.values {
			left = c.missingLeft
		}
		if left {
			table[code] = 1
		}
	}
	return table
}

// search looks for the best split of one node. Columns are searched in order, so that of equal splits the first wins.
type search struct {
	*penalty
	total sums
	whole float64 // score of the node as a leaf
	best  candidate
}

func newSearch(p *penalty, total sums) search {
	return search{penalty: p, total: total, whole: p.score(total)}
}

// floor is what the scores of two children must add up to if they are to beat the best split; try settles what is so
// near that rounding decides.
func (s *search) floor() float64 {
	return (s.whole + float64(s.best.gain)/s.unit) * (1 - 1e-12)
}

// try takes a split if it gains more than the best so far, as 32-bit floats.
func (s *search) try(c candidate, right sums) {
	c.gain = float32((s.score(c.left) + s.score(right) - s.whole) * s.unit)
	if c.gain > s.best.gain {
		s.best = c
	}
}

// number searches the thresholds of a number: of the codes that occur, ascending, in the node's histogram.
//
// First the missing values go right with every threshold, then left. When the node has none, the second half has
// nothing new; the direction for later ones is that of the heavier child.
func (s *search) number(b *binned, h *histogram, codes []uint8) {
	missing, codes := b.takeMissing(h, codes)
	forward := codes
	if missing.h == 0 && len(codes) > 0 {
		forward = codes[:len(codes)-1] // all values on the left leave nothing for the right
	}
	s.sweep(h, forward, false, func(code uint8, first, rest sums) {
		heavier := missing.h == 0 && first.h >= rest.h
		s.try(candidate{binned: b, feature: b.feature, bin: int(code), missingLeft: heavier, left: first}, rest)
	})
	if missing.h > 0 {
		s.sweep(h, codes, true, func(code uint8, first, rest sums) {
			s.try(candidate{binned: b, feature: b.feature, bin: int(code) - 1, missingLeft: true, left: rest}, first)
		})
	}
}

// sweep adds up codes from the first to the last, or backwards, and calls found when their sums against the rest of
// the node may be better than the best split. It is the inner loop of the search and needs no division: with sums
// below 2^53 units, float64 is exact.
func (s *search) sweep(h *histogram, codes []uint8, backwards bool, found func(code uint8, first, rest sums)) {
	totalG, totalH := float64(s.total.g), float64(s.total.h)
	least, lambda, alpha, floor := float64(s.least), s.lambda, s.alpha, s.floor()
	g1, h1 := 0.0, 0.0
	at, step := 0, 1
	if backwards {
		at, step = len(codes)-1, -1
	}
	for range codes {
		code := codes[at]
		at += step
		g1 += float64(h[code].g)
		h1 += float64(h[code].h)
		g2, h2 := totalG-g1, totalH-h1
		if h2 < least {
			return
		}
		if h1 < least {
			continue
		}
		a, b := g1, g2
		if alpha > 0 {
			a, b = shrink(a, alpha), shrink(b, alpha)
		}
		d1, d2 := h1+lambda, h2+lambda
		if a*a*d2+b*b*d1 > floor*(d1*d2) {
			found(code, sums{int64(g1), int64(h1)}, sums{int64(g2), int64(h2)})
			floor = s.floor()
		}
	}
}

// levels searches the 0/1 columns of a category: 1, for rows of the level, goes right. drawn are the features that may
// be split by; nil means all.
func (s *search) levels(b *binned, h *histogram, codes []uint8, drawn []bool) {
	missing, codes := b.takeMissing(h, codes)
	present := s.total.minus(missing)
	if missing.h > 0 { // what is missing against what is not: the same for every level
		for level := range b.levels {
			if drawn == nil || drawn[b.feature+level] {
				s.level(b, b.feature+level, -1, false, present, missing)
				break
			}
		}
	}
	for _, code := range codes {
		level := int(code)
		if level == b.levels {
			break
		}
		feature := b.feature + level
		if drawn != nil && !drawn[feature] {
			continue
		}
		one := h[code]
		zero := present.minus(one)
		if missing.h == 0 {
			s.level(b, feature, level, zero.h >= one.h, zero, one)
			continue
		}
		s.level(b, feature, level, false, zero, one.plus(missing))
		s.level(b, feature, level, true, zero.plus(missing), one)
	}
}

func (s *search) level(b *binned, feature, level int, missingLeft bool, left, right sums) {
	if left.h >= s.least && right.h >= s.least {
		s.try(candidate{binned: b, feature: feature, bin: level, missingLeft: missingLeft, left: left}, right)
	}
}

// takeMissing returns the sums of the missing values, and the codes of the others.
func (b *binned) takeMissing(h *histogram, codes []uint8) (sums, []uint8) {
	if last := len(codes) - 1; b.missing && last >= 0 && int(codes[last]) == b.values {
		return h[b.values], codes[:last]
	}
	return sums{}, codes
}
