// Package lambda runs a built Lambda function, an executable named bootstrap,
// on this machine the way Lambda runs it: as processes that fetch invocations
// from the Runtime API and post the answers back, see
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
//
// As in Lambda, a process (an execution environment) runs one invocation at a time.
// Processes start on demand and are reused, most recently used first. One that crashes
// or times out is replaced.
//
// Unlike Lambda,
//   - invocations over the concurrency limit wait instead of being refused with
//     429: a laptop's handful of processes would otherwise refuse bursts that an
//     account's 1000 serve;
//   - a failed start is not tried a second time within the same invocation, so
//     that a developer sees the reason at once;
//   - AWS_LAMBDA_RUNTIME_API ends in a secret of its process, since other programs and
//     pages in browsers reach a port of this machine too;
//   - memory is not limited, the file system can be written, processes are not
//     frozen between invocations, and there are no extensions.
package lambda

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// A Runtime runs one function. Its methods may be called concurrently.
type Runtime struct {
	cfg  Config
	arn  string
	logs *sharedLog

	// lifetime ends with the cause ErrClosed when Close stops waiting; whatever still
	// runs is then killed. It belongs to the Runtime, not to a call, because an
	// invocation continues without its caller.
	lifetime context.Context
	endAll   context.CancelCauseFunc

	closing  sync.Once
	closeErr error

	swapping sync.Mutex     // one Swap at a time
	working  sync.WaitGroup // all work that may start or use a process

	mu      sync.Mutex
	closed  bool
	current *generation
	live    map[*environment]bool
}

// A generation is the set of environments of one build of the function.
type generation struct {
	bootstrap string
	slots     chan struct{}  // an invocation holds a slot; the capacity is the concurrency
	retired   chan struct{}  // closed when no new invocation may use this generation
	idle      []*environment // guarded by Runtime.mu; the most recently used is last
}

// New checks cfg and returns a Runtime that has not started any process yet. It reports
// all errors in cfg at once.
func New(cfg Config) (*Runtime, error) {
	bootstrap, err := executable(cfg.Bootstrap)
	if err := errors.Join(err, checkEnv(cfg.Env), checkNotNegative(cfg)); err != nil {
		return nil, fmt.Errorf("lambda: %w", err)
	}
	cfg.Concurrency = cmp.Or(cfg.Concurrency, 4)
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	cfg.InitTimeout = cmp.Or(cfg.InitTimeout, 10*time.Second)
	cfg.Grace = cmp.Or(cfg.Grace, 2*time.Second)
	cfg.FunctionName = cmp.Or(cfg.FunctionName, "function")
	cfg.MemoryMB = cmp.Or(cfg.MemoryMB, 128)
	cfg.Env = slices.Clone(cfg.Env)
	if cfg.Logs == nil {
		cfg.Logs = io.Discard
	}
	lifetime, endAll := context.WithCancelCause(context.Background())
	return &Runtime{
		cfg:      cfg,
		arn:      "arn:aws:lambda:" + region(cfg.Env) + ":000000000000:function:" + cfg.FunctionName,
		logs:     &sharedLog{out: cfg.Logs},
		lifetime: lifetime,
		endAll:   endAll,
		current:  newGeneration(bootstrap, cfg.Concurrency),
		live:     map[*environment]bool{},
	}, nil
}

func newGeneration(bootstrap string, concurrency int) *generation {
	return &generation{
		bootstrap: bootstrap,
		slots:     make(chan struct{}, concurrency),
		retired:   make(chan struct{}),
	}
}

