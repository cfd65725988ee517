"""Two bundles, targets, revisions or reports beside each other, with what can be told and what cannot."""
