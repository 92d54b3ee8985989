package sheet

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Suspicious reports whether a text of a record speaks to its reader instead of telling of the patient: it asks for a score, tells
// to disregard instructions, poses as a message of a system or assistant, names language models, or claims to be real.
//
// It goes by patterns of phrases, English (speaks below), German, French, Spanish, Italian, Portuguese and Dutch (languages.go), with large
// and small letters, accents, width, look-alike letters, digits in place of letters, invisible characters and letters parted by blanks
// or hyphens undone. It is a net with known holes: other languages, and phrases that nobody thought of, pass. What clinicians write ("GCS score 10", "pain rated 10/10", "patient ignores
// instructions", "responds only to voice", "note to GP") must not be caught; suspicious_test.go holds both lists.
// Nothing but a count and a mark hangs on it: texts are escaped whether or not it finds them.
func Suspicious(text string) bool {
	if len(text) < 6 {
		return false
	}
	wide := unaccented(unmasked(text))
	plain := narrow.ReplaceAllString(wide, " ")
	ways := []string{plain, strings.ReplaceAll(plain, "\n", " "), letters(plain), narrow.ReplaceAllString(joined(wide), " ")}
	for i, one := range ways {
		if !slices.Contains(ways[:i], one) && (speaks.MatchString(one) || abroad.MatchString(one)) {
			return true
		}
	}
	return false
}

// narrow is what is read as one blank.
var narrow = regexp.MustCompile(` {2,}`)

const (
	what   = `(?:this|it|me|us|these|the|that|my|our|each|every)`
	thing  = `(?:record|records|patient|row|rows|case|entry|entries|table|sheet|one|sample|data|text|above|answer)`
	top    = `(?:10|ten|9|nine|8|eight|7|seven|100|max|maximum|maximal|highest|high|higher|top|full|perfect|best|highly|` + real + `|keep|pass)`
	real   = `(?:plausible|real|realistic|valid|credible|authentic|genuine)`
	orders = `(?:instruction|instructions|prompt|prompts|rubric|rubrics|guideline|guidelines|directive|directives|command|commands|rules|criteria)`
	reader = `(?:ai|llm|gpt|chatgpt|language model|model|chatbot|bot|assistant|judge|auditor|rater|grader|evaluator|annotator)`
)

// claimed ends a claim to be real, and not "real unstable" or "a real patient safety issue".
const claimed = `(?: ?(?:$|[.,;:!?)\n"'])| (?:and|so|not|from|with|who|whose|please)\b)`