// Invoke passes payload to the function and returns its answer. If all environments are
// busy, it waits for one.
//
// As on Lambda, an invocation that has begun continues even if ctx ends; Invoke then
// returns ctx.Err() without the answer.
//
// Other errors, for errors.Is and errors.As: *FunctionError (the function
// reported a failure), *TimeoutError, *ExitError (its process ended), *InitError (no
// process could be made ready), ErrRequestTooLarge, ErrClosed.
func (r *Runtime) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(payload) > MaxRequestBytes {
		return nil, ErrRequestTooLarge
	}
	gen, err := r.acquire(ctx)
	if err != nil {
		return nil, err
	}
	inv := newInvocation(slices.Clone(payload), r.arn, time.Now()) // the caller may change its bytes once ctx has ended
	done := make(chan outcome, 1)
	go func() {
		defer r.working.Done()
		done <- r.run(gen, inv)
	}()
	select {
	case result := <-done:
		return result.payload, result.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// acquire waits for a slot in the current generation. The caller must then call run and
// working.Done.
func (r *Runtime) acquire(ctx context.Context) (*generation, error) {
	for {
		gen, err := r.currentGeneration()
		if err != nil {
			return nil, err
		}
		select {
		case gen.slots <- struct{}{}:
			if r.enter(gen) {
				return gen, nil
			}
			<-gen.slots
		case <-gen.retired: // go to its successor
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *Runtime) currentGeneration() (*generation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	return r.current, nil
}

// enter registers work on gen. It refuses if gen has been retired.
func (r *Runtime) enter(gen *generation) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.current != gen {
		return false
	}
	r.working.Add(1)
	return true
}

// run runs inv in an environment of gen and releases the caller's slot. It prefers the
// idle environment that was used last. It may always start a new one: idle and busy
// environments never exceed the slots.
func (r *Runtime) run(gen *generation, inv *invocation) outcome {
	defer func() { <-gen.slots }()
	for env := r.takeIdle(gen); env != nil; env = r.takeIdle(gen) {
		result, unseen := env.invoke(r.lifetime, inv, r.cfg.Timeout)
		r.giveBack(gen, env)
		if !unseen {
			return result
		}
		// It ended while idle, which is not a failure of this invocation.
	}
	env, err := r.warm(r.lifetime, gen.bootstrap)
	if err != nil {
		return outcome{err: err}
	}
	result, _ := env.invoke(r.lifetime, inv, r.cfg.Timeout)
	r.giveBack(gen, env)
	return result
}

func (r *Runtime) takeIdle(gen *generation) *environment {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(gen.idle) - 1
	if last < 0 {
		return nil
	}
	env := gen.idle[last]
	gen.idle = gen.idle[:last]
	return env
}

// warm starts an environment and waits until it is ready for an invocation.
func (r *Runtime) warm(ctx context.Context, bootstrap string) (*environment, error) {
	env, err := startEnvironment(r.cfg, bootstrap, r.logs, r.forget)
	if err != nil {
		return nil, err
	}
	r.remember(env)
	if err := env.awaitReady(ctx, r.cfg.InitTimeout); err != nil {
		return nil, err
	}
	return env, nil
}

// remember makes env visible to Processes, unless it has already ended: forget may then
// have been called.
func (r *Runtime) remember(env *environment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !env.hasEnded() {
		r.live[env] = true
	}
}

func (r *Runtime) forget(env *environment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.live, env)
}

// giveBack makes env available for the next invocation, unless its generation is
// retired.
func (r *Runtime) giveBack(gen *generation, env *environment) {
	if env.hasEnded() {
		return
	}
	r.mu.Lock()
	reusable := !r.closed && r.current == gen
	if reusable {
		gen.idle = append(gen.idle, env)
	}
	r.mu.Unlock()
	if !reusable {
		env.kill()
	}
}

// Swap replaces the function by another build without dropping an invocation. It first
// makes one environment of the new bootstrap ready. From then on new and waiting
// invocations go to the new build; the old one finishes what it has begun and its
// processes end. Meanwhile there can be twice Config.Concurrency processes.
//
// On an error nothing changes. The error is an *InitError if the new bootstrap does not
// start, the cause of ctx's end, or ErrClosed.
func (r *Runtime) Swap(ctx context.Context, bootstrap string) error {
	bootstrap, err := executable(bootstrap)
	if err != nil {
		return fmt.Errorf("lambda: %w", err)
	}
	r.swapping.Lock()
	defer r.swapping.Unlock()

	old, err := r.currentGeneration()
	if err != nil {
		return err
	}
	if !r.enter(old) {
		return ErrClosed // nobody else swaps
	}
	defer r.working.Done()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.lifetime, func() { cancel(ErrClosed) })()
	env, err := r.warm(ctx, bootstrap)
	if err != nil {
		return err
	}

	next := newGeneration(bootstrap, r.cfg.Concurrency)
	next.idle = []*environment{env}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		env.kill()
		return ErrClosed
	}
	r.current = next
	idle := r.retire(old)
	r.mu.Unlock()
	for _, env := range idle {
		env.kill()
	}
	return nil
}

// retire makes waiters leave gen and returns its idle environments for the caller to
// kill. The caller holds r.mu and has set r.closed or r.current.
func (r *Runtime) retire(gen *generation) []*environment {
	close(gen.retired)
	idle := gen.idle
	gen.idle = nil
	return idle
}

// Close refuses new and waiting invocations with ErrClosed, gives running ones
// Config.Grace to finish, and ends every process. When it returns, no process and no
// listener is left. An error says that invocations were cut short; they got ErrClosed.
// Later calls wait for the first one and return the same.
func (r *Runtime) Close() error {
	r.closing.Do(func() { r.closeErr = r.close() })
	return r.closeErr
}

func (r *Runtime) close() (err error) {
	r.mu.Lock()
	r.closed = true
	idle := r.retire(r.current)
	r.mu.Unlock()
	for _, env := range idle {
		env.kill()
	}

	finished := make(chan struct{})
	go func() {
		r.working.Wait()
		close(finished)
	}()
	select {
	case <-finished:
	case <-time.After(r.cfg.Grace):
		err = fmt.Errorf("invocations still ran after %s and were ended", r.cfg.Grace)
	}
	r.endAll(ErrClosed)
	<-finished // whoever works with an environment ends it
	return err
}

// Processes returns the ids of all live processes, ready or not, in no order. It is
// meant for tests that kill one.
func (r *Runtime) Processes() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	pids := make([]int, 0, len(r.live))
	for env := range r.live {
		if !env.hasEnded() {
			pids = append(pids, env.cmd.Process.Pid)
		}
	}
	return pids
}

// Kill ends the process that runs the invocation with a trace id, as if it had crashed.
// It reports whether there was one.
func (r *Runtime) Kill(trace string) bool {
	r.mu.Lock()
	live := slices.Collect(maps.Keys(r.live))
	r.mu.Unlock()
	i := slices.IndexFunc(live, func(e *environment) bool { return e.session.runs(trace) })
	if i >= 0 {
		live[i].kill()
	}
	return i >= 0
}
