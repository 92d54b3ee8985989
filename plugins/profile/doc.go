// Package profile says what can be said of a table without showing a row of it: kinds, units, missing values, ranges,
// levels, and what columns may stand for.
//
// The table may hold patients. Whatever is said stands for at least Least rows (and, where the table names patients,
// as many of them): a range runs between two averages of Least or more neighbouring values near the 5th and the 95th
// percentile and never to an extreme, a level is named when so many rows and patients have it, and a smaller count is
// "<11". Codes of missing values, which come from a list of this package, are named however rare they are.
//
// Units and roles are guesses from names and values. What is done with them is left to others.
package profile
