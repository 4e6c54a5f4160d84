// Package fit learns normality from the features of good parts: a closed-form
// autoencoder of several levels (levels.go, pyramid.go, basis.go) and what it leaves of
// them (whitening.go), the statistics of what a trained one leaves (around.go,
// residual.go), what the surroundings of a place foretell of it (surround.go, local.go),
// what is wide and faint, which tints the map (wide.go), the latent model (latent.go),
// what other conditions change, which is no deviation
// (sway.go), the fusion that drawn defects teach (fusion.go), and the calibration that
// turns a score into a promise (calibrate.go). It composes the graph that a model package carries
// and scores held-out parts by running that very graph, so that what is
// calibrated is what will be used.
//
// It reads no file, owns no device and takes its engine from the caller. All
// memory beyond the features themselves is bounded by a few feature maps.
package fit
