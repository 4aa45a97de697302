// Command propose-destination is the Lambda function behind POST /destination.
package main

func main() {}
