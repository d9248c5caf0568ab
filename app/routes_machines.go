package app

import (
	"github.com/souk-commerce/souk/shop"
	"github.com/souk-commerce/souk/shop/room"
)

// machineRoutes are the doors of the state machines.
func (a *App) machineRoutes() []Route {
	admins := []room.Role{room.Admin(), room.ServiceRole()}
	missing := codes{shop.NotFound}
	m := a.Machines
	const executions = "/v1/ops/executions"
	const one = executions + "/{machine}/{name}"
	return []Route{
		{get, "/v1/ops/machines", "getMachines", "The state machines that there are", admins, 200,
			nil, Carry, false, handle(m.GetMachines)},
		{post, executions, "postExecution", "Start an execution, once for its name", admins, 201,
			codes{shop.NotFound, shop.Conflict}, Carry, false, handle(m.PostExecution)},
		{get, executions, "getExecutions", "List a machine's executions, newest first", admins,
			200, missing, Carry, false, handle(m.GetExecutions)},
		{get, one, "getExecution", "How an execution stands, and what it waits for", admins, 200,
			missing, Carry, false, handle(m.GetExecution)},
		{get, one + "/history", "getExecutionHistory", "Every step of an execution", admins, 200,
			missing, Carry, false, handle(m.GetExecutionHistory)},
		{post, one + "/stop", "postStop", "End an execution", admins, 200, missing, Carry, false,
			handle(m.PostStop)},
		{post, one + "/redrive", "postExecutionRedrive",
			"Let an execution that ended badly go on where it was", admins, 200,
			codes{shop.NotFound, shop.Illegal}, Carry, false, handle(m.PostExecutionRedrive)},
		{post, "/v1/ops/tasks/success", "postTaskSuccess", "Answer a task that waits for its token",
			admins, 204, missing, Carry, false, handle(m.PostTaskSuccess)},
		{post, "/v1/ops/tasks/failure", "postTaskFailure", "Let such a task fail", admins, 204,
			missing, Carry, false, handle(m.PostTaskFailure)},
		{post, "/v1/ops/tasks/heartbeat", "postTaskHeartbeat", "Say that such a task is alive",
			admins, 204, missing, Carry, false, handle(m.PostTaskHeartbeat)},
	}
}
