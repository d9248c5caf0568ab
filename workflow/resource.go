package workflow

import (
	"slices"
	"strings"
)

// Pattern is how a Task works with what it calls.
type Pattern string

// The service integration patterns.
const (
	RequestResponse  Pattern = ""                  // go on when the call is answered
	RunJob           Pattern = ".sync"             // go on when the job has ended
	RunJobParsed     Pattern = ".sync:2"           // likewise, with its output as JSON
	WaitForTaskToken Pattern = ".waitForTaskToken" // go on when somebody sends the token back
)

// PatternOf splits a resource into what is called and how.
func PatternOf(resource string) (called string, p Pattern) {
	for _, p := range []Pattern{WaitForTaskToken, RunJobParsed, RunJob} {
		if called, ok := strings.CutSuffix(resource, string(p)); ok {
			return called, p
		}
	}
	return resource, RequestResponse
}

// isActivity reports whether a resource is an activity: a worker fetches the task and answers.
func isActivity(resource string) bool {
	parts := strings.Split(resource, ":")
	return len(parts) == 7 && parts[2] == "states" && parts[5] == "activity"
}

// resource judges the Resource of a Task. A name in ${…} stands for something that whoever runs or
// deploys the machine puts in its place.
func (c *compiler) resource(r, at string) {
	switch {
	case strings.HasPrefix(r, "${") && strings.HasSuffix(r, "}"):
		return
	case !strings.HasPrefix(r, "arn:"):
		c.bad(at, "use an ARN, or a name in ${…} that is replaced when the machine is run or deployed",
			"Value is not a valid resource ARN")
		return
	}
	called, pattern := PatternOf(r)
	if c.options.Type == Express {
		switch {
		case isActivity(r):
			c.bad(at, "", "Express state machine does not support Activity ARN")
		case pattern != RequestResponse:
			name := strings.TrimSuffix(string(pattern), ":2")
			c.bad(at, "", "Express state machine does not support '%s' service integration", name)
		}
	}
	parts := strings.Split(called, ":")
	if len(parts) < 6 || parts[2] != "states" || parts[3] != "" || parts[4] != "" {
		return // a function, an activity, a machine of somebody
	}
	service, action := parts[5], strings.Join(parts[6:], ":")
	if service == "aws-sdk" {
		if name, verb, ok := strings.Cut(action, ":"); !ok || name == "" || verb == "" ||
			pattern == RunJob || pattern == RunJobParsed {
			c.bad(at, "", "The resource provided %s is not recognized", shorten(r))
		}
		return
	}
	if !slices.Contains(integrations(service, action), pattern) {
		c.bad(at, "see the optimized integrations, or use arn:aws:states:::aws-sdk:service:action",
			"The resource provided %s is not recognized. The value is not a valid resource ARN, "+
				"or the resource is not available in this region.", shorten(r))
	}
}

// integrations are the patterns in which the service offers an optimized integration.
func integrations(service, action string) []Pattern {
	plain := []Pattern{RequestResponse}
	job := []Pattern{RequestResponse, RunJob}
	callback := []Pattern{RequestResponse, WaitForTaskToken}
	all := []Pattern{RequestResponse, RunJob, WaitForTaskToken}
	of := func(patterns []Pattern, actions ...string) []Pattern {
		if slices.Contains(actions, action) {
			return patterns
		}
		return nil
	}
	switch service {
	case "lambda":
		return of(callback, "invoke")
	case "sqs":
		return of(callback, "sendMessage")
	case "sns":
		return of(callback, "publish")
	case "events":
		return of(callback, "putEvents")
	case "apigateway":
		return of(callback, "invoke")
	case "http":
		return of(plain, "invoke")
	case "dynamodb":
		return of(plain, "getItem", "putItem", "deleteItem", "updateItem")
	case "states":
		return of([]Pattern{RequestResponse, RunJob, RunJobParsed, WaitForTaskToken}, "startExecution")
	case "ecs":
		return of(all, "runTask")
	case "batch":
		return of(all, "submitJob")
	case "glue", "databrew":
		return of(job, "startJobRun")
	case "athena":
		return slices.Concat(of(job, "startQueryExecution"),
			of(plain, "stopQueryExecution", "getQueryExecution", "getQueryResults"))
	case "bedrock":
		return slices.Concat(of(plain, "invokeModel"),
			of(job, "createModelCustomizationJob"))
	case "mediaconvert":
		return of(job, "createJob")
	case "eks":
		return slices.Concat(of(plain, "call"), of(job, "createCluster", "createFargateProfile",
			"createNodegroup", "deleteCluster", "deleteFargateProfile", "deleteNodegroup", "runJob"))
	case "codebuild":
		return slices.Concat(of(job, "startBuild", "startBuildBatch"), of(plain, "stopBuild",
			"stopBuildBatch", "batchDeleteBuilds", "batchGetReports", "retryBuild", "retryBuildBatch",
			"deleteBuildBatch", "batchGetBuildBatches"))
	}
	return dataIntegrations(service, of, plain, job)
}

// dataIntegrations are those for clusters, training and big data.
func dataIntegrations(
	service string, of func([]Pattern, ...string) []Pattern, plain, job []Pattern,
) []Pattern {
	switch service {
	case "sagemaker":
		return slices.Concat(of(job, "createTrainingJob", "createTransformJob", "createLabelingJob",
			"createHyperParameterTuningJob", "createProcessingJob", "createAutoMLJob"),
			of(plain, "createEndpoint", "createEndpointConfig", "createModel", "updateEndpoint"))
	case "elasticmapreduce":
		return slices.Concat(of(job, "createCluster", "terminateCluster", "addStep"),
			of(plain, "cancelStep", "setClusterTerminationProtection", "modifyInstanceFleetByName",
				"modifyInstanceGroupByName"))
	case "emr-containers":
		return slices.Concat(of(job, "deleteVirtualCluster", "startJobRun"),
			of(plain, "createVirtualCluster"))
	case "emr-serverless":
		return of(job, "createApplication", "startApplication", "stopApplication",
			"deleteApplication", "startJobRun", "cancelJobRun")
	}
	return nil
}
