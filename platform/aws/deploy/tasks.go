package deploy

// Task is a use case that machines call, with a function of its own.
type Task struct {
	Name  string // "<room>.<what>"
	Room  string // whose records it uses; "" is nobody's
	Stack string // the room in whose stack its function is
	Reads bool   // it changes nothing
	Asks  bool   // it only says that a person has to answer
}

// asTask is the role under which settings are given to functions that answer machines. They are
// workers' binaries, and call nobody outside.
const asTask = "task"

// tasksIn lists the tasks whose functions are in a room's stack.
func (h House) tasksIn(room string) []Task {
	var list []Task
	for _, t := range h.Tasks {
		if t.Stack == room {
			list = append(list, t)
		}
	}
	return list
}

// answerer answers one task. It has no queue, takes no event and keeps no file.
func (h House) answerer(t Task, size Size) function {
	f := function{name: t.Name, role: "worker", as: asTask, size: size,
		env: obj{"SOUK_TASK": t.Name}}
	if t.Room == "" {
		return f
	}
	f.rooms, f.env["SOUK_QUEUES"] = []string{t.Room}, h.queueURL("")
	a := newAccess(h) // not to what is sealed: no task opens it
	if t.Reads {
		a.read(t.Room, "*")
	} else {
		a.write(t.Room, "*")
	}
	a.ask(t.Room, func(q Seam) bool { return q.Doors && !q.Writes })
	f.may = a.statements()
	return f
}

// task makes a task's function. A question to a person is told by an alarm.
func (p *part) task(t Task) {
	p.function(p.house.answerer(t, p.house.Workers[len(p.house.Workers)/2]))
	if t.Asks {
		p.alarm(logical(t.Name)+"AskedAlarm", t.Name+": a machine asks a person and waits",
			metric{"AWS/Lambda", "Invocations", "FunctionName", p.house.named(t.Name)}, 0, 1)
	}
}
