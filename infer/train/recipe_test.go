package train

import (
	"strings"
	"testing"
)

// A recipe whose keys do not go together is refused before anything is trained,
// and the error names the key to change.
func TestRecipeThatDoesNotAgree(t *testing.T) {
	for _, c := range []struct{ recipe, says string }{
		{"[objectives]\nkl = 0.1", "objectives.kl"},
		{"[objectives]\nmse = 0\nssim = 0", "objectives.mse"},
		{"[objectives]\ncontrastive = 0.1", "augment.variants"},
		{"[objectives]\nmulti_view = 0.1", "augment.variants"},
		{"family = \"multi-level\"\n[regime]\nlevels = []", "regime.levels"},
		{"[compress]\ndensity = 0.5", "compress.prune_steps"},
		{"family = \"conv-ae\"\n[network]\nlevels = 1000000", "network.levels"},
		{"family = \"conv-ae\"\n[network]\nlevels = -1", "network.levels"},
	} {
		if _, err := ParseRecipe([]byte(c.recipe)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want an error that names %s", c.recipe, err, c.says)
		}
	}
	for _, recipe := range []string{
		"family = \"variational\"\n[objectives]\nkl = 0.1",
		"[objectives]\ncontrastive = 0.1\n[augment]\nvariants = 1",
		"[regime]\nlevels = []", // of a family that has none
		"[compress]\ndensity = 0.5\nprune_steps = 20",
		"[compress]\naware_steps = 20",
	} {
		if _, err := ParseRecipe([]byte(recipe)); err != nil {
			t.Errorf("%q: %v", recipe, err)
		}
	}
}
