package review

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// pictureLimit is the most nodes in a picture: a larger one is unreadable.
const pictureLimit = 25

// picture draws what changes and its direct neighbours as a flowchart for mermaid
// (https://mermaid.js.org/syntax/flowchart.html). An arrow goes from a resource to one
// that it refers to. The stages share one picture.
func picture(stacks []stackDiff) string {
	nodes := map[string]*node{}
	edges := map[[2]*node]bool{}
	for _, d := range stacks {
		for _, t := range []Template{d.before, d.after} {
			nodeOf := func(id string) *node {
				n := nodes[id]
				if n == nil {
					n = &node{id: id, kind: strings.TrimPrefix(t.kind(id), "AWS::")}
					nodes[id] = n
				}
				if s := d.status[id]; s != same && !slices.Contains(n.stages, d.stage) {
					n.status, n.stages = max(n.status, s), append(n.stages, d.stage)
				}
				return n
			}
			for from, resource := range t {
				for _, to := range append(references(at(resource, "Properties")), from) {
					if max(d.status[from], d.status[to]) == same || t.kind(to) == "" ||
						alwaysReplaced.MatchString(t.kind(from)) || alwaysReplaced.MatchString(t.kind(to)) {
						continue
					}
					edge := [2]*node{nodeOf(from), nodeOf(to)}
					if from != to && !edges[edge] {
						edges[edge] = true
						edge[0].edges++
						edge[1].edges++
					}
				}
			}
		}
	}
	if len(nodes) == 0 {
		return ""
	}
	return flowchart(nodes, edges, len(stacks) > 1)
}

// flowchart writes the nodes, the gravest first, and their edges in mermaid's language.
func flowchart(nodes map[string]*node, edges map[[2]*node]bool, severalStages bool) string {
	order := slices.SortedFunc(maps.Values(nodes), func(a, b *node) int {
		return cmp.Or(int(b.status-a.status), b.edges-a.edges, strings.Compare(a.id, b.id))
	})
	var more string
	if len(order) > pictureLimit {
		more = fmt.Sprintf("  more[\"%d more\"]\n", len(order)-pictureLimit+1)
		order = order[:pictureLimit-1]
	}
	text := "flowchart LR\n"
	number := map[*node]int{}
	for i, n := range order {
		number[n] = i
		label, class := n.kind+"<br/>"+n.id, ""
		if n.status != same {
			label += "<br/><b>" + n.status.String() + "</b>"
			class = ":::" + strings.ReplaceAll(n.status.String(), " ", "")
		}
		if len(n.stages) == 1 && severalStages {
			label += " in " + n.stages[0]
		}
		text += fmt.Sprintf("  n%d[\"%s\"]%s\n", i, unsafe.ReplaceAllString(label, "?"), class)
	}
	var arrows []string
	for edge := range edges {
		from, fromDrawn := number[edge[0]]
		to, toDrawn := number[edge[1]]
		if fromDrawn && toDrawn {
			arrows = append(arrows, fmt.Sprintf("  n%d --> n%d\n", from, to))
		}
	}
	slices.Sort(arrows)
	return text + more + strings.Join(arrows, "") + `  classDef replaced fill:#b91c1c,color:#fff
  classDef maybereplaced fill:#fca5a5,color:#000
  classDef gone fill:#fecaca,color:#000,stroke-dasharray:4
  classDef new fill:#bbf7d0,color:#000
  classDef changed fill:#fef08a,color:#000
`
}

// node is a resource in a picture.
type node struct {
	id, kind string
	status   status
	stages   []string
	edges    int
}

// unsafe matches what mermaid does not allow in a label.
var unsafe = regexp.MustCompile(`[^A-Za-z0-9:<>/ .-]`)

// references returns the logical IDs that a value refers to.
func references(v any) []string {
	var found []string
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			found = append(found, references(element)...)
		}
	case map[string]any:
		id, _, _ := strings.Cut(reference(v), ".")
		found = append(found, id)
		for _, value := range v {
			found = append(found, references(value)...)
		}
	}
	return found
}
