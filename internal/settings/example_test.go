package settings_test

import (
	"fmt"

	"visitplannr/internal/settings"
)

func ExampleLoad() {
	config, err := settings.Load(map[string]any{"stage": "prod", "throttleRate": "20"})
	if err != nil {
		panic(err)
	}
	fmt.Println(config.Stage.StackName(), config.Access, config.ThrottleRate, config.Delivery)

	_, err = settings.Load(map[string]any{"stage": "test"})
	fmt.Println(err)
	// Output:
	// visitplannr-prod iam 20 canary
	// setting "stage" is "test", which is not allowed: it must be dev or prod (set it with -c stage=…; see docs/configuration.md)
}
