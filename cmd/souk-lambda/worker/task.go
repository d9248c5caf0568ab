package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/souk-commerce/souk/app/machines/tasks"
	"github.com/souk-commerce/souk/cmd/souk-lambda/answer"
	"github.com/souk-commerce/souk/cmd/souk-lambda/function"
)

// openTask opens the room whose use case a task is, and answers machines with it. A question to a
// person needs no room.
func openTask(ctx context.Context, s function.Start, name string) (function.Opened, error) {
	all := tasks.All()
	i := slices.IndexFunc(all, func(t tasks.Task) bool { return t.Name == name })
	if i < 0 {
		var names []string
		for _, t := range all {
			names = append(names, t.Name)
		}
		return function.Opened{}, fmt.Errorf("SOUK_TASK is %q, which is no task: the tasks are %s",
			name, strings.Join(names, ", "))
	}
	task := all[i]
	if task.Asks {
		return function.Opened{Handle: answer.Asking(s.Log)}, nil
	}
	row, p, err := openRoom(ctx, s, task.Room)
	if err != nil {
		return function.Opened{}, err
	}
	return function.Opened{Handle: answer.With(task.Name, task.Of(row)), Close: p.Close}, nil
}
