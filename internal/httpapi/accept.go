package httpapi

import (
	"mime"
	"strconv"
	"strings"

	"visitplannr/internal/contract"
)

// wantsJSON negotiates between the two forms of a success (RFC 9110, section 12.5.1).
// Text is the default; a client gets JSON if it names JSON and does not prefer text. A
// client that accepts neither gets text, as the same section allows: the proposal is
// stored, and a 406 would deny that.
func (r *Request) wantsJSON() bool {
	accept := r.header("Accept")
	json, named := quality(accept, contract.MediaTypeJSON)
	text, _ := quality(accept, contract.MediaTypeText)
	return json > 0 && (json > text || json == text && named)
}

// quality returns the weight that an Accept header gives to a media type, taken from
// the most specific matching range. named reports whether that range is the type
// itself. Malformed ranges weigh nothing.
func quality(accept, mediaType string) (weight float64, named bool) {
	family, _, _ := strings.Cut(mediaType, "/")
	specificity := 0
	for element := range strings.SplitSeq(accept, ",") {
		accepted, parameters, err := mime.ParseMediaType(element)
		if err != nil {
			continue
		}
		matched := 0
		switch accepted {
		case mediaType:
			matched = 3
		case family + "/*":
			matched = 2
		case "*/*":
			matched = 1
		}
		if matched <= specificity {
			continue
		}
		specificity = matched
		weight = 1
		if q, given := parameters["q"]; given {
			if weight, err = strconv.ParseFloat(q, 64); err != nil || !(weight >= 0 && weight <= 1) {
				weight = 0
			}
		}
	}
	return weight, specificity == 3
}
