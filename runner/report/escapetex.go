package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// texRunes are the characters that LaTeX reads as something else, or has no glyph for in its standard fonts, with what prints them
// in pdfLaTeX and LuaLaTeX alike.
var texRunes = map[rune]string{
	'\\': `\textbackslash{}`, '{': `\{`, '}': `\}`, '_': `\_`, '%': `\%`, '&': `\&`, '#': `\#`, '$': `\$`,
	'~': `\textasciitilde{}`, '^': `\textasciicircum{}`, '<': `\textless{}`, '>': `\textgreater{}`, '|': `\textbar{}`, '`': `\textasciigrave{}`,

	'−': `$-$`, '±': `$\pm$`, '×': `$\times$`, '÷': `$\div$`, '·': `$\cdot$`, '∙': `$\cdot$`, '⋅': `$\cdot$`, '∞': `$\infty$`,
	'≤': `$\leq$`, '≥': `$\geq$`, '≠': `$\neq$`, '≈': `$\approx$`, '≡': `$\equiv$`, '∼': `$\sim$`, '∝': `$\propto$`, '√': `$\surd$`,
	'∑': `$\sum$`, '∏': `$\prod$`, '∫': `$\int$`, '∂': `$\partial$`, '∈': `$\in$`, '∉': `$\notin$`, '∩': `$\cap$`, '∪': `$\cup$`, '⊂': `$\subset$`, '∅': `$\emptyset$`,
	'↑': `$\uparrow$`, '↓': `$\downarrow$`, '→': `$\rightarrow$`, '←': `$\leftarrow$`, '↔': `$\leftrightarrow$`, '⇒': `$\Rightarrow$`, '¬': `$\neg$`,
	'–': `--`, '—': `---`, '‐': `-`, '‑': `-`, '…': `\ldots{}`, '•': `\textbullet{}`, '‘': "`", '’': `'`, '“': "``", '”': `''`, '„': `,,`,
	'«': `\guillemotleft{}`, '»': `\guillemotright{}`, '°': `$^{\circ}$`, '′': `$'$`, '″': `$''$`, '‰': `\textperthousand{}`,
	'§': `\S{}`, '¶': `\P{}`, '†': `\dag{}`, '‡': `\ddag{}`, '€': `\texteuro{}`, '£': `\pounds{}`, '©': `\textcopyright{}`, '®': `\textregistered{}`, '™': `\texttrademark{}`,
	'½': `1/2`, '¼': `1/4`, '¾': `3/4`, '¹': `$^{1}$`, '²': `$^{2}$`, '³': `$^{3}$`, '⁰': `$^{0}$`, '⁴': `$^{4}$`, '⁵': `$^{5}$`, '⁶': `$^{6}$`, '⁷': `$^{7}$`, '⁸': `$^{8}$`, '⁹': `$^{9}$`, '⁻': `$^{-}$`,
	'₀': `$_{0}$`, '₁': `$_{1}$`, '₂': `$_{2}$`, '₃': `$_{3}$`, '₄': `$_{4}$`, '₅': `$_{5}$`, '₆': `$_{6}$`, '₇': `$_{7}$`, '₈': `$_{8}$`, '₉': `$_{9}$`,
	'◆': `$\bullet$`, '◇': `$\circ$`,

	'\u00a0': `~`, '\u2009': `\,`, '\u202f': `\,`, '\u00ad': `\-`, '\u200b': ``, '\u200d': ``, '\ufeff': ``,

	'α': `$\alpha$`, 'β': `$\beta$`, 'γ': `$\gamma$`, 'δ': `$\delta$`, 'ε': `$\varepsilon$`, 'ζ': `$\zeta$`, 'η': `$\eta$`, 'θ': `$\theta$`, 'ι': `$\iota$`, 'κ': `$\kappa$`,
	'λ': `$\lambda$`, 'μ': `$\mu$`, 'µ': `$\mu$`, 'ν': `$\nu$`, 'ξ': `$\xi$`, 'ο': `o`, 'π': `$\pi$`, 'ρ': `$\rho$`, 'σ': `$\sigma$`, 'ς': `$\varsigma$`, 'τ': `$\tau$`,
	'υ': `$\upsilon$`, 'φ': `$\varphi$`, 'χ': `$\chi$`, 'ψ': `$\psi$`, 'ω': `$\omega$`,
	'Α': `A`, 'Β': `B`, 'Γ': `$\Gamma$`, 'Δ': `$\Delta$`, 'Ε': `E`, 'Ζ': `Z`, 'Η': `H`, 'Θ': `$\Theta$`, 'Ι': `I`, 'Κ': `K`, 'Λ': `$\Lambda$`, 'Μ': `M`, 'Ν': `N`,
	'Ξ': `$\Xi$`, 'Ο': `O`, 'Π': `$\Pi$`, 'Ρ': `P`, 'Σ': `$\Sigma$`, 'Τ': `T`, 'Υ': `$\Upsilon$`, 'Φ': `$\Phi$`, 'Χ': `X`, 'Ψ': `$\Psi$`, 'Ω': `$\Omega$`,
}

// ligatures are pairs that the fonts of LaTeX join to something else.
var ligatures = []string{"--", ",,", "''", "!`", "?`"}

// tex writes a text so that LaTeX prints it as it is, on one line. What no standard font has is printed as its code point, such as
// [U+4E2D], so that the file compiles whatever names hold.
func tex(s string) string {
	var b strings.Builder
	before := ' '
	for i, r := range strings.Join(strings.Fields(s), " ") {
		if i == 0 && (r == '[' || r == '*') {
			b.WriteString("{}") // at the start of a row it would be read as an argument of the row before
		}
		switch printed, special := texRunes[r]; {
		case special:
			b.WriteString(printed)
		case r == '"' && (unicode.IsSpace(before) || strings.ContainsRune("([{", before)):
			b.WriteString("``")
		case r == '"':
			b.WriteString("''")
		case r < utf8.RuneSelf && !unicode.IsControl(r):
			for _, pair := range ligatures {
				if first, _ := utf8.DecodeRuneInString(pair); before == first && strings.HasSuffix(pair, string(r)) {
					b.WriteString("{}")
				}
			}
			b.WriteRune(r)
		case unicode.IsLetter(r) && r < 0x180: // the accented letters of European languages
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "[U+%04X]", r)
		}
		before = r
	}
	return b.String()
}

// texNumber writes a number as text: with a minus sign, and in scientific notation as a product.
func texNumber(s string) string {
	if strings.ContainsAny(s, "e") {
		return `\num{` + s + `}`
	}
	if rest, negative := strings.CutPrefix(s, "-"); negative {
		return "$-$" + rest
	}
	return s
}
