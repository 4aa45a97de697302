package review

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pb33f/libopenapi"
)

// contractFile is what clients of the API are promised.
const contractFile = "docs/openapi.yaml"

// contractBreaks names the changes of the API's description that can break a
// client, as libopenapi judges them: it minds every changed limit, also a wider one.
func contractBreaks(oldRoot, newRoot string) ([]line, error) {
	var texts [2]string
	var documents [2]libopenapi.Document
	for i, root := range []string{oldRoot, newRoot} {
		text, err := os.ReadFile(filepath.Join(root, contractFile))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil // one of them promises nothing
		}
		if err != nil {
			return nil, err
		}
		texts[i] = string(text)
		if documents[i], err = libopenapi.NewDocument(text); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", contractFile, root, err)
		}
	}
	changes, err := libopenapi.CompareDocuments(documents[0], documents[1])
	if err != nil || changes == nil { // nil: they are equal
		return nil, err
	}
	var breaks []line
	for _, c := range changes.GetAllChanges() {
		if !c.Breaking {
			continue
		}
		before, after, where := "none", "none", c.Property
		if at := c.Context; at != nil && at.NewLine != nil {
			after, where = short(c.New), memberAt(texts[1], *at.NewLine)
		}
		if at := c.Context; at != nil && at.OriginalLine != nil {
			before, where = short(c.Original), memberAt(texts[0], *at.OriginalLine)
		}
		breaks = append(breaks, line{breaksTitle, fmt.Sprintf("   ~ %s %s: %s -> %s", contractFile, where, before, after)})
	}
	return breaks, nil
}

// memberAt returns the members that lead to a line of YAML, counted from 1. The
// indentation tells them: package openapi writes no other style.
func memberAt(text string, number int) string {
	var path string
	lines := strings.Split(text, "\n")
	for i, depth := number-1, len(text); i >= 0; i-- {
		member := strings.TrimLeft(lines[i], " -")
		if indent := len(lines[i]) - len(member); member != "" && indent < depth {
			name, _, _ := strings.Cut(member, ":")
			path, depth = name+" "+path, indent
		}
	}
	return strings.TrimSpace(path)
}
