module visitplannr

go 1.26.0

toolchain go1.26.8

require (
	github.com/aws/aws-lambda-go v1.50.0
	github.com/fsnotify/fsnotify v1.9.0
)

require golang.org/x/sys v0.13.0 // indirect
