// Package guard keeps the pages of other sites away from the servers of a local run. It
// also decides what this machine is.
package guard

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// IsThisMachine reports whether a host, without its port, can only be this machine:
// localhost or a name below it (RFC 6761, section 6.3), a loopback address, or the
// unspecified address, which leads here too. Case, a final dot, brackets and the IPv6
// form of an IPv4 address make no difference.
func IsThisMachine(host string) bool {
	host = canonical(host)
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback() || address.IsUnspecified()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// canonical returns a host in the one form in which hosts can be compared.
func canonical(host string) string {
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().String()
	}
	return host
}

// A Guard checks the requests to one server.
type Guard struct {
	host string // of the address to listen on; empty: every interface
}

// New returns the guard of a server that listens on an address, a host and a port.
func New(addr string) Guard {
	host, _, _ := net.SplitHostPort(addr)
	if address, err := netip.ParseAddr(host); err == nil && address.Unmap().IsUnspecified() {
		host = ""
	}
	return Guard{canonical(host)}
}

// Check returns an error if a request may come from another site's page. A browser's
// Host is the name under which it reached this machine, even if another site points its
// name here; its Origin and Sec-Fetch-Site say whose page sends the request
// (https://www.w3.org/TR/fetch-metadata/). Clients that are not browsers send neither
// of these two. Pages of the given origins are allowed.
func (g Guard) Check(r *http.Request, origins ...string) error {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	switch {
	case !g.answersTo(r.Host):
		return fmt.Errorf("the request is for the host %q, but this run answers only to localhost and to the host in its address", r.Host)
	case slices.Contains(origins, origin):
		return nil
	case origin != "" && origin != "http://"+r.Host:
		return fmt.Errorf("the request comes from a page of %s, which corsOrigins does not name", origin)
	case site == "cross-site", site == "same-site":
		return errors.New("the request comes from another site's page")
	}
	return nil
}

// CheckPage is Check for the page of the run itself, to which any site may link.
func (g Guard) CheckPage(r *http.Request) error {
	if r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Origin") == "" && g.answersTo(r.Host) {
		return nil
	}
	return g.Check(r)
}

// answersTo reports whether a Host header names this machine, or the host of the
// address to listen on. If that is every interface, any IP address is accepted, because
// it cannot be another site's name. Every browser sends the header.
func (g Guard) answersTo(header string) bool {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = header
	}
	host = canonical(host)
	if host == "" || IsThisMachine(host) {
		return true
	}
	if g.host == "" {
		_, err := netip.ParseAddr(host)
		return err == nil
	}
	return host == g.host
}
