package wire

import (
	"regexp"
	"strings"
)

// families lists how names of models begin, and who trained those. Where several are found, the first in the name counts:
// a distillation is named after its trainer, then after what it was distilled into.
var families = []struct{ start, family string }{
	{"gpt-neo", ""},
	{"gpt-j", ""}, // not of the family whose name it bears
	{"gpt", "gpt"},
	{"chatgpt", "gpt"},
	{"davinci", "gpt"},
	{"claude", "claude"},
	{"gemini", "gemini"},
	{"gemma", "gemma"},
	{"medgemma", "gemma"},
	{"codegemma", "gemma"},
	{"llama", "llama"},
	{"codellama", "llama"},
	{"mistral", "mistral"},
	{"mixtral", "mistral"},
	{"ministral", "mistral"},
	{"magistral", "mistral"},
	{"codestral", "mistral"},
	{"devstral", "mistral"},
	{"pixtral", "mistral"},
	{"qwen", "qwen"},
	{"codeqwen", "qwen"},
	{"qwq", "qwen"},
	{"deepseek", "deepseek"},
	{"phi", "phi"},
	{"command", "command"},
	{"titan", "titan"},
	{"nova", "nova"},
	{"jamba", "jamba"},
	{"grok", "grok"},
	{"granite", "granite"},
	{"falcon", "falcon"},
	{"olmo", "olmo"},
	{"smollm", "smollm"},
	{"glm", "glm"},
	{"chatglm", "glm"},
	{"kimi", "kimi"},
}

var reasoner = regexp.MustCompile(`(^|[^a-z0-9])o[134](-|$)`)

// Family guesses from the name of a model who trained it; "" when the name does not tell.
func Family(model string) string {
	name := strings.ToLower(model)
	if reasoner.MatchString(name) {
		return "gpt"
	}
	for at := range len(name) {
		if at > 0 && isLetter(name[at-1]) {
			continue // in the middle of a word
		}
		for _, f := range families {
			if strings.HasPrefix(name[at:], f.start) && (len(f.start) > 4 || !isLetterAt(name, at+len(f.start))) {
				return f.family
			}
		}
	}
	return ""
}

func isLetter(b byte) bool { return b >= 'a' && b <= 'z' }

func isLetterAt(s string, at int) bool { return at < len(s) && isLetter(s[at]) }

// date is how names of models tell a date or a version that stays: 2024-08-06, 20241022, 0613, 05-06, 2411, 002, v2:0.
var date = regexp.MustCompile(`(^|[^0-9])(20[0-9]{2}-?[01][0-9](-?[0-3][0-9])?|[01][0-9]-?[0-3][0-9]|2[0-9][01][0-9]|00[0-9])([^0-9]|$)|v[0-9]+:[0-9]+$`)

// dated reports whether the name of a model tells a date or a version that stays.
func dated(model string) bool { return date.MatchString(model) }
