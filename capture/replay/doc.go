// Package replay plays pictures from files as if a camera took them: folders,
// single files, lists and animated GIFs, on demand or at a rate. It reads files
// and nothing else; what a picture shows is not its business.
package replay
