package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"visitplannr/internal/contract"
)

// OnlyHere refuses requests that another site's page could have sent through its
// visitor's browser. addr is the address that the handler listens on.
func (c *Console) OnlyHere(addr string, next http.Handler) http.Handler {
	ours := nameOf(addr)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := ours.check(r); err != nil {
			c.refuse(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// A name is the host of an address to listen on; empty: every interface.
type name string

func nameOf(addr string) name {
	host, _, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = ""
	}
	return name(strings.ToLower(host))
}

// check returns an error if a request may come from another site's page. A browser's
// Host is the name under which it reached this machine, even if another site points its
// name here; its Origin and Sec-Fetch-Site say whose page sends the request
// (https://www.w3.org/TR/fetch-metadata/). Clients that are not browsers send neither
// of these two. Pages of the given origins are allowed.
func (n name) check(r *http.Request, origins ...string) error {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	switch {
	case !n.answersTo(r.Host):
		return fmt.Errorf("the request is for the host %q, and this run answers to localhost and to what its -addr says", r.Host)
	case slices.Contains(origins, origin):
		return nil
	case origin != "" && origin != "http://"+r.Host:
		return fmt.Errorf("the request comes from a page of %s, which corsOrigins does not name", origin)
	case site == "cross-site", site == "same-site":
		return errors.New("the request comes from another site's page")
	}
	return nil
}

// checkPage is check for the page itself, to which any site may link.
func (n name) checkPage(r *http.Request) error {
	if r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Origin") == "" && n.answersTo(r.Host) {
		return nil
	}
	return n.check(r)
}

// answersTo reports whether a Host header names this machine: as localhost or a
// loopback address, or as in the address to listen on. If that is every interface, any
// IP address is accepted, because it cannot be another site's name. Every browser sends
// the header.
func (n name) answersTo(header string) bool {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = strings.Trim(header, "[]")
	}
	host = strings.ToLower(host)
	ip := net.ParseIP(host)
	switch {
	case host == "", host == "localhost", strings.HasSuffix(host, ".localhost"), ip != nil && ip.IsLoopback():
		return true
	case n == "":
		return ip != nil
	}
	return host == string(n)
}

func (c *Console) refuse(w http.ResponseWriter, err error) {
	c.config.Refused(err)
	w.Header().Set("Content-Type", contract.MediaTypeProblem)
	w.WriteHeader(http.StatusForbidden)
	problem := contract.ProblemForbidden.Problem("", err.Error())
	_ = json.NewEncoder(w).Encode(problem) // a client that has gone gets nothing
}
