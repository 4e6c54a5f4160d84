//go:build !linux

package main

func dropStartCode() {}
