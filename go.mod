module visitplannr

go 1.26.0

toolchain go1.26.8

require github.com/google/uuid v1.6.0

// npm's packages hold Go files that are templates, not packages.
ignore ./node_modules
