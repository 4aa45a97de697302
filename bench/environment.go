package main

import "strings"

// environment is a process's variables, as "KEY=value"; the last of a name counts.
type environment []string

func (e environment) get(name string) string {
	value := ""
	for _, entry := range e {
		if key, v, _ := strings.Cut(entry, "="); key == name {
			value = v
		}
	}
	return value
}

// with returns e with changes: "KEY=value" sets, "KEY=" takes away.
func (e environment) with(changes ...string) environment {
	var changed environment
	for _, entry := range e {
		key, _, _ := strings.Cut(entry, "=")
		kept := true
		for _, change := range changes {
			name, _, _ := strings.Cut(change, "=")
			kept = kept && name != key
		}
		if kept {
			changed = append(changed, entry)
		}
	}
	for _, change := range changes {
		if _, value, _ := strings.Cut(change, "="); value != "" {
			changed = append(changed, change)
		}
	}
	return changed
}
