package settings

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// parseOrigins accepts exactly what a browser sends as the Origin of a page: each origin
// must be what browsers make of it. So the wildcard is refused, and null, which is the
// origin of any page that has none.
func parseOrigins(c *Config, t string, _ bool) bool {
	c.CORSOrigins = nil
	if t == "" {
		return true
	}
	for origin := range strings.SplitSeq(t, ",") {
		origin = strings.TrimSpace(origin)
		if sent, ok := serialize(origin); !ok || sent != origin {
			return false
		}
		c.CORSOrigins = append(c.CORSOrigins, origin)
	}
	return true
}

// serialize returns the origin of a URL as browsers send it (RFC 6454, section 6.2,
// https://url.spec.whatwg.org/#concept-url-origin). It is stricter than browsers where
// they would never send what they can read: it knows no scheme but http and https, no
// empty label in a name, no port 0, and no name with other characters than hostName's.
// These also keep the origin from breaking the gateway's templates. A name that is not
// ASCII is sent as Punycode, and must be given so.
func serialize(text string) (origin string, ok bool) {
	u, err := url.Parse(text)
	if err != nil {
		return "", false
	}
	host, ok := serializeHost(u.Hostname(), strings.HasPrefix(u.Host, "["))
	defaultPort := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if !ok || defaultPort == "" {
		return "", false
	}
	if u.Port() == "" || u.Port() == defaultPort {
		return u.Scheme + "://" + host, true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return fmt.Sprintf("%s://%s:%d", u.Scheme, host, port), err == nil && port > 0
}

// A hostName is made of labels; browsers allow underscores. A final dot is part of it.
var (
	hostName = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$`)
	numeric  = regexp.MustCompile(`^([0-9]+|0x[0-9a-f]*)$`)
)

// serializeHost is https://url.spec.whatwg.org/#concept-host-serializer. Of an IPv4
// address it reads only the form that browsers write.
func serializeHost(host string, brackets bool) (string, bool) {
	host = strings.ToLower(host)
	address, err := netip.ParseAddr(host)
	if brackets {
		if address.Is4In6() { // which Go writes with dots
			b := address.As16()
			return fmt.Sprintf("[::ffff:%x:%x]", int(b[12])<<8|int(b[13]), int(b[14])<<8|int(b[15])), address.Zone() == ""
		}
		return "[" + address.String() + "]", err == nil && address.Is6() && address.Zone() == ""
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if numeric.MatchString(labels[len(labels)-1]) { // then it is an IPv4 address or nothing
		return address.String(), err == nil && address.Is4()
	}
	return host, hostName.MatchString(host)
}
