# Reads the names of an environment's resources into this shell, which has to be bash: `source docs/runbooks/names.sh prod`.
# Every runbook's commands use them. Needs the AWS command line and credentials that may read.
export ENV="${1:?an environment, such as prod}"

while read -r name value; do
  if [ -n "$value" ]; then export "$name=$value"; fi
done < <(aws ssm get-parameter --name "/rawmill/$ENV/names" --query Parameter.Value --output text)

# Runs a command of the service in a task of its own, inside the VPC, and prints what it said:
# `maintenance manage dead_letters list`.
maintenance() {
  local words task
  words=$(printf '"%s",' "$@")
  task=$(
    aws ecs run-task --cluster "$WorkerCluster" --task-definition "$MaintenanceTask" --launch-type FARGATE \
      --network-configuration "awsvpcConfiguration={subnets=[$WorkerSubnets],securityGroups=[$WorkerSecurityGroup],assignPublicIp=DISABLED}" \
      --overrides "{\"containerOverrides\":[{\"name\":\"$MaintenanceContainer\",\"command\":[${words%,}]}]}" \
      --query 'tasks[0].taskArn' --output text
  ) || return
  aws ecs wait tasks-stopped --cluster "$WorkerCluster" --tasks "$task"
  aws logs tail "$MaintenanceLog" --since 1h --format short \
    --log-stream-names "$MaintenanceContainer/$MaintenanceContainer/${task##*/}"
}
