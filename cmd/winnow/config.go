package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"winnow/cmd/winnow/internal/station"
	"winnow/edge/config"
	"winnow/edge/store"
)

func configCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "Write and check configuration files", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		&cobra.Command{
			Use: "init FILE", Short: "Write an example that runs as it is and documents every key",
			Example: "  winnow config init station.toml", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				if _, err := os.Lstat(args[0]); !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("%s exists already; it is left as it is", args[0])
				}
				return store.WriteFile(args[0], config.Example(), 0o644)
			},
		},
		&cobra.Command{
			Use: "check FILE", Short: "Find every mistake in a configuration file at once",
			Example: "  winnow config check station.toml", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				cfg, err := config.Load(args[0])
				if err != nil {
					return err
				}
				if err := cfg.Validate(config.WithChips(station.Chips)); err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s: in order\n", args[0])
				return err
			},
		},
	)
	return c
}
