package split

import "slices"

// SiteSet names sites, or all sites but the named ones, by their values as text: numbers in shortest form.
type SiteSet struct {
	Sites  []string `json:"sites"`
	Except bool     `json:"except,omitempty"` // all others
}

// Has reports whether a site belongs to the set. A row without a site is at none: "" belongs to no set.
func (s SiteSet) Has(site string) bool {
	return site != "" && slices.Contains(s.Sites, site) != s.Except
}
