package holdout

import "github.com/ehrlab/ehrlab/plugins"

// Lends implements plugins.Lender.
func (Strategy) Lends() plugins.Part { return plugins.Reference }
