package stacks

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
	"visitplannr/internal/settings"
)

// Assets maps a function's name to the directory that is deployed as its code.
type Assets map[string]string

// BuildAssets builds every function of the stack for Lambda on the given processor,
// each into a new folder <processor>/<function> below the folder dir.
//
// Its error is a *gobuild.CompileError when the sources do not build.
func BuildAssets(ctx context.Context, root, dir string, endpoints []contract.Endpoint, on settings.Architecture) (Assets, error) {
	assets := Assets{}
	target := gobuild.Lambda
	target.GOARCH = on.GOARCH()
	for _, e := range endpoints {
		dir := filepath.Join(dir, string(on), e.Function)
		binary, err := gobuild.Function(ctx, root, e.Function, dir, target)
		if err != nil {
			return nil, err
		}
		// The archive keeps the mode, and Lambda runs it as another user.
		if err := os.Chmod(binary, 0o755); err != nil {
			return nil, fmt.Errorf("make the asset of %s executable: %w", e.Function, err)
		}
		assets[e.Function] = dir
	}
	return assets, nil
}
