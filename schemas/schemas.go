// Package schemas holds the CUE schema of experiment files, and the prices of language models.
package schemas

import _ "embed"

// Experiment is the schema of an experiment file: its definition #Experiment.
//
// Attributes mark what CUE cannot say; package spec acts on them, in plugin schemas too:
//
//	@name()           a name made of at most 100 letters, digits, "-" and "_"
//	@names()          a block whose keys are such names
//	@plugin(KIND)     the name of a plugin of that kind
//	@settings(KIND)   the settings of that plugin
//	@column()         a column of a data set, or a list of columns
//	@column(pattern)  the same, where "*" stands for any characters and "?" for one
//	@group(FIELD)     a group of columns of a data set, or a key of FIELD beside it; or a list of them
//	@path()           a file or folder; ${VAR} is expanded, relative paths start at the experiment's folder
//	@llm()            an entry of llms
//	@text()           a text, or {file: PATH} whose content is the text
//	@local()          a setting of this machine or account, such as where a key is read: it decides no result, and enters
//	                  neither keys nor results
//	@say("WORDS")     what a regular expression stands for: "must be WORDS" instead of the expression
//
//go:embed experiment.cue
var Experiment string

// Prices are the list prices of language models, as one CUE file.
//
//go:embed prices.cue
var Prices string
