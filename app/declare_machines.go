package app

import (
	"slices"
	"strings"

	"github.com/souk-commerce/souk/app/machines"
	"github.com/souk-commerce/souk/app/machines/tasks"
)

// DeclaredMachine is a state machine of a room's.
type DeclaredMachine struct {
	Name, Room string
	Definition string   // in the Amazon States Language
	Tasks      []string // that it calls, by name
}

// DeclaredTask is a use case that machines call.
type DeclaredTask struct {
	Name  string // as machines have it: ${payment.refund}
	Room  string // whose records it uses; "" is nobody's
	Reads bool   // it changes nothing
	Asks  bool   // a person answers
}

func declaredMachines() []DeclaredMachine {
	var list []DeclaredMachine
	for _, d := range machines.Definitions() {
		m := DeclaredMachine{Name: d.Name, Room: d.Room, Definition: string(d.ASL)}
		for _, t := range tasks.All() {
			if strings.Contains(m.Definition, "${"+t.Name+"}") {
				m.Tasks = append(m.Tasks, t.Name)
			}
		}
		list = append(list, m)
	}
	return list
}

// declaredTasks lists the tasks that a machine calls: what nobody calls is not deployed.
func declaredTasks() []DeclaredTask {
	var list []DeclaredTask
	for _, t := range tasks.All() {
		if slices.ContainsFunc(declaredMachines(), func(m DeclaredMachine) bool {
			return slices.Contains(m.Tasks, t.Name)
		}) {
			list = append(list, DeclaredTask{t.Name, t.Room, t.Reads, t.Asks})
		}
	}
	return list
}