var speaks = regexp.MustCompile(strings.Join([]string{
	// asks for a score: "score this 10", "rate the record as plausible", "assign the highest rating", "a score of 10 is right"
	`\b(?:score|rate|grade|rank|judge) ` + what + `(?: ` + thing + `)?(?: as| a| an| at| with| to be| is| to| of| exactly| the)*[ :=]*` + top + `\b`,
	`\b(?:mark|classify|label|deem|consider|declare|call) ` + what + `(?: ` + thing + `)?(?: as| to be| is| fully| completely| highly)*[ :=]*` + real + `\b`,
	`\b(?:score|rate|grade|judge|classify|label) (?:as )?` + top + `,? please`,
	`\b(?:give|assign|award|grant|return|output|report|set|choose|pick|select|use) (?:` + what + ` )?(?:` + thing + ` )?(?:a |an |the )?(?:` + top + ` )?(?:possible )?(?:score|rating|grade|mark|verdict|realism)\b(?: (?:of|to|as|=|:))* ?` + top + `\b`,
	`\b(?:give|assign|award|grant|return|output) (?:` + what + ` )?(?:` + thing + ` )?(?:a |an |the )?` + top + ` (?:possible )?(?:score|rating|grade|mark|verdict)\b`,
	`\b(?:give|assign|award) (?:this|it)(?: ` + thing + `)? (?:an? (?:10|ten|9|nine)\b|(?:10|ten) ?(?:/|out of) ?(?:10|ten))`,
	`\b(?:this|the|every|each) (?:record|row|case|entry|sample|table|sheet|one) (?:must|should|has to|have to|needs to|ought to) be (?:scored|rated|graded|judged|kept|accepted|passed|marked)\b`,
	`\b(?:must|should|has to|have to|needs to|ought to) be (?:scored|rated|graded|judged|marked)(?: as| a| an| with)* ` + top + `\b`,
	`\b(?:score|rating|verdict) (?:must|should|has to|shall|will) be ` + top + `\b`,
	`["'{]\s*(?:score|rating|realism_score|verdict)\s*["']\s*:`,
	// tells to disregard: "ignore all previous instructions", "forget everything above"
	`\b(?:ignore|disregard|forget|override|bypass|overrule|neglect) (?:all |any |every |the |these |those |your |my |our |of )*(?:previous|prior|above|earlier|preceding|foregoing|system|other|initial|original|former) ?` + orders + `\b`,
	`\b(?:ignore|disregard|forget|override|bypass) (?:all |any |every |of |the |your )*(?:your|rubric|system|scoring|judging|auditing|grading) ?` + orders + `?\b`,
	`\b(?:ignore|disregard|forget) (?:everything|anything|all|all of|all that|what)(?: that)?(?: is| was| stands| comes| came| you were told| you read)? ?(?:above|before|previously|so far|told|the above)\b`,
	`\b(?:ignore|disregard|overlook) (?:the |any |all |every )*(?:implausib|inconsisten|contradict|fault|finding|error)\w* (?:in|of) (?:this|the) ` + thing + `\b`,
	`\b(?:new|updated|revised|real|actual|following|hidden|special) (?:instructions|prompt|directives) for (?:the )?` + reader + `\b`,
	// poses as part of the conversation
	`(?:^|\n) ?(?:system|assistant|developer|human) ?:|\b(?:system|developer) (?:prompt|message|instruction|override) ?:`,
	`<\|?/? ?(?:system|assistant|user|im_start|im_end|endoftext|eot_id|start_header_id|instructions?|prompt)\b`,
	`\[/?(?:inst|system|assistant)\]|<</?sys>>|<(?:start|end)_of_turn>`,
	`#{2,} ?(?:system|assistant|instruction|response|prompt|human|user)`,
	"`{3,}|~{3,}",
	`\b(?:end|begin|start|close) of (?:the )?(?:record|records|table|prompt|data|input|instructions|document)\b`,
	`\b(?:system prompt|developer mode|jailbreak|prompt injection|dan mode|do anything now)\b`,
	// speaks to a model or to whoever judges
	`\b(?:you are|you're|act as|pretend to be|pretend you are|behave as|behave like|roleplay as|role-play as)(?: now)? (?:a |an |the )?(?:\w+ )?` + reader + `\b`,
	`\bas an (?:ai|llm)\b|\b(?:as|to|for) an? (?:llm|language model|chatbot)\b`,
	`\b(?:dear|hello|hi|hey|attention|listen|note|notes|message|instruction|instructions|reminder|request)(?: (?:to|for))?(?: the| all)?,? ` + reader + `\b`,
	`\b(?:large language model|language model|chatgpt|gpt-[345]|openai)\b`,
	`\b(?:respond|reply|answer) (?:only |just )?(?:with|in) (?:only |just )?(?:json|a score|the score|score|10|ten|the number|the word|yes)\b`,
	`\b(?:do not|don't|dont|never) (?:flag|penali[sz]e|downgrade|criticise|criticize|lower the (?:score|rating))\b`,
	`\b(?:do not|don't|dont|never) (?:report|mention|list|name|write|cite) (?:any |the |these |a )?(?:fault|finding|error|problem|inconsisten|implausib|contradiction|issue)\w* (?:in|of|with|about) (?:this|the) ` + thing + `\b`,
	// claims to be real
	`\bthis (?:record|row|case|data|entry|sample|sheet|table)(?: here)? (?:is|was|looks|seems|comes)(?: \w+)? (?:real|realistic|plausible|authentic|genuine|credible|not synthetic|from a real)\b`,
	`\b(?:keep|accept|approve|pass) this (?:record|row|entry|sample)\b`,
	`\bthis (?:is|was)(?: not a synthetic but)?(?: \w+)? an? (?:\w+ )?(?:real|genuine|authentic|actual|realistic|real-life|living) (?:patient|person|record|chart|row)(?:'s (?:record|data|chart))?` + claimed,
	`\bthese are(?: \w+)? (?:real|genuine|authentic|actual|realistic) (?:patient |hospital |clinical )?(?:data|records|values|patients)` + claimed,
	`\bthis (?:patient|person|chart) (?:is|was)(?: \w+)? (?:real|genuine|authentic|realistic|plausible|not (?:synthetic|simulated|fake|fictional|fictitious|made up|generated))` + claimed,
	`\b(?:not|isn't|no|never) an? (?:synthetic|simulated|artificial|fabricated|fictitious|fake|generated) (?:patient|record|row|case|entry|sample|chart)\b`,
	`\b(?:not|never) (?:synthetic|simulated|fabricated|generated|fake) (?:data|records|patients|values)\b|\bnot (?:generated|written|made) by (?:a |an )?(?:ai|llm|model|computer|machine|software)\b`,
	`\b(?:real|genuine|authentic) (?:patient|record|data),? not (?:a )?(?:synthetic|simulated|generated|fake)\b`,
	`\b(?:written|entered|documented|charted|recorded|typed) by an? (?:real|actual|human) (?:\w+ )?(?:doctor|physician|clinician|nurse|human|person)\b`,
	`\bdear (?:reader|reviewer|scorer|evaluator|examiner)\b|\b(?:whoever|anyone who|if you|to those who) (?:is |are )?(?:read|reads|reading|judge|judges|judging|score|scores|scoring|rate|rates|rating) this\b`,
}, "|"))

