package config

// Records says what is kept on disk.
type Records struct {
	Dir         string `toml:"dir"`
	KeepRejects int    `toml:"keep_rejects"` // pictures of rejects; 0 keeps none
	MaxMB       int    `toml:"max_mb"`       // of all pictures together
	Shifts      Shifts `toml:"shifts"`       // when the ledger begins a new page
}

func defaultRecords() Records {
	return Records{Dir: "records", KeepRejects: 500, MaxMB: 256, Shifts: Shifts{0}}
}

func (r *Records) check(k *checker) {
	k.need("records.dir", r.Dir, "records need a folder, such as \"records\"")
	within(k, "records.keep_rejects", r.KeepRejects, 0, 1_000_000, "pictures (0: none)")
	within(k, "records.max_mb", r.MaxMB, 1, 1_048_576, "MB")
}
