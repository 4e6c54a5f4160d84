// Command linesim runs the inspection loop, the belt register and the pulse
// scheduler, the same code as on the device, through a simulated plant in
// virtual time, and compares what the reject actuator did with what it should
// have done, part by part.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run returns the exit code: 0 as it should be, 1 a part was treated wrongly,
// 2 wrong usage.
func run(args []string, out, complain io.Writer) int {
	var p plan
	flags := flag.NewFlagSet("linesim", flag.ContinueOnError)
	flags.SetOutput(complain)
	flags.Int64Var(&p.Parts, "parts", 1_000_000, "parts that pass the trigger")
	flags.Uint64Var(&p.Seed, "seed", 1, "what the plant's chances are drawn from")
	asJSON := flags.Bool("json", false, "print the result as JSON")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if p.Parts < 1 || flags.NArg() > 0 {
		fmt.Fprintln(complain, "linesim: give --parts above 0 and no further arguments")
		return 2
	}
	r, err := simulate(p)
	if err != nil {
		fmt.Fprintln(complain, "linesim:", err)
		return 1
	}
	if *asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	} else {
		err = r.print(out)
	}
	if err != nil || !r.ok() {
		return 1
	}
	return 0
}