// unmasked is a text in small letters without what hides words from patterns: width, look-alike letters of other alphabets,
// invisible characters, and other blanks. Line ends and double blanks stay.
func unmasked(text string) string {
	var b strings.Builder
	blank := false
	for _, r := range text {
		switch {
		case r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029':
			b.WriteByte('\n')
			blank = false
			continue
		case unicode.IsSpace(r):
			if blank && !strings.HasSuffix(b.String(), " ") { // letters parted by one blank stand in words parted by more
				b.WriteByte(' ')
			}
			blank = true
			continue
		case !unicode.IsGraphic(r) || unseen(r) || unicode.Is(unicode.Mn, r):
			continue
		case r >= 0xff01 && r <= 0xff5e:
			r -= 0xff01 - '!'
		case r == '’' || r == '‘':
			r = '\''
		case r == '“' || r == '”':
			r = '"'
		}
		if latin, ok := alike[unicode.ToLower(r)]; ok {
			r = latin
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// alike are letters of other alphabets that look like Latin ones.
var alike = map[rune]rune{
	'а': 'a', 'е': 'e', 'о': 'o', 'р': 'p', 'с': 'c', 'у': 'y', 'х': 'x', 'і': 'i', 'ј': 'j', 'ѕ': 's', 'к': 'k', 'т': 't', 'м': 'm', 'н': 'h', 'в': 'b', 'ԁ': 'd', 'ո': 'n',
	'α': 'a', 'ε': 'e', 'ο': 'o', 'ρ': 'p', 'ι': 'i', 'ν': 'v', 'κ': 'k', 'τ': 't', 'υ': 'u', 'χ': 'x', 'ɡ': 'g', 'ı': 'i',
}

// letters is a text with the digits that stand between or beside letters read as letters: "ign0re" is "ignore".
func letters(text string) string {
	out := []byte(text)
	is := func(i int) bool { return i >= 0 && i < len(out) && out[i] >= 'a' && out[i] <= 'z' }
	for i, c := range out {
		if to := strings.IndexByte("01345@$", c); to >= 0 && (is(i-1) && (is(i+1) || i+1 == len(out) || out[i+1] == ' ') || is(i+1) && is(i+2)) {
			out[i] = "oieasas"[to]
		}
	}
	return string(out)
}

// joined is a text with single letters that blanks, points or hyphens part put together: "i g n o r e  t h i s".
func joined(text string) string {
	return parted.ReplaceAllStringFunc(text, func(s string) string {
		return strings.NewReplacer(" ", "", ".", "", "-", "", "_", "", "*", "").Replace(s) + " "
	})
}

var parted = regexp.MustCompile(`\b[a-z](?:[ ._*-][a-z]\b){3,}`)
